// The fields of hellos, inventories and samples.
#include "proto/convert.hpp"
#include "proto/convert_domain.hpp"

namespace ballast::wire {

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::Hello> object, PlainOf<Io, Hello> plain) {
    BALLAST_NUMBER(version);
    BALLAST_TEXT(software);
    BALLAST_TEXT(host_name);
    BALLAST_UUID(host_uuid);
    BALLAST_NUMBER(frame_bytes_max);
    BALLAST_TEXT(migration_address);
    BALLAST_NUMBER(migration_port);
    BALLAST_NUMBER(boot_ms);
    BALLAST_NUMBER(jobs_max);
    BALLAST_NUMBER(watches_life);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::HelloReply> object, PlainOf<Io, HelloReply> plain) {
    BALLAST_NUMBER(accepted);
    BALLAST_WORD(fault);
    BALLAST_TEXT(detail);
    BALLAST_NUMBER(version);
    BALLAST_NUMBER(frame_bytes_max);
    BALLAST_NUMBER(sample_interval_ms);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::SavedGuest> object, PlainOf<Io, SavedGuest> plain) {
    BALLAST_UUID(uuid);
    BALLAST_TEXT(name);
    BALLAST_NUMBER(memory_kib);
    BALLAST_WORD(type);
    BALLAST_NUMBER(vcpus);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::HostReport> object, PlainOf<Io, HostReport> plain) {
    BALLAST_NUMBER(sequence);
    BALLAST_NUMBER(cpu_count);
    BALLAST_NUMBER(memory_kib);
    BALLAST_NUMBER(memory_free_kib);
    BALLAST_NUMBER(can_pv);
    BALLAST_NUMBER(can_hvm);
    BALLAST_NUMBER(can_hap);
    BALLAST_NUMBER(can_shadow);
    BALLAST_TEXT(hypervisor_version);
    BALLAST_TEXT(hypervisor_kind);
    BALLAST_LIST(domains);
    BALLAST_LIST(saved);
    BALLAST_NUMBER(net_mbps);
    BALLAST_NUMBER(degraded);
    BALLAST_TEXT(store_path);
    BALLAST_NUMBER(store_proven);
    BALLAST_NUMBER(store_free_mib);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::DomainSample> object, PlainOf<Io, DomainSample> plain) {
    BALLAST_UUID(uuid);
    BALLAST_NUMBER(domid);
    BALLAST_NUMBER(cpu_time_ns);
    BALLAST_NUMBER(net_rx_bytes);
    BALLAST_NUMBER(net_tx_bytes);
    BALLAST_NUMBER(disk_read_bytes);
    BALLAST_NUMBER(disk_write_bytes);
    BALLAST_NUMBER(rates_valid);
    BALLAST_NUMBER(cpu_cores);
    BALLAST_NUMBER(net_mbps);
    BALLAST_NUMBER(disk_mbps);
    BALLAST_NUMBER(memory_kib);
    BALLAST_WORD(state);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::CallFigures> object, PlainOf<Io, CallFigures> plain) {
    BALLAST_NUMBER(call);
    BALLAST_NUMBER(count);
    BALLAST_NUMBER(errors);
    BALLAST_NUMBER(total_us);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::AgentFigures> object, PlainOf<Io, AgentFigures> plain) {
    BALLAST_NUMBER(cpu_ms);
    BALLAST_NUMBER(resident_kib);
    BALLAST_LIST(calls);
    BALLAST_NUMBER(console_to_client_bytes);
    BALLAST_NUMBER(console_from_client_bytes);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::SampleReport> object, PlainOf<Io, SampleReport> plain) {
    BALLAST_NUMBER(sequence);
    BALLAST_NUMBER(taken_unix_ms);
    BALLAST_NUMBER(interval_ms);
    BALLAST_NUMBER(memory_free_kib);
    BALLAST_NUMBER(rates_valid);
    BALLAST_NUMBER(dom0_cpu_cores);
    BALLAST_NUMBER(net_mbps);
    BALLAST_LIST(domains);
    BALLAST_OPTIONAL(agent);
}

BALLAST_DEFINE_CONVERSION(Hello)
BALLAST_DEFINE_CONVERSION(HelloReply)
BALLAST_DEFINE_CONVERSION(HostReport)
BALLAST_DEFINE_CONVERSION(SampleReport)

}  // namespace ballast::wire
