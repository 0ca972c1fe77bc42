#include "image/checkpoint.hpp"

#include "image/core/bytes.hpp"
#include "image/failure.hpp"
#include "shell/durable_file.hpp"
#include "shell/sha256.hpp"

namespace ballast::image {
namespace {

constexpr std::uint64_t checkpoint_magic = 0x3154504b43534c42;  // "BLSCKPT1": the number is the version
// As many as one merge can take in any budget.
constexpr std::size_t checkpoint_runs_max = 65536;
constexpr std::size_t fixed_bytes_max = 1024;
constexpr std::size_t file_bytes_max = fixed_bytes_max + 2 * checkpoint_runs_max * 8;

std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool decode(FieldReader in, Checkpoint& out) {
    const auto kind = in.get<std::uint8_t>();
    out.image = {.kind = static_cast<ImageKind>(kind),
                 .size_bytes = in.get<std::uint64_t>(),
                 .device = in.get<std::uint64_t>(),
                 .inode = in.get<std::uint64_t>(),
                 .modified_ns = in.get<std::int64_t>(),
                 .changed_ns = in.get<std::int64_t>()};
    out.reached = in.get<std::uint64_t>();
    const auto starts = in.get<std::uint8_t>();
    const auto levels = in.get<std::uint8_t>();
    if (kind > static_cast<std::uint8_t>(ImageKind::qcow2) || starts > grid_starts_max ||
        levels > index_levels_max) {
        return false;
    }
    for (std::size_t i = 0; i < starts; ++i) {
        out.starts.push(in.get<std::uint64_t>());
    }
    for (std::size_t level = 0; level < levels; ++level) {
        out.block_bytes.push(in.get<std::uint32_t>());
        const auto runs = in.get<std::uint32_t>();
        if (runs > checkpoint_runs_max) {
            return false;
        }
        for (std::size_t i = 0; i < runs && in.ok(); ++i) {
            out.run_entries[level].push_back(in.get<std::uint64_t>());
        }
    }
    return in.ok() && in.left() == 0;
}

}  // namespace

Status write_checkpoint(const std::string& path, const Checkpoint& checkpoint, std::string& why) {
    std::size_t runs = 0;
    for (const auto& level : checkpoint.run_entries) {
        runs += level.size();
    }
    std::vector<std::byte> bytes(fixed_bytes_max + runs * 8);
    FieldWriter out{bytes};
    out.put(checkpoint_magic);
    out.put(checkpoint.image.kind);
    out.put(checkpoint.image.size_bytes);
    out.put(checkpoint.image.device);
    out.put(checkpoint.image.inode);
    out.put(checkpoint.image.modified_ns);
    out.put(checkpoint.image.changed_ns);
    out.put(checkpoint.reached);
    out.put(static_cast<std::uint8_t>(checkpoint.starts.size()));
    out.put(static_cast<std::uint8_t>(checkpoint.block_bytes.size()));
    for (const std::uint64_t start : checkpoint.starts) {
        out.put(start);
    }
    for (std::size_t level = 0; level < checkpoint.block_bytes.size(); ++level) {
        out.put(checkpoint.block_bytes[level]);
        out.put(static_cast<std::uint32_t>(checkpoint.run_entries[level].size()));
        for (const std::uint64_t entries : checkpoint.run_entries[level]) {
            out.put(entries);
        }
    }
    const Sha256 digest = sha256(text_of(std::span{bytes}.first(out.used())));
    out.put(std::span<const std::byte>{digest});
    return write_durable(path, text_of(std::span{bytes}.first(out.used())), why);
}

Status read_checkpoint(const std::string& path, Checkpoint& checkpoint, std::string& why) {
    std::string content;
    BALLAST_CHECK(read_bounded(path, file_bytes_max, content, why));
    const std::size_t digest_bytes = Sha256{}.size();
    const auto bytes = std::as_bytes(std::span{content});
    if (bytes.size() > digest_bytes) {
        const auto body = bytes.first(bytes.size() - digest_bytes);
        const Sha256 digest = sha256(text_of(body));
        FieldReader in{body};
        if (std::equal(digest.begin(), digest.end(), bytes.end() - digest_bytes) &&
            in.get<std::uint64_t>() == checkpoint_magic && decode(in, checkpoint)) {
            return {};
        }
    }
    return content_failure(path, "not a checkpoint of a scan, or damaged", Fault::image_corrupt, why);
}

}  // namespace ballast::image
