// The samples of disk images that this host's workers have made (docs/wan_migration.md), for the controller:
// DIRECTORY/UUID of a guest's images, DIRECTORY/host of all images that an incoming one may be copied from.
#pragma once

#include <functional>
#include <string>

#include "base/uuid.hpp"
#include "proto/messages.hpp"

namespace ballast::agent {

// Names of the files.
std::string guest_sketch_path(const std::string& directory, const Uuid& guest);
std::string host_sketch_path(const std::string& directory);

class Sketches {
  public:
    using Send = std::function<void(const wire::Message&)>;
    Sketches(std::string directory, Send send) : directory_{std::move(directory)}, send_{std::move(send)} {}

    // `is_here(uuid)`: whether the guest is this host's; samples of others are deleted.
    void send_all(const std::function<bool(const Uuid&)>& is_here);
    void send_guest(const Uuid& guest);
    void send_host();

  private:
    void send_file(const std::string& path, const Uuid& guest);

    std::string directory_;
    Send send_;
};

}  // namespace ballast::agent
