// As much of the qcow2 format (QEMU's docs/interop/qcow2.txt) as it takes to lay an empty overlay over a
// template. Pure: bytes in memory. QEMU's own qemu-img is not part of a dom0's QEMU.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace ballast::agent {

// Of which an overlay of the size below consists; enough to recognise a qcow2 template.
inline constexpr std::size_t qcow2_head_bytes = 104;
// One cluster of first-level entries maps this much; a larger disk is refused.
inline constexpr std::uint64_t overlay_bytes_max = std::uint64_t{4} << 40;

// The size of the disk that a qcow2 image shows, from the first bytes of its file; nothing when it is no
// qcow2 image of version 2 or 3.
std::optional<std::uint64_t> qcow2_disk_bytes(std::string_view head) noexcept;

// The whole file (256 KiB) of an overlay without content of its own. `invalid_argument` when the size is no
// multiple of 512 or is 0, `limit_reached` when it is above the bound or the template's path above 1023
// bytes.
Status make_overlay(std::uint64_t disk_bytes, std::string_view template_path, bool template_is_qcow2,
                    std::string& file);

}  // namespace ballast::agent
