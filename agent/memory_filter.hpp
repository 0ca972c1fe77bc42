// A guest's memory on its way between a hypervisor call and the data connection, with references instead of
// pages that the destination has (docs/wan_migration.md): an image process does the work. For workers.
#pragma once

#include <cstdint>
#include <string>

#include "agent/image_conversation.hpp"

namespace ballast::agent {

class MemoryFilter {
  public:
    // `setup.task` says which way. `link_fd`: the end of an ImageSender or ImageReceiver that the hypervisor
    // call would have had.
    Status start(const ImageSetup& setup, int lock_fd, int link_fd, std::string& why);
    // For the hypervisor call.
    int fd() const noexcept { return stream_.get(); }
    // The hypervisor call has ended: nobody is at this end any more.
    void hang_up() noexcept { stream_.reset(); }
    // What has been counted so far.
    ImageReport progress();
    // At the destination, before an image changes: waits until all references in the first
    // `bytes` of what came are looked up. The filter's fault when it has ended.
    Status settle(std::uint64_t bytes);
    // After hang_up(): waits for the last report.
    Status finish(std::string& why);

  private:
    void hear();
    Status follow_until(ImageReport::Kind kind);

    ImageProcess process_;
    UniqueFd stream_;
    ImageReport latest_;
    bool ended_ = false;
};

}  // namespace ballast::agent
