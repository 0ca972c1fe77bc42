// The shared store: one directory that all hosts of a pool see under the same path, where private disks and
// golden files lie. All of this may wait for a file server: worker processes only.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "proto/messages.hpp"

namespace ballast::agent {

// What a file system is told apart by while it is mounted.
struct StoreIdentity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;  // of the directory
    friend bool operator==(const StoreIdentity&, const StoreIdentity&) = default;
};
struct StoreFacts {
    StoreIdentity identity;
    std::uint64_t free_bytes = 0;
};

class Store {
  public:
    explicit Store(std::string directory) : directory_{std::move(directory)} {}

    // All of these fill `why` with a sentence when they fail.
    Status facts(StoreFacts& out, std::string& why) const;
    // One step of the proof that hosts see the same store. `storage_mismatch` when a check finds no file or
    // another secret.
    Status probe(const wire::StoreProbe& probe, std::string& why) const;

    // Makes a disk, whole or not at all: under a temporary name that is this job's, synced, then linked to a
    // name that nobody has. `again`: a worker of this job has been here before and its end was not seen. Once
    // the result has been reported, `finish`. `already_exists`, `not_found` (the template),
    // `invalid_argument`, `no_disk_space`, `io_failed`.
    using Progress = std::function<void(std::uint64_t done_bytes, std::uint64_t of_bytes)>;
    Status create(const wire::Volume& volume, std::uint64_t job_id, bool again, const Progress& progress,
                  std::string& why) const;
    // Copies an open file in under this name, in the same way, and seals it (golden_seal.hpp).
    Status keep(int from, std::uint64_t length_bytes, std::string_view path, std::uint64_t job_id, bool again,
                const Progress& progress, std::string& why) const;
    // The job is over, well or not: takes its temporary name away, which proves until then whose the file is.
    // A file that has been published is whole, and stays under its own name.
    void finish(std::string_view path, std::uint64_t job_id) const;
    // That it is not there is success.
    Status remove(std::string_view path, std::string& why) const;
    std::string full_path(std::string_view path) const;

  private:
    Status begin(std::string_view path, std::uint64_t job_id, bool again, bool& done, std::string& why) const;
    Status make(std::string_view path, std::uint64_t job_id, bool again,
                const std::function<Status(int fd)>& fill_file, std::string& why) const;
    Status fill(int to, const wire::Volume& volume, const Progress& progress, std::string& why) const;
    Status publish(std::string_view path, std::uint64_t job_id, std::string& why) const;
    Status make_parents(std::string_view path, std::string& why) const;
    std::string temporary_path(std::string_view path, std::uint64_t job_id) const;
    std::string probe_path(std::uint64_t probe_id) const;

    std::string directory_;
};

}  // namespace ballast::agent
