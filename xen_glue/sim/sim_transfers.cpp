// The LONG calls that move an image: send and receive.
#include <algorithm>
#include <optional>

#include "xen_glue/sim/host_setup.hpp"
#include "xen_glue/sim/sim_host.hpp"
#include "xen_glue/sim/sim_hypervisor_impl.hpp"

namespace ballast::sim {
namespace {

// A transfer goes in slices of this length: how often its share of the bandwidth is looked at anew, and how
// late an end of the peer may be noticed.
constexpr std::int64_t slice_ns = 50'000'000;

std::uint64_t pages_in_a_slice(std::uint64_t bytes_per_s) noexcept {
    return std::max<std::uint64_t>(bytes_per_s / (ns_per_s / slice_ns) / page_bytes, 1);
}
std::int64_t transfer_ns(std::uint64_t pages, std::uint64_t bytes_per_s) noexcept {
    return static_cast<std::int64_t>(static_cast<double>(pages * page_bytes) /
                                     static_cast<double>(bytes_per_s) * static_cast<double>(ns_per_s));
}

}  // namespace

// ---- send ----

struct SimHypervisor::Sending {
    int fd;
    ProgressSink& progress;
    ImageWriter writer;
    bool over_link;
    std::uint32_t domid = 0;
    std::uint32_t bytes_per_page = 0;
    Precopy precopy;
    std::uint64_t done_pages = 0;

