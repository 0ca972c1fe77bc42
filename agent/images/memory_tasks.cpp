// A guest's memory between a hypervisor call and the agents' connection: docs/wan_migration.md.
#include "agent/images/sim_pages.hpp"
#include "agent/images/tasks.hpp"
#include "image/memory_packer.hpp"
#include "image/memory_unpacker.hpp"
#include "shell/random.hpp"

namespace ballast::agent {
namespace {

std::shared_ptr<image::PageFinder> make_finder(std::span<const std::byte, image::stream_magic_bytes> magic) {
    return SimPageFinder::begins(magic) ? std::make_shared<SimPageFinder>()
                                        : image::make_xen_page_finder(magic);
}

}  // namespace

Status ImageWork::pack_memory(std::string& why) {
    image::PackOptions options;
    options.make_finder = make_finder;
    options.alignment_bytes = memory_piece_bytes;
    random_bytes(options.key);
    for (const Path& path : setup_.images) {
        options.sent_blocks.push_back(std::string{path.view()} + sent_suffix);
    }
    BALLAST_CHECK(derive_block_seed(options.block_seed, why));
    image::MemoryPacker packer{std::move(options), control_};
    return packer.run(UniqueFd{image_stream_fd}, UniqueFd{image_memory_fd}, why);
}

Status ImageWork::unpack_memory(std::string& why) {
    image::UnpackOptions options;
    for (const Path& path : setup_.images) {
        options.images.emplace_back(path.view());
    }
    options.on_waiting = [this](std::uint64_t bytes) {
        const std::lock_guard lock{settling_};
        dealt_bytes_ = bytes;
        settle();
    };
    image::MemoryUnpacker unpacker{std::move(options), control_};
    return unpacker.run(UniqueFd{image_memory_fd}, UniqueFd{image_stream_fd}, why);
}

}  // namespace ballast::agent
