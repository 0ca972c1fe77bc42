#include "shell/hash_chain.hpp"

#include <charconv>

namespace ballast {

namespace {

constexpr std::string_view seq_key = "{\"seq\":";
constexpr std::string_view prev_key = ",\"prev\":\"";
constexpr std::string_view hash_key = ",\"hash\":\"";
constexpr std::string_view line_end = "\"}";
constexpr std::size_t hex_digits = 64;

// Takes `word` from the front of `text`; false when it is not there.
bool take(std::string_view& text, std::string_view word) noexcept {
    const bool there = text.starts_with(word);
    text.remove_prefix(there ? word.size() : 0);
    return there;
}

bool take_number(std::string_view& text, std::uint64_t& number) noexcept {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return error == std::errc{};
}

bool take_hash(std::string_view& text, Sha256& hash) noexcept {
    const bool there = text.size() >= hex_digits && from_hex(text.substr(0, hex_digits), hash);
    text.remove_prefix(there ? hex_digits : 0);
    return there;
}

}  // namespace

std::string begin_link(const ChainLink& last) {
    return std::string{seq_key} + std::to_string(last.seq + 1) + std::string{prev_key} + to_hex(last.hash) +
           "\"";
}

ChainLink end_link(std::string& line) {
    ChainLink link;
    std::string_view head = line;
    (void)(take(head, seq_key) && take_number(head, link.seq) && take(head, prev_key) &&
           take_hash(head, link.prev));
    link.hash = sha256(line);
    line += std::string{hash_key} + to_hex(link.hash) + std::string{line_end};
    return link;
}

std::optional<ChainLink> read_link(std::string_view line) noexcept {
    constexpr std::size_t tail_bytes = hash_key.size() + hex_digits + line_end.size();
    if (line.size() < tail_bytes) {
        return std::nullopt;
    }
    const std::string_view sealed = line.substr(0, line.size() - tail_bytes);
    std::string_view tail = line.substr(sealed.size());
    std::string_view head = sealed;
    ChainLink link;
    const bool formed = take(head, seq_key) && take_number(head, link.seq) && take(head, prev_key) &&
                        take_hash(head, link.prev) && take(head, "\"") && take(tail, hash_key) &&
                        take_hash(tail, link.hash) && tail == line_end;
    return formed && sha256(sealed) == link.hash ? std::optional{link} : std::nullopt;
}

}  // namespace ballast
