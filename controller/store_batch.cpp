#include "controller/store_batch.hpp"

#include <cstring>

namespace ballast::controller {

void Batch::put(Kind kind, const void* data, std::size_t size) noexcept {
    fits_ = fits_ && bytes_max - position_ > size;
    if (fits_) {
        bytes_[position_++] = static_cast<std::byte>(kind);
    }
    if (fits_ && size > 0) {
        std::memcpy(bytes_.get() + position_, data, size);
        position_ += size;
    }
}

void Batch::put_sized(Kind kind, std::span<const std::byte> bytes) noexcept {
    const auto size = static_cast<std::uint32_t>(bytes.size());
    put(kind, &size, sizeof size);
    fits_ = fits_ && bytes_max - position_ >= bytes.size();
    if (fits_ && !bytes.empty()) {
        std::memcpy(bytes_.get() + position_, bytes.data(), bytes.size());
        position_ += bytes.size();
    }
}

void Batch::begin(std::uint8_t statement) noexcept {
    position_ = used_;
    fits_ = position_ < bytes_max;
    if (fits_) {
        bytes_[position_++] = static_cast<std::byte>(statement);
    }
}

void Batch::append(std::int64_t value) noexcept {
    put(Kind::integer, &value, sizeof value);
}
void Batch::append(double value) noexcept {
    put(Kind::real, &value, sizeof value);
}
void Batch::append_text(std::string_view text) noexcept {
    put_sized(Kind::text, std::as_bytes(std::span{text}));
}
void Batch::append_blob(std::span<const std::byte> bytes) noexcept {
    put_sized(Kind::blob, bytes);
}

bool Batch::end() noexcept {
    put(Kind::end, nullptr, 0);
    used_ = fits_ ? position_ : used_;
    return fits_;
}

bool Batch::replay(std::span<Statement> statements) const noexcept {
    std::size_t at = 0;
    const auto take = [&](auto& value) {
        std::memcpy(&value, bytes_.get() + at, sizeof value);
        at += sizeof value;
    };
    while (at < used_) {
        Statement& statement = statements[std::to_integer<std::size_t>(bytes_[at++])].start();
        for (Kind kind{}; kind != Kind::end;) {
            kind = static_cast<Kind>(bytes_[at++]);
            if (kind == Kind::integer) {
                std::int64_t value = 0;
                take(value);
                statement.bind(value);
            } else if (kind == Kind::real) {
                double value = 0;
                take(value);
                statement.bind(value);
            } else if (kind != Kind::end) {
                std::uint32_t size = 0;
                take(size);
                const std::span value = std::span<const std::byte>{bytes_.get() + at, size};
                at += size;
                if (kind == Kind::blob) {
                    statement.bind_blob(value);
                } else {
                    statement.bind(
                        std::string_view{reinterpret_cast<const char*>(value.data()), value.size()});
                }
            }
        }
        if (!statement.run()) {
            return false;
        }
    }
    return true;
}

}  // namespace ballast::controller
