// The state machines of the desktop service, as tables that are checked when they are compiled (design: the
// VDS paper's desktops, completed by the states of what is under way).
#pragma once

#include "controller/core/machine.hpp"

namespace ballast::controller {

// Lies in the store: only append.
enum class DesktopState : std::uint8_t {
    inactive = 0,
    creating = 1,
    booting = 2,
    ready = 3,
    running = 4,
    pausing = 5,
    paused = 6,
    unpausing = 7,
    saving = 8,
    saved = 9,
    restoring = 10,
    stopping = 11,
    migrating = 12,
    failed = 13,
};
inline constexpr std::size_t desktop_states_count = 14;
std::string_view to_string(DesktopState state) noexcept;

enum class SessionState : std::uint8_t { opening = 0, open = 1, closing = 2, closed = 3 };
std::string_view to_string(SessionState state) noexcept;

// Why something changed its state. Lies in the history.
enum class Cause : std::uint8_t {
    none = 0,
    wanted,          // the targets, or a session, ask for it
    job_begun,       // an operation of somebody else's (an operator, balancing, a drain)
    job_ended,       // the operation did what it should
    job_failed,      // it did not
    boot_completed,  // the guest says so, or Xen where guests are not asked
    session_opened,
    session_ended,
    idle,             // nobody used it for the pool's time
    surplus,          // more than the targets ask for
    reset,            // the next user gets a pristine one
    aged,             // paused for longer than the pool allows
    deadline,         // the transitional state lasted too long
    found_so,         // its host reports it, and nobody of ours asked for it
    gone,             // no host has it any more
    clean_up,         // what failed is removed
    pool_closed,      // the pool is being deleted
    user,             // the session's user, or who speaks for him, ended it
    session_idle,     // the session's idle time is over
    session_expired,  // its longest time is over
    disconnected,     // nobody was connected for the pool's time
    desktop_lost,     // the session's desktop is gone
    agent,            // its agent answered
    given_up,         // its agent will not answer any more
    connection,       // a connection came or went
    stranded,         // saved where there is no room to wake it, and another host has some
};
inline constexpr std::size_t causes_count = 26;
std::string_view to_string(Cause cause) noexcept;

inline constexpr Machine<DesktopState, 13, 63> common_desktop{
    "Common desktop",
    "One desktop of a pool, from its creation to its removal. A session holds it while it is running, and "
    "from the "
    "moment it was chosen.",
    DesktopState::inactive,
    {{
        {DesktopState::inactive, "inactive", "", "no host has it; the pool creates or forgets it"},
        {DesktopState::creating, "creating", "deadlines.create_seconds and the pool's boot_timeout_seconds",
         "being built; where guests signal, until boot completed"},
        {DesktopState::ready, "ready", "", "runs without a user"},
        {DesktopState::running, "running", "", "runs with a user"},
        {DesktopState::pausing, "pausing", "deadlines.pause_seconds", "being paused"},
        {DesktopState::paused, "paused", "", "stands still in memory"},
        {DesktopState::unpausing, "unpausing", "deadlines.unpause_seconds and desktops.probe_seconds",
         "being let run; until its guest has shown that it is alive"},
        {DesktopState::saving, "saving", "deadlines.save_seconds", "its memory is being written"},
        {DesktopState::saved, "saved", "", "lies in a save file"},
        {DesktopState::restoring, "restoring", "deadlines.restore_seconds and desktops.probe_seconds",
         "its memory is being read; until its guest has shown that it is alive"},
        {DesktopState::stopping, "stopping", "deadlines.shutdown_seconds or deadlines.destroy_seconds",
         "being shut down or destroyed"},
        {DesktopState::migrating, "migrating", "its job's, and twice deadlines.grace_seconds",
         "on its way to another host; comes back to ready or running"},
        {DesktopState::failed, "failed", "", "an operation did not end well; waits to be removed"},
    }},
    {{
        {DesktopState::inactive, DesktopState::creating, "the targets ask for one more"},
        {DesktopState::creating, DesktopState::ready, "created, and boot completed where guests signal it"},
        {DesktopState::ready, DesktopState::running, "its session is up"},
        {DesktopState::running, DesktopState::ready,
         "its session ended, and the pool has after_session = ready"},
        {DesktopState::ready, DesktopState::pausing,
         "idle for pause_after_seconds, and more are ready than asked"},
        {DesktopState::pausing, DesktopState::paused, "paused"},
        {DesktopState::pausing, DesktopState::ready, "the pause failed; it runs"},
        {DesktopState::pausing, DesktopState::running, "the pause failed; it runs, with its user"},
        {DesktopState::paused, DesktopState::unpausing, "a session takes it, it is to be saved, or it aged"},
        {DesktopState::unpausing, DesktopState::ready, "it runs, and answered the wake probe"},
        {DesktopState::unpausing, DesktopState::running, "it runs, with its user"},
        {DesktopState::unpausing, DesktopState::paused, "it could not be unpaused"},
        {DesktopState::ready, DesktopState::saving, "paused for save_after_seconds before"},
        {DesktopState::running, DesktopState::saving, "an operator saves it"},
        {DesktopState::saving, DesktopState::saved, "saved"},
        {DesktopState::saving, DesktopState::ready, "the save failed; it runs"},
        {DesktopState::saving, DesktopState::running, "the save failed; it runs, with its user"},
        {DesktopState::saved, DesktopState::restoring, "a session takes it, or the targets changed"},
        {DesktopState::restoring, DesktopState::ready, "it runs, and answered the wake probe"},
        {DesktopState::restoring, DesktopState::running, "it runs, with its user"},
        {DesktopState::restoring, DesktopState::saved, "it could not be restored; its file is whole"},
        {DesktopState::ready, DesktopState::migrating, "balancing, a drain or an operator moves it"},
        {DesktopState::running, DesktopState::migrating, "balancing, a drain or an operator moves it"},
        {DesktopState::migrating, DesktopState::ready, "it runs again, there or here"},
        {DesktopState::migrating, DesktopState::running, "it runs again, there or here, with its user"},
        {DesktopState::ready, DesktopState::stopping, "to be reset, or the pool shrinks"},
        {DesktopState::running, DesktopState::stopping,
         "its session ended, and the pool has after_session = reset"},
        {DesktopState::running, DesktopState::pausing, "an operator pauses it"},
        {DesktopState::paused, DesktopState::stopping, "more than the targets ask for"},
        {DesktopState::failed, DesktopState::stopping, "clean-up"},
        {DesktopState::creating, DesktopState::stopping, "the pool is deleted, or its guest ended by itself"},
        {DesktopState::stopping, DesktopState::inactive, "gone"},
        {DesktopState::stopping, DesktopState::ready, "it did not shut down; it runs"},
        {DesktopState::stopping, DesktopState::running, "it did not shut down; it runs, with its user"},
        {DesktopState::ready, DesktopState::paused, "found paused"},
        {DesktopState::running, DesktopState::paused, "found paused"},
        {DesktopState::paused, DesktopState::ready, "found running"},
        {DesktopState::paused, DesktopState::running, "found running, with its user"},
        {DesktopState::saved, DesktopState::ready, "found running"},
        {DesktopState::saved, DesktopState::running, "found running, with its user"},
        {DesktopState::failed, DesktopState::inactive, "nothing of it is left"},
        {DesktopState::saved, DesktopState::stopping,
         "more than the targets ask for, or no room to wake it: its file is removed"},
        {DesktopState::ready, DesktopState::inactive, "its guest ended by itself"},
        {DesktopState::running, DesktopState::inactive, "its guest ended by itself"},
        {DesktopState::paused, DesktopState::inactive, "its host lost it"},
        {DesktopState::saved, DesktopState::inactive, "its host lost its file"},
        {DesktopState::pausing, DesktopState::inactive, "its guest ended by itself"},
        {DesktopState::unpausing, DesktopState::inactive, "its guest ended by itself"},
        {DesktopState::saving, DesktopState::inactive, "its guest ended by itself"},
        {DesktopState::restoring, DesktopState::inactive, "its guest ended by itself"},
        {DesktopState::migrating, DesktopState::inactive, "its guest ended by itself"},
        {DesktopState::creating, DesktopState::failed, "it could not be created, or missed its deadline"},
        {DesktopState::pausing, DesktopState::failed, "its guest crashed, or it missed its deadline"},
        {DesktopState::unpausing, DesktopState::failed,
         "no answer to the wake probe, or it missed its deadline"},
        {DesktopState::saving, DesktopState::failed, "its guest crashed, or it missed its deadline"},
        {DesktopState::restoring, DesktopState::failed,
         "no answer to the wake probe, or it missed its deadline"},
        {DesktopState::stopping, DesktopState::failed, "it missed its deadline"},
        {DesktopState::migrating, DesktopState::failed, "its guest crashed, or it missed its deadline"},
        {DesktopState::ready, DesktopState::failed,
         "its guest crashed, or is in a state that nobody asked for"},
        {DesktopState::running, DesktopState::failed,
         "its guest crashed, or is in a state that nobody asked for"},
        {DesktopState::paused, DesktopState::failed,
         "its guest crashed, or is in a state that nobody asked for"},
        {DesktopState::saved, DesktopState::failed, "its save file cannot be restored"},
        {DesktopState::inactive, DesktopState::failed, "found on a host in a state that nobody asked for"},
    }}};

inline constexpr Machine<DesktopState, 8, 28> private_desktop{
    "Private desktop",
    "One user's own desktop with its own disk. Booted at login, shut down at logout, never paused or saved.",
    DesktopState::inactive,
    {{
        {DesktopState::inactive, "inactive", "", "no host has it; its disk lies in the store"},
        {DesktopState::creating, "creating", "deadlines.create_seconds",
         "its disk is made when it has none yet, then it is built"},
        {DesktopState::booting, "booting", "the pool's boot_timeout_seconds",
         "runs; boot completed is awaited"},
        {DesktopState::ready, "ready", "", "has booted; its session is about to open"},
        {DesktopState::running, "running", "", "runs with its user"},
        {DesktopState::stopping, "stopping",
         "the pool's shutdown_grace_seconds and deadlines.destroy_seconds",
         "shutting down; destroyed after the grace time"},
        {DesktopState::migrating, "migrating", "its job's, and twice deadlines.grace_seconds",
         "on its way to another host; comes back to ready or running"},
        {DesktopState::failed, "failed", "",
         "an operation did not end well; waits to be removed from its host"},
    }},
    {{
        {DesktopState::inactive, DesktopState::creating, "its user logs in"},
        {DesktopState::creating, DesktopState::booting, "created"},
        {DesktopState::booting, DesktopState::ready, "boot completed"},
        {DesktopState::ready, DesktopState::running, "its session is up"},
        {DesktopState::ready, DesktopState::stopping, "its session ended before it was up"},
        {DesktopState::running, DesktopState::stopping, "its session ended, or it shuts down by itself"},
        {DesktopState::booting, DesktopState::stopping, "its session ended before it was up"},
        {DesktopState::failed, DesktopState::stopping, "clean-up"},
        {DesktopState::creating, DesktopState::stopping, "its guest ended by itself"},
        {DesktopState::stopping, DesktopState::inactive, "gone"},
        {DesktopState::stopping, DesktopState::ready, "it did not shut down in time; it is destroyed next"},
        {DesktopState::stopping, DesktopState::running, "it did not shut down in time; it is destroyed next"},
        {DesktopState::ready, DesktopState::migrating, "balancing, a drain or an operator moves it"},
        {DesktopState::running, DesktopState::migrating, "balancing, a drain or an operator moves it"},
        {DesktopState::migrating, DesktopState::ready, "it runs again, there or here"},
        {DesktopState::migrating, DesktopState::running, "it runs again, there or here, with its user"},
        {DesktopState::booting, DesktopState::inactive, "its guest ended by itself"},
        {DesktopState::ready, DesktopState::inactive, "its guest ended by itself"},
        {DesktopState::running, DesktopState::inactive, "its guest ended by itself"},
        {DesktopState::migrating, DesktopState::inactive, "its guest ended by itself"},
        {DesktopState::failed, DesktopState::inactive, "nothing of it is left on any host"},
        {DesktopState::creating, DesktopState::failed, "it could not be created, or missed its deadline"},
        {DesktopState::booting, DesktopState::failed, "its guest crashed, or never signalled"},
        {DesktopState::stopping, DesktopState::failed, "it missed its deadline"},
        {DesktopState::migrating, DesktopState::failed, "its guest crashed, or it missed its deadline"},
        {DesktopState::ready, DesktopState::failed,
         "its guest crashed, or is in a state that nobody asked for"},
        {DesktopState::running, DesktopState::failed,
         "its guest crashed, or is in a state that nobody asked for"},
        {DesktopState::inactive, DesktopState::failed, "found on a host, and nobody asked for it"},
    }}};

inline constexpr Machine<SessionState, 4, 4> session_machine{
    "Session",
    "One user's use of one desktop.",
    SessionState::opening,
    {{
        {SessionState::opening, "opening", "desktops.opening_seconds",
         "a desktop is chosen; it is woken or booted, and the way to its console is opened"},
        {SessionState::open, "open", "", "the user can connect, and connect again"},
        {SessionState::closing, "closing", "desktops.closing_seconds",
         "the way to the console is being closed"},
        {SessionState::closed, "closed", "", "over; kept for a while to be looked at"},
    }},
    {{
        {SessionState::opening, SessionState::open, "desktop and endpoint are there"},
        {SessionState::opening, SessionState::closing,
         "ended by its user, or its desktop failed, or too late"},
        {SessionState::open, SessionState::closing, "ended by its user, a timer, or its desktop's end"},
        {SessionState::closing, SessionState::closed, "nothing of it is open any more"},
    }}};

}  // namespace ballast::controller
