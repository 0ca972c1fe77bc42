#include "image/journal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "image/core/bytes.hpp"
#include "image/failure.hpp"

namespace ballast::image {
namespace {

constexpr std::uint64_t journal_magic = 0x31524e4a54534c42;  // "BLSTJNR1"
constexpr std::size_t head_bytes = 64;
// A digest, and its first bytes once more, inverted: zeros and torn records do not look like one.
constexpr std::size_t echo_bytes = 8;
constexpr std::size_t record_bytes = sizeof(Digest) + echo_bytes;

using Head = std::array<std::byte, head_bytes>;
using Record = std::array<std::byte, record_bytes>;

Head head_of(const TransferId& transfer, std::uint64_t image_bytes) {
    Head head{};
    FieldWriter fields{head};
    fields.put(journal_magic);
    fields.put(std::span<const std::byte>{transfer});
    fields.put(image_bytes);
    fields.put(segment_bytes);
    return head;
}

std::uint64_t place_of(std::uint64_t segment) {
    return head_bytes + segment * record_bytes;
}

void echo(Record& record) {
    for (std::size_t i = 0; i < echo_bytes; ++i) {
        record[sizeof(Digest) + i] = ~record[i * 4];
    }
}

}  // namespace

Status SegmentJournal::open(const std::string& path, const TransferId& transfer, std::uint64_t image_bytes,
                            std::string& why) {
    segments_ = segments_of(image_bytes);
    BALLAST_CHECK(open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, file_, why));
    const Head head = head_of(transfer, image_bytes);
    Head there{};
    std::string ignored;
    resumed_ = read_exactly(file_, 0, there, ignored).ok() && there == head;
    if (resumed_) {
        return {};
    }
    if (::ftruncate(file_.fd.get(), 0) != 0) {
        return system_failure(path, "empty", errno, why);
    }
    return write_exactly(file_, 0, head, why);
}

Status SegmentJournal::open_temporary(const std::string& path, std::uint64_t image_bytes, std::string& why) {
    segments_ = segments_of(image_bytes);
    BALLAST_CHECK(open_file(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, file_, why));
    if (::unlink(path.c_str()) != 0) {
        return system_failure(path, "unlink", errno, why);
    }
    return {};
}

Status SegmentJournal::put(std::uint64_t segment, const Digest& digest, std::string& why) {
    Record record{};
    std::copy(digest.begin(), digest.end(), record.begin());
    echo(record);
    return write_exactly(file_, place_of(segment), record, why);
}

Status SegmentJournal::get(std::uint64_t segment, Digest& digest, bool& known, std::string& why) const {
    Record record{};
    const ssize_t got =
        ::pread(file_.fd.get(), record.data(), record.size(), static_cast<off_t>(place_of(segment)));
    if (got < 0) {
        return system_failure(file_.path, "read", errno, why);
    }
    Record expected = record;
    echo(expected);
    known = static_cast<std::size_t>(got) == record.size() && record == expected;
    std::copy_n(record.begin(), digest.size(), digest.begin());
    return {};
}

Status SegmentJournal::forget(std::uint64_t segment, std::string& why) {
    return write_exactly(file_, place_of(segment), Record{}, why);
}

Status SegmentJournal::remove(std::string& why) {
    if (::unlink(file_.path.c_str()) != 0 && errno != ENOENT) {
        return system_failure(file_.path, "remove", errno, why);
    }
    return {};
}

}  // namespace ballast::image
