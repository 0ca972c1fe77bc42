// The tasks of an image process.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "agent/images/protocol.hpp"
#include "image/receiver.hpp"
#include "image/stream.hpp"

namespace ballast::agent {

class ImageWork {
  public:
    explicit ImageWork(const ImageSetup& setup);
    ~ImageWork();
    ImageWork(const ImageWork&) = delete;
    ImageWork& operator=(const ImageWork&) = delete;

    // Does what the setup says, reports now and then, and at the end how it ended.
    bool run();

  private:
    Status index(std::string& why);
    Status send(std::string& why);
    Status receive(std::string& why);
    Status sketch(std::string& why);
    Status refresh_index(std::string& why);
    // The key of the digests and the name of the transfer: the same for this disk of this guest whenever this
    // host sends it.
    Status derive(image::TransferId& id, image::TransferKey& key, std::string& why) const;
    std::vector<image::LocalImage> local_images() const;
    void report(ImageReport::Kind kind, Fault fault, std::string_view detail);
    void attend();  // in a thread: commands come in, progress goes out

    ImageSetup setup_;
    std::string image_;
    image::TransferControl control_;
    std::atomic<bool> over_{false};
    std::thread attendant_;
};

}  // namespace ballast::agent
