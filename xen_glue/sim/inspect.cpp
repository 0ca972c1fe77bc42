#include "xen_glue/sim/inspect.hpp"

#include <cinttypes>
#include <cstdio>

#include "xen_glue/sim/sim_host.hpp"
#include "xen_glue/sim/state_file.hpp"

namespace ballast::sim {
namespace {

template <class... Values>
void append_line(std::string& out, const char* format, Values... values) {
    char line[1024];
    const int length = std::snprintf(line, sizeof line, format, values...);
    out.append(line, static_cast<std::size_t>(length)).push_back('\n');
}

const char* word(Activity activity) noexcept {
    switch (activity) {
        case Activity::none: return "none";
        case Activity::creating: return "creating";
        case Activity::receiving: return "receiving";
        case Activity::sending: return "sending";
        case Activity::shutting_down: return "shutting_down";
        case Activity::destroying: return "destroying";
    }
    return "none";
}

// Names are of letters, digits and "._-+" (valid_name), words are ours: nothing here needs escaping.
void append_guest(std::string& out, const Guest& guest) {
    const std::string uuid{to_text(guest.uuid).view()};
    const std::string name{guest.name.view()};
    const std::string state{to_string(state_of(guest))};
    append_line(out,
                "{\"domain\":{\"domid\":%u,\"uuid\":\"%s\",\"name\":\"%s\",\"state\":\"%s\",\"built\":%s,"
                "\"activity\":\"%s\",\"memory_kib\":%" PRIu64
                ",\"vcpus\":%u,\"load_permille\":%u,"
                "\"cpu_millicores\":%" PRIu64 ",\"executed_ms\":%" PRId64 ",\"cpu_time_ns\":%" PRIu64 "}}",
                guest.domid, uuid.c_str(), name.c_str(), state.c_str(), guest.built ? "true" : "false",
                word(guest.activity), guest.memory_kib, guest.vcpus, guest.workload.load.load_permille,
                executing(guest) ? guest.granted_ucores / 1000 : 0, guest.executed_ns / ns_per_ms,
                guest.cpu_time_ns.total);
}

}  // namespace

std::unique_ptr<SimHost> inspect(const std::string& state_file, std::string& why) {
    const std::unique_ptr<StateFile> file = StateFile::open(state_file, {}, why);
    if (file == nullptr) {
        return nullptr;
    }
    StateFile::Transaction transaction{*file};
    return std::make_unique<SimHost>(transaction.host());
}

bool meddle(const std::string& state_file, const std::function<void(SimHost&)>& edit, std::string& why) {
    const std::unique_ptr<StateFile> file = StateFile::open(state_file, {}, why);
    if (file == nullptr) {
        return false;
    }
    StateFile::Transaction transaction{*file};
    edit(transaction.host());
    transaction.commit();
    return true;
}

std::string to_json_lines(const SimHost& host) {
    std::string out;
    append_line(out,
                "{\"host\":{\"now_ms\":%" PRId64 ",\"cpus\":%u,\"memory_kib\":%" PRIu64
                ",\"memory_free_kib\":%" PRIu64
                ",\"link_mbps\":%u,\"guests\":%zu,\"dom0_cpu_time_ns\":%" PRIu64 ",\"changes\":%" PRIu64 "}}",
                host.now_ns / ns_per_ms, host.config.cpus, host.config.memory_kib, memory_free_kib(host),
                host.config.link_mbps, host.guests.size(), host.dom0_cpu_time_ns.total, host.change_count);
    for (const Guest& guest : host.guests) {
        append_guest(out, guest);
    }
    for (std::size_t i = 0; i < host.executions.size(); ++i) {
        const Execution& record = host.executions[i];
        append_line(out,
                    "{\"execution\":{\"uuid\":\"%s\",\"domid\":%u,\"what\":\"%s\",\"at_ms\":%" PRId64
                    ",\"executed_ms\":%" PRId64 "}}",
                    std::string{to_text(record.uuid).view()}.c_str(), record.domid,
                    record.began ? "began" : "ended", record.at_ns / ns_per_ms,
                    record.executed_ns / ns_per_ms);
    }
    return out;
}

}  // namespace ballast::sim
