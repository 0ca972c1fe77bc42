// The images of saved guests. A save file is what `xl save` would have written, with a trailer of ours behind
// it (xl stops reading at the end of its stream). The trailer says whose image it is and how long it must be,
// so the inventory cannot disagree with the image and a cut file is never taken for a whole one.
//
//   UUID.save.tmp       being written
//   UUID.save           complete: the guest's right to run lies here
//   UUID.save.consumed  the right to run has gone back to the domain; deleted once it runs
#pragma once

#include <string>
#include <vector>

#include "agent/core/events.hpp"
#include "base/result.hpp"
#include "proto/messages.hpp"

namespace ballast::agent {

struct SaveState {
    bool partial = false;
    bool complete = false;
    bool consumed = false;
    wire::SavedGuest guest;  // of the complete one
    std::uint64_t disk_free_bytes = 0;
};

class SaveFiles {
  public:
    explicit SaveFiles(std::string directory) : directory_{std::move(directory)} {}

    std::string partial_path(const Uuid& uuid) const;
    std::string complete_path(const Uuid& uuid) const;
    std::string consumed_path(const Uuid& uuid) const;

    // `io_failed` when it cannot be found out whether there is a file: none must then not be believed.
    Status look(const Uuid& uuid, SaveState& out) const;
    // One step, on disk when ok. `io_failed` with a sentence in `why`.
    Status perform(FileStep step, const Uuid& uuid, std::string& why) const;
    // All complete ones. `limit_reached` when there are more than fit; `out` then holds those that do, as
    // with any other failure: who is not in it may be saved here all the same. A sentence in `why`.
    Status list(FixedVector<wire::SavedGuest, limits::domains_per_host_max>& out, std::string& why) const;

    // The paths of all complete and consumed ones, whatever is in them. `limit_reached` when there are more
    // than a host can have; any failure with a sentence in `why`.
    Status images(std::vector<std::string>& paths, std::string& why) const;

    // Puts on disk what was renamed in the folder.
    Status sync(std::string& why) const;
    // Changes whenever a file comes, goes or is renamed.
    std::uint64_t mark() const;

    // For workers. Writes the trailer behind an image of which `fd` stands at the end, and syncs it all.
    static Status seal(int fd, const wire::SavedGuest& guest, std::string& why);
    // Whether the open file is whole, and whose it is; `behind_bytes` at its end are none of the save file.
    // The position of `fd` is not changed. `image_corrupt`; `io_failed`: the disk does not say.
    static Status check(int fd, wire::SavedGuest& guest, std::size_t behind_bytes = 0);

  private:
    std::string directory_;
};

}  // namespace ballast::agent
