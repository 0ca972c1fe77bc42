#include "tests/xen/stub/xen_stub.hpp"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <set>

extern "C" {
#include <xenctrl.h>
#include <xenstore.h>
#include <xenstore_lib.h>
}

namespace ballast::xen_stub {
namespace {

struct State {
    Host host;
    std::map<std::uint32_t, Domain> domains{
        {0, {.domid = 0, .uuid = {}, .pages = 262144, .max_pages = UINT32_MAX, .vcpus = 1}}};
    std::map<std::string, std::string> nodes{{"/local/domain/0/name", "Domain-0"},
                                             {"/local/pool/0/name", "Pool-0"}};
    std::set<std::string> watches;
    std::deque<std::string> fired;
    bool xenstored_dead = false;
    std::uint64_t reads = 0;
};

State& state() {
    static State instance;
    return instance;
}

class ListeningSocket {
  public:
    ListeningSocket() {
        path_ = "/tmp/ballast-xen-stub-" + std::to_string(getpid());
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path_.copy(address.sun_path, sizeof address.sun_path - 1);
        fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            listen(fd_, 1) != 0) {
            std::abort();
        }
    }
    ~ListeningSocket() {
        ::close(fd_);
        ::unlink(path_.c_str());
    }
    ListeningSocket(const ListeningSocket&) = delete;
    ListeningSocket& operator=(const ListeningSocket&) = delete;
    const char* path() const { return path_.c_str(); }

  private:
    std::string path_;
    int fd_;
};

int watch_descriptor() {
    static const int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return descriptor;
}

bool xenstored_answers() {
    if (state().xenstored_dead) {
        errno = EBADF;
    }
    return !state().xenstored_dead;
}

void describe(const Domain& domain, xc_domaininfo_t& out) {
    out = {};
    out.domain = static_cast<domid_t>(domain.domid);
    out.flags = (domain.dying ? XEN_DOMINF_dying : 0) | (domain.hvm_container ? XEN_DOMINF_hvm_guest : 0) |
                (domain.shutdown ? XEN_DOMINF_shutdown : 0) | (domain.pauses > 0 ? XEN_DOMINF_paused : 0) |
                (domain.shutdown_reason << XEN_DOMINF_shutdownshift);
    out.tot_pages = domain.pages;
    out.max_pages = domain.max_pages;
    out.cpu_time = domain.cpu_time_ns;
    out.nr_online_vcpus = domain.vcpus;
    out.max_vcpu_id = domain.vcpus - 1;
    std::copy(domain.uuid.bytes.begin(), domain.uuid.bytes.end(), std::begin(out.handle));
}

char* copy_out(const std::string& text) {
    return strndup(text.data(), text.size());
}

void cancel_wake_up() {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(watch_descriptor(), &count, sizeof count);
}

}  // namespace

void reset() {
    state() = State{};
    cancel_wake_up();
}

Host& host() {
    return state().host;
}

void put_domain(const Domain& domain, const std::string& name, const std::string& type) {
    state().domains[domain.domid] = domain;
    if (!name.empty()) {
        put_node("/local/domain/" + std::to_string(domain.domid) + "/name", name);
    }
    if (!type.empty()) {
        put_node("/libxl/" + std::to_string(domain.domid) + "/type", type);
    }
}

void remove_domain(std::uint32_t domid) {
    state().domains.erase(domid);
    const std::string own = "/local/domain/" + std::to_string(domid) + "/";
    const std::string toolstack = "/libxl/" + std::to_string(domid) + "/";
    std::erase_if(state().nodes, [&](const auto& node) {
        return node.first.starts_with(own) || node.first.starts_with(toolstack);
    });
}

Domain* find_domain(std::uint32_t domid) {
    const auto found = state().domains.find(domid);
    return found == state().domains.end() ? nullptr : &found->second;
}

void put_node(const std::string& path, const std::string& value) {
    state().nodes[path] = value;
}

std::string node(const std::string& path) {
    const auto found = state().nodes.find(path);
    return found == state().nodes.end() ? std::string{} : found->second;
}

void kill_xenstored() {
    state().xenstored_dead = true;
}

void fire_watch(const std::string& path) {
    // A watch also fires for what lies below its path.
    const bool watched =
        std::any_of(state().watches.begin(), state().watches.end(),
                    [&path](const std::string& at) { return path == at || path.starts_with(at + "/"); });
    if (watched) {
        state().fired.push_back(path);
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t put = ::write(watch_descriptor(), &one, sizeof one);
    }
}

