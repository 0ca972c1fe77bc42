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
    (void)news.peer_name.try_assign(link.peer_name());
    news.ask = question;
    report(news);
    const std::optional<WorkerCommand> command = next_command();
    if (command && command->tell == Tell::verdict) {
        (void)link.send(wire::Message{wire::MigrationVerdict{question.migration_id, command->verdict}});
    }
}

Status Worker::receive_guest(BlockingLink& link, const wire::MigrationOpen& open) {
    WorkerReport news;
    news.kind = WorkerReport::Kind::incoming_open;
    (void)news.peer_name.try_assign(link.peer_name());
    news.open = open;
    report(news);
    std::optional<WorkerCommand> command = next_command();
    if (!command || command->tell != Tell::accept) {
        const Fault fault = command ? command->fault : Fault::peer_refused;
        (void)link.send(wire::Message{wire::MigrationAccept{.accepted = false,
                                                            .fault = fault,
                                                            .detail = command ? command->detail : Detail{},
                                                            .journal_id = {}}});
        return failed(fault, "the migration was not expected");
    }
    setup_.record.uuid = command->uuid;
    setup_.record.migration_id = open.migration_id;
    setup_.record.name = open.name;
    setup_.time_left_ms = command->time_left_ms;
    begun_ = mono_now();
    BALLAST_CHECK(lock_guest(open.uuid));
    BALLAST_CHECK(open_hypervisor_of_host());
    if (!link
             .send(wire::Message{wire::MigrationAccept{
                 .accepted = true, .fault = Fault::none, .detail = {}, .journal_id = setup_.journal_id}})
             .ok()) {
        return failed(Fault::connection_lost, "the source was gone when it was accepted");
    }
    ImageReceiver receiver{link, image_silence};
    Domain domain;
    const Status restored =
        receiver.image_fd() < 0
            ? Status{Err{Fault::io_failed}}
            : hypervisor_->receive_image(receiver.image_fd(), incoming_suffix, *this, domain);
    Detail said;
    const Status relayed = receiver.finish(!restored.ok(), said);
    effect_.memory_bytes = receiver.image_bytes();
    unlock_guest();
    Status status;
    if (!relayed.ok() && relayed.fault() != Fault::cancelled) {
        status = failed(relayed.fault(), said.empty() ? "the transfer broke off" : said.view());
    } else if (!restored.ok()) {
        status = failed_call(restored.fault(), "the guest cannot be restored here");
    } else if (domain.uuid != open.uuid) {
        status = failed(Fault::protocol_violation, "the image is another guest's");
    }
    if (status.ok()) {
        return await_right_to_run(link);
    }
    // The agent destroys what is left, and then has the source told so: it may let its copy run on at once.
    WorkerReport failure;
    failure.news = WorkerNews::failed;
    failure.fault = status.fault();
    failure.detail = detail_;
    report(failure);
    command = next_command();
    if (command && command->tell == Tell::aborted) {
        (void)link.send(
            wire::Message{wire::MigrationAborted{open.migration_id, command->fault, command->detail}});
    }
    return status;
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
