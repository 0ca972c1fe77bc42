#include "agent/record_codec.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "agent/bytes.hpp"

namespace ballast::agent {
namespace {

constexpr std::uint32_t record_magic = 0x4a4c4c42;  // "BLLJ"
constexpr std::size_t checksum_bytes = 8;

void get_images(ByteReader& in, JobRecord& record) {
    in.get(record.copy_storage);
    in.get(record.published);
    in.get(record.bandwidth_mbps);
    in.get(record.effect.image_bytes);
    in.get(record.effect.image_done_bytes);
    in.get(record.effect.image_wire_bytes);
    in.get(record.effect.image_rounds);
    std::uint8_t disks = 0;
    in.get(disks);
    for (std::uint8_t i = 0; i < disks && in.ok(); ++i) {
        ImageDisk disk;
        in.get(disk.device);
        in.get(disk.path);
        in.get(disk.size_bytes);
        if (!record.disks.try_push(disk)) {
            in.fail();
        }
    }
}

void get_order(ByteReader& in, JobRecord& record) {
    in.get(record.job_id);
    in.get(record.kind, JobKind::image_index);
    in.get(record.stage, Stage::indexing);
    in.get(record.state, JobState::cancelled);
    in.get(record.fault, Fault::handover_lost);
    in.get(record.detail);
    in.get(record.uuid);
    in.get(record.name);
    in.get(record.begun.unix_ms);
    in.get(record.deadline.unix_ms);
    in.get(record.acknowledged);
    in.get(record.memory_kib);
}

void get_migration(ByteReader& in, JobRecord& record) {
    in.get(record.migration_id);
    in.get(record.peer_host);
    in.get(record.peer_address);
    in.get(record.peer_port);
    in.get(record.journal_id);
    in.get(record.mode, MigrationMode::automatic);
    in.get(record.link_mbps);
    in.get(record.effect.memory_bytes);
    in.get(record.effect.wire_bytes);
    in.get(record.effect.downtime_ms);
    in.get(record.effect.total_ms);
    in.get(record.effect.rounds);
    in.get(record.effect.compression, wire::Compression::lz4);
}

void get_volume(ByteReader& in, JobRecord& record) {
    in.get(record.volume.path);
    in.get(record.volume.source, wire::VolumeSource::blank);
    in.get(record.volume.template_path);
    in.get(record.volume.size_bytes);
}

// The record between its checksum and its version; nothing of it is believed before.
Status open_record(std::string_view bytes, std::string_view& body, std::uint32_t& version) {
    if (bytes.size() < 2 * sizeof(std::uint32_t) + checksum_bytes || bytes.size() > record_bytes_max) {
        return Err{Fault::image_corrupt};
    }
    std::uint64_t checksum = 0;
    ByteReader tail{bytes.substr(bytes.size() - checksum_bytes)};
    tail.get(checksum);
    bytes.remove_suffix(checksum_bytes);
    ByteReader in{bytes};
    std::uint32_t magic = 0;
    in.get(magic);
    in.get(version);
    if (magic != record_magic || checksum != XXH3_64bits(bytes.data(), bytes.size())) {
        return Err{Fault::image_corrupt};
    }
    body = bytes.substr(sizeof magic + sizeof version);
    return version == 0 || version > record_version ? Status{Err{Fault::version_mismatch}} : Status{};
}

}  // namespace

std::string encode_record(const JobRecord& record) {
    ByteWriter out;
    out.put(record_magic);
    out.put(record_version);
    out.put(record.job_id);
    out.put(record.kind);
    out.put(record.stage);
    out.put(record.state);
    out.put(record.fault);
    out.put(record.detail);
    out.put(record.uuid);
    out.put(record.name);
    out.put(record.begun.unix_ms);
    out.put(record.deadline.unix_ms);
    out.put(record.acknowledged);
    out.put(record.memory_kib);
    out.put(record.migration_id);
    out.put(record.peer_host);
    out.put(record.peer_address);
    out.put(record.peer_port);
    out.put(record.journal_id);
    out.put(record.mode);
    out.put(record.link_mbps);
    out.put(record.effect.memory_bytes);
    out.put(record.effect.wire_bytes);
    out.put(record.effect.downtime_ms);
    out.put(record.effect.total_ms);
    out.put(record.effect.rounds);
    out.put(record.effect.compression);
    out.put(record.volume.path);
    out.put(record.volume.source);
    out.put(record.volume.template_path);
    out.put(record.volume.size_bytes);
    out.put(record.copy_storage);
    out.put(record.published);
    out.put(record.bandwidth_mbps);
    out.put(record.effect.image_bytes);
    out.put(record.effect.image_done_bytes);
    out.put(record.effect.image_wire_bytes);
    out.put(record.effect.image_rounds);
    out.put(static_cast<std::uint8_t>(record.disks.size()));
    for (const ImageDisk& disk : record.disks) {
        out.put(disk.device);
        out.put(disk.path);
        out.put(disk.size_bytes);
    }
    out.put(record.effect.referenced_bytes);
    for (const ImageDisk& disk : record.disks) {
        out.put(disk.file_id);
    }
    out.put(record.only_a_file);
    out.put(static_cast<std::uint64_t>(XXH3_64bits(out.bytes().data(), out.bytes().size())));
    return std::move(out.bytes());
}

Status decode_record(std::string_view bytes, JobRecord& out) {
    std::string_view body;
    std::uint32_t version = 0;
    BALLAST_CHECK(open_record(bytes, body, version));
    ByteReader in{body};
    JobRecord record;
    get_order(in, record);
    get_migration(in, record);
    if (version >= 2) {
        get_volume(in, record);
    }
    if (version >= 3) {
        get_images(in, record);
    }
    if (version >= 4) {
        in.get(record.effect.referenced_bytes);
    }
    if (version >= 5) {
        for (ImageDisk& disk : record.disks) {
            in.get(disk.file_id);
        }
        in.get(record.only_a_file);
    }
    if (!in.ok() || !in.at_end() || !belongs(record.kind, record.stage)) {
        return Err{Fault::image_corrupt};
    }
    out = record;
    return {};
}

}  // namespace ballast::agent
