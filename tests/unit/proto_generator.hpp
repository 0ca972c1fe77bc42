// Messages with invented content, for tests of whatever carries or reads messages. Equal seeds, equal
// messages.
#pragma once

#include <string>

#include "base/prng.hpp"
#include "proto/messages.hpp"

namespace ballast::wire {

class MessageGenerator {
  public:
    explicit MessageGenerator(std::uint64_t seed) : prng_{seed} {}

    // One message of every kind.
    template <class Use>
    void each_kind(Use use) {
        use(Message{hello()});
        use(Message{HelloReply{flag(), fault(), text<Detail>(), u32(), u32(), u32()}});
        use(Message{host_report(prng_.below(6))});
        use(Message{sample_report(prng_.below(6))});
        use(Message{job_order()});
        use(Message{JobCancel{u64()}});
        use(Message{JobAck{u64()}});
        use(Message{job_update()});
        use(Message{HandoverQuery{uuid(), text<HostName>(), text<HostName>(), uuid(), uuid()}});
        use(Message{HandoverAnswer{uuid(), text<HostName>(), word(Verdict::lost)}});
        use(Message{MigrationOpen{u32(),
                                  uuid(),
                                  uuid(),
                                  text<Name>(),
                                  text<HostName>(),
                                  u64(),
                                  flag(),
                                  flag(),
                                  flag(),
                                  {},
                                  flag(),
                                  {}}});
        use(Message{JobLimit{u64(), u32()}});
        use(Message{image_sketch()});
        use(Message{MigrationImage{word(ImageStep::complete), u32(), flag(), fault(), text<Detail>()}});
        use(Message{MigrationAccept{flag(), fault(), text<Detail>(), uuid(), flag()}});
        use(Message{MigrationEnd{u64(), u64()}});
        use(Message{MigrationReady{}});
        use(Message{MigrationCommit{uuid()}});
        use(Message{MigrationStarted{uuid()}});
        use(Message{MigrationAborted{uuid(), fault(), text<Detail>()}});
        use(Message{MigrationAsk{u32(), uuid(), uuid(), text<HostName>(), uuid()}});
        use(Message{MigrationVerdict{uuid(), word(Verdict::lost)}});
        use(Message{RelayOpen{u64(), uuid(), text<VncPassword>(), text<FixedString<63>>(), u32()}});
        use(Message{RelayClose{u64()}});
        use(Message{RelayStatus{u64(), uuid(), word(RelayState::closed), text<FixedString<63>>(), u16(),
                                text<FixedString<63>>(), u32(), fault(), text<Detail>(), u64(), u64()}});
        use(Message{GuestNote{uuid(), uuid(), text<FixedString<255>>(), text<FixedString<255>>(),
                              word(LifeSigns::console), u32()}});
        use(Message{
            GuestSignal{uuid(), u32(), uuid(), text<FixedString<63>>(), flag(), fault(), text<Detail>()}});
        use(Message{StoreProbe{u64(), word(StoreStep::erase), uuid()}});
        use(Message{StoreAnswer{u64(), word(StoreStep::erase), fault(), text<Detail>()}});
        use(Message{Ping{u64()}});
        use(Message{Pong{u64()}});
    }
    Message full_host_report() {
        HostReport report = host_report(limits::domains_per_host_max);
        return Message{report};
    }
    Message full_sample_report() { return Message{sample_report(limits::domains_per_host_max)}; }

  private:
    // Small and large values alike.
    std::uint64_t u64() { return prng_.next() >> prng_.below(64); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(u64()); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(u64()); }
    bool flag() { return prng_.chance(0.5); }
    double rate() { return prng_.chance(0.2) ? 0.0 : prng_.unit() * 1e6; }
    template <class Enum>
    Enum word(Enum last) {
        return static_cast<Enum>(prng_.below(static_cast<std::uint64_t>(last) + 1));
    }
    Fault fault() { return flag() ? Fault::none : Fault::deadline_exceeded; }
    Uuid uuid() {
        Uuid value;
        for (auto& byte : value.bytes) {
            byte = static_cast<std::uint8_t>(prng_.next());
        }
        return prng_.chance(0.1) ? Uuid{} : value;
    }
    // Printable ASCII, often empty, often as long as it may be.
    template <class Text>
    Text text() {
        const std::uint64_t size = prng_.chance(0.3) ? Text::capacity() : prng_.below(Text::capacity() + 1);
        Text value;
        for (std::uint64_t i = 0; i < size && !prng_.chance(0.01); ++i) {
            const auto letter = static_cast<char>(' ' + prng_.below(95));
            value.append_cut({&letter, 1});
        }
        return value;
    }

