// Where pages lie in the stream of a simulated host (xen_glue/sim/image_codec.hpp), when it gives them their
// whole size (sim.image_bytes_per_page = 4096).
#pragma once

#include <algorithm>
#include <cstring>

#include "image/core/bytes.hpp"
#include "image/core/page_finder.hpp"
#include "xen_glue/sim/image_codec.hpp"

namespace ballast::agent {

class SimPageFinder final : public image::PageFinder {
  public:
    static bool begins(std::span<const std::byte, image::stream_magic_bytes> magic) noexcept {
        static_assert(sim::image_magic.size() == image::stream_magic_bytes);
        return std::memcmp(magic.data(), sim::image_magic.data(), magic.size()) == 0;
    }
    Next next() const noexcept override {
        switch (at_) {
            case At::magic: return {Kind::head, image::stream_magic_bytes + sizeof sim::image_version};
            case At::record: return {Kind::head, sim::record_header_bytes};
            case At::pages_head: return {Kind::head, sim::pages_head_bytes};
            case At::pages: return {Kind::page, image::page_bytes};
            case At::body: break;
        }
        return {Kind::opaque, left_};
    }
    void take(std::span<const std::byte> head) noexcept override {
        image::FieldReader fields{head};
        if (at_ == At::record) {
            const auto type = static_cast<sim::RecordType>(fields.get<std::uint32_t>());
            left_ = fields.get<std::uint32_t>();
            memory_over_ = memory_over_ || type == sim::RecordType::end;
            const bool pages = type == sim::RecordType::pages && left_ >= sim::pages_head_bytes;
            at_ = pages ? At::pages_head : left_ == 0 ? At::record : At::body;
        } else if (at_ == At::pages_head) {
            fields.take(sizeof(std::uint32_t));  // the round
            const std::uint64_t pages = fields.get<std::uint32_t>();
            left_ -= sim::pages_head_bytes;
            at_ = left_ == 0 ? At::record : left_ == pages * image::page_bytes ? At::pages : At::body;
        } else {
            at_ = At::record;
        }
    }
    void passed(std::uint64_t bytes) noexcept override {
        left_ -= std::min(bytes, left_);
        at_ = left_ == 0 ? At::record : at_;
    }
    bool memory_over() const noexcept override { return memory_over_; }

  private:
    enum class At : std::uint8_t { magic, record, pages_head, pages, body };
    At at_ = At::magic;
    std::uint64_t left_ = 0;  // of a record
    bool memory_over_ = false;
};

}  // namespace ballast::agent
