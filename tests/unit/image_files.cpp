#include "image_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/assert.hpp"
#include "base/prng.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::image::testing_files {

Folder::Folder() {
    std::string name = std::filesystem::temp_directory_path() / "ballast-image-XXXXXX";
    BALLAST_ASSERT(::mkdtemp(name.data()) != nullptr);
    path_ = name;
}

Folder::~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::vector<std::string> Folder::names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator{path_}) {
        names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::vector<std::byte> block_of(std::uint64_t number, std::size_t bytes) {
    std::vector<std::byte> block(bytes);
    if (number == 0) {
        return block;
    }
    Prng prng{number};
    for (std::byte& byte : block) {
        byte = static_cast<std::byte>(prng.next());
    }
    return block;
}

void write_at(const std::string& path, std::uint64_t offset, const std::vector<std::byte>& bytes) {
    const UniqueFd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR)};
    BALLAST_ASSERT(fd && ::pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
                             static_cast<ssize_t>(bytes.size()));
}

void write_blocks(const std::string& path, const std::vector<std::uint64_t>& numbers,
                  std::size_t block_bytes) {
    const UniqueFd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR)};
    BALLAST_ASSERT(fd && ::ftruncate(fd.get(), static_cast<off_t>(numbers.size() * block_bytes)) == 0);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        if (numbers[i] != 0) {
            write_at(path, i * block_bytes, block_of(numbers[i], block_bytes));
        }
    }
}

std::vector<std::byte> content_of(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    std::vector<std::byte> content(std::filesystem::file_size(path));
    file.read(reinterpret_cast<char*>(content.data()), static_cast<std::streamsize>(content.size()));
    BALLAST_ASSERT(file.good());
    return content;
}

}  // namespace ballast::image::testing_files
