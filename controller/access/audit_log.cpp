#include "controller/access/audit_log.hpp"

#include <algorithm>
#include <utility>

#include "controller/http/json_out.hpp"
#include "shell/log.hpp"

namespace ballast::controller {

namespace {

// What a client chose is cut here; escaped, each byte may become six.
constexpr std::size_t text_bytes_max = 1024;
static_assert(audit_line_bytes_max > 2 * 6 * text_bytes_max + 2048, "path, note, and what is ours");

const std::string none;
const std::string crowded{"its disk is too slow for what is to be recorded"};

// The members between the head of the line and its hash, as ",name:value" pairs.
std::string members(const AuditEntry& entry) {
    std::string text;
    http::JsonOut json{text, audit_line_bytes_max};
    json.object();
    json.member("at", entry.at);
    json.member("caller", std::string_view{entry.caller.name});
    json.member("proof", to_string(entry.caller.proof));
    json.member("role", to_string(entry.caller.role));
    json.member("address", entry.address);
    json.member("request_id", entry.request_id);
    json.member("method", entry.method);
    json.member("path", entry.path.substr(0, text_bytes_max));
    json.member("about", entry.about.substr(0, text_bytes_max));
    json.member("status", entry.status);
    json.end_object();
    text.front() = ',';
    text.pop_back();
    return text;
}

}  // namespace

AuditLog::AuditLog(AuditSettings settings) : files_{settings} {
    for (Batch& batch : batches_) {
        batch.bytes = std::make_unique_for_overwrite<char[]>(audit_batch_bytes);
    }
}

AuditLog::~AuditLog() {
    wait();
}

bool AuditLog::open(const std::string& directory, std::string& why) {
    if (!files_.open(directory, why)) {
        return false;
    }
    head_ = files_.head();
    trouble_ = files_.trouble();
    return true;
}

void AuditLog::append(const AuditEntry& entry) {
    std::string line = begin_link(head_) + members(entry);
    const ChainLink link = end_link(line);
    line += '\n';
    Batch& batch = batches_[filling_];
    if (line.size() > audit_batch_bytes - batch.size) {
        lose(line, crowded);
        return;
    }
    std::copy(line.begin(), line.end(), batch.bytes.get() + batch.size);
    batch.size += line.size();
    ++batch.entries;
    ++noted_;
    head_ = link;
    if (!handed_) {
        hand_over();
    }
}

void AuditLog::hand_over() {
    handed_ = true;
    filling_ = 1 - filling_;
    writer_.start();
}

// On the thread.
void AuditLog::write() {
    if (!files_.trouble().empty()) {
        files_.make_room();
    }
    const Batch& batch = batches_[1 - filling_];
    put_bytes_ = files_.put({batch.bytes.get(), batch.size});
    files_.make_room();
}

void AuditLog::lose(std::string_view lines, std::string_view why) {
    while (!lines.empty()) {
        const std::string_view line = lines.substr(0, lines.find('\n'));
        lines.remove_prefix(std::min(line.size() + 1, lines.size()));
        ++lost_;
        log_error("an audit entry was lost ({}): {}", why, line);
    }
}

void AuditLog::settle() {
    if (!handed_ || writer_.busy()) {
        return;
    }
    handed_ = false;
    trouble_ = files_.trouble();
    Batch& done = batches_[1 - filling_];
    recorded_ += done.entries;
    if (put_bytes_ != done.size) {
        // What was taken down since follows in the chain on what is lost, and is lost with it.
        Batch& since = batches_[filling_];
        const std::string_view why = trouble_.empty() ? std::string_view{"a write failed"} : trouble_;
        const std::uint64_t lost_before = lost_;
        lose({done.bytes.get() + put_bytes_, done.size - put_bytes_}, why);
        written_ += done.entries - (lost_ - lost_before);
        lose({since.bytes.get(), since.size}, why);
        recorded_ += since.entries;
        since.size = since.entries = 0;
        head_ = files_.head();
    } else {
        written_ += done.entries;
    }
    done.size = done.entries = 0;
    sync_if_due();
    if (batches_[filling_].size != 0) {
        hand_over();
    }
}

void AuditLog::wait() {
    while (handed_) {
        writer_.wait();
        settle();
    }
}

void AuditLog::sync_beside() {
    sync_due_ = true;
    sync_if_due();
    if (!trouble_.empty() && !handed_) {
        hand_over();
    }
}

void AuditLog::sync_if_due() {
    if (!sync_due_ || handed_ || syncer_.busy()) {
        return;
    }
    sync_due_ = false;
    if (!synced_) {
        files_.sync_failed();
    }
    if (files_.unsynced()) {
        // Its own descriptor: a new file may be started meanwhile.
        syncing_ = files_.for_sync();
        syncer_.start();
    }
}

const std::string& AuditLog::trouble() {
    settle();
    if (!trouble_.empty()) {
        if (!handed_) {
            hand_over();  // tries again
        }
        return trouble_;
    }
    return batches_[filling_].size + audit_line_bytes_max > audit_batch_bytes ? crowded : none;
}

}  // namespace ballast::controller
