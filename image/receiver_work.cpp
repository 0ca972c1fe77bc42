#include "image/receiver_work.hpp"

#include <algorithm>

namespace ballast::image {

ImageReceiver::Work::Work(ByteStream& stream, TransferControl& control)
    : messages{stream, control},
      matches(batch_keys_max),
      recipe_bytes(recipe_bytes_max),
      runs(runs_max),
      recipe{runs},
      content{std::make_unique_for_overwrite<AlignedSegment>()} {}

void ImageReceiver::Work::open_locals(const std::vector<LocalImage>& wanted,
                                      std::vector<std::string>& left_out) {
    for (const LocalImage& image : wanted) {
        OpenLocal local;
        std::string why;
        if (locals.size() == local_images_max) {
            left_out.push_back(image.path + ": more than " + std::to_string(local_images_max) +
                               " local images");
        } else if (!local.open(image, why).ok()) {
            left_out.push_back(why);
        } else {
            welcome.locals.push(local.offer());
            local_sizes.push_back(local.source->size_bytes());
            locals.push_back(std::move(local));
        }
    }
}

Status ImageReceiver::Work::read_back(std::uint64_t segment, Extent& hole, Digest& digest, std::string& why) {
    const std::uint32_t length = segment_length(hello.image_bytes, segment);
    const std::uint64_t offset = segment * segment_bytes;
    if (offset < hole.offset || offset + length > hole.end()) {
        hole = target.hole_at(offset);
    }
    if (offset + length <= hole.end()) {
        digest = digester->of_zeros(segment, length);
        return {};
    }
    const std::span<std::byte> bytes = std::span{content->bytes}.first(length);
    BALLAST_CHECK(target.read(offset, bytes, why));
    digest = digester->of_segment(segment, bytes);
    return {};
}

Status ImageReceiver::Work::all_written(std::string& why) {
    if (!read_back_ahead) {
        return {};
    }
    read_back_ahead->wait();
    return read_back_ahead->result(why);
}

void ImageReceiver::Work::forget_unwritten() {
    std::string ignored;
    if (all_written(ignored).ok()) {
        return;
    }
    for (std::size_t i = 0; i < written.size(); ++i) {
        if (written[i] && !read_back_ahead->proven(i)) {
            static_cast<void>(journal.forget(i, ignored));
        }
    }
}

bool ImageReceiver::Work::read_itself(const Run& run, std::uint64_t segment_offset,
                                      std::span<const std::byte> segment, std::span<std::byte> into) {
    const bool kept = is_kept(run, segment_offset + static_cast<std::uint64_t>(into.data() - segment.data()));
    const std::uint64_t before =
        kept ? into.size()
        : run.source_offset < segment_offset
            ? std::min<std::uint64_t>(segment_offset - run.source_offset, into.size())
            : 0;
    std::string ignored;
    const std::size_t from_disk = static_cast<std::size_t>(before);
    if (read_back_ahead) {
        read_back_ahead->wait_for(run.source_offset, before);
    }
    if (!target.read(run.source_offset, into.first(from_disk), ignored).ok()) {
        return false;
    }
    const std::uint64_t rest = run.source_offset + before - segment_offset;
    if (from_disk < into.size()) {
        std::copy_n(segment.begin() + static_cast<std::ptrdiff_t>(rest), into.size() - from_disk,
                    into.begin() + static_cast<std::ptrdiff_t>(from_disk));
    }
    return true;
}

}  // namespace ballast::image
