#include "controller/http/render.hpp"

namespace ballast::controller::http {

namespace {

std::string_view to_word(wire::Compression compression) noexcept {
    switch (compression) {
        case wire::Compression::none: return "none";
        case wire::Compression::zstd: return "zstd";
        case wire::Compression::lz4: return "lz4";
    }
    return "none";
}

void render_migration(JsonOut& json, const JobRecord& record) {
    json.key("migration");
    json.object();
    json.member("from", record.source.host.view());
    json.member("to", record.destination.host.view());
    json.member("mode", to_string(record.mode));
    json.member("source_step", record.source.step_name.view());
    json.member("destination_step", record.destination.step_name.view());
    json.member("memory_bytes", record.memory_bytes);
    json.member("referenced_bytes", record.referenced_bytes);
    json.member("wire_bytes", record.wire_bytes);
    json.member("compression", to_word(record.compression));
    json.member("rounds", record.rounds);
    json.member("downtime_ms", record.downtime_ms);
    json.member("total_ms", record.total_ms);
    json.member("storage", record.copy_storage ? "copy" : "shared");
    if (record.copy_storage) {
        json.key("images");
        json.object();
        json.member("bandwidth_mbps", record.bandwidth_mbps);
        json.member("bytes", record.image_bytes);
        json.member("done_bytes", record.image_done_bytes);
        json.member("wire_bytes", record.image_wire_bytes);
        json.member("rounds", record.image_rounds);
        json.member("time_left_ms", record.time_left_ms);
        json.end_object();
    }
    json.end_object();
}

}  // namespace

void render_job(JsonOut& json, const JobRow& job) {
    const JobRecord& record = job.record;
    json.object();
    json.member("id", record.id);
    json.member("kind", to_string(record.kind));
    json.member("state", to_string(record.state));
    json.member("step", job.step());
    json.member("percent", record.percent);
    json.member("vm", record.vm_name.view());
    json.member("vm_uuid", record.vm_uuid);
    json.member("host", record.source.host.view());
    json.member("origin", to_string(record.origin));
    if (record.fault != Fault::none) {
        json.member("fault", to_string(record.fault));
    }
    if (!record.detail.empty()) {
        json.member("detail", record.detail.view());
    }
    json.member("cancel_asked", record.cancel_asked);
    if (record.plan_id != 0) {
        json.member("plan", record.plan_id);
    }
    json.member("created_at", record.created);
    json.member("deadline_at", record.deadline);
    json.member("ended_at", record.ended);
    if (record.kind == JobKind::migrate) {
        render_migration(json, record);
    }
    if (record.kind == JobKind::image_index) {
        json.key("images");
        json.object();
        json.member("bytes", record.image_bytes);
        json.member("done_bytes", record.image_done_bytes);
        json.member("time_left_ms", record.time_left_ms);
        json.end_object();
    }
    json.end_object();
}

std::vector<std::string_view> job_headings() {
    return {"ID", "KIND", "STATE", "%", "VM", "HOST", "TO", "ORIGIN", "STEP", "CREATED", "DETAIL"};
}

void job_row(TextTable& table, const JobRow& job) {
    const JobRecord& record = job.record;
    table.cell(record.id);
    table.cell(to_string(record.kind));
    table.cell(to_string(record.state));
    table.cell(std::uint64_t{record.percent});
    table.cell(record.vm_name.view());
    table.cell(record.source.host.view());
    table.cell(record.destination.host.view());
    table.cell(to_string(record.origin));
    table.cell(job.step());
    table.cell(rfc3339(record.created));
    table.cell(record.detail.view());
}

}  // namespace ballast::controller::http
