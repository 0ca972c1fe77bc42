// Streams of guests' memory as `xl save` writes them, for tests: head, libxl's records, libxc's in them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace ballast::image::testing_files {

using Bytes = std::vector<std::byte>;

class XenStream {
  public:
    XenStream() {
        text({"Xen saved domain, xl format\n \0 \r", 32});
        word(0x01020304);
        word(3);
        word(0);
        constexpr std::string_view configuration = "{\"c_info\":{\"name\":\"web\"}}";
        word(static_cast<std::uint32_t>(4 + configuration.size()));
        word(static_cast<std::uint32_t>(configuration.size()));
        text(configuration);
        text("LibxlFmt");
        big_word(2);
        big_word(0);
        record(1, {});
        bytes_.insert(bytes_.end(), 8, std::byte{0xff});
        big_word(0x58454E46);
        big_word(3);
        word(0);
        word(0);
        word(2);   // HVM
        word(12);  // page shift
        word(4);
        word(17);
        record(0x10, Bytes(20, std::byte{7}));  // a record that is padded
    }
    // A record of pages; an empty one has no content ("allocate only").
    void pages(const std::vector<Bytes>& contents) {
        Bytes body;
        append(body, static_cast<std::uint32_t>(contents.size()));
        append(body, std::uint32_t{0});
        for (const Bytes& content : contents) {
            append(body, (content.empty() ? std::uint64_t{14} << 60 : 0) | next_number_++);
        }
        for (const Bytes& content : contents) {
            body.insert(body.end(), content.begin(), content.end());
        }
        record(1, body);
    }
    // What comes behind the memory: the rest of libxc's records, an emulator's state and the end.
    void finish(std::size_t emulator_bytes) {
        record(9, Bytes(1000, std::byte{9}));
        record(0, {});
        record(3, Bytes(emulator_bytes, std::byte{5}));
        record(0, {});
    }
    void record(std::uint32_t type, const Bytes& body) {
        word(type);
        word(static_cast<std::uint32_t>(body.size()));
        bytes_.insert(bytes_.end(), body.begin(), body.end());
        bytes_.resize((bytes_.size() + padding_of(body.size())));
    }
    const Bytes& bytes() const { return bytes_; }

  private:
    template <class Number>
    static void append(Bytes& to, Number value) {
        const auto* from = reinterpret_cast<const std::byte*>(&value);
        to.insert(to.end(), from, from + sizeof value);
    }
    static std::size_t padding_of(std::size_t length) { return (8 - length % 8) % 8; }
    void word(std::uint32_t value) { append(bytes_, value); }
    void big_word(std::uint32_t value) { append(bytes_, __builtin_bswap32(value)); }
    void text(std::string_view value) {
        const auto* from = reinterpret_cast<const std::byte*>(value.data());
        bytes_.insert(bytes_.end(), from, from + value.size());
    }

    Bytes bytes_;
    std::uint64_t next_number_ = 0;
};

}  // namespace ballast::image::testing_files
