#include "agent/images/sketch_file.hpp"

#include <algorithm>

#include "image/core/similarity.hpp"
#include "shell/sha256.hpp"

namespace ballast::agent {
namespace {

constexpr std::string_view magic = "LSTSKT2\n";
constexpr std::size_t numbers = 8;  // before the keys
constexpr std::size_t number_bytes = 8;

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
    out.built_unix_ms = static_cast<std::int64_t>(take(left));
    const std::uint64_t keys = take(left);
    if (keys > image::sketch_keys_max || left.size() != keys * number_bytes) {
        return Err{Fault::image_corrupt};
    }
    out.keys.resize(keys);
    std::generate(out.keys.begin(), out.keys.end(), [&left] { return take(left); });
    return {};
}

}  // namespace ballast::agent
