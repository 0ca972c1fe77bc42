// Reading a TOML file strictly: every key that is read is declared with its type, range and default; every
// key that is in the file but was not declared is an error. All errors are collected, each with file, line,
// key and what was expected, so that one run shows them all.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ballast {

class Config {
  public:
    // A missing or unreadable file and a syntax error are errors in errors().
    static std::unique_ptr<Config> from_file(const std::string& path);
    static std::unique_ptr<Config> from_text(std::string_view text, const std::string& name_for_errors);
    ~Config();
    Config(const Config&) = delete;
    Config& operator=(const Config&) = delete;

    // `key` is dotted ("limits.hosts"). Absent: `fallback`. Wrong type or out of range: an error, and
    // `fallback`.
    std::int64_t integer(std::string_view key, std::int64_t fallback, std::int64_t min, std::int64_t max,
                         std::string_view unit = {});
    // An integer will do as well.
    double number(std::string_view key, double fallback, double min, double max, std::string_view unit = {});
    bool flag(std::string_view key, bool fallback);
    // Text without control characters.
    std::string text(std::string_view key, std::string_view fallback, std::size_t bytes_max = 255);
    // One of the words, else an error that lists them. Returns its index.
    std::size_t choice(std::string_view key, const std::vector<std::string_view>& words,
                       std::size_t fallback);
    std::vector<std::string> texts(std::string_view key, std::size_t count_max, std::size_t bytes_max = 255);

    // How many tables the array of tables at `key` has ([[key]] in the file); absent: 0. Their keys are then
    // read, and complained of, as "key[0].name", "key[1].name".
    std::size_t tables(std::string_view key, std::size_t count_max);

    // Whether the file says anything at this key. Declares nothing.
    bool has(std::string_view key) const;

    // For rules between keys: adds an error at the key's line.
    void reject(std::string_view key, std::string_view expected);
    // Declares that all keys have been read: whatever else is in the file is an error ("unknown key", with
    // the nearest known one when it is near).
    void finish();

    bool ok() const noexcept;
    // "agent.toml:12: controller.port: expected an integer from 1 to 65535, found \"x\""
    const std::vector<std::string>& errors() const noexcept;

  private:
    Config();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace ballast
