// The image phase of a migration (docs/wan_migration.md), at both ends, and the making of indexes. What is
// done on an image is done by an image process; a worker connects it with the one at the other end.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/core.h>

#include "agent/disks/image_files.hpp"
#include "agent/image_users.hpp"
#include "agent/sketches.hpp"
#include "agent/transfer.hpp"
#include "agent/worker.hpp"
#include "shell/durable_file.hpp"
#include "shell/log.hpp"

namespace ballast::agent {
namespace {

// A round that sent so little leaves little for the one in which the guest stands still.
constexpr std::uint64_t round_bytes_little = 4 * 1024 * 1024;
constexpr std::uint32_t rounds_max = 8;
constexpr Duration result_timeout = seconds(60);

// The directories that an image's place lies in.
Status make_parents(const std::string& root, const std::string& path, std::string& why) {
    for (std::size_t slash = path.find('/', root.size() + 1); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
        BALLAST_CHECK(make_directory(path.substr(0, slash), why));
    }
    return {};
}

}  // namespace

void Worker::image_progress(const ImageReport& now) {
    const ImageRound& round = image_round_;
    effect_.image_done_bytes = round.done_bytes + now.done_bytes;
    effect_.image_wire_bytes = round.wire_bytes + now.sent_bytes + now.received_bytes;
    const std::int64_t took_ms = (mono_now() - round.begun).ms;
    const std::uint64_t done = effect_.image_done_bytes;
    const std::uint64_t left = effect_.image_bytes > done ? effect_.image_bytes - done : 0;
    effect_.time_left_ms =
        done == 0 ? 0
                  : static_cast<std::uint64_t>(static_cast<double>(left) / static_cast<double>(done) *
                                               static_cast<double>(took_ms));
    if (mono_now() >= next_progress_) {
        next_progress_ = mono_now() + milliseconds(400);
        report(WorkerNews::progress);
    }
}

void Worker::begin_image_round() {
    effect_.image_bytes = 0;
    for (const ImageDisk& disk : setup_.record.disks) {
        effect_.image_bytes += disk.size_bytes;
    }
    image_round_ = {.begun = mono_now(), .done_bytes = 0, .wire_bytes = effect_.image_wire_bytes};
    effect_.image_done_bytes = 0;
    ++effect_.image_rounds;
}

void Worker::end_image(const ImageDisk& disk, const ImageReport& last) {
    image_round_.done_bytes += disk.size_bytes;
    image_round_.wire_bytes += last.sent_bytes + last.received_bytes;
    effect_.image_done_bytes = image_round_.done_bytes;
    effect_.image_wire_bytes = image_round_.wire_bytes;
}

// The agent changes the limit, or is gone.
bool Worker::hear_limit(const ImageProcess& process) {
    WorkerCommand command;
    if (!receive_command(command)) {
        return false;
    }
    if (command.tell == Tell::limit) {
        setup_.record.bandwidth_mbps = command.bandwidth_mbps;
        process.limit(command.bandwidth_mbps);
    }
    return true;
}

// ---- source ----

// The images leave with this guest: they are renamed here, and deleted some day.
Status Worker::images_are_the_guests() {
    std::string why;
    const Status alone = check_sole_user(*hypervisor_, SaveFiles{std::string{setup_.save_dir.view()}},
                                         setup_.record.uuid, setup_.record.disks, why);
    return alone.ok() ? alone : failed(alone.fault(), why);
}

Status Worker::send_disk(BlockingLink& link, std::uint32_t number, bool last, std::uint64_t& sent_bytes) {
    const ImageDisk& disk = setup_.record.disks[number];
    image_began_bytes_ = link.bytes_sent();
    wire::MigrationImage begin;
    begin.disk = number;
    begin.last = last;
    if (!link.send(wire::Message{begin}).ok()) {
        return failed(Fault::connection_lost, "the connection broke before an image was copied");
    }
    ImageSetup setup;
    setup.task = ImageTask::send;
    setup.image = disk.path;
    setup.index_not_before_unix_ms = setup_.record.begun.unix_ms;
    setup.secret = setup_.image_secret;
    setup.guest = setup_.record.uuid;
    setup.device = disk.device;
    setup.first = !image_seen_[number];
    setup.bandwidth_mbps = setup_.record.bandwidth_mbps;
    const ImageEvents events{
        .on_progress = [this](const ImageReport& now) { image_progress(now); },
        .command_fd = worker_channel_fd,
        .on_command = [this](const ImageProcess& process) { return hear_limit(process); }};
    ImageReport ended;
    std::string why;
    const Status here =
        converse(link, setup, lock_.get(), silence_allowed(last, disk.size_bytes), events, ended, why);
    sent_bytes += ended.sent_bytes;
    end_image(disk, ended);
    wire::MigrationImage there;
    const Status heard = here.fault() == ended.fault || here.ok() ? hear_result(link, there) : Status{here};
    if (!here.ok() || !heard.ok()) {
        const Fault fault = here.ok() ? heard.fault() : here.fault();
        return failed(fault, fmt::format("{}: {}", disk.device.view(),
                                         here.ok() ? "the destination fell silent" : why));
    }
    if (there.fault != Fault::none) {
        return failed(there.fault, fmt::format("{}: {}", disk.device.view(), there.detail.view()));
    }
    image_seen_[number] = true;
    image_sent_bytes_ += link.bytes_sent() - *image_began_bytes_;
    image_began_bytes_.reset();
    return {};
}

Status Worker::hear_result(BlockingLink& link, wire::MigrationImage& out) {
    wire::Message message;
    wire::Chunk chunk;
    BALLAST_CHECK(link.receive(message, chunk, result_timeout));
    if (const auto* aborted = std::get_if<wire::MigrationAborted>(&message)) {
        out.fault = reason_of(*aborted);
        out.detail = aborted->detail;
        return {};
    }
    const auto* result = std::get_if<wire::MigrationImage>(&message);
    if (result == nullptr || result->step != wire::ImageStep::result) {
        return Err{Fault::protocol_violation};
    }
    out = *result;
    return {};
}

// Rounds while the guest runs; then the agent's word, and the destination's turn to take the memory.
Status Worker::copy_images(BlockingLink& link) {
    // What a worker before this one has sent counts as well: the connection broke, or it died.
    effect_.image_wire_bytes = setup_.record.effect.image_wire_bytes;
    effect_.image_rounds = setup_.record.effect.image_rounds;
    std::uint64_t before = UINT64_MAX;
    for (std::uint32_t round = 0; round < rounds_max; ++round) {
        begin_image_round();
        std::uint64_t sent_bytes = 0;
        for (std::uint32_t number = 0; number < setup_.record.disks.size(); ++number) {
            BALLAST_CHECK(send_disk(link, number, false, sent_bytes));
        }
        if (round > 0 && (sent_bytes <= round_bytes_little || sent_bytes >= before)) {
            break;
        }
        before = sent_bytes;
    }
    // The copying may have taken hours. The guest runs on for the moment: there is still a way back.
    BALLAST_CHECK(images_are_the_guests());
    report(WorkerNews::copied);
    const std::optional<WorkerCommand> go = next_command();
    if (!go || go->tell != Tell::go) {
        return failed(Fault::cancelled, "the agent called the transfer off");
    }
    wire::MigrationImage complete;
    complete.step = wire::ImageStep::complete;
    return link.send(wire::Message{complete}).ok()
               ? Status{}
               : failed(Fault::connection_lost, "the connection broke when the images were there");
}

// The guest is suspended: what it has written since the last round.
Status Worker::copy_rest(BlockingLink& link) {
    begin_image_round();
    std::uint64_t sent_bytes = 0;
    for (std::uint32_t number = 0; number < setup_.record.disks.size(); ++number) {
        BALLAST_CHECK(send_disk(link, number, true, sent_bytes));
    }
    return {};
}

// ---- destination ----

Status Worker::prepare_images(const wire::MigrationOpen& open) {
    for (const wire::MigrationDisk& disk : open.staying) {
        if (::access(std::string{disk.path.view()}.c_str(), R_OK) != 0) {
            return failed(Fault::storage_mismatch,
                          fmt::format("the disk {} ({}) stays, and is not usable on the destination: {}",
                                      disk.device.view(), disk.path.view(), std::strerror(errno)));
        }
    }
    const std::string root{setup_.images_directory.view()};
    setup_.record.disks = {};
    std::string why;
    for (const wire::MigrationDisk& disk : open.disks) {
        ImageDisk here{.device = disk.device, .path = {}, .size_bytes = disk.size_bytes};
        const std::string path = fmt::format("{}/{}", root, disk.path.view());
        if (!here.path.try_assign(path)) {
            return failed(Fault::protocol_violation, "the place of an image is too long");
        }
        if (const Status made = make_parents(root, path, why); !made.ok()) {
            return failed(made.fault(), why);
        }
        setup_.record.disks.push(here);
    }
    if (!images_vacant(setup_.record.disks, why)) {
        return failed(Fault::already_exists, why);
    }
    return image_program_there(why) ? Status{} : failed(Fault::unsupported, why);
}

// One conversation, in whichever thread receives from the link. Only a link that is of no use any more is a
// failure: what went wrong with the image is the source's to decide about.
Status Worker::take_disk(BlockingLink& link, const wire::MigrationImage& begin, std::string& why) {
    if (begin.step != wire::ImageStep::begin || begin.disk >= setup_.record.disks.size() ||
        begin.last != images_published_) {
        why = "the source speaks of an image that does not come now";
        return Err{Fault::protocol_violation};
    }
    const ImageDisk& disk = setup_.record.disks[begin.disk];
    const std::string path{disk.path.view()};
    const std::string incoming = path + incoming_image_suffix;
    ImageSetup setup;
    setup.task = ImageTask::receive;
    setup.image.assign_cut(begin.last ? path : incoming);  // the core has seen to it that all names fit
    setup.journal.assign_cut(incoming + journal_suffix);
    setup.directory = setup_.images_directory;
    setup.first = !image_seen_[begin.disk];
    ImageReport ended;
    const Status status =
        converse(link, setup, lock_.get(), silence_allowed(begin.last, disk.size_bytes), {}, ended, why);
    if (!status.ok() && status.fault() != ended.fault) {
        return status;
    }
    image_seen_[begin.disk] = status.ok();
    image_last_[begin.disk] = status.ok() && begin.last;
    wire::MigrationImage result;
    result.step = wire::ImageStep::result;
    result.disk = begin.disk;
    result.fault = status.fault();
    result.detail = std::string_view{why};
    return link.send(wire::Message{result});
}

Status Worker::fetch_images(BlockingLink& link) {
    for (;;) {
        wire::Message message;
        wire::Chunk chunk;
        const Status heard = link.receive(message, chunk, time_left());
        const auto* step = std::get_if<wire::MigrationImage>(&message);
        if (!heard.ok() || step == nullptr) {
            return failed(heard.ok() ? Fault::protocol_violation : heard.fault(),
                          "the source fell silent while images were coming");
        }
        if (step->step == wire::ImageStep::complete) {
            break;
        }
        std::string why;
        if (const Status taken = take_disk(link, *step, why); !taken.ok()) {
            return failed(taken.fault(), why);
        }
    }
    const auto missing = std::find(image_seen_.begin(), image_seen_.end(), false) - image_seen_.begin();
    if (const auto number = static_cast<std::size_t>(missing); number < setup_.record.disks.size()) {
        return failed(Fault::protocol_violation,
                      fmt::format("the source says that all images are there, and {} has not come",
                                  setup_.record.disks[number].device.view()));
    }
    WorkerReport fetched;
    fetched.news = WorkerNews::fetched;
    for (std::uint32_t number = 0; number < setup_.record.disks.size(); ++number) {
        fetched.file_ids[number] =
            file_id(std::string{setup_.record.disks[number].path.view()} + incoming_image_suffix);
    }
    report(fetched);
    const std::optional<WorkerCommand> go = next_command();
    return go && go->tell == Tell::go ? Status{}
                                      : failed(Fault::cancelled, "the agent called the transfer off");
}

Status Worker::publish() {
    std::string why;
    if (const Status status = publish_images(setup_.record.disks, why); !status.ok()) {
        return failed(status.fault(), why);
    }
    images_published_ = true;
    return {};
}

bool Worker::images_are_final() const noexcept {
    for (std::uint32_t number = 0; number < setup_.record.disks.size(); ++number) {
        if (!image_last_[number]) {
            return false;
        }
    }
    return true;
}

// ---- alone ----

Status Worker::image_index() {
    BALLAST_CHECK(lock_guest(setup_.record.uuid));
    begin_image_round();
    for (const ImageDisk& disk : setup_.record.disks) {
        ImageSetup setup;
        setup.task = ImageTask::index;
        setup.image = disk.path;
        setup.index_not_before_unix_ms = setup_.record.begun.unix_ms;
        const ImageEvents events{.on_progress = [this](const ImageReport& now) { image_progress(now); }};
        ImageReport ended;
        std::string why;
        const Status status = run_image_task(setup, lock_.get(), events, ended, why);
        if (!status.ok()) {
            return failed(status.fault(), fmt::format("{}: {}", disk.device.view(), why));
        }
        end_image(disk, ended);
    }
    BALLAST_CHECK(sketch_disks());
    report(WorkerNews::done);
    return {};
}

// For the controller, which does not see the images.
Status Worker::sketch_disks() {
    ImageSetup setup;
    setup.task = ImageTask::sketch;
    for (const ImageDisk& disk : setup_.record.disks) {
        setup.images.push(disk.path);
    }
    setup.journal.assign_cut(guest_sketch_path(std::string{setup_.sketches.view()}, setup_.record.uuid));
    ImageReport ended;
    std::string why;
    const Status status = run_image_task(setup, lock_.get(), {}, ended, why);
    return status.ok() ? status : failed(status.fault(), why);
}

Status Worker::image_sweep() {
    sweep_images(std::string{setup_.images_directory.view()}, setup_.images_keep_hours, wall_now());
    ImageSetup setup;
    setup.task = ImageTask::sketch;
    setup.directory = setup_.images_directory;
    setup.journal.assign_cut(host_sketch_path(std::string{setup_.sketches.view()}));
    ImageReport ended;
    std::string why;
    if (const Status status = run_image_task(setup, -1, {}, ended, why); !status.ok()) {
        log_warning("no sample of this host's images: {}", why);
    }
    return {};
}

}  // namespace ballast::agent
