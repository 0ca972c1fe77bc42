#include "agent/images/tasks.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "agent/images/sketch.hpp"
#include "image/index_build.hpp"
#include "image/index_file.hpp"
#include "image/sender.hpp"
#include "shell/durable_file.hpp"
#include "shell/hmac.hpp"
#include "shell/random.hpp"

namespace ballast::agent {
namespace {

constexpr int report_every_ms = 300;
constexpr int background_nice = 10;
// What must stay free where an image goes: the file system is its guests' and dom0's as well.
constexpr std::uint64_t reserve_bytes = 64ull * 1024 * 1024;
// Sorting buffers, so that the whole process stays within 64 MiB beside zstd and the libraries.
constexpr std::size_t index_sort_bytes = 32ull * 1024 * 1024;
constexpr std::size_t secret_bytes = 32;

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span{text.data(), text.size()});
}

}  // namespace

ImageWork::ImageWork(const ImageSetup& setup) : setup_{setup}, image_{setup.image.view()} {
    control_.bandwidth_mbps = setup.bandwidth_mbps;
}

ImageWork::~ImageWork() {
    over_ = true;
    if (attendant_.joinable()) {
        attendant_.join();
    }
}

bool ImageWork::run() {
    // Nobody waits for an index or a sample, but guests wait for dom0's back ends.
    if (setup_.task == ImageTask::index || setup_.task == ImageTask::sketch) {
        (void)::setpriority(PRIO_PROCESS, 0, background_nice);
    }
    attendant_ = std::thread{[this] { attend(); }};
    std::string why;
    Status status;
    switch (setup_.task) {
        case ImageTask::index: status = index(why); break;
        case ImageTask::send: status = send(why); break;
        case ImageTask::receive: status = receive(why); break;
        case ImageTask::sketch: status = sketch(why); break;
        case ImageTask::pack_memory: status = pack_memory(why); break;
        case ImageTask::unpack_memory: status = unpack_memory(why); break;
    }
    over_ = true;
    attendant_.join();
    if (status.ok()) {
        report(ImageReport::Kind::done, Fault::none, {});
    } else {
        report(ImageReport::Kind::failed, status.fault(), why);
    }
    return status.ok();
}

void ImageWork::report(ImageReport::Kind kind, Fault fault, std::string_view detail) {
    ImageReport report;
    report.kind = kind;
    report.fault = fault;
    report.detail = detail;
    report.image_bytes = control_.image_bytes;
    report.done_bytes = control_.done_bytes;
    report.sent_bytes = control_.sent_bytes;
    report.received_bytes = control_.received_bytes;
    (void)::send(image_channel_fd, &report, sizeof report, MSG_NOSIGNAL);
}

void ImageWork::attend() {
    while (!over_) {
        pollfd entry{.fd = image_channel_fd, .events = POLLIN, .revents = 0};
        if (::poll(&entry, 1, report_every_ms) > 0) {
            ImageCommand command;
            if (::recv(image_channel_fd, &command, sizeof command, 0) !=
                static_cast<ssize_t>(sizeof command)) {
                return;  // the worker is gone, and this process soon
            }
            control_.bandwidth_mbps = command.bandwidth_mbps;
            if (command.settle_bytes != 0) {
                const std::lock_guard lock{settling_};
                settle_bytes_ = command.settle_bytes;
                settle();
            }
        }
        report(ImageReport::Kind::progress, Fault::none, {});
    }
}

// With the lock held.
void ImageWork::settle() {
    if (settle_bytes_ != 0 && dealt_bytes_ >= settle_bytes_) {
        settle_bytes_ = 0;
        report(ImageReport::Kind::settled, Fault::none, {});
    }
}

Status ImageWork::refresh_index(image::SeenSegments* seen, std::string& why) {
    const std::string path = image_ + index_suffix;
    std::string ignored;
    if (const auto there = image::IndexFile::open(path, ignored)) {
        image::ImageIdentity now;
        const bool same = image::file_identity(image_, now, ignored).ok() &&
                          image::freshness(there->header(), now) == image::Freshness::fresh;
        const bool usable = there->header().levels.size() == 2;
        if (usable && (same || there->header().built_unix_ms >= setup_.index_not_before_unix_ms)) {
            return {};
        }
    }
    image::IndexOptions options;
    options.two_levels = true;
    options.format = image::ImageFormat::raw;
    options.sort_bytes = index_sort_bytes;
    options.seen = seen;
    options.progress = [this](std::uint64_t done, std::uint64_t total) {
        if (setup_.task == ImageTask::index) {
            control_.image_bytes = total;
            control_.done_bytes = done;
        }
        return true;
    };
    image::IndexResult result;
    return image::build_index(image_, path, options, result, why);
}

Status ImageWork::index(std::string& why) {
    return refresh_index(nullptr, why);
}

Status ImageWork::sketch(std::string& why) {
    SketchMaker maker;
    for (const Path& path : setup_.images) {
        BALLAST_CHECK(maker.add(std::string{path.view()}, true, why));
    }
    if (setup_.images.empty()) {
        // What an incoming image would be copied from; an index that cannot be used there counts here as
        // little.
        std::string ignored;
        for (const image::LocalImage& image : local_images()) {
            (void)maker.add(image.path, false, ignored);
        }
        maker.set_write_speed(written_so_far().bytes_per_second());
    }
    return write_durable(std::string{setup_.journal.view()}, encode(maker.sketch()), why);
}

