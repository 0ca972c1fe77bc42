#include "agent/images/sketch_file.hpp"

#include <algorithm>

#include "image/core/similarity.hpp"
#include "shell/sha256.hpp"

namespace ballast::agent {
namespace {

constexpr std::string_view magic = "LSTSKT3\n";
constexpr std::size_t numbers = 9;  // before the keys
constexpr std::size_t number_bytes = 8;
constexpr std::string_view written_magic = "LSTWRT1\n";
// Less than this says nothing of how fast a disk is: it may all have gone into the disk's own memory.
constexpr std::uint64_t measured_bytes_min = std::uint64_t{16} << 20;
// Of what was written before, so much counts at most.
constexpr std::uint64_t remembered_bytes_max = std::uint64_t{4} << 30;
constexpr double ns_per_second = 1e9;

void put(std::string& out, std::uint64_t value) {
    for (std::size_t i = 0; i < number_bytes; ++i) {
        out.push_back(static_cast<char>(value >> (8 * i) & 0xff));
    }
}

std::uint64_t take(std::string_view& from) {
    std::uint64_t value = 0;
    for (std::size_t i = number_bytes; i-- > 0;) {
        value = value << 8 | static_cast<unsigned char>(from[i]);
    }
    from.remove_prefix(number_bytes);
    return value;
}

std::string_view as_text(const Sha256& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace

std::size_t sketch_file_bytes_max() noexcept {
    return magic.size() + number_bytes * (numbers + image::sketch_keys_max) + Sha256{}.size();
}

std::string encode(const ImageSketchFile& sketch) {
    std::string out{magic};
    put(out, sketch.images);
    put(out, sketch.image_bytes);
    put(out, sketch.data_blocks);
    put(out, sketch.distinct);
    put(out, sketch.compressed_permille);
    put(out, sketch.read_bytes_per_second);
    put(out, sketch.write_bytes_per_second);
    put(out, static_cast<std::uint64_t>(sketch.built_unix_ms));
    put(out, sketch.keys.size());
    for (const std::uint64_t key : sketch.keys) {
        put(out, key);
    }
    return out.append(as_text(sha256(out)));
}

Status decode(std::string_view content, ImageSketchFile& out) {
    constexpr std::size_t digest_bytes = Sha256{}.size();
    if (content.size() < magic.size() + numbers * number_bytes + digest_bytes ||
        !content.starts_with(magic)) {
        return Err{Fault::image_corrupt};
    }
    const std::string_view body = content.substr(0, content.size() - digest_bytes);
    if (content.substr(body.size()) != as_text(sha256(body))) {
        return Err{Fault::image_corrupt};
    }
    std::string_view left = body.substr(magic.size());
    out.images = static_cast<std::uint32_t>(take(left));
    out.image_bytes = take(left);
    out.data_blocks = take(left);
    out.distinct = take(left);
    out.compressed_permille = static_cast<std::uint32_t>(take(left));
    out.read_bytes_per_second = take(left);
    out.write_bytes_per_second = take(left);
    out.built_unix_ms = static_cast<std::int64_t>(take(left));
    const std::uint64_t keys = take(left);
    if (keys > image::sketch_keys_max || left.size() != keys * number_bytes) {
        return Err{Fault::image_corrupt};
    }
    out.keys.resize(keys);
    std::generate(out.keys.begin(), out.keys.end(), [&left] { return take(left); });
    return {};
}

std::uint64_t WrittenFile::bytes_per_second() const noexcept {
    const double seconds = static_cast<double>(nanoseconds) / ns_per_second;
    return nanoseconds == 0 ? 0 : static_cast<std::uint64_t>(static_cast<double>(bytes) / seconds);
}

WrittenFile joined(const WrittenFile& before, const WrittenFile& since) noexcept {
    if (since.bytes < measured_bytes_min || since.nanoseconds == 0) {
        return before;
    }
    WrittenFile kept = before;
    while (kept.bytes > remembered_bytes_max) {
        kept = {.bytes = kept.bytes / 2, .nanoseconds = kept.nanoseconds / 2};
    }
    return {.bytes = kept.bytes + since.bytes, .nanoseconds = kept.nanoseconds + since.nanoseconds};
}

std::string encode(const WrittenFile& written) {
    std::string out{written_magic};
    put(out, written.bytes);
    put(out, written.nanoseconds);
    return out;
}

WrittenFile decode_written(std::string_view content) noexcept {
    if (content.size() != written_magic.size() + 2 * number_bytes || !content.starts_with(written_magic)) {
        return {};
    }
    content.remove_prefix(written_magic.size());
    WrittenFile written;
    written.bytes = take(content);
    written.nanoseconds = take(content);
    return written.nanoseconds == 0 ? WrittenFile{} : written;
}

}  // namespace ballast::agent
