#include "agent/sketches.hpp"

#include <memory>
#include <vector>

#include "agent/images/sketch_file.hpp"
#include "shell/durable_file.hpp"
#include "shell/log.hpp"

namespace ballast::agent {
namespace {

constexpr std::string_view sketch_suffix = ".sketch";
constexpr std::size_t sketches_max = 1024;

}  // namespace

std::string guest_sketch_path(const std::string& directory, const Uuid& guest) {
    return directory + "/" + std::string{to_text(guest).view()} + std::string{sketch_suffix};
}

std::string host_sketch_path(const std::string& directory) {
    return directory + "/host" + std::string{sketch_suffix};
}

void Sketches::send_all(const std::function<bool(const Uuid&)>& is_here) {
    std::vector<std::string> names;
    std::string why;
    if (!list_directory(directory_, sketch_suffix, sketches_max, names, why).ok()) {
        log_warning("samples of images: {}", why);
        return;
    }
    for (const std::string& name : names) {
        const auto guest = parse_uuid(std::string_view{name}.substr(0, name.size() - sketch_suffix.size()));
        if (guest && is_here(*guest)) {
            send_guest(*guest);
        } else if (guest) {
            (void)remove_durable(directory_ + "/" + name, why);  // left over: tried again the next time
        }
    }
    send_host();
}

void Sketches::send_guest(const Uuid& guest) {
    send_file(guest_sketch_path(directory_, guest), guest);
}

void Sketches::send_host() {
    send_file(host_sketch_path(directory_), Uuid{});
}

void Sketches::send_file(const std::string& path, const Uuid& guest) {
    std::string content;
    std::string why;
    const Status read = read_bounded(path, sketch_file_bytes_max(), content, why);
    if (!read.ok()) {
        if (read.fault() != Fault::not_found) {
            log_warning("a sample of images: {}", why);
        }
        return;
    }
    ImageSketchFile file;
    if (!decode(content, file).ok()) {
        log_warning("{}: no sample of images of this version: the next `image_index` makes it anew", path);
        return;
    }
    // It is large and seldom: nothing is kept of it.
    const auto outgoing = std::make_unique<wire::Message>();
    auto& sketch = outgoing->emplace<wire::ImageSketch>();
    sketch.uuid = guest;
    sketch.images = file.images;
    sketch.image_bytes = file.image_bytes;
    sketch.data_blocks = file.data_blocks;
    sketch.distinct = file.distinct;
    sketch.compressed_permille = file.compressed_permille;
    sketch.read_bytes_per_second = file.read_bytes_per_second;
    sketch.write_bytes_per_second = file.write_bytes_per_second;
    sketch.built_unix_ms = file.built_unix_ms;
    for (const std::uint64_t key : file.keys) {
        sketch.keys.push(key);
    }
    send_(*outgoing);
}

}  // namespace ballast::agent
