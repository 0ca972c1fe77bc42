#include "image/memory_unpacker.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "image/failure.hpp"

namespace ballast::image {
namespace {

Err<Fault> memory_violation(const char* what, std::string& why) {
    why = std::string{"the source broke the protocol of memory streams: "} + what;
    return Err{Fault::protocol_violation};
}

}  // namespace

Status MemoryUnpacker::open_images(std::string& why) {
    for (const std::string& path : options_.images) {
        NamedFd file;
        BALLAST_CHECK(open_file(path, O_RDONLY | O_NOFOLLOW, file, why));
        const off_t bytes = ::lseek(file.fd.get(), 0, SEEK_END);  // of files and block devices alike
        if (bytes < 0) {
            return system_failure(path, "look at", errno, why);
        }
        const std::uint64_t blocks = static_cast<std::uint64_t>(bytes) / page_bytes;
        image_blocks_.push_back(static_cast<std::uint32_t>(std::min<std::uint64_t>(blocks, UINT32_MAX)));
        images_.push_back(std::move(file));
    }
    return {};
}

Status MemoryUnpacker::run(UniqueFd in, UniqueFd out, std::string& why) {
    BALLAST_CHECK(open_images(why));
    in_ = std::make_unique<PipeReader>(std::move(in), options_.on_waiting);
    out_ = std::make_unique<PipeWriter>(std::move(out));
    std::array<std::byte, memory_head_bytes> head_bytes{};
    BALLAST_CHECK(read(head_bytes, why));
    const Result<MemoryHead> head = decode_memory_head(head_bytes);
    if (!head.ok()) {
        why = "the source sends a memory stream of another version, or none";
        return Err{head.fault()};
    }
    ring_memory_.resize(std::size_t{head.value().kept_pages} * page_bytes);
    ring_ = std::make_unique<PageRing>(ring_memory_);
    digester_ = std::make_unique<Digester>(head.value().key);
    content_.resize(pages_in_unit_max * page_bytes);
    for (;; ++units_) {
        std::array<std::byte, unit_head_bytes> bytes{};
        BALLAST_CHECK(read(bytes, why));
        const Result<UnitHead> unit = decode_unit_head(bytes);
        if (!unit.ok()) {
            return memory_violation("a unit of an unknown kind or length", why);
        }
        switch (unit.value().type) {
            case UnitType::opaque: BALLAST_CHECK(take_opaque(unit.value().body_bytes, true, why)); break;
            case UnitType::padding: BALLAST_CHECK(take_opaque(unit.value().body_bytes, false, why)); break;
            case UnitType::pages: BALLAST_CHECK(take_pages(unit.value().body_bytes, why)); break;
            case UnitType::end: return take_end(unit.value().body_bytes, why);
        }
    }
}

Status MemoryUnpacker::read(std::span<std::byte> into, std::string& why) {
    std::size_t got = 0;
    BALLAST_CHECK(in_->read(into, got, why));
    if (got < into.size()) {
        why = "the stream of the guest's memory ends before its end";
        return Err{Fault::connection_lost};
    }
    return {};
}

Status MemoryUnpacker::take_opaque(std::uint32_t bytes, bool wanted, std::string& why) {
    body_.resize(bytes);
    BALLAST_CHECK(read(body_, why));
    return wanted ? pass_on(body_, why) : Status{};
}

Status MemoryUnpacker::take_pages(std::uint32_t bytes, std::string& why) {
    body_.resize(bytes);
    BALLAST_CHECK(read(body_, why));
    const PageBounds bounds{.kept_pages = ring_->capacity_pages(), .image_blocks = image_blocks_};
    if (!decode_pages(body_, bounds, unit_).ok()) {
        return memory_violation("pages that make no sense", why);
    }
    read_ahead(unit_.runs);
    literals_used_ = 0;
    bool refers = false;
    std::size_t at = 0;
    for (const PageRun& run : unit_.runs) {
        const std::span<std::byte> into = std::span{content_}.subspan(at, run.pages * page_bytes);
        BALLAST_CHECK(make_run(run, into, why));
        at += into.size();
        if (run.kind == PageKind::kept || run.kind == PageKind::block) {
            if (!refers) {
                digester_->begin_pages(units_);
            }
            refers = true;
            digester_->add_page(into);
        }
        if (run.kind != PageKind::literal) {
            control_.done_bytes += into.size();
        }
    }
    if (refers && digester_->end_pages() != unit_.digest) {
        why = "a page that should be here already is not the one that the source has";
        return Err{Fault::image_corrupt};
    }
    return pass_on(std::span{content_}.first(at), why);
}

// So that a disk may fetch them in the order that suits it.
void MemoryUnpacker::read_ahead(const PageRuns& runs) const noexcept {
    for (const PageRun& run : runs) {
        if (run.kind == PageKind::block) {
            (void)::posix_fadvise(images_[run.image].fd.get(),
                                  static_cast<off_t>(run.first) * off_t{page_bytes},
                                  off_t{run.pages} * off_t{page_bytes}, POSIX_FADV_WILLNEED);
        }
    }
}

Status MemoryUnpacker::make_run(const PageRun& run, std::span<std::byte> into, std::string& why) {
    switch (run.kind) {
        case PageKind::zero: std::fill(into.begin(), into.end(), std::byte{0}); return {};
        case PageKind::block:
            return read_exactly(images_[run.image], std::uint64_t{run.first} * page_bytes, into, why);
        case PageKind::literal:
            std::memcpy(into.data(), unit_.literals.data() + literals_used_, into.size());
            literals_used_ += into.size();
            for (std::size_t at = 0; at < into.size(); at += page_bytes) {
                (void)ring_->keep(PageView{into.data() + at, page_bytes});
            }
            return {};
        case PageKind::kept: break;
    }
    for (std::uint32_t i = 0; i < run.pages; ++i) {
        if (!ring_->holds(run.first + i)) {
            return memory_violation("a page that has not come yet", why);
        }
        std::memcpy(into.data() + i * page_bytes, ring_->at(run.first + i).data(), page_bytes);
    }
    return {};
}

Status MemoryUnpacker::take_end(std::uint32_t bytes, std::string& why) {
    body_.resize(bytes);
    BALLAST_CHECK(read(body_, why));
    const Result<EndUnit> end = decode_end_unit(body_);
    if (!end.ok() || end.value().bytes_before != stream_bytes_) {
        return memory_violation("its stream's end does not fit the stream", why);
    }
    return pass_on(end.value().tail, why);
}

Status MemoryUnpacker::pass_on(std::span<const std::byte> bytes, std::string& why) {
    stream_bytes_ += bytes.size();
    control_.image_bytes = stream_bytes_;
    const Status written = wanted_ ? out_->write(bytes, why) : Status{};
    if (written.fault() == Fault::connection_lost) {
        wanted_ = false;
        return {};
    }
    return written;
}

}  // namespace ballast::image
