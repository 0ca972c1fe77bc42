#include "controller/access/audit_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "shell/durable_file.hpp"
#include "shell/log.hpp"

namespace ballast::controller {

namespace {

constexpr std::string_view suffix = ".log";
constexpr std::size_t files_listed_max = 4096;
// Disk space is taken ahead in steps of this.
constexpr std::uint64_t reserve_bytes = 4 * audit_batch_bytes;

}  // namespace

std::string AuditFiles::path_of(std::uint64_t first_seq) const {
    std::array<char, 48> name{};
    std::snprintf(name.data(), name.size(), "/audit-%012llu.log", static_cast<unsigned long long>(first_seq));
    return directory_ + name.data();
}

bool AuditFiles::open(const std::string& directory, std::string& why) {
    directory_ = directory;
    std::vector<std::string> names;
    if (!make_directory(directory, why).ok() ||
        !list_directory(directory, suffix, files_listed_max, names, why).ok()) {
        return false;
    }
    // The newest may be empty, when the end came between its making and its first line.
    const std::size_t first = names.size() > 2 ? names.size() - 2 : 0;
    for (std::size_t i = first; i < names.size(); ++i) {
        if (!continue_file(directory + "/" + names[i], why)) {
            return false;
        }
    }
    if (names.empty() && !start_file()) {
        why = trouble_;
        return false;
    }
    make_room();
    log_notice("audit log {}: goes on after entry {}, hash {}", directory, head_.seq, to_hex(head_.hash));
    return true;
}

bool AuditFiles::continue_file(const std::string& path, std::string& why) {
    UniqueFd file{::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC)};
    const off_t size = file ? ::lseek(file.get(), 0, SEEK_END) : -1;
    // Its end alone has the last line: an operator may have allowed large files.
    std::string end(static_cast<std::size_t>(std::clamp<off_t>(size, 0, 2 * audit_line_bytes_max)), '\0');
    const auto begin = static_cast<std::uint64_t>(std::max<off_t>(size, 0)) - end.size();
    if (size < 0 || ::pread(file.get(), end.data(), end.size(), static_cast<off_t>(begin)) !=
                        static_cast<ssize_t>(end.size())) {
        why = path + ": " + std::strerror(errno);
        return false;
    }
    const std::size_t line_feed = end.rfind('\n');
    const std::size_t whole = line_feed == std::string::npos ? 0 : line_feed + 1;
    if (whole != end.size()) {
        log_warning("{}: the last line was cut off by a crash and is removed", path);
    }
    if (whole != 0 || begin != 0) {
        const std::size_t before = whole < 2 ? std::string::npos : end.rfind('\n', whole - 2);
        const std::size_t first = before == std::string::npos ? 0 : before + 1;
        const std::optional<ChainLink> last =
            whole != 0 ? read_link(std::string_view{end}.substr(first, whole - 1 - first)) : std::nullopt;
        if (!last.has_value()) {
            why = path +
                  ": the last line was changed: see \"ballast audit verify\", and move the directory away";
            return false;
        }
        head_ = *last;
    }
    if (::ftruncate(file.get(), static_cast<off_t>(begin + whole)) != 0) {
        why = path + ": " + std::strerror(errno);
        return false;
    }
    file_ = std::move(file);
    file_bytes_ = begin + whole;
    return true;
}

// The file before stays open when there can be no new one.
bool AuditFiles::start_file() {
    const std::string path = path_of(head_.seq + 1);
    UniqueFd file{::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)};
    if (!file) {
        trouble_ = path + ": " + std::strerror(errno);
        return false;
    }
    // Entries in a file whose name is not on disk would go with the power, and the chain's end with them.
    if (!sync_directory(directory_, trouble_).ok()) {
        return false;
    }
    if (file_) {
        sync();
        // What was reserved beyond its end goes back; kept, it is only room that nobody uses.
        if (::ftruncate(file_.get(), static_cast<off_t>(file_bytes_)) != 0) {
            log_warning("audit log {}: {}", directory_, std::strerror(errno));
        }
        log_notice("audit log {}: a new file after entry {}, hash {}", directory_, head_.seq,
                   to_hex(head_.hash));
    }
    file_ = std::move(file);
    file_bytes_ = 0;
    reserved_bytes_ = 0;
    remove_old_files();
    return true;
}

bool AuditFiles::reserve() {
    if (file_bytes_ + 2 * audit_batch_bytes <= reserved_bytes_) {
        return true;
    }
    // Not every file system can; then a full disk is noticed by the first line that does not fit.
    if (::fallocate(file_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(file_bytes_), reserve_bytes) != 0 &&
        errno != EOPNOTSUPP) {
        trouble_ = directory_ + ": " + std::strerror(errno);
        return false;
    }
    reserved_bytes_ = file_bytes_ + reserve_bytes;
    return true;
}

void AuditFiles::remove_old_files() {
    std::vector<std::string> names;
    std::string why;
    if (!list_directory(directory_, suffix, files_listed_max, names, why).ok()) {
        log_warning("{}", why);
        return;
    }
    for (std::size_t i = 0; i + settings_.files_max < names.size(); ++i) {
        if (!remove_durable(directory_ + "/" + names[i], why).ok()) {
            log_warning("{}", why);
        }
    }
}

std::size_t AuditFiles::put(std::string_view lines) {
    if (!file_ || lines.empty()) {
        return 0;
    }
    const ssize_t done = ::write(file_.get(), lines.data(), lines.size());
    const int failed = errno;
    std::size_t whole = lines.size();
    if (done != std::ssize(lines)) {
        trouble_ = directory_ + ": " + std::strerror(done < 0 ? failed : ENOSPC);
        const auto written = static_cast<std::size_t>(std::max<ssize_t>(done, 0));
        const std::size_t line_feed = written == 0 ? std::string_view::npos : lines.rfind('\n', written - 1);
        whole = line_feed == std::string_view::npos ? 0 : line_feed + 1;
        // A part of a line would break the chain for good.
        if (written != whole && ::ftruncate(file_.get(), static_cast<off_t>(file_bytes_ + whole)) != 0) {
            file_ = UniqueFd{};
        }
    }
    if (whole != 0) {
        const std::size_t before = whole < 2 ? std::string_view::npos : lines.rfind('\n', whole - 2);
        const std::size_t first = before == std::string_view::npos ? 0 : before + 1;
        head_ = read_link(lines.substr(first, whole - 1 - first)).value_or(head_);
        file_bytes_ += whole;
        unsynced_ = true;
    }
    return whole;
}

void AuditFiles::sync() {
    if (file_ && unsynced_) {
        unsynced_ = ::fdatasync(file_.get()) != 0;
    }
}

UniqueFd AuditFiles::for_sync() {
    unsynced_ = false;
    return UniqueFd{::fcntl(file_.get(), F_DUPFD_CLOEXEC, 0)};
}

void AuditFiles::make_room() {
    const bool full = file_bytes_ >= settings_.file_bytes_max;
    if ((full || !file_) && !start_file()) {
        return;
    }
    if (!reserve() || trouble_.empty()) {
        return;
    }
    // A write has failed. Whether the next one will is only known by trying: an unfinished line, and away
    // with it again. (After a crash in between, `open` removes it.)
    const std::string probe(audit_line_bytes_max, ' ');
    const bool written = ::write(file_.get(), probe.data(), probe.size()) == std::ssize(probe);
    if (::ftruncate(file_.get(), static_cast<off_t>(file_bytes_)) == 0 && written) {
        reserved_bytes_ = 0;  // what lay beyond the end is cut off too
        trouble_.clear();
        (void)reserve();
    }
}

}  // namespace ballast::controller