    Hello hello() {
        return {u32(),
                text<FixedString<63>>(),
                text<HostName>(),
                uuid(),
                u32(),
                text<FixedString<63>>(),
                u16(),
                u64(),
                u32()};
    }
    DomainInfo domain_info() {
        return {uuid(),
                u32(),
                text<Name>(),
                word(GuestType::hvm),
                word(DomainState::absent),
                u64(),
                u32(),
                flag(),
                word(InFlight::departing),
                u16(),
                text<FixedString<63>>()};
    }
    ImageSketch image_sketch() {
        ImageSketch sketch{uuid(), u32(), u64(), u64(), u64(), u32(), static_cast<std::int64_t>(u64()),
                           u64(),  u64(), {}};
        const std::uint64_t keys = flag() ? prng_.below(20) : sketch_keys_max;
        for (std::uint64_t i = 0; i < keys; ++i) {
            sketch.keys.push(u64());
        }
        return sketch;
    }
    HostReport host_report(std::uint64_t guests) {
        HostReport report{u64(),
                          u32(),
                          u64(),
                          u64(),
                          flag(),
                          flag(),
                          flag(),
                          flag(),
                          text<FixedString<47>>(),
                          text<FixedString<15>>()};
        report.net_mbps = u32();
        report.degraded = flag();
        report.store_path = text<Path>();
        report.store_proven = flag();
        report.store_free_mib = u64();
        for (std::uint64_t i = 0; i < guests; ++i) {
            report.domains.push(domain_info());
            report.saved.push({uuid(), text<Name>(), u64(), word(GuestType::hvm), u32()});
        }
        return report;
    }
    SampleReport sample_report(std::uint64_t guests) {
        SampleReport report{u64(), static_cast<std::int64_t>(u64()), u32(), u64(), flag(), rate(), rate()};
        for (std::uint64_t i = 0; i < guests; ++i) {
            report.domains.push({uuid(), u32(), u64(), u64(), u64(), u64(), u64(), flag(), rate(), rate(),
                                 rate(), u64(), word(DomainState::absent)});
        }
        return report;
    }
    GuestSpec guest_spec() {
        GuestSpec spec{
            text<Name>(), uuid(),       word(GuestType::hvm),     u32(),        u32(),
            text<Path>(), text<Path>(), text<FixedString<511>>(), text<Path>(), text<FixedString<7>>()};
        for (std::uint64_t i = prng_.below(limits::disks_per_domain_max + 1); i > 0; --i) {
            spec.disks.push({word(Disk::Format::phy), text<Path>(), text<FixedString<15>>(), flag()});
        }
        for (std::uint64_t i = prng_.below(limits::vifs_per_domain_max + 1); i > 0; --i) {
            spec.vifs.push({text<FixedString<17>>(), text<FixedString<15>>()});
        }
        spec.vnc = flag();
        spec.vnc_listen = text<FixedString<15>>();
        spec.vnc_password = text<FixedString<15>>();
        spec.cpu_weight = u32();
        spec.cpu_cap_percent = u32();
        return spec;
    }
    JobOrder job_order() {
        JobOrder order{u64(), word(JobKind::image_index), uuid(), text<Name>()};
        for (std::uint64_t i = prng_.below(order.expected_states.capacity() + 1); i > 0; --i) {
            order.expected_states.push(word(DomainState::absent));
        }
        order.deadline_ms = u32();
        order.has_spec = flag();
        if (order.has_spec) {
            order.spec = guest_spec();
        }
        order.migration_id = uuid();
        order.peer_host = text<HostName>();
        order.peer_address = text<FixedString<63>>();
        order.peer_port = u16();
        order.mode = word(MigrationMode::automatic);
        order.memory_kib = u64();
        order.link_mbps = u32();
        order.has_volume = flag();
        if (order.has_volume) {
            order.volume = {text<Path>(), word(VolumeSource::blank), text<Path>(), u64()};
        }
        order.copy_storage = flag();
        order.bandwidth_mbps = u32();
        return order;
    }
    JobUpdate job_update() {
        JobUpdate update{u64(),
                         word(JobKind::image_index),
                         word(JobState::cancelled),
                         u32(),
                         text<FixedString<31>>(),
                         u32(),
                         fault(),
                         text<Detail>()};
        update.has_domain = flag();
        if (update.has_domain) {
            update.domain = domain_info();
        }
        update.ready = flag();
        update.memory_bytes = u64();
        update.wire_bytes = u64();
        update.downtime_ms = u32();
        update.total_ms = u32();
        update.rounds = u32();
        update.mode = word(MigrationMode::automatic);
        update.compression = word(Compression::lz4);
        update.uuid = uuid();
        update.image_bytes = u64();
        update.image_done_bytes = u64();
        update.image_wire_bytes = u64();
        update.image_rounds = u32();
        update.time_left_ms = u64();
        update.referenced_bytes = u64();
        return update;
    }

    Prng prng_;
};

}  // namespace ballast::wire
