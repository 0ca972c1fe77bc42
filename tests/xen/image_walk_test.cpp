#include "xen_glue/xen/image_walk.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace ballast::xen {
namespace {

using namespace std::string_literals;

std::string little_endian(std::uint32_t word) {
    std::string out(sizeof word, '\0');
    std::memcpy(out.data(), &word, sizeof word);
    return out;
}

std::string record(std::uint32_t type, std::string_view body) {
    std::string out = little_endian(type) + little_endian(static_cast<std::uint32_t>(body.size()));
    out += body;
    out.resize((out.size() + 7) / 8 * 8);
    return out;
}

const std::string libxl_header = "LibxlFmt\0\0\0\2\0\0\0\0"s;
const std::string libxc_headers =
    "\xff\xff\xff\xff\xff\xff\xff\xff"
    "XENF\0\0\0\3\0\0\0\0\0\0\0\0"
    "\1\0\0\0\14\0\0\0\4\0\0\0\21\0\0\0"s;

std::string memory(std::string_view page_data) {
    return record(1, "") + libxc_headers + record(2, "") + record(1, page_data) + record(0, "");
}

class ImageWalk : public testing::Test {
  protected:
    // The end that the walk finds in `head` + `stream` when it begins behind `head`, or the fault.
    Result<std::uint64_t> end_of(const std::string& stream,
                                 const std::string& head = "a head of any length") {
        char path[] = "/tmp/ballast-image-walk-XXXXXX";
        const int fd = mkostemp(path, O_CLOEXEC);
        ::unlink(path);
        const std::string all = head + stream;
        EXPECT_EQ(::write(fd, all.data(), all.size()), static_cast<ssize_t>(all.size()));
        const auto begin = static_cast<off_t>(head.size());
        EXPECT_EQ(::lseek(fd, begin, SEEK_SET), begin);
        std::uint64_t end = 0;
        const Status status = find_image_end(fd, end, why_);
        EXPECT_EQ(::lseek(fd, 0, SEEK_CUR), begin) << "the position was changed";
        ::close(fd);
        if (!status.ok()) {
            EXPECT_FALSE(why_.empty());
            return Err{status.fault()};
        }
        return end - head.size();
    }
    Fault fault_of(const std::string& stream) {
        const auto end = end_of(stream);
        return end.ok() ? Fault::none : end.fault();
    }

    std::string why_;
};

TEST_F(ImageWalk, FindsTheEndBehindMemoryAndDeviceRecordsOfAnyLength) {
    const std::string stream = libxl_header + memory("page data, not a multiple of eight") +
                               record(2, "xenstore") + record(3, std::string(70'000, 'q')) + record(0, "");
    EXPECT_EQ(end_of(stream).value(), stream.size());
    EXPECT_EQ(end_of(stream + "a trailer behind it").value(), stream.size());
}

TEST_F(ImageWalk, AnImageThatIsCutAnywhereIsNotWhole) {
    const std::string stream =
        libxl_header + memory("twelve bytes") + record(3, "device model") + record(0, "");
    for (std::size_t kept = 0; kept < stream.size(); ++kept) {
        EXPECT_EQ(fault_of(stream.substr(0, kept)), Fault::image_corrupt) << kept << " bytes";
    }
}

TEST_F(ImageWalk, ARecordLargerThanAnyIsRefused) {
    EXPECT_EQ(fault_of(libxl_header + little_endian(3) + little_endian(0xfffffff0)), Fault::image_corrupt);
    EXPECT_NE(why_.find("4294967280"), std::string::npos) << why_;
}

TEST_F(ImageWalk, WhatIsNoStreamIsRefused) {
    EXPECT_EQ(fault_of(std::string(4096, 'x')), Fault::image_corrupt);
    std::string legacy_memory = memory("data");
    legacy_memory[8 + 15] = '\1';  // libxc's version
    EXPECT_EQ(fault_of(libxl_header + legacy_memory + record(0, "")), Fault::image_corrupt);
    std::string no_marker = memory("data");
    no_marker[8] = '\0';
    EXPECT_EQ(fault_of(libxl_header + no_marker + record(0, "")), Fault::image_corrupt);
}

}  // namespace
}  // namespace ballast::xen
