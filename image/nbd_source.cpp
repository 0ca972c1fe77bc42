#include "image/nbd_source.hpp"

#include <libnbd.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <vector>

#include "image/failure.hpp"

namespace ballast::image {
namespace {

constexpr const char* status_context = "base:allocation";
// One question about holes covers so much, and one answer holds so many stretches.
constexpr std::uint64_t status_bytes_max = std::uint64_t{1} << 30;
// Parts of one read that are asked for at once: qemu-nbd reads one while it sends another.
constexpr std::size_t part_bytes = 128 * 1024;
constexpr std::size_t parts_max = 8;

struct CloseNbd {
    void operator()(nbd_handle* handle) const { nbd_close(handle); }
};

std::string nbd_reason() {
    const char* reason = nbd_get_error();
    return reason != nullptr ? reason : "unknown reason";
}

class NbdSource final : public ImageSource {
  public:
    NbdSource(std::unique_ptr<nbd_handle, CloseNbd> handle, std::string path, std::uint64_t size_bytes)
        : handle_{std::move(handle)}, path_{std::move(path)}, size_bytes_{size_bytes} {
        knows_holes_ = nbd_can_meta_context(handle_.get(), status_context) == 1;
    }

    std::uint64_t size_bytes() const noexcept override { return size_bytes_; }

    Status read(std::uint64_t offset, std::span<std::byte> into, std::string& why) override {
        if (offset > size_bytes_ || into.size() > size_bytes_ - offset) {
            return content_failure(path_, "read beyond its end", Fault::image_corrupt, why);
        }
        const std::lock_guard lock{conversation_};
        const Status status = read_parts(offset, into);
        if (!status.ok()) {
            // Answers that are still to come would be written to where the caller has given up.
            broken_ = true;
            return content_failure(path_, "cannot read through qemu-nbd: " + nbd_reason(), Fault::io_failed,
                                   why);
        }
        return {};
    }

    Status next_data(std::uint64_t offset, Extent& data, std::string& why) override {
        data = {.offset = offset, .length = 0};
        while (data.offset < size_bytes_) {
            if (!(answer_.offset <= data.offset && data.offset < answer_.end())) {
                const std::lock_guard lock{conversation_};
                BALLAST_CHECK(ask(data.offset, why));
            }
            if (!answer_zero_) {
                data.length = answer_.end() - data.offset;
                return {};
            }
            data.offset = answer_.end();
        }
        return {};
    }

    // Who reads waits for who reads already, but may do other things while the other one does.
    bool can_be_shared() const noexcept override { return true; }
    bool dear_to_ask() const noexcept override { return true; }

    Status identity(ImageIdentity& out, std::string& why) const override {
        BALLAST_CHECK(file_identity(path_, out, why));
        out.kind = ImageKind::qcow2;
        out.size_bytes = size_bytes_;
        return {};
    }

  private:
    // Stretches of a question's answer, merged while they are of one kind.
    struct Answer {
        Extent first;
        bool zero = false;
        bool complete = false;  // a stretch of the other kind has been seen
    };
    static int take_extents(void* user, const char* context, std::uint64_t, std::uint32_t* entries,
                            std::size_t count, int*) {
        auto& answer = *static_cast<Answer*>(user);
        if (std::string_view{context} != status_context) {
            return 0;
        }
        for (std::size_t i = 0; i + 1 < count && !answer.complete; i += 2) {
            const bool zero = (entries[i + 1] & LIBNBD_STATE_ZERO) != 0;
            if (answer.first.length > 0 && zero != answer.zero) {
                answer.complete = true;
                break;
            }
            answer.zero = zero;
            answer.first.length += entries[i];
        }
        return 0;
    }

    Status read_parts(std::uint64_t offset, std::span<std::byte> into) {
        std::array<std::int64_t, parts_max> cookies{};
        std::size_t asked = 0;
        std::size_t come = 0;
        while (!broken_ && (!into.empty() || come < asked)) {
            while (!into.empty() && asked - come < parts_max) {
                const std::size_t count = std::min(into.size(), part_bytes);
                const std::int64_t cookie = nbd_aio_pread(handle_.get(), into.data(), count, offset, {}, 0);
                if (cookie < 0) {
                    return Err{Fault::io_failed};
                }
                cookies[asked++ % parts_max] = cookie;
                into = into.subspan(count);
                offset += count;
            }
            const int done = nbd_aio_command_completed(handle_.get(),
                                                       static_cast<std::uint64_t>(cookies[come % parts_max]));
            if (done < 0 || (done == 0 && nbd_poll(handle_.get(), -1) < 0)) {
                return Err{Fault::io_failed};
            }
            come += done > 0 ? 1 : 0;
        }
        return broken_ ? Status{Err{Fault::io_failed}} : Status{};
    }

    Status ask(std::uint64_t offset, std::string& why) {
        Answer answer{.first = {.offset = offset, .length = 0}};
        const std::uint64_t count = std::min(size_bytes_ - offset, status_bytes_max);
        if (!knows_holes_) {
            answer.first.length = count;
        } else if (nbd_block_status(handle_.get(), count, offset,
                                    {.callback = take_extents, .user_data = &answer, .free = nullptr},
                                    0) != 0) {
            return content_failure(path_, "cannot ask qemu-nbd for holes: " + nbd_reason(), Fault::io_failed,
                                   why);
        }
        answer.first.length = std::min(answer.first.length, size_bytes_ - offset);
        if (answer.first.length == 0) {
            return content_failure(path_, "qemu-nbd gave an empty answer about holes", Fault::io_failed, why);
        }
        answer_ = answer.first;
        answer_zero_ = answer.zero;
        return {};
    }

    std::unique_ptr<nbd_handle, CloseNbd> handle_;
    std::string path_;
    std::uint64_t size_bytes_;
    bool knows_holes_ = false;
    std::mutex conversation_;  // the connection has one
    bool broken_ = false;
    Extent answer_;
    bool answer_zero_ = false;
};

}  // namespace

std::unique_ptr<ImageSource> open_qcow2(const std::string& path, std::string& why) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        static_cast<void>(system_failure(path, "open", errno, why));
        return nullptr;
    }
    std::unique_ptr<nbd_handle, CloseNbd> handle{nbd_create()};
    // The file's name goes in an option of its own, so that no character in it means anything to QEMU; a
    // writer elsewhere holds a lock on the image, which a reader of a live image must not mind.
    std::string name = "file.filename=";
    for (const char c : path) {
        name += c == ',' ? ",," : std::string{c};
    }
    const std::string options = "driver=qcow2,file.driver=file,file.locking=off," + name;
    std::vector<std::string> words{"qemu-nbd", "--read-only", "--image-opts", options};
    std::vector<char*> arguments;
    for (std::string& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    if (!handle || nbd_add_meta_context(handle.get(), status_context) != 0 ||
        nbd_connect_systemd_socket_activation(handle.get(), arguments.data()) != 0) {
        why = path + ": cannot be read through qemu-nbd (package qemu-utils): " + nbd_reason();
        return nullptr;
    }
    const std::int64_t size = nbd_get_size(handle.get());
    if (size < 0) {
        why = path + ": qemu-nbd does not say its size: " + nbd_reason();
        return nullptr;
    }
    return std::make_unique<NbdSource>(std::move(handle), path, static_cast<std::uint64_t>(size));
}

}  // namespace ballast::image