    // 0..900 while the guest runs, by the first round; 900..1000 in the last one.
    std::uint32_t permille(std::uint64_t left_in_round) const noexcept {
        const std::uint64_t done = precopy.round_pages - left_in_round;
        const std::uint64_t whole = std::max<std::uint64_t>(precopy.round_pages, 1);
        if (precopy.guest_suspended) {
            return static_cast<std::uint32_t>(900 + 99 * done / whole);
        }
        return precopy.round > 0 ? 899 : static_cast<std::uint32_t>(899 * done / whole);
    }
};

Status SimHypervisor::send_image(const Domain& domain, int fd, MigrationMode mode, ProgressSink& progress) {
    suspend_asked_ = false;
    Sending sending{fd, progress, ImageWriter{fd}, !is_regular_file(fd), 0, 0, {}, 0};
    Status status = send(sending, domain, mode);
    if (sending.domid != 0) {
        if (status.ok()) {
            status = apply([&](Transaction& t) { return finish_send(t.host(), sending.domid); });
            file_->release();
        } else {
            give_up(sending.domid, Activity::sending);
        }
    }
    return finish(Call::send, status);
}

Status SimHypervisor::send(Sending& sending, const Domain& domain, MigrationMode mode) {
    BALLAST_CHECK(begin_long(Call::send, sending.fd));
    ImageConfig config;
    const Status begun = apply_to_guest(domain, [&](Transaction& transaction, Guest& guest) -> Status {
        const DomainSpec* spec = transaction.spec(guest.domid);
        if (spec == nullptr) {
            return Err{Fault::hypervisor_failed};
        }
        SimHost& host = transaction.host();
        BALLAST_CHECK(begin_send(host, guest, mode, sending.over_link));
        transaction.claim(guest);
        config = {*spec, guest.ours};
        config.spec.name = guest.name;
        sending.domid = guest.domid;
        sending.precopy = guest.precopy;
        sending.bytes_per_page = host.config.image_bytes_per_page;
        return {};
    });
    BALLAST_CHECK(begun);
    BALLAST_CHECK(sending.writer.begin(config));
    BALLAST_CHECK(send_rounds(sending));
    BALLAST_CHECK(sending.writer.end(sending.done_pages));
    return work_point(1000, sending.fd);
}

Status SimHypervisor::send_rounds(Sending& sending) {
    for (;;) {
        if (sending.precopy.guest_suspended) {
            BALLAST_CHECK(suspend_guest(sending));
            BALLAST_CHECK(work_point(900, sending.fd));
            return send_round(sending);
        }
        BALLAST_CHECK(send_round(sending));
        Transaction transaction{*file_};
        BALLAST_CHECK(end_send_round(transaction.host(), sending.domid));
        sending.precopy = find_domid(transaction.host(), sending.domid)->precopy;
        transaction.commit();
    }
}

Status SimHypervisor::suspend_guest(Sending& sending) {
    BALLAST_CHECK(ask_guest_to_suspend(sending));
    CarriedState carried;
    const Status status = apply([&](Transaction& transaction) -> Status {
        const Status suspended = suspend_for_send(transaction.host(), sending.domid);
        if (Guest* guest = find_domid(transaction.host(), sending.domid)) {
            sending.precopy = guest->precopy;
            carried = {guest->workload, guest->executed_ns};
            if (suspended.fault() == Fault::guest_unresponsive) {
                (void)sim::withdraw_suspend(transaction.host(), *guest);  // as libxl does
            }
        }
        return suspended;
    });
    BALLAST_CHECK(status);
    sending.progress.progress(sending.done_pages * page_bytes, sending.precopy.round, true);
    return sending.writer.suspended(carried);
}

// Until the guest does not run any more, or has kept its asker waiting for too long.
Status SimHypervisor::ask_guest_to_suspend(Sending& sending) {
    std::int64_t timeout_ns = 0;
    std::optional<FaultRule> rule;
    BALLAST_CHECK(apply([&](Transaction& transaction) -> Status {
        SimHost& host = transaction.host();
        rule = take_fault(host.fault_rules, Call::suspend);
        timeout_ns = host.now_ns + suspend_ns(host.config) + suspend_timeout_ns(host.config);
        suspend_asked_ = true;
        return ask_to_suspend(host, sending.domid);
    }));
    if (rule) {
        pending_fault_ = rule;
        BALLAST_CHECK(work_point(pending_fault_->at_permille, sending.fd));
    }
    for (;;) {
        std::int64_t look_again_ns = timeout_ns;
        {
            Transaction transaction{*file_};
            const Guest* guest = find_domid(transaction.host(), sending.domid);
            look_again_ns = std::min(look_again_ns, next_change_ns(transaction.host()));
            const bool over = guest == nullptr || guest->dying || guest->shutdown != ShutdownReason::none ||
                              transaction.host().now_ns >= timeout_ns;
            transaction.commit();
            if (over) {
                return {};
            }
        }
        BALLAST_CHECK(wait_until(std::min(look_again_ns, boottime_ns() + slice_ns), sending.fd));
    }
}

Status SimHypervisor::send_round(Sending& sending) {
    std::uint64_t left = sending.precopy.round_pages;
    std::int64_t due_ns = boottime_ns();
    while (left > 0) {
        std::uint64_t pages = 0;
        {
            Transaction transaction{*file_};
            SimHost& host = transaction.host();
            const Guest* guest = find_domid(host, sending.domid);
            if (guest == nullptr || guest->activity != Activity::sending) {
                return Err{Fault::hypervisor_failed};  // destroyed by another process
            }
            const std::uint64_t bytes_per_s = transfer_bytes_per_s(host, sending.over_link);
            pages = std::min(left, pages_in_a_slice(bytes_per_s));
            due_ns += transfer_ns(pages, bytes_per_s);
            note_link_bytes(host, sending.over_link ? pages * page_bytes : 0, 0);
            transaction.commit();
        }
        const PagesHead head{sending.precopy.round, static_cast<std::uint32_t>(pages)};
        BALLAST_CHECK(sending.writer.pages(head, sending.bytes_per_page));
        BALLAST_CHECK(wait_until(due_ns, sending.fd));
        left -= pages;
        sending.done_pages += pages;
        sending.progress.progress(sending.done_pages * page_bytes, sending.precopy.round,
                                  sending.precopy.guest_suspended);
        BALLAST_CHECK(work_point(sending.permille(left), sending.fd));
    }
    return {};
}

// ---- receive ----

namespace {

// False when the two are not of the same shape.
bool take_identity(DomainSpec& spec, const DomainSpec& identity) noexcept {
    if (spec.type != identity.type || spec.memory_mib != identity.memory_mib ||
        spec.disks.size() != identity.disks.size() || spec.vifs.size() != identity.vifs.size()) {
        return false;
    }
    spec.name = identity.name;
    spec.uuid = identity.uuid;
    spec.disks = identity.disks;
    spec.vifs = identity.vifs;
    return true;
}

bool move_disks(DomainSpec& spec, const DiskList& moved) noexcept {
    for (const DiskSpec& disk : moved) {
        const auto same = std::find_if(spec.disks.begin(), spec.disks.end(),
                                       [&disk](const DiskSpec& one) { return one.device == disk.device; });
        if (same == spec.disks.end()) {
            return false;
        }
        same->target = disk.target;
    }
    return true;
}

}  // namespace

struct SimHypervisor::Receiving {
    int fd;
    ProgressSink& progress;
    ImageReader reader;
    bool from_disk;
    std::uint32_t domid = 0;
    std::uint64_t memory_pages = 0;
    std::optional<CarriedState> carried;
    std::int64_t due_ns = 0;               // when a disk would have delivered what has been read
    const DomainSpec* identity = nullptr;  // of a clone
    const DiskList* moved = nullptr;       // disks that lie elsewhere here
};

namespace {

bool comes_in_order(ImageOrder& order, const ImageReader::Record& record) noexcept {
    switch (record.type) {
        case RecordType::config: return false;
        case RecordType::pages: return order.pages(record.pages);
        case RecordType::suspended: return order.suspended();
        case RecordType::end: return order.end(record.end);
    }
    return false;
}

}  // namespace

Status SimHypervisor::receive_image(int fd, std::string_view name_suffix, const DiskList& moved,
                                    ProgressSink& progress, Domain& out) {
    Receiving receiving{fd, progress, ImageReader{fd}, is_regular_file(fd), 0, 0, {}, 0, nullptr, &moved};
    return receive_whole(receiving, name_suffix, out);
}

Status SimHypervisor::receive_image_as(int fd, const DomainSpec& identity, ProgressSink& progress,
                                       Domain& out) {
    Receiving receiving{fd, progress, ImageReader{fd}, is_regular_file(fd), 0, 0, {}, 0, &identity, nullptr};
    return receive_whole(receiving, {}, out);
}

Status SimHypervisor::receive_whole(Receiving& receiving, std::string_view name_suffix, Domain& out) {
    Status status = receive(receiving, name_suffix);
    if (status.ok()) {
        status = apply([&](Transaction& transaction) -> Status {
            SimHost& host = transaction.host();
            const CarriedState& carried = *receiving.carried;
            BALLAST_CHECK(finish_receive(host, receiving.domid, carried.workload, carried.executed_ns));
            out = describe(*find_domid(host, receiving.domid));
            return {};
        });
    }
    if (!status.ok() && receiving.domid != 0) {
        give_up(receiving.domid, Activity::receiving);
    }
    file_->release();
    return finish(Call::receive, status);
}

Status SimHypervisor::identify_image(int fd, Domain& out, std::uint64_t& image_bytes) {
    const auto act = [&]() -> Status {
        if (::lseek(fd, 0, SEEK_SET) != 0) {
            return Err{Fault::invalid_argument};
        }
        ImageReader reader{fd};
        ImageConfig config;
        BALLAST_CHECK(reader.begin(config));
        const NewGuest guest = new_guest(config.spec, config.ours, Workload{});
        ImageOrder order{guest.memory_kib * 1024 / page_bytes};
        ImageReader::Record record;
        for (record.type = RecordType::config; record.type != RecordType::end;) {
            BALLAST_CHECK(reader.next(record));
            if (!comes_in_order(order, record)) {
                return Err{Fault::image_corrupt};
            }
        }
        out = Domain{};
        out.uuid = guest.uuid;
        out.name = guest.name;
        out.type = guest.type;
        out.memory_kib = guest.memory_kib;
        out.vcpus = guest.vcpus;
        image_bytes = static_cast<std::uint64_t>(::lseek(fd, 0, SEEK_CUR));
        return {};
    };
    const Status status = act();
    // A file that ends is no lost connection.
    return finish(Call::receive,
                  status.fault() == Fault::connection_lost ? Status{Err{Fault::image_corrupt}} : status);
}

Status SimHypervisor::disks_in_image(int fd, DiskList& out) {
    ImageConfig config;
    const Status status =
        ::lseek(fd, 0, SEEK_SET) != 0 ? Status{Err{Fault::invalid_argument}} : ImageReader{fd}.begin(config);
    out = config.spec.disks;
    return finish(Call::list,
                  status.fault() == Fault::connection_lost ? Status{Err{Fault::image_corrupt}} : status);
}

Status SimHypervisor::receive(Receiving& receiving, std::string_view name_suffix) {
    BALLAST_CHECK(begin_receiving(receiving, name_suffix));
    return receive_records(receiving);
}

Status SimHypervisor::begin_receiving(Receiving& receiving, std::string_view name_suffix) {
    BALLAST_CHECK(begin_long(Call::receive, receiving.fd));
    ImageConfig config;
    BALLAST_CHECK(receiving.reader.begin(config));
    if (const auto complaint = validate(config.spec)) {
        complaint_ = complaint->view();
        return Err{Fault::image_corrupt};
    }
    if (receiving.identity != nullptr && !take_identity(config.spec, *receiving.identity)) {
        complaint_ = "the image is of a guest of another shape";
        return Err{Fault::image_corrupt};
    }
    if (receiving.moved != nullptr && !move_disks(config.spec, *receiving.moved)) {
        complaint_ = "the image's guest has no such disk";
        return Err{Fault::image_corrupt};
    }
    std::int64_t duration_ns = 0;
    const Status begun = apply([&](Transaction& transaction) -> Status {
        SimHost& host = transaction.host();
        // What the guest does comes with the end of the image; until then it does nothing.
        const NewGuest guest = new_guest(config.spec, config.ours, Workload{});
        receiving.domid = BALLAST_TRY(begin_receive(host, guest, name_suffix, !receiving.from_disk));
        transaction.keep_spec(receiving.domid, config.spec);
        transaction.claim(*find_domid(host, receiving.domid));
        receiving.memory_pages = guest.memory_kib * 1024 / page_bytes;
        duration_ns = build_ns(host.config);
        return {};
    });
    BALLAST_CHECK(begun);
    BALLAST_CHECK(work(duration_ns, 1, 1));
    receiving.due_ns = boottime_ns();
    return {};
}

Status SimHypervisor::receive_records(Receiving& receiving) {
    ImageOrder order{receiving.memory_pages};
    for (;;) {
        ImageReader::Record record;
        BALLAST_CHECK(receiving.reader.next(record));
        if (!comes_in_order(order, record)) {
            complaint_ = "a record that cannot come here";
            return Err{Fault::image_corrupt};
        }
        if (record.type == RecordType::pages) {
            BALLAST_CHECK(account_received(receiving, record.pages.pages));
        } else if (record.type == RecordType::suspended) {
            receiving.carried = record.carried;
        }
        receiving.progress.progress(order.pages_total() * page_bytes, order.round(), order.guest_suspended());
        const bool complete = record.type == RecordType::end;
        BALLAST_CHECK(work_point(complete ? 1000 : order.permille(), receiving.fd));
        if (complete) {
            return {};
        }
    }
}

// A link's speed is the sender's matter; a disk's is ours.
Status SimHypervisor::account_received(Receiving& receiving, std::uint32_t pages) {
    std::uint64_t bytes_per_s = 0;
    {
        Transaction transaction{*file_};
        SimHost& host = transaction.host();
        bytes_per_s = transfer_bytes_per_s(host, false);
        note_link_bytes(host, 0, receiving.from_disk ? 0 : std::uint64_t{pages} * page_bytes);
        transaction.commit();
    }
    if (receiving.from_disk) {
        receiving.due_ns += transfer_ns(pages, bytes_per_s);
        BALLAST_CHECK(wait_until(receiving.due_ns, -1));
    }
    return {};
}

}  // namespace ballast::sim
