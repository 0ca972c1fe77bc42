#include "agent/journal.hpp"

#include <cstdio>

#include <fmt/core.h>

#include "agent/record_codec.hpp"
#include "shell/durable_file.hpp"
#include "shell/random.hpp"

namespace ballast::agent {
namespace {

constexpr std::string_view record_suffix = ".job";
// Beside the records in use there may be some that were refused in the middle of being written.
constexpr std::size_t records_max = 4 * limits::agent_jobs_max;

}  // namespace

Status Journal::open(const std::string& directory, std::vector<JobRecord>& records,
                     std::vector<std::string>& notes, std::string& why) {
    directory_ = directory;
    BALLAST_CHECK(make_directory(directory_, why));
    BALLAST_CHECK(open_identity(why));
    std::vector<std::string> names;
    BALLAST_CHECK(list_directory(directory_, record_suffix, records_max, names, why));
    for (const std::string& name : names) {
        const std::string path = directory_ + "/" + name;
        std::string bytes;
        JobRecord record;
        Status read = read_bounded(path, record_bytes_max, bytes, why);
        if (read.fault() == Fault::io_failed) {
            // Its content may be whole, and say who may run a guest: for whoever starts the agent to decide.
            return read;
        }
        if (read.ok()) {
            read = decode_record(bytes, record);
        }
        if (read.ok() && path == path_of(record.job_id)) {
            records.push_back(record);
            continue;
        }
        notes.push_back(fmt::format("{} is no readable job record ({}): set aside as {}.bad", path,
                                    to_string(read.ok() ? Fault::image_corrupt : read.fault()), name));
        if (std::rename(path.c_str(), (path + ".bad").c_str()) != 0) {
            why = path + " can neither be read nor set aside";
            return Err{Fault::io_failed};
        }
    }
    return {};
}

Status Journal::open_identity(std::string& why) {
    const std::string path = directory_ + "/journal-id";
    std::string text;
    const Status read = read_bounded(path, 64, text, why);
    if (read.ok()) {
        const std::optional<Uuid> id = parse_uuid(std::string_view{text}.substr(0, 36));
        if (!id) {
            why = path + " does not hold a uuid";
            return Err{Fault::image_corrupt};
        }
        id_ = *id;
        return {};
    }
    if (read.fault() != Fault::not_found) {
        return read;
    }
    id_ = new_uuid();
    return write_durable(path, fmt::format("{}\n", to_text(id_).view()), why);
}

std::string Journal::path_of(std::uint64_t job_id) const {
    return fmt::format("{}/{:016x}{}", directory_, job_id, record_suffix);
}

Status Journal::write(const JobRecord& record, std::string& why) {
    if (record.stage == Stage::none) {
        return forget(record.job_id, why);
    }
    return write_durable(path_of(record.job_id), encode_record(record), why);
}

Status Journal::forget(std::uint64_t job_id, std::string& why) {
    return remove_durable(path_of(job_id), why);
}

}  // namespace ballast::agent
