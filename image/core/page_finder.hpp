// Where the pages of a guest's memory lie in the stream that a hypervisor call writes. Nothing depends on its
// being right: what is not found to be a page travels as it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ballast::image {

inline constexpr std::size_t page_bytes = 4096;
// The longest head that a finder asks for.
inline constexpr std::size_t page_head_bytes_max = 512;
// Every known stream begins with so many bytes that tell which it is.
inline constexpr std::size_t stream_magic_bytes = 16;

// One layout of streams. It is fed the stream from its first byte on and never looks at it itself:
//   head    the next `bytes` bytes must be given to take() in one piece
//   opaque  the next `bytes` bytes may go by, in any pieces; passed() hears of each
//   page    the next page_bytes bytes are a page; passed(page_bytes) once it has gone by
class PageFinder {
  public:
    enum class Kind : std::uint8_t { head, opaque, page };
    struct Next {
        Kind kind = Kind::opaque;
        std::uint64_t bytes = UINT64_MAX;
    };

    virtual Next next() const noexcept = 0;
    virtual void take(std::span<const std::byte> head) noexcept = 0;
    virtual void passed(std::uint64_t bytes) noexcept = 0;
    // No page follows, and what does is needed before the guest can run.
    virtual bool memory_over() const noexcept = 0;

  protected:
    ~PageFinder() = default;  // owned as what they are: this folder frees nothing
};

// The image of `xl save`: its head, libxl's stream in it and libxc's in that (version 2 or 3, pages of 4 KiB,
// little-endian). Layouts: Xen's docs/specs/libxl-migration-stream and docs/specs/libxc-migration-stream.
// Anything else is opaque to its end.
class XenPageFinder final : public PageFinder {
  public:
    // Whether a stream that begins so is one of these.
    static bool begins(std::span<const std::byte, stream_magic_bytes> magic) noexcept;

    Next next() const noexcept override;
    void take(std::span<const std::byte> head) noexcept override;
    void passed(std::uint64_t bytes) noexcept override;
    bool memory_over() const noexcept override { return memory_over_; }

  private:
    enum class At : std::uint8_t {
        image_head,
        configuration,
        libxl_head,
        libxl_record,
        libxl_body,
        libxc_head,
        libxc_record,
        libxc_body,
        page_data_head,
        page_numbers,
        pages,
        unknown,
    };
    void take_record(std::span<const std::byte> head, bool of_libxc) noexcept;
    void take_page_data_head(std::span<const std::byte> head) noexcept;
    void take_page_numbers(std::span<const std::byte> head) noexcept;
    void enter_opaque(At at, At after, std::uint64_t bytes) noexcept;

    At at_ = At::image_head;
    At after_ = At::unknown;         // the opaque bytes
    std::uint64_t left_ = 0;         // of opaque bytes, or of pages in bytes
    std::uint64_t record_left_ = 0;  // of a record of pages, behind what has been taken
    std::uint64_t numbers_left_ = 0;
    std::uint64_t pages_ = 0;  // that have content
    bool memory_over_ = false;
};

}  // namespace ballast::image
