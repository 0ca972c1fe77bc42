// qcow2 images, read through qemu-nbd: QEMU knows its format best.
#pragma once

#include <memory>
#include <string>

#include "image/source.hpp"

namespace ballast::image {

// Starts a read-only qemu-nbd of our own, which ends with the source. Null with `why` on failure.
std::unique_ptr<ImageSource> open_qcow2(const std::string& path, std::string& why);

}  // namespace ballast::image
