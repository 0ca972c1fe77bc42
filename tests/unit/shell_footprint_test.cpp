#include "shell/footprint.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace ballast {
namespace {

// Pages of files that this process has in memory (proc(5), statm).
std::size_t file_pages() {
    std::size_t size = 0;
    std::size_t resident = 0;
    std::size_t shared = 0;
    std::ifstream{"/proc/self/statm"} >> size >> resident >> shared;
    return shared;
}

TEST(Footprint, PagesOfTheStartAreGivenBackAndComeAgainWhenNeeded) {
    const std::size_t before = file_pages();
    ASSERT_GT(before, 0U);
    release_start_pages();
    EXPECT_LT(file_pages(), before / 2);
}

}  // namespace
}  // namespace ballast
