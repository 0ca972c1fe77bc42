// The sample of one or several indexed images, for whoever looks for a place for them.
#pragma once

#include <string>

#include "agent/images/sketch_file.hpp"
#include "base/result.hpp"

namespace ballast::agent {

class SketchMaker {
  public:
    SketchMaker();

    // Adds what the index of a raw image says: `PATH.index`, of blocks of 4096 bytes. `not_found`,
    // `image_corrupt`, `io_failed`, `version_mismatch`; nothing is added then. With `measure` a sample of its
    // blocks is read and compressed.
    Status add(const std::string& path, bool measure, std::string& why);
    // What is known of the disk they lie on.
    void set_write_speed(std::uint64_t bytes_per_second) noexcept {
        sketch_.write_bytes_per_second = bytes_per_second;
    }
    const ImageSketchFile& sketch() const noexcept { return sketch_; }

  private:
    ImageSketchFile sketch_;
    double compressed_blocks_ = 0;  // blocks times what was left of them
    double read_seconds_ = 0;       // of the images whose reading was measured
    double read_bytes_ = 0;
    std::vector<std::uint64_t> own_;
    std::vector<std::uint64_t> joined_;
};

}  // namespace ballast::agent