Status ImageWork::read_secret(std::string& secret, std::string& why) const {
    const std::string path{setup_.secret.view()};
    Status status = read_bounded(path, secret_bytes, secret, why);
    if (status.fault() == Fault::not_found) {
        secret.resize(secret_bytes);
        random_bytes(std::as_writable_bytes(std::span{secret.data(), secret.size()}));
        status = write_durable(path, secret, why);
    }
    if (!status.ok()) {
        return status;
    }
    if (secret.size() != secret_bytes) {
        why = path + " does not hold " + std::to_string(secret_bytes) +
              " bytes: delete it, and transfers begin anew";
        return Err{Fault::image_corrupt};
    }
    return {};
}

Status ImageWork::derive_block_seed(std::uint64_t& seed, std::string& why) const {
    std::string secret;
    BALLAST_CHECK(read_secret(secret, why));
    HmacSha256 mac{bytes_of(secret)};
    mac.add(bytes_of("blocks "));
    mac.add(std::as_bytes(std::span{setup_.guest.bytes}));
    const Sha256 digest = mac.finish();
    std::memcpy(&seed, digest.data(), sizeof seed);
    return {};
}

Status ImageWork::derive(image::TransferId& id, image::TransferKey& key, std::string& why) const {
    std::string secret;
    BALLAST_CHECK(read_secret(secret, why));
    HmacSha256 mac{bytes_of(secret)};
    const auto say = [&](std::string_view purpose) {
        mac.add(bytes_of(purpose));
        mac.add(std::as_bytes(std::span{setup_.guest.bytes}));
        mac.add(bytes_of(setup_.device.view()));
        return mac.finish();
    };
    const Sha256 name = say("transfer ");
    std::copy_n(name.begin(), id.size(), id.begin());
    key = say("digests ");
    return {};
}

Status ImageWork::send(std::string& why) {
    // The conversation begins with our greeting: the other side waits while the index is made.
    image::SendOptions options;
    BALLAST_CHECK(derive(options.transfer, options.key, why));
    BALLAST_CHECK(derive_block_seed(options.block_seed, why));
    image::SeenSegments seen{{.key = options.key, .block_seed = options.block_seed}};
    if (setup_.first) {
        BALLAST_CHECK(seen.create(image_ + ".work-seen", why));
        BALLAST_CHECK(refresh_index(&seen, why));
        options.seen = &seen;
    }
    options.image = image_;
    options.format = image::ImageFormat::raw;
    options.index = image_ + index_suffix;
    options.work_prefix = image_ + ".work-";
    options.sent_blocks = image_ + sent_suffix;
    options.match_blocks = setup_.first;
    image::SocketStream stream{UniqueFd{image_stream_fd}};
    image::ImageSender sender{std::move(options), control_};
    return sender.run(stream, why);
}

std::vector<image::LocalImage> ImageWork::local_images() const {
    std::vector<image::LocalImage> found;
    std::error_code over;
    std::filesystem::recursive_directory_iterator files{std::string{setup_.directory.view()}, over};
    for (; !over && files != std::filesystem::end(files); files.increment(over)) {
        std::string path = files->path().string();
        if (path.ends_with(index_suffix)) {
            path.resize(path.size() - std::strlen(index_suffix));
            if (path != image_) {
                found.push_back(
                    {.path = path, .index = path + index_suffix, .format = image::ImageFormat::raw});
            }
        }
    }
    // The same ones in the same order, whatever the file system says first.
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    if (found.size() > image::local_images_max) {
        found.resize(image::local_images_max);
    }
    return found;
}

Status ImageWork::receive(std::string& why) {
    image::ReceiveOptions options;
    options.target = image_;
    options.journal = setup_.journal.view();
    options.locals = setup_.first ? local_images() : std::vector<image::LocalImage>{};
    options.last_round = false;  // the journal stays until the guest runs here: it may come again
    options.trust_journal = !setup_.first;
    options.reread = image::Reread::written;
    options.reserve_bytes = reserve_bytes;
    image::SocketStream stream{UniqueFd{image_stream_fd}};
    image::ImageReceiver receiver{std::move(options), control_};
    const Status status = receiver.run(stream, why);
    remember_written(receiver.report());
    return status;
}

WrittenFile ImageWork::written_so_far() const {
    std::string content;
    std::string ignored;
    const std::string path = std::string{setup_.directory.view()} + "/" + written_name;
    return read_bounded(path, written_file_bytes_max, content, ignored).ok() ? decode_written(content)
                                                                             : WrittenFile{};
}

// An image that has come is none the worse when this cannot be kept.
void ImageWork::remember_written(const image::ReceiveReport& report) const {
    const WrittenFile before = written_so_far();
    const WrittenFile after = joined(before, {.bytes = report.disk_bytes, .nanoseconds = report.disk_ns});
    std::string ignored;
    if (after.bytes != before.bytes) {
        (void)write_durable(std::string{setup_.directory.view()} + "/" + written_name, encode(after),
                            ignored);
    }
}

}  // namespace ballast::agent
