// The store that all hosts see under one path (agent/disks/store.hpp): files that are published by a link, so
// that they are there as a whole or not at all; and what else lies there, probes of the proof that it is the
// same one everywhere.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/uuid.hpp"
#include "sim/truth.hpp"

namespace ballast::simulator {

inline constexpr std::string_view store_directory = "/store";
inline constexpr std::uint64_t store_free_mib = 1 << 20;

struct StoreFile {
    bool whole = false;  // all of it is written and synced
    bool golden = false;
    Image image;  // of a golden file
};

class SharedStore {
  public:
    using File = std::shared_ptr<StoreFile>;
    std::map<std::string, File> files;  // by path below the directory; two names of one file share it
    std::map<std::uint64_t, Uuid> probes;

    File find(const std::string& path) const {
        const auto at = files.find(path);
        return at == files.end() ? nullptr : at->second;
    }
};

}  // namespace ballast::simulator
