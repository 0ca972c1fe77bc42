// The worker of a connection that another agent has opened: a guest comes, or a source asks
// (docs/migration.md).
#include <fmt/core.h>

#include "agent/transfer.hpp"
#include "agent/worker.hpp"

namespace ballast::agent {
namespace {

// A source that sends nothing at all for so long is gone; a live one's rounds pause for its guest's dirty
// pages only.
constexpr Duration image_silence = seconds(60);
constexpr Duration first_message_timeout = seconds(10);

}  // namespace

Status Worker::incoming() {
    std::string why;
    const LinkOptions options = link_options({}, why);
    if (!setup_.plain && !options.tls) {
        return failed(Fault::authentication_failed, why);
    }
    Fault fault = Fault::none;
    const std::unique_ptr<BlockingLink> link = BlockingLink::accept(worker_peer_fd, options, fault, why);
    if (!link) {
        return failed(fault, why);
    }
    wire::Message first;
    wire::Chunk chunk;
    const Status heard = link->receive(first, chunk, first_message_timeout);
    if (!heard.ok()) {
        return failed(heard.fault(), "the peer said nothing");
    }
    if (const auto* open = std::get_if<wire::MigrationOpen>(&first)) {
        return receive_guest(*link, *open);
    }
    if (const auto* question = std::get_if<wire::MigrationAsk>(&first)) {
        answer_ask(*link, *question);
        return {};
    }
    return failed(Fault::protocol_violation, "the peer neither brings a guest nor asks for one");
}

void Worker::answer_ask(BlockingLink& link, const wire::MigrationAsk& question) {
    WorkerReport news;
    news.kind = WorkerReport::Kind::incoming_ask;
    news.peer_name = link.peer_name();
    news.ask = question;
    report(news);
    const std::optional<WorkerCommand> command = next_command();
    if (command && command->tell == Tell::verdict) {
        (void)link.send(wire::Message{wire::MigrationVerdict{question.migration_id, command->verdict}});
    }
}

// Whether this guest is expected is the agent's to say.
Status Worker::admit(BlockingLink& link, const wire::MigrationOpen& open) {
    WorkerReport news;
    news.kind = WorkerReport::Kind::incoming_open;
    news.peer_name = link.peer_name();
    news.open = open;
    report(news);
    const std::optional<WorkerCommand> command = next_command();
    if (!command || command->tell != Tell::accept) {
        const Fault fault = command ? command->fault : Fault::peer_refused;
        answer_open(link, fault, command ? command->detail : Detail{});
        return failed(fault, "the migration was not expected");
    }
    setup_.record.uuid = command->uuid;
    setup_.record.migration_id = open.migration_id;
    setup_.record.name = open.name;
    setup_.time_left_ms = command->time_left_ms;
    begun_ = mono_now();
    return {};
}

// What its memory and its images need here; the source hears that it may begin.
Status Worker::make_ready(BlockingLink& link, const wire::MigrationOpen& open) {
    BALLAST_CHECK(lock_guest(open.uuid));
    BALLAST_CHECK(open_hypervisor_of_host());
    if (open.copy_storage) {
        watch_peer_host(link.fd());
        if (const Status status = prepare_images(open); !status.ok()) {
            answer_open(link, status.fault(), detail_);
            return status;
        }
    }
    page_references_ = open.copy_storage && open.page_references;
    return answer_open(link, Fault::none, {})
               ? Status{}
               : failed(Fault::connection_lost, "the source was gone when it was accepted");
}

bool Worker::answer_open(BlockingLink& link, Fault fault, const Detail& detail) const {
    const bool accepted = fault == Fault::none;
    return link
        .send(wire::Message{wire::MigrationAccept{.accepted = accepted,
                                                  .fault = fault,
                                                  .detail = detail,
                                                  .journal_id = accepted ? setup_.journal_id : Uuid{},
                                                  .page_references = accepted && page_references_}})
        .ok();
}

Status Worker::receive_guest(BlockingLink& link, const wire::MigrationOpen& open) {
    BALLAST_CHECK(admit(link, open));
    BALLAST_CHECK(make_ready(link, open));
    if (open.copy_storage) {
        // What fails here is the source's matter: it dials again, or gives up.
        BALLAST_CHECK(fetch_images(link));
    }
    Status status = open.copy_storage ? publish() : Status{};
    status = status.ok() ? receive_memory(link, open) : status;
    unlock_guest();
    if (status.ok()) {
        return await_right_to_run(link);
    }
    // The agent destroys what is left, and then has the source told so: it may let its copy run on at once.
    WorkerReport failure;
    failure.news = WorkerNews::failed;
    failure.fault = status.fault();
    failure.detail = detail_;
    report(failure);
    const std::optional<WorkerCommand> command = next_command();
    if (command && command->tell == Tell::aborted &&
        link.send(wire::Message{wire::MigrationAborted{open.migration_id, command->fault, command->detail}})
            .ok()) {
        link.close_after_send();  // the source may be deep in sending
    }
    return status;
}

Status Worker::receive_memory(BlockingLink& link, const wire::MigrationOpen& open) {
    DiskList moved;
    for (const ImageDisk& disk : setup_.record.disks) {
        DiskSpec here;
        here.target = disk.path;
        here.device = disk.device;
        moved.push(here);
    }
    // What the guest wrote last comes between its memory's last pieces.
    ImageReceiver receiver{link, image_silence,
                           [this, &link](const wire::MigrationImage& begin, Detail& why) {
                               std::string said;
                               const Status taken = take_last_of_disk(link, begin, said);
                               why = std::string_view{said};
                               return taken;
                           }};
    receiver_ = &receiver;
    if (page_references_) {
        BALLAST_CHECK(start_memory_filter(ImageTask::unpack_memory, receiver.image_fd()));
    }
    Domain domain;
    Status restored =
        receiver.image_fd() < 0
            ? Status{Err{Fault::io_failed}}
            : hypervisor_->receive_image(memory_filter_ ? memory_filter_->fd() : receiver.image_fd(),
                                         incoming_suffix, moved, *this, domain);
    if (memory_filter_) {
        memory_filter_->hang_up();
    }
    Detail said;
    const Status relayed = receiver.finish(!restored.ok(), said);
    if (memory_filter_) {
        // What it says of the stream explains why the hypervisor could not restore it.
        const Status unpacked = finish_memory_filter();
        if (!unpacked.ok() && unpacked.fault() != Fault::connection_lost) {
            return unpacked;
        }
    } else {
        effect_.memory_bytes = receiver.image_bytes();
    }
    if (!relayed.ok() && relayed.fault() != Fault::cancelled) {
        return failed(relayed.fault(), said.empty() ? "the transfer broke off" : said.view());
    }
    if (!restored.ok()) {
        return failed_call(restored.fault(), "the guest cannot be restored here");
    }
    if (domain.uuid != open.uuid) {
        return failed(Fault::protocol_violation, "the image is another guest's");
    }
    return images_are_final()
               ? Status{}
               : failed(Fault::protocol_violation, "an image did not come to its end before the guest");
}

Status Worker::await_right_to_run(BlockingLink& link) {
    report(WorkerNews::restored);
    std::optional<WorkerCommand> command = next_command();
    if (!command || command->tell != Tell::ready) {
        return failed(Fault::cancelled, "the agent called the hand-over off");
    }
    if (!link.send(wire::Message{wire::MigrationReady{}}).ok()) {
        return failed(Fault::connection_lost, "the source was gone when its guest was restored");
    }
    wire::Message message;
    wire::Chunk chunk;
    const Status heard = link.receive(message, chunk, time_left());
    if (!heard.ok()) {
        return failed(heard.fault(), "the source fell silent before it gave the right to run");
    }
    const Uuid& id = setup_.record.migration_id;
    const auto* commit = std::get_if<wire::MigrationCommit>(&message);
    if (commit == nullptr || commit->migration_id != id) {
        return failed(Fault::protocol_violation, "the source did not give the right to run");
    }
    report(WorkerNews::commit);
    command = next_command();
    if (command && command->tell == Tell::started) {
        (void)link.send(wire::Message{wire::MigrationStarted{id}});
    } else if (command && command->tell == Tell::aborted) {
        (void)link.send(wire::Message{wire::MigrationAborted{id, command->fault, command->detail}});
    }
    return {};
}

}  // namespace ballast::agent
