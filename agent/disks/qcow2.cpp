#include "agent/disks/qcow2.hpp"

#include <algorithm>

namespace ballast::agent {
namespace {

constexpr std::string_view magic{"QFI\xfb", 4};
constexpr std::uint32_t cluster_bits = 16;
constexpr std::uint64_t cluster_bytes = std::uint64_t{1} << cluster_bits;
constexpr std::size_t path_bytes_max = 1023;  // by the format
constexpr std::uint32_t backing_format_extension = 0xe2792aca;
constexpr std::size_t clusters = 4;  // header, reference table, reference counts, first-level table
// A first-level entry maps a cluster of second-level entries of 8 bytes, each of which maps a cluster.
constexpr std::uint64_t bytes_of_entry = cluster_bytes / 8 * cluster_bytes;
static_assert(overlay_bytes_max / bytes_of_entry * 8 == cluster_bytes,
              "the first-level table is one cluster");

template <class Number>
void put(std::string& file, std::size_t at, Number value) {
    for (std::size_t i = sizeof(Number); i-- > 0;) {
        file[at + i] = static_cast<char>(value & 0xff);
        value = static_cast<Number>(value >> 8);
    }
}

std::uint64_t number_at(std::string_view bytes, std::size_t at, std::size_t count) noexcept {
    std::uint64_t value = 0;
    for (const char c : bytes.substr(at, count)) {
        value = value << 8 | static_cast<unsigned char>(c);
    }
    return value;
}

}  // namespace

std::optional<std::uint64_t> qcow2_disk_bytes(std::string_view head) noexcept {
    if (head.size() < qcow2_head_bytes || !head.starts_with(magic)) {
        return std::nullopt;
    }
    const std::uint64_t version = number_at(head, 4, 4);
    return version == 2 || version == 3 ? std::optional{number_at(head, 24, 8)} : std::nullopt;
}

Status make_overlay(std::uint64_t disk_bytes, std::string_view template_path, bool template_is_qcow2,
                    std::string& file) {
    if (disk_bytes == 0 || disk_bytes % 512 != 0) {
        return Err{Fault::invalid_argument};
    }
    if (disk_bytes > overlay_bytes_max || template_path.size() > path_bytes_max) {
        return Err{Fault::limit_reached};
    }
    const std::string_view format = template_is_qcow2 ? "qcow2" : "raw";
    const std::size_t format_at = qcow2_head_bytes + 8;
    const std::size_t path_at = format_at + 8 + 8;  // the format padded to 8 bytes, the end of extensions
    file.assign(clusters * cluster_bytes, '\0');
    std::copy(magic.begin(), magic.end(), file.begin());
    put(file, 4, std::uint32_t{3});        // version
    put(file, 8, std::uint64_t{path_at});  // of the template's path
    put(file, 16, static_cast<std::uint32_t>(template_path.size()));
    put(file, 20, cluster_bits);
    put(file, 24, disk_bytes);
    put(file, 36, static_cast<std::uint32_t>((disk_bytes + bytes_of_entry - 1) / bytes_of_entry));
    put(file, 40, 3 * cluster_bytes);  // first-level table
    put(file, 48, cluster_bytes);      // reference table
    put(file, 56, std::uint32_t{1});   // and its clusters
    put(file, 96, std::uint32_t{4});   // counts of 2^4 bits
    put(file, 100, static_cast<std::uint32_t>(qcow2_head_bytes));
    put(file, qcow2_head_bytes, backing_format_extension);
    put(file, qcow2_head_bytes + 4, static_cast<std::uint32_t>(format.size()));
    std::copy(format.begin(), format.end(), file.begin() + static_cast<std::ptrdiff_t>(format_at));
    std::copy(template_path.begin(), template_path.end(),
              file.begin() + static_cast<std::ptrdiff_t>(path_at));
    put(file, cluster_bytes, 2 * cluster_bytes);  // the one cluster of counts
    for (std::size_t i = 0; i < clusters; ++i) {
        put(file, 2 * cluster_bytes + 2 * i, std::uint16_t{1});
    }
    return {};
}

}  // namespace ballast::agent
