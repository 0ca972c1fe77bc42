// A job's record as bytes on disk: version, fields in a fixed order and width (little-endian), checksum.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/record.hpp"
#include "base/result.hpp"

namespace ballast::agent {

// Raise it when the layout changes, and go on reading the older ones: an upgraded agent finds their records.
inline constexpr std::uint32_t record_version = 5;
inline constexpr std::size_t record_bytes_max = 8192;

std::string encode_record(const JobRecord& record);

// `image_corrupt` when the checksum does not fit, the record is cut or padded, or a field is out of its
// range; `version_mismatch` for a version that this program does not know.
Status decode_record(std::string_view bytes, JobRecord& out);

}  // namespace ballast::agent