std::uint64_t xenstore_reads() {
    return state().reads;
}

}  // namespace ballast::xen_stub

using namespace ballast::xen_stub;  // NOLINT: the C functions below are this file's other half

// ---- libxenctrl ----

extern "C" {

// Never looked into: whoever would is not part of this stand-in.
xc_interface* xc_interface_open(xentoollog_logger* /*logger*/, xentoollog_logger* /*dombuild_logger*/,
                                unsigned /*open_flags*/) {
    static char handle;
    return reinterpret_cast<xc_interface*>(&handle);
}

int xc_interface_close(xc_interface* /*xch*/) {
    return 0;
}

int xc_version(xc_interface* /*xch*/, int cmd, void* arg) {
    switch (cmd) {
        case XENVER_version: return (4 << 16) | 17;
        case XENVER_pagesize: return 4096;
        case XENVER_extraversion: std::strcpy(static_cast<char*>(arg), ".5"); return 0;
        case XENVER_compile_info: std::memset(arg, 0, sizeof(xen_compile_info_t)); return 0;
        case XENVER_capabilities: std::memset(arg, 0, sizeof(xen_capabilities_info_t)); return 0;
        case XENVER_changeset: std::memset(arg, 0, sizeof(xen_changeset_info_t)); return 0;
        case XENVER_platform_parameters: std::memset(arg, 0, sizeof(xen_platform_parameters_t)); return 0;
        case XENVER_commandline: std::memset(arg, 0, sizeof(xen_commandline_t)); return 0;
        default: errno = ENOSYS; return -1;
    }
}

int xc_physinfo(xc_interface* /*xch*/, xc_physinfo_t* out) {
    *out = {};
    out->threads_per_core = 1;
    out->cores_per_socket = host().cpu_count;
    out->nr_cpus = host().cpu_count;
    out->max_cpu_id = host().cpu_count - 1;
    out->nr_nodes = 1;
    out->cpu_khz = 2'000'000;
    out->capabilities = XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_pv |
                        (host().hap ? XEN_SYSCTL_PHYSCAP_hap : 0U) |
                        (host().shadow ? XEN_SYSCTL_PHYSCAP_shadow : 0U);
    out->total_pages = host().pages;
    out->free_pages = host().free_pages;
    out->scrub_pages = host().scrub_pages;
    out->outstanding_pages = host().outstanding_pages;
    return 0;
}

int xc_get_max_cpus(xc_interface* /*xch*/) {
    return static_cast<int>(host().cpu_count);
}
int xc_get_max_nodes(xc_interface* /*xch*/) {
    return 1;
}
long xc_sharing_freed_pages(xc_interface* /*xch*/) {
    return 0;
}
long xc_sharing_used_frames(xc_interface* /*xch*/) {
    return 0;
}
int xc_flask_sid_to_context(xc_interface* /*xch*/, int /*sid*/, char* /*buf*/, uint32_t /*size*/) {
    errno = ENOSYS;
    return -1;
}

// The one CPU pool that every host has.
xc_cpupoolinfo_t* xc_cpupool_getinfo(xc_interface* /*xch*/, uint32_t poolid) {
    if (poolid != 0) {
        errno = ENOENT;
        return nullptr;
    }
    auto* info = static_cast<xc_cpupoolinfo_t*>(std::calloc(1, sizeof(xc_cpupoolinfo_t)));
    info->cpumap = static_cast<xc_cpumap_t>(std::calloc(1, 64));
    return info;
}

void xc_cpupool_infofree(xc_interface* /*xch*/, xc_cpupoolinfo_t* info) {
    std::free(info->cpumap);
    std::free(info);
}

int xc_domain_getinfolist(xc_interface* /*xch*/, uint32_t first, unsigned max, xc_domaininfo_t* out) {
    unsigned count = 0;
    for (const auto& [domid, domain] : state().domains) {
        if (domid >= first && count < max) {
            describe(domain, out[count++]);
        }
    }
    return static_cast<int>(count);
}

int xc_vcpu_getinfo(xc_interface* /*xch*/, uint32_t domid, uint32_t vcpu, xc_vcpuinfo_t* out) {
    const Domain* domain = find_domain(domid);
    if (domain == nullptr || vcpu >= domain->vcpus) {
        errno = ESRCH;
        return -1;
    }
    *out = {};
    out->vcpu = vcpu;
    out->online = 1;
    out->cpu_time = domain->cpu_time_ns / domain->vcpus;
    return 0;
}

int xc_domain_pause(xc_interface* /*xch*/, uint32_t domid) {
    Domain* domain = find_domain(domid);
    if (domain == nullptr) {
        errno = ESRCH;
        return -1;
    }
    ++domain->pauses;
    return 0;
}

int xc_domain_unpause(xc_interface* /*xch*/, uint32_t domid) {
    Domain* domain = find_domain(domid);
    if (domain == nullptr || domain->pauses == 0) {
        errno = domain == nullptr ? ESRCH : EINVAL;
        return -1;
    }
    --domain->pauses;
    return 0;
}

// ---- libxenstore ----

// Somebody must listen there; nobody needs to answer.
const char* xs_daemon_socket(void) {
    static const ListeningSocket socket;
    return state().xenstored_dead ? "/nonexistent/xenstored" : socket.path();
}

xs_handle* xs_open(unsigned long /*flags*/) {
    static char handle;
    return xenstored_answers() ? reinterpret_cast<xs_handle*>(&handle) : nullptr;
}

void xs_close(xs_handle* /*xsh*/) {}

void* xs_read(xs_handle* /*h*/, xs_transaction_t /*t*/, const char* path, unsigned* length) {
    ++state().reads;
    if (!xenstored_answers()) {
        return nullptr;
    }
    const auto found = state().nodes.find(path);
    if (found == state().nodes.end()) {
        errno = ENOENT;
        return nullptr;
    }
    if (length != nullptr) {
        *length = static_cast<unsigned>(found->second.size());
    }
    char* copy = static_cast<char*>(std::calloc(found->second.size() + 1, 1));
    std::copy(found->second.begin(), found->second.end(), copy);
    return copy;
}

bool xs_write(xs_handle* /*h*/, xs_transaction_t /*t*/, const char* path, const void* data, unsigned length) {
    if (xenstored_answers()) {
        state().nodes[path] = std::string{static_cast<const char*>(data), length};
    }
    return !state().xenstored_dead;
}

char** xs_directory(xs_handle* /*h*/, xs_transaction_t /*t*/, const char* path, unsigned* count) {
    std::set<std::string> children;
    const std::string below = std::string{path} + "/";
    for (const auto& [node, value] : state().nodes) {
        if (node.starts_with(below)) {
            children.insert(node.substr(below.size(), node.find('/', below.size()) - below.size()));
        }
    }
    *count = static_cast<unsigned>(children.size());
    if (!xenstored_answers()) {
        return nullptr;
    }
    if (children.empty()) {
        errno = ENOENT;
        return nullptr;
    }
    std::size_t bytes = children.size() * sizeof(char*);
    for (const std::string& child : children) {
        bytes += child.size() + 1;
    }
    char** names = static_cast<char**>(std::calloc(1, bytes));  // one block, as its users free it
    char* text = reinterpret_cast<char*>(names + children.size());
    std::size_t i = 0;
    for (const std::string& child : children) {
        names[i++] = std::strcpy(text, child.c_str());
        text += child.size() + 1;
    }
    return names;
}

xs_transaction_t xs_transaction_start(xs_handle* /*h*/) {
    return xenstored_answers() ? 1 : XBT_NULL;
}
bool xs_transaction_end(xs_handle* /*h*/, xs_transaction_t /*t*/, bool /*abort*/) {
    return xenstored_answers();
}

char* xs_get_domain_path(xs_handle* /*h*/, unsigned domid) {
    return xenstored_answers() ? copy_out("/local/domain/" + std::to_string(domid)) : nullptr;
}

bool xs_watch(xs_handle* /*h*/, const char* path, const char* /*token*/) {
    if (xenstored_answers()) {
        state().watches.insert(path);
        fire_watch(path);  // xenstored fires every watch once when it is set
    }
    return !state().xenstored_dead;
}

bool xs_unwatch(xs_handle* /*h*/, const char* path, const char* /*token*/) {
    state().watches.erase(path);
    return xenstored_answers();
}

int xs_fileno(xs_handle* /*h*/) {
    return watch_descriptor();
}

char** xs_check_watch(xs_handle* /*h*/) {
    if (state().fired.empty()) {
        cancel_wake_up();
        errno = EAGAIN;
        return nullptr;
    }
    const std::string path = state().fired.front();
    state().fired.pop_front();
    char** event = static_cast<char**>(std::calloc(1, 2 * sizeof(char*) + path.size() + 2));
    event[XS_WATCH_PATH] = reinterpret_cast<char*>(event + 2);
    std::strcpy(event[XS_WATCH_PATH], path.c_str());
    event[XS_WATCH_TOKEN] = event[XS_WATCH_PATH] + path.size() + 1;
    return event;
}

}  // extern "C"
