#include "xen_glue/xen/image_io.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>
#include <utility>

namespace ballast::xen {
namespace {

constexpr std::string_view sixteen = "LibxlFmt\1\2\3\4\5\6\7\10";
static_assert(sixteen.size() == stream_header_bytes);

class Fd {
  public:
    explicit Fd(int fd) : fd_{fd} {}
    Fd(Fd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    Fd& operator=(Fd&&) = delete;
    ~Fd() { close_now(); }
    int get() const { return fd_; }
    void close_now() {
        if (fd_ >= 0) {
            ::close(std::exchange(fd_, -1));
        }
    }

  private:
    int fd_;
};

struct Channel {
    Fd in;   // to read from
    Fd out;  // to write to
};

Channel pipe_channel() {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    return {Fd{ends[0]}, Fd{ends[1]}};
}

Channel socket_channel() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    return {Fd{ends[0]}, Fd{ends[1]}};
}

// Reads and writes through one offset each, as two opens of one file.
Channel file_channel() {
    char path[] = "/tmp/ballast-image-io-XXXXXX";
    const int out = mkostemp(path, O_CLOEXEC);
    const int in = ::open(path, O_RDONLY | O_CLOEXEC);
    ::unlink(path);
    EXPECT_TRUE(out >= 0 && in >= 0);
    return {Fd{in}, Fd{out}};
}

void put(const Channel& channel, std::string_view bytes) {
    ASSERT_EQ(::write(channel.out.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
}

std::string text_of(const std::array<std::byte, stream_header_bytes>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Kind {
    const char* name;
    Channel (*make)();
};

class ImageIo : public testing::TestWithParam<Kind> {};

TEST_P(ImageIo, PeekingTakesNothingAway) {
    const Channel channel = GetParam().make();
    put(channel, std::string{sixteen} + "rest");
    std::array<std::byte, stream_header_bytes> seen{};
    std::string why;
    ASSERT_TRUE(peek_stream_header(channel.in.get(), seen, why).ok()) << why;
    EXPECT_EQ(text_of(seen), sixteen);
    std::string all(sixteen.size() + 4, '\0');
    ASSERT_TRUE(read_exactly(channel.in.get(), std::as_writable_bytes(std::span{all}), why).ok()) << why;
    EXPECT_EQ(all, std::string{sixteen} + "rest");
}

TEST_P(ImageIo, PeekingAtAnInputThatEndsTooSoonIsACorruptImage) {
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{15}}) {
        Channel channel = GetParam().make();
        put(channel, sixteen.substr(0, length));
        channel.out.close_now();
        std::array<std::byte, stream_header_bytes> seen{};
        std::string why;
        EXPECT_EQ(peek_stream_header(channel.in.get(), seen, why).fault(), Fault::image_corrupt) << length;
        EXPECT_FALSE(why.empty());
    }
}

TEST_P(ImageIo, AHeadIsReadAndTheStreamLeftWhereItBegins) {
    const Channel channel = GetParam().make();
    put(channel, format_image_head(R"({"a":1})") + std::string{sixteen});
    std::string json;
    std::string why;
    ASSERT_TRUE(read_image_head(channel.in.get(), json, why).ok()) << why;
    EXPECT_EQ(json, R"({"a":1})");
    std::array<std::byte, stream_header_bytes> seen{};
    ASSERT_TRUE(peek_stream_header(channel.in.get(), seen, why).ok()) << why;
    EXPECT_EQ(text_of(seen), sixteen);
}

TEST_P(ImageIo, EveryTruncationOfAHeadIsACorruptImage) {
    const std::string head = format_image_head(R"({"a":1})");
    for (std::size_t length = 0; length < head.size(); ++length) {
        Channel channel = GetParam().make();
        put(channel, head.substr(0, length));
        channel.out.close_now();
        std::string json;
        std::string why;
        EXPECT_EQ(read_image_head(channel.in.get(), json, why).fault(), Fault::image_corrupt) << length;
    }
}

INSTANTIATE_TEST_SUITE_P(Kinds, ImageIo,
                         testing::Values(Kind{"pipe", &pipe_channel}, Kind{"socket", &socket_channel},
                                         Kind{"file", &file_channel}),
                         [](const auto& tested) { return tested.param.name; });

class SlowImageIo : public ImageIo {};

TEST_P(SlowImageIo, WaitsForAHeaderThatComesInPieces) {
    const Channel channel = GetParam().make();
    // Non-blocking, as a socket from an event loop is.
    fcntl(channel.in.get(), F_SETFL, O_NONBLOCK);
    std::thread writer{[&] {
        for (const char& c : sixteen) {
            put(channel, {&c, 1});
            std::this_thread::yield();
        }
    }};
    std::array<std::byte, stream_header_bytes> seen{};
    std::string why;
    const Status peeked = peek_stream_header(channel.in.get(), seen, why);
    writer.join();
    ASSERT_TRUE(peeked.ok()) << why;
    EXPECT_EQ(text_of(seen), sixteen);
    EXPECT_NE(fcntl(channel.in.get(), F_GETFL) & O_NONBLOCK, 0) << "the descriptor must be left as it was";
}

INSTANTIATE_TEST_SUITE_P(Kinds, SlowImageIo,
                         testing::Values(Kind{"pipe", &pipe_channel}, Kind{"socket", &socket_channel}),
                         [](const auto& tested) { return tested.param.name; });

class ImageIoFailure : public testing::Test {
  protected:
    static void SetUpTestSuite() { std::signal(SIGPIPE, SIG_IGN); }
};

TEST_F(ImageIoFailure, WritingToAPeerThatIsGoneIsALostConnection) {
    for (Channel (*make)() : {&pipe_channel, &socket_channel}) {
        Channel channel = make();
        EXPECT_TRUE(writable_end_is_healthy(channel.out.get()));
        channel.in.close_now();
        EXPECT_FALSE(writable_end_is_healthy(channel.out.get()));
        std::string why;
        EXPECT_EQ(write_all(channel.out.get(), "x", why).fault(), Fault::connection_lost);
    }
}

TEST_F(ImageIoFailure, AFullFileSystemIsNamed) {
    const Fd full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
    std::string why;
    EXPECT_EQ(write_all(full.get(), "x", why).fault(), Fault::no_disk_space);
}

TEST_F(ImageIoFailure, AnImageIsNotReadFromATerminalLikeThing) {
    const Fd null{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    std::array<std::byte, stream_header_bytes> seen{};
    std::string why;
    EXPECT_EQ(peek_stream_header(null.get(), seen, why).fault(), Fault::invalid_argument);
}

}  // namespace
}  // namespace ballast::xen
