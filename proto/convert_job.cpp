// The fields of jobs and of the guests that they are about.
#include "proto/convert.hpp"
#include "proto/convert_domain.hpp"

namespace ballast::wire {

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::Disk> object, PlainOf<Io, Disk> plain) {
    BALLAST_WORD(format);
    BALLAST_TEXT(target);
    BALLAST_TEXT(device);
    BALLAST_NUMBER(writable);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::Vif> object, PlainOf<Io, Vif> plain) {
    BALLAST_TEXT(mac);
    BALLAST_TEXT(bridge);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::GuestSpec> object, PlainOf<Io, GuestSpec> plain) {
    BALLAST_TEXT(name);
    BALLAST_UUID(uuid);
    BALLAST_WORD(type);
    BALLAST_NUMBER(memory_mib);
    BALLAST_NUMBER(vcpus);
    BALLAST_TEXT(kernel);
    BALLAST_TEXT(ramdisk);
    BALLAST_TEXT(cmdline);
    BALLAST_TEXT(bootloader);
    BALLAST_TEXT(boot_order);
    BALLAST_LIST(disks);
    BALLAST_LIST(vifs);
    BALLAST_NUMBER(vnc);
    BALLAST_TEXT(vnc_listen);
    BALLAST_TEXT(vnc_password);
    BALLAST_NUMBER(cpu_weight);
    BALLAST_NUMBER(cpu_cap_percent);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::Volume> object, PlainOf<Io, Volume> plain) {
    BALLAST_TEXT(path);
    BALLAST_WORD(source);
    BALLAST_TEXT(template_path);
    BALLAST_NUMBER(size_bytes);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::JobOrder> object, PlainOf<Io, JobOrder> plain) {
    BALLAST_NUMBER(job_id);
    BALLAST_WORD(kind);
    BALLAST_UUID(uuid);
    BALLAST_TEXT(name);
    BALLAST_WORDS(expected_states);
    BALLAST_NUMBER(deadline_ms);
    BALLAST_OPTIONAL(spec);
    BALLAST_UUID(migration_id);
    BALLAST_TEXT(peer_host);
    BALLAST_TEXT(peer_address);
    BALLAST_NUMBER(peer_port);
    BALLAST_WORD(mode);
    BALLAST_NUMBER(memory_kib);
    BALLAST_NUMBER(link_mbps);
    BALLAST_OPTIONAL(volume);
    BALLAST_NUMBER(copy_storage);
    BALLAST_NUMBER(bandwidth_mbps);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::JobCancel> object, PlainOf<Io, JobCancel> plain) {
    BALLAST_NUMBER(job_id);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::JobLimit> object, PlainOf<Io, JobLimit> plain) {
    BALLAST_NUMBER(job_id);
    BALLAST_NUMBER(bandwidth_mbps);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::JobAck> object, PlainOf<Io, JobAck> plain) {
    BALLAST_NUMBER(job_id);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::JobUpdate> object, PlainOf<Io, JobUpdate> plain) {
    BALLAST_NUMBER(job_id);
    BALLAST_WORD(kind);
    BALLAST_WORD(state);
    BALLAST_NUMBER(step);
    BALLAST_TEXT(step_name);
    BALLAST_NUMBER(percent);
    BALLAST_WORD(fault);
    BALLAST_TEXT(detail);
    BALLAST_OPTIONAL(domain);
    BALLAST_NUMBER(ready);
    BALLAST_NUMBER(memory_bytes);
    BALLAST_NUMBER(wire_bytes);
    BALLAST_NUMBER(downtime_ms);
    BALLAST_NUMBER(total_ms);
    BALLAST_NUMBER(rounds);
    BALLAST_WORD(mode);
    BALLAST_WORD(compression);
    BALLAST_UUID(uuid);
    BALLAST_NUMBER(image_bytes);
    BALLAST_NUMBER(image_done_bytes);
    BALLAST_NUMBER(image_wire_bytes);
    BALLAST_NUMBER(image_rounds);
    BALLAST_NUMBER(time_left_ms);
    BALLAST_NUMBER(referenced_bytes);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::ImageSketch> object, PlainOf<Io, ImageSketch> plain) {
    BALLAST_UUID(uuid);
    BALLAST_NUMBER(images);
    BALLAST_NUMBER(image_bytes);
    BALLAST_NUMBER(data_blocks);
    BALLAST_NUMBER(distinct);
    BALLAST_NUMBER(compressed_permille);
    BALLAST_NUMBER(built_unix_ms);
    BALLAST_NUMBER(read_bytes_per_second);
    BALLAST_NUMBER(write_bytes_per_second);
    BALLAST_NUMBERS(keys);
}

BALLAST_DEFINE_CONVERSION(JobOrder)
BALLAST_DEFINE_CONVERSION(JobCancel)
BALLAST_DEFINE_CONVERSION(JobLimit)
BALLAST_DEFINE_CONVERSION(JobAck)
BALLAST_DEFINE_CONVERSION(JobUpdate)
BALLAST_DEFINE_CONVERSION(ImageSketch)

}  // namespace ballast::wire
