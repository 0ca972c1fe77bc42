// An image process reads raw images alone: a guest's qcow2 does not go along (docs/wan_migration.md), and a
// dom0 needs no libnbd for what is never opened.
#include "image/nbd_source.hpp"

namespace ballast::image {

std::unique_ptr<ImageSource> open_qcow2(const std::string& path, std::string& why) {
    why = path + ": the agent works on raw images only";
    return nullptr;
}

}  // namespace ballast::image
