#include "image/memory_packer.hpp"

#include <bit>

#include "image/core/zero.hpp"

namespace ballast::image {
namespace {

constexpr std::size_t table_places_per_page = 4;
// Held back until more comes, so that what completes the stream comes with its end.
constexpr std::size_t tail_bytes = 1;

}  // namespace

std::shared_ptr<PageFinder> make_xen_page_finder(std::span<const std::byte, stream_magic_bytes> magic) {
    return XenPageFinder::begins(magic) ? std::make_shared<XenPageFinder>() : nullptr;
}

MemoryPacker::MemoryPacker(PackOptions options, TransferControl& control)
    : options_{std::move(options)},
      control_{control},
      ring_memory_(std::size_t{options_.kept_pages} * page_bytes),
      ring_table_(std::bit_ceil(std::size_t{options_.kept_pages} * table_places_per_page)),
      known_{ring_memory_, ring_table_},
      lookup_{options_.lookup_places},
      digester_{options_.key},
      page_(page_bytes),
      body_(2 + pages_in_unit_max * page_run_bytes_max + sizeof(Digest)) {
    opaque_.reserve(unit_opaque_bytes_max);
    literals_.reserve(pages_in_unit_max * page_bytes);
}

Status MemoryPacker::run(UniqueFd in, UniqueFd out, std::string& why) {
    BALLAST_CHECK(lookup_.open(options_.sent_blocks, why));
    in_ = std::make_unique<PipeReader>(std::move(in));
    out_ = std::make_unique<PipeWriter>(std::move(out));
    std::array<std::byte, memory_head_bytes> head{};
    encode(MemoryHead{.kept_pages = known_.capacity_pages(), .key = options_.key}, head);
    BALLAST_CHECK(out_->write(head, why));
    std::array<std::byte, stream_magic_bytes> magic{};
    std::size_t got = 0;
    BALLAST_CHECK(in_->read(magic, got, why));
    finder_ = got == magic.size() ? options_.make_finder(magic) : nullptr;
    if (finder_ == nullptr) {
        BALLAST_CHECK(keep_opaque(std::span{magic}.first(got), why));
        BALLAST_CHECK(pass_opaque(UINT64_MAX, why));
        return end(why);
    }
    std::copy(magic.begin(), magic.end(), page_.begin());
    BALLAST_CHECK(pass_head(got, why));
    BALLAST_CHECK(pack_all(why));
    return end(why);
}

Status MemoryPacker::pack_all(std::string& why) {
    while (!at_end_) {
        const PageFinder::Next next = finder_->next();
        switch (next.kind) {
            case PageFinder::Kind::head: BALLAST_CHECK(pass_head(0, why)); break;
            case PageFinder::Kind::opaque: BALLAST_CHECK(pass_opaque(next.bytes, why)); break;
            case PageFinder::Kind::page: BALLAST_CHECK(pass_page(why)); break;
        }
        if (finder_->memory_over() && !aligned_) {
            BALLAST_CHECK(align(why));
        }
    }
    return {};
}

// A head of which the first `already` bytes are in page_.
Status MemoryPacker::pass_head(std::size_t already, std::string& why) {
    const std::span<std::byte> head = std::span{page_}.first(static_cast<std::size_t>(finder_->next().bytes));
    std::size_t got = 0;
    BALLAST_CHECK(in_->read(head.subspan(already), got, why));
    got += already;
    at_end_ = got < head.size();
    if (!at_end_) {
        finder_->take(head);
    }
    return keep_opaque(head.first(got), why);
}

Status MemoryPacker::pass_opaque(std::uint64_t bytes, std::string& why) {
    while (bytes > 0) {
        std::span<const std::byte> piece;
        BALLAST_CHECK(in_->borrow(std::min<std::uint64_t>(bytes, unit_opaque_bytes_max), piece, why));
        if (piece.empty()) {
            at_end_ = true;
            return {};
        }
        bytes -= piece.size();
        BALLAST_CHECK(keep_opaque(piece, why));
        if (finder_ != nullptr) {
            finder_->passed(piece.size());
        }
    }
    return {};
}

// REQUIRES: not more than a unit can carry.
Status MemoryPacker::keep_opaque(std::span<const std::byte> bytes, std::string& why) {
    report_.stream_bytes += bytes.size();
    control_.image_bytes = report_.stream_bytes;
    BALLAST_CHECK(flush_pages(why));
    if (opaque_.size() + bytes.size() > unit_opaque_bytes_max) {
        BALLAST_CHECK(flush_opaque(opaque_.size(), why));
    }
    opaque_.insert(opaque_.end(), bytes.begin(), bytes.end());
    return {};
}

Status MemoryPacker::pass_page(std::string& why) {
    std::size_t got = 0;
    BALLAST_CHECK(in_->read(page_, got, why));
    if (got < page_bytes) {
        at_end_ = true;
        return keep_opaque(std::span{page_}.first(got), why);
    }
    BALLAST_CHECK(flush_opaque(opaque_.size(), why));
    const PageView page{page_.data(), page_bytes};
    const PageRun run = describe(page);
    append_page(runs_, run);
    if (run.kind == PageKind::literal) {
        literals_.insert(literals_.end(), page_.begin(), page_.end());
    } else {
        control_.done_bytes += page_bytes;
    }
    finder_->passed(page_bytes);
    report_.stream_bytes += page_bytes;
    control_.image_bytes = report_.stream_bytes;
    return ++pages_ == pages_in_unit_max ? flush_pages(why) : Status{};
}

PageRun MemoryPacker::describe(PageView page) {
    if (all_zero(page)) {
        ++report_.zero_pages;
        return {.kind = PageKind::zero};
    }
    const std::uint64_t fingerprint = block_fingerprint(page, options_.block_seed);
    PageRun run;
    if (const auto place = known_.find(fingerprint, page)) {
        ++report_.kept_pages;
        run = {.kind = PageKind::kept, .first = *place};
    } else if (const auto block = lookup_.find(fingerprint)) {
        ++report_.block_pages;
        run = {.kind = PageKind::block, .image = block->image, .first = block->block};
    } else {
        ++report_.literal_pages;
        known_.keep(fingerprint, page);
        return run;
    }
    if (references_++ == 0) {
        digester_.begin_pages(units_);
    }
    digester_.add_page(page);
    return run;
}

Status MemoryPacker::flush_opaque(std::size_t bytes, std::string& why) {
    if (bytes == 0) {
        return {};
    }
    BALLAST_CHECK(put_unit(UnitType::opaque, std::span{opaque_}.first(bytes), {}, why));
    opaque_.erase(opaque_.begin(), opaque_.begin() + static_cast<std::ptrdiff_t>(bytes));
    return {};
}

Status MemoryPacker::flush_pages(std::string& why) {
    if (pages_ == 0) {
        return {};
    }
    const Digest digest = references_ == 0 ? Digest{} : digester_.end_pages();
    const std::size_t bytes = encode_pages(runs_, digest, body_);
    BALLAST_CHECK(put_unit(UnitType::pages, std::span{body_}.first(bytes), literals_, why));
    runs_.clear();
    literals_.clear();
    pages_ = references_ = 0;
    return {};
}

// What follows the memory begins in a piece of its own.
Status MemoryPacker::align(std::string& why) {
    aligned_ = true;
    BALLAST_CHECK(flush_pages(why));
    // What the finder has seen of the end stays behind the padding.
    const std::uint64_t used = (out_->total_bytes() + unit_head_bytes) % options_.alignment_bytes;
    const std::vector<std::byte> nothing(used == 0 ? 0 : options_.alignment_bytes - used);
    return put_unit(UnitType::padding, nothing, {}, why);
}

Status MemoryPacker::put_unit(UnitType type, std::span<const std::byte> body, std::span<const std::byte> more,
                              std::string& why) {
    std::array<std::byte, unit_head_bytes> head{};
    encode(UnitHead{.type = type, .body_bytes = static_cast<std::uint32_t>(body.size() + more.size())}, head);
    ++units_;
    BALLAST_CHECK(out_->write(head, why));
    BALLAST_CHECK(out_->write(body, why));
    return out_->write(more, why);
}

Status MemoryPacker::end(std::string& why) {
    BALLAST_CHECK(flush_pages(why));
    const std::size_t tail = std::min(opaque_.size(), tail_bytes);
    BALLAST_CHECK(flush_opaque(opaque_.size() - tail, why));
    const EndUnit unit{.bytes_before = report_.stream_bytes - opaque_.size(), .tail = opaque_};
    return put_unit(UnitType::end, std::span{body_}.first(encode(unit, body_)), {}, why);
}

}  // namespace ballast::image
