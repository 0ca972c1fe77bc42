// The parts of the desktop service: functions over one step of the core. Each block names its file.
#pragma once

#include "controller/core/desktop/rows.hpp"
#include "controller/core/step.hpp"

namespace ballast::controller {

inline constexpr std::size_t desktop_starts_per_tick_max = 32;
// Hosts that are tried for one login to a private desktop.
inline constexpr std::uint32_t private_starts_max = 3;
inline constexpr std::size_t desktop_orders_per_tick_max = 32;  // pauses, saves, stops

// ---- desktops.cpp: what a desktop is, and the one setter of its state ----
void set_desktop_state(Step& step, std::uint32_t desktop, DesktopState to, Cause cause,
                       std::uint64_t decision = 0) noexcept;
// Brings the desktop's state in line with what its guest is now.
void follow_desktop(Step& step, std::uint32_t desktop) noexcept;
// A job on a desktop's guest has ended.
void desktop_job_ended(Step& step, const JobRow& job) noexcept;
// An operation on the desktop's guest. `no_row`: not now (its host is away or full, the guest busy).
std::uint32_t order_desktop(Step& step, std::uint32_t desktop, JobKind kind, Cause cause) noexcept;
void persist_desktop(Step& step, std::uint32_t desktop) noexcept;
// True when the guest can be operated on now.
bool desktop_at_hand(const Step& step, const DesktopRow& desktop) noexcept;
std::uint32_t desktop_host(const Tables& t, const DesktopRow& desktop) noexcept;
// False while its guest boots or is being woken: it is not moved then. `desktop` may be none.
bool desktop_settled(const Tables& t, std::uint32_t desktop) noexcept;

// ---- upkeep.cpp: deadlines, wake probes, clean-up of what failed, and what is due after a session ----
void tick_desktops(Step& step) noexcept;

// ---- specs.cpp: what a desktop's guest is built of ----
void fill_desktop_spec(const Tables& t, const DesktopRow& desktop, wire::GuestSpec& out) noexcept;
void fill_data_share(const Tables& t, const DesktopRow& desktop, wire::GuestNote& note) noexcept;
// For a new desktop. The addresses of its network cards come from it, and are no other guest's.
Uuid new_desktop_uuid(const Tables& t, std::uint32_t pool, std::string_view name,
                      std::uint64_t number) noexcept;
bool desktop_has_mac(const Tables& t, const DesktopRow& desktop, std::uint64_t mac) noexcept;
Uuid derived_uuid(const Identity& identity, std::string_view what, std::uint64_t number) noexcept;
// As the agent names files of the store: relative to where it lies there.
void in_store(const HostRow& host, wire::Volume& volume) noexcept;
// The desktop that writes to a disk that this one would write to; empty: there is none.
Name who_has_its_disks(const Tables& t, std::uint32_t pool, const DesktopRecord& desktop) noexcept;
// The volume that is to be made next; false: all are there.
bool next_volume(const Tables& t, const DesktopRow& desktop, wire::Volume& out) noexcept;

// ---- placing.cpp: which host gets one more desktop ----
struct DesktopPlacement {
    std::uint32_t host = no_row;
    FixedVector<Reason, 32> reasons;  // of the hosts that cannot take it
    std::uint32_t reasons_left_out = 0;
    std::uint64_t nearest_missing_mib = 0;  // of memory, on `nearest`
    HostName nearest;
};
// Looks at the hosts anew. Once before the placements of one step.
void measure_hosts(Step& step) noexcept;
// The same, unless what was measured still holds; loads may then be of the last tick.
void know_hosts(Step& step) noexcept;
// Is a desktop in this state counted there?
bool shows_in_rooms(DesktopState state) noexcept;
// Private: the least loaded host that can take it. Common: the one with the fewest desktops of the pool, then
// the least loaded. Guests that are being started count with their memory, and with one core each. While the
// pool of hosts could restart the guests of its largest host, hosts where it still can go first.
DesktopPlacement place_desktop(Step& step, std::uint32_t pool, std::string_view desktop) noexcept;
// The chosen host counts as having it from now on.
void charge_host(Step& step, std::uint32_t host, std::uint32_t pool) noexcept;

// ---- pools.cpp: the reconciler ----
void tick_pools(Step& step) noexcept;
// ---- starting.cpp ----
std::uint32_t find_pool(const Tables& t, std::string_view name) noexcept;
// Creates the desktop's guest on the host. False: a limit forbids it now.
bool start_desktop(Step& step, std::uint32_t desktop, std::uint32_t host, Cause cause,
                   std::uint64_t decision) noexcept;
// The row of a new desktop with its guest's row. `no_row` with the limit's name.
std::uint32_t add_desktop(Step& step, std::uint32_t pool, std::string_view name, std::string_view user,
                          std::string_view& limit_name) noexcept;
void forget_desktop(Step& step, std::uint32_t desktop) noexcept;
void start_failed(Step& step, std::uint32_t desktop, std::uint32_t host, Fault fault) noexcept;
void start_succeeded(Step& step, std::uint32_t desktop) noexcept;

// ---- golden.cpp: the golden save file that a reset clones desktops out of ----
void tick_golden(Step& step, std::uint32_t pool) noexcept;
// A job on a common desktop's guest has ended.
void golden_job_ended(Step& step, std::uint32_t desktop, const JobRecord& job) noexcept;
// Whether the desktop is to be made out of its golden file on this host.
bool golden_usable(const Tables& t, std::uint32_t desktop, std::uint32_t host) noexcept;
void fill_golden_volume(const Tables& t, const DesktopRow& desktop, wire::Volume& volume) noexcept;
// The desktop is removed: nobody waits for its memory any more.
void forget_golden_maker(Step& step, std::uint32_t desktop) noexcept;
// The pool has got another template, or is being deleted: who keeps his memory for it is needed no more.
void forget_golden_files(Step& step, std::uint32_t pool) noexcept;

// ---- grants.cpp: which common desktop a session gets ----
struct Grant {
    std::uint32_t desktop = no_row;
    DesktopState tier = DesktopState::inactive;
};
// Fills the outcome's problem in when nothing can be granted.
Grant choose_desktop(Step& step, std::uint32_t pool, Outcome& outcome) noexcept;

// ---- sessions.cpp: the life of a session ----
void set_session_state(Step& step, std::uint32_t session, SessionState to, Cause cause) noexcept;
std::uint32_t find_session(const Tables& t, std::uint64_t id) noexcept;
// The session that this user has (not one that is closing) with this pool, or with the private desktop.
std::uint32_t session_of(const Tables& t, std::string_view user, std::string_view pool,
                         bool personal) noexcept;
std::uint32_t add_session(Step& step, const Command& command, std::uint32_t desktop,
                          DesktopState tier) noexcept;
// Goes on with what the session waits for, without making jobs.
void advance_session(Step& step, std::uint32_t session) noexcept;
// The same, and wakes or boots the desktop.
void wake_for_session(Step& step, std::uint32_t session) noexcept;
// The session's desktop is gone: another one is looked for while nobody has used it, else the session ends.
void lose_desktop(Step& step, std::uint32_t session, const Detail& why) noexcept;
// Nothing of the session is open any more.
void finish_session(Step& step, std::uint32_t session, Cause cause) noexcept;
void end_session(Step& step, std::uint32_t session, Cause cause, const Detail& detail) noexcept;
void tick_sessions(Step& step) noexcept;
bool session_up(const Tables& t, const DesktopRow& desktop) noexcept;

// ---- relays.cpp: the way to a console; signals.cpp: what guests say, or hosts of them ----
Status on_relay_status(Step& step, std::uint32_t host, const wire::RelayStatus& status) noexcept;
void ask_for_relay(Step& step, std::uint32_t session) noexcept;
void close_relay(Step& step, std::uint32_t host, std::uint64_t session_id) noexcept;
// The agent is back: its relays and its guests' notes are gone.
void desktops_link_up(Step& step, std::uint32_t host) noexcept;
void desktops_link_down(Step& step, std::uint32_t host) noexcept;
Status on_guest_signal(Step& step, std::uint32_t host, const wire::GuestSignal& signal) noexcept;
void ask_guest(Step& step, std::uint32_t desktop) noexcept;

// ---- store_proof.cpp: that all hosts see the same store ----
void tick_store_proof(Step& step) noexcept;
Status on_store_answer(Step& step, std::uint32_t host, const wire::StoreAnswer& answer) noexcept;

// ---- restore.cpp ----
void start_desktops(Tables& t, const Now& now) noexcept;

// ---- pool_commands.cpp, private_commands.cpp, session_commands.cpp ----
void pool_command(Step& step, const Command& command, Outcome& outcome) noexcept;
void private_command(Step& step, const Command& command, Outcome& outcome) noexcept;
void session_command(Step& step, const Command& command, Outcome& outcome) noexcept;
// The private desktop of a user. `no_row`: he has none.
std::uint32_t find_private(const Tables& t, std::string_view user) noexcept;
// Boots the private desktop, or goes on with it; refuses in `outcome` (which may be null) when no host can
// take it.
bool start_private(Step& step, std::uint32_t desktop, Outcome* outcome) noexcept;

}  // namespace ballast::controller
