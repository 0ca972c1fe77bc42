// Disk images for tests, made of numbered blocks: equal numbers, equal blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "image/core/index_format.hpp"

namespace ballast::image::testing_files {

// A directory of its own that goes away with everything in it.
class Folder {
  public:
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string path(const std::string& name) const { return path_ + "/" + name; }
    // Names of the files in it, sorted.
    std::vector<std::string> names() const;

  private:
    std::string path_;
};

// `bytes` bytes that depend on the number alone; number 0 is all zeros.
std::vector<std::byte> block_of(std::uint64_t number, std::size_t bytes);

// The blocks one after the other; zeros are left as holes.
void write_blocks(const std::string& path, const std::vector<std::uint64_t>& numbers,
                  std::size_t block_bytes);
void write_at(const std::string& path, std::uint64_t offset, const std::vector<std::byte>& bytes);
std::vector<std::byte> content_of(const std::string& path);

}  // namespace ballast::image::testing_files
