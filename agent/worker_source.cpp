// The source's worker of a migration, and the one that asks what became of it (docs/migration.md).
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include <fmt/core.h>

#include "agent/transfer.hpp"
#include "agent/worker.hpp"

namespace ballast::agent {
namespace {

constexpr Duration answer_timeout = seconds(20);
// For what a peer may have said before the connection broke: it is here already, or never.
constexpr Duration last_word_timeout = milliseconds(200);
// The destination answers COMMIT when its copy runs: two syncs and a hypercall.
constexpr Duration started_timeout = seconds(30);

// The next message that this version knows; a chunk is none.
Status receive_message(BlockingLink& link, wire::Message& out, Duration timeout) {
    do {
        wire::Chunk chunk;
        out = std::monostate{};
        BALLAST_CHECK(link.receive(out, chunk, timeout));
        if (!chunk.data.empty()) {
            return Err{Fault::protocol_violation};
        }
    } while (std::holds_alternative<std::monostate>(out));
    return {};
}

}  // namespace

void watch_peer_host(int fd) noexcept {
    const int on = 1;
    const int idle_s = 5;
    const int probes = 3;
    const unsigned int unacknowledged_ms = 20'000;
    ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle_s, sizeof idle_s);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// Places below the directory of images: the destination has one of its own.
FixedVector<wire::MigrationDisk, limits::disks_per_domain_max> Worker::disks_to_announce() const {
    FixedVector<wire::MigrationDisk, limits::disks_per_domain_max> disks;
    for (const ImageDisk& disk : setup_.record.disks) {
        disks.push({.device = disk.device,
                    .path = disk.path.view().substr(setup_.images_directory.size() + 1),
                    .size_bytes = disk.size_bytes});
    }
    return disks;
}

// Disks that do not go along: shared ones, and whatever the guest only reads. Of these a large image has
// nothing to arrive for where they are not.
Status Worker::disks_to_stay(FixedVector<wire::MigrationDisk, limits::disks_per_domain_max>& out) {
    Domain domain;
    BALLAST_CHECK(find(domain));
    DiskList disks;
    if (const Status listed = hypervisor_->disks(domain, disks); !listed.ok()) {
        return failed_call(listed.fault(), "what disks the guest has cannot be found out");
    }
    for (const DiskSpec& disk : disks) {
        const auto same = [&disk](const ImageDisk& moved) { return moved.device == disk.device; };
        if (disk.target.view().starts_with('/') &&
            std::none_of(setup_.record.disks.begin(), setup_.record.disks.end(), same)) {
            out.push({.device = disk.device, .path = disk.target, .size_bytes = 0});
        }
    }
    return {};
}

Status Worker::migrate_out() {
    const JobRecord& record = setup_.record;
    BALLAST_CHECK(open_hypervisor_of_host());
    if (record.copy_storage) {
        // Before the connection: the destination does not wait for long until it hears what comes.
        BALLAST_CHECK(images_are_the_guests());
    }
    BALLAST_CHECK(dial());
    BlockingLink* const link = link_.get();
    watch_peer_host(link->fd());
    BALLAST_CHECK(lock_guest(record.uuid));
    wire::MigrationOpen open{.version = limits::protocol_version,
                             .migration_id = record.migration_id,
                             .uuid = record.uuid,
                             .name = record.name,
                             .source_host = setup_.host_name,
                             .memory_kib = record.memory_kib,
                             .can_zstd = true,
                             .can_lz4 = true,
                             .copy_storage = record.copy_storage,
                             .disks = disks_to_announce(),
                             .page_references = record.copy_storage && setup_.page_references,
                             .staying = {}};
    if (record.copy_storage) {
        BALLAST_CHECK(disks_to_stay(open.staying));
    }
    if (!link->send(wire::Message{open}).ok()) {
        return failed(Fault::connection_lost, "the destination closed the connection at once");
    }
    wire::Message answer;
    const Status heard = receive_message(*link, answer, answer_timeout);
    if (!heard.ok()) {
        return failed(heard.fault(), "the destination did not answer");
    }
    const auto* accept = std::get_if<wire::MigrationAccept>(&answer);
    if (accept == nullptr) {
        return failed(Fault::protocol_violation,
                      "the destination answered with something else than yes or no");
    }
    if (!accept->accepted) {
        return failed(accept->fault == Fault::none ? Fault::peer_refused : accept->fault, accept->detail);
    }
    page_references_ = open.page_references && accept->page_references;
    WorkerReport accepted;
    accepted.news = WorkerNews::accepted;
    accepted.journal_id = accept->journal_id;
    report(accepted);
    const std::optional<WorkerCommand> go = next_command();
    if (!go || go->tell != Tell::go) {
        return failed(Fault::cancelled, "the agent called the transfer off");
    }
    if (record.copy_storage) {
        BALLAST_CHECK(copy_images(*link));
    }
    BALLAST_CHECK(send_guest(*link));
    unlock_guest();
    return commit(*link);
}

// Sends the image and waits until the destination has restored it.
Status Worker::send_guest(BlockingLink& link) {
    Domain domain;
    BALLAST_CHECK(find(domain));
    ImageSender sender{link, setup_.compression, setup_.record.copy_storage};
    if (sender.image_fd() < 0) {
        return failed(Fault::io_failed, "no socket pair for the image");
    }
    if (page_references_) {
        BALLAST_CHECK(start_memory_filter(ImageTask::pack_memory, sender.image_fd()));
    }
    sender_ = &sender;
    Status called = hypervisor_->send_image(domain, memory_filter_ ? memory_filter_->fd() : sender.image_fd(),
                                            setup_.record.mode, *this);
    const Instant ended = mono_now();
    sender_ = nullptr;
    if (memory_filter_) {
        const Status packed = finish_memory_filter();
        called = called.ok() ? packed : called;
    }
    if (setup_.record.copy_storage && called.ok()) {
        // Until the last piece of the stream is there, the destination attaches no disk.
        suspended_ = suspended_ == Instant{} ? ended : suspended_;
        if (const Status drained = sender.drain(); !drained.ok()) {
            return broke_off(link, drained.fault());
        }
        BALLAST_CHECK(copy_rest(link));
    }
    const Status relayed = sender.finish(called.ok());
    effect_.memory_bytes = memory_filter_ ? effect_.memory_bytes : sender.image_bytes();
    effect_.compression = sender.compression();
    if (!relayed.ok()) {
        return broke_off(link, relayed.fault());
    }
    if (!called.ok()) {
        return failed_call(called.fault(), "the guest's memory cannot be sent");
    }
    suspended_ = suspended_ == Instant{} ? ended : suspended_;
    wire::Message answer;
    const Status heard = receive_message(link, answer, time_left());
    if (!heard.ok()) {
        return failed(heard.fault(), "the destination fell silent before it had restored the guest");
    }
    if (const auto* aborted = std::get_if<wire::MigrationAborted>(&answer)) {
        return refused(*aborted);
    }
    return std::holds_alternative<wire::MigrationReady>(answer)
               ? Status{}
               : failed(Fault::protocol_violation, "the destination answered the image with something else");
}

// The image did not get through: by a word of the destination (`cancelled`), or it may have said one before
// it closed.
Status Worker::broke_off(BlockingLink& link, Fault fault) {
    const bool spoke = fault == Fault::cancelled;
    wire::Message last;
    const Status heard = receive_message(link, last, spoke ? answer_timeout : last_word_timeout);
    if (const auto* aborted = std::get_if<wire::MigrationAborted>(&last); heard.ok() && aborted != nullptr) {
        return refused(*aborted);
    }
    if (spoke && heard.ok()) {
        return failed(Fault::protocol_violation, "the destination answered the image before its end");
    }
    return failed(spoke ? heard.fault() : fault,
                  "the connection to the destination broke during the transfer");
}

Status Worker::refused(const wire::MigrationAborted& word) {
    return failed(reason_of(word), word.detail);
}

// The guest is restored and paused there: gives the right to run away, when the agent has that on disk.
Status Worker::commit(BlockingLink& link) {
    report(WorkerNews::ready);
    const std::optional<WorkerCommand> command = next_command();
    if (!command || command->tell != Tell::commit) {
        return failed(Fault::cancelled, "the agent called the hand-over off");
    }
    const Uuid& id = setup_.record.migration_id;
    if (!link.send(wire::Message{wire::MigrationCommit{id}}).ok()) {
        return failed(Fault::connection_lost,
                      "the connection broke when the right to run was being given away");
    }
    wire::Message answer;
    const Status heard = receive_message(link, answer, started_timeout);
    if (!heard.ok()) {
        return failed(heard.fault(), "the destination fell silent after the right to run was given away");
    }
    if (const auto* started = std::get_if<wire::MigrationStarted>(&answer)) {
        if (started->migration_id == id) {
            effect_.downtime_ms = static_cast<std::uint32_t>((mono_now() - suspended_).ms);
            report(WorkerNews::started);
            return {};
        }
    }
    if (const auto* aborted = std::get_if<wire::MigrationAborted>(&answer)) {
        if (aborted->migration_id == id) {
            WorkerReport news;
            news.news = WorkerNews::aborted;
            news.fault = reason_of(*aborted);
            news.detail = aborted->detail;
            report(news);
            return {};
        }
    }
    return failed(Fault::protocol_violation, "the destination answered the right to run with something else");
}

Status Worker::ask() {
    BALLAST_CHECK(dial());
    BlockingLink* const link = link_.get();
    watch_peer_host(link->fd());
    const JobRecord& record = setup_.record;
    const wire::MigrationAsk question{.version = limits::protocol_version,
                                      .migration_id = record.migration_id,
                                      .uuid = record.uuid,
                                      .source_host = setup_.host_name,
                                      .journal_id = record.journal_id};
    wire::Message answer;
    if (!link->send(wire::Message{question}).ok() || !receive_message(*link, answer, answer_timeout).ok()) {
        return failed(Fault::connection_lost, "the destination did not say what became of the migration");
    }
    const auto* verdict = std::get_if<wire::MigrationVerdict>(&answer);
    if (verdict == nullptr || verdict->migration_id != record.migration_id) {
        return failed(Fault::protocol_violation, "the destination answered another question");
    }
    WorkerReport news;
    news.news = WorkerNews::verdict;
    news.verdict = verdict->verdict;
    report(news);
    return {};
}

}  // namespace ballast::agent
