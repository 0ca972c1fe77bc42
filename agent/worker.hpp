// A worker process: one LONG operation on one guest. It is an exec of the agent's own program, so that
// nothing that goes wrong inside libxl touches the agent; it dies with its agent; and it holds the guest's
// lock while it works, so that a later worker cannot begin before it is gone.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "agent/memory_filter.hpp"
#include "agent/worker_protocol.hpp"
#include "shell/link.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::agent {

// `ballast-agent --worker`: the channel is descriptor 3. Returns the exit status.
int worker_main();

DomainSpec to_domain_spec(const wire::GuestSpec& from);

class Worker final : public ProgressSink {
  public:
    explicit Worker(const WorkerSetup& setup) : setup_{setup} {}
    int run();

    // ProgressSink, during a hypervisor call
    void progress(std::uint64_t done_bytes, std::uint32_t round, bool guest_suspended) override;
    void note(std::string_view line) override;

  private:
    // operations: worker_local.cpp, worker_source.cpp, worker_incoming.cpp
    Status create();
    Status shut_down();
    Status destroy();
    Status save();
    Status write_image(int fd);
    Status restore();
    Status disk_create();
    Status disk_delete();
    Status disk_discard();
    Status golden_keep();
    Status clone();
    Status store_probe();
    Status open_store(const Store& store);
    Status check_store(const Store& store);
    Store::Progress file_progress();
    Status migrate_out();
    Status send_guest(BlockingLink& link);
    Status broke_off(BlockingLink& link, Fault fault);
    Status refused(const wire::MigrationAborted& word);
    Status commit(BlockingLink& link);
    Status ask();
    Status incoming();
    Status receive_guest(BlockingLink& link, const wire::MigrationOpen& open);
    Status admit(BlockingLink& link, const wire::MigrationOpen& open);
    Status make_ready(BlockingLink& link, const wire::MigrationOpen& open);
    // False: the source does not hear it any more.
    bool answer_open(BlockingLink& link, Fault fault, const Detail& detail) const;
    Status receive_memory(BlockingLink& link, const wire::MigrationOpen& open);
    Status await_right_to_run(BlockingLink& link);
    void answer_ask(BlockingLink& link, const wire::MigrationAsk& ask);

    // images: worker_images.cpp
    Status image_index();
    Status sketch_disks();
    Status image_sweep();
    FixedVector<wire::MigrationDisk, limits::disks_per_domain_max> disks_to_announce() const;
    Status disks_to_stay(FixedVector<wire::MigrationDisk, limits::disks_per_domain_max>& out);
    Status images_are_the_guests();
    Status copy_images(BlockingLink& link);
    Status copy_rest(BlockingLink& link);
    Status send_disk(BlockingLink& link, std::uint32_t number, bool last, std::uint64_t& sent_bytes);
    Status hear_result(BlockingLink& link, wire::MigrationImage& out);
    bool hear_limit(const ImageProcess& process);
    Status prepare_images(const wire::MigrationOpen& open);
    Status fetch_images(BlockingLink& link);
    Status take_disk(BlockingLink& link, const wire::MigrationImage& begin, std::string& why);
    Status publish();
    bool images_are_final() const noexcept;
    // The memory as references: worker_memory.cpp
    Status start_memory_filter(ImageTask task, int link_fd);
    Status finish_memory_filter();
    void count_memory(const ImageReport& now) noexcept;
    Status take_last_of_disk(BlockingLink& link, const wire::MigrationImage& begin, std::string& why);
    void begin_image_round();
    void image_progress(const ImageReport& now);
    void end_image(const ImageDisk& disk, const ImageReport& last);

    // shared: worker.cpp
    Status open_hypervisor_of_host();
    Status find(Domain& out);
    Status lock_guest(const Uuid& uuid);
    void unlock_guest() noexcept { lock_.reset(); }
    LinkOptions link_options(std::string_view peer_name, std::string& why) const;
    Status dial();  // fills link_
    void report(WorkerReport report);
    void report(WorkerNews news);
    // The next command; nothing when the agent has gone. Without a bound of its own: a worker that the agent
    // cannot tell something is ended, and so is one whose job has missed its deadline.
    std::optional<WorkerCommand> next_command();
    // Over link_, without disk images.
    std::uint64_t memory_sent_bytes() const noexcept;
    static bool receive_command(WorkerCommand& out);
    // Keeps the sentence for the report of failure, and hands the fault on.
    Status failed(Fault fault, std::string_view detail);
    Status failed_call(Fault fault, std::string_view what);
    std::int64_t elapsed_ms() const noexcept;
    Duration time_left() const noexcept;

    WorkerSetup setup_;
    std::unique_ptr<Hypervisor> hypervisor_;
    UniqueFd lock_;
    Detail detail_;
    Effect effect_;
    Instant begun_ = mono_now();
    Instant suspended_{};  // when the guest stopped; 0: it has not
    Instant next_progress_{};
    class ImageSender* sender_ = nullptr;  // during send_image: where progress looks
    // Images of a migration, by the number of their disk.
    struct ImageRound {
        Instant begun;
        std::uint64_t done_bytes = 0;  // of disks that are through in this round
        std::uint64_t wire_bytes = 0;  // in all rounds
    };
    ImageRound image_round_;
    // What link_ had sent when an image began that is under way, and what it has sent of those that are
    // through.
    std::optional<std::uint64_t> image_began_bytes_;
    std::uint64_t image_sent_bytes_ = 0;
    std::array<bool, limits::disks_per_domain_max> image_seen_{};  // a conversation about it has succeeded
    std::array<bool, limits::disks_per_domain_max> image_last_{};  // the last one has
    bool images_published_ = false;
    bool page_references_ = false;  // both sides want the memory so
    std::optional<MemoryFilter> memory_filter_;
    class ImageReceiver* receiver_ = nullptr;  // during receive_memory: what take_last_of_disk asks
    std::unique_ptr<BlockingLink> link_;       // kept until the end: reports count what went over it
};

}  // namespace ballast::agent
