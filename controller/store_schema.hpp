// The schema of the store, and how an older one becomes the present one.
#pragma once

#include <string>

struct sqlite3;

namespace ballast::controller {

inline constexpr int schema_version = 12;
// "BLST": tells our file from any other SQLite file.
inline constexpr int application_id = 0x424c5354;

// Creates the tables in an empty file or upgrades an older file, in one transaction. False with a sentence in
// `why` when the file is not ours, comes from a newer version, or cannot be changed.
bool bring_up_to_date(sqlite3* connection, std::string& why);

}  // namespace ballast::controller
