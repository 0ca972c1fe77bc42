// One step of the core: the tables, the time, and the list of what is to be done. The parts of the core are
// functions over it; each header below names the part that it belongs to.
#pragma once

#include "base/compose.hpp"
#include "controller/core/actions.hpp"
#include "controller/core/tables.hpp"

namespace ballast::controller {

// Bounds of what one tick does at most: the rest waits for the next.
inline constexpr std::size_t deadlines_per_tick_max = 32;
inline constexpr std::size_t forgotten_per_tick_max = 32;

struct Step {
    Tables& t;
    const Now& now;
    Actions& out;

    void persist_job(std::uint32_t job) noexcept { out.add(PersistJob{job}); }
    void report(Severity severity, Subject subject, std::string_view what, std::string_view name,
                std::uint64_t id, const Detail& detail) noexcept {
        out.report({severity, subject, what, Name{name}, id, detail});
    }
    WallTime wall_after(Duration duration) const noexcept { return {now.wall.unix_ms + duration.ms}; }
};

// ---- setters.cpp: the only places that change the state of a job, a side or a link; they refuse what the
// tables of machines.hpp do not list, and keep the guest's history ----
void set_job_state(Step& step, JobRow& job, JobState to, Cause cause) noexcept;
void set_side_state(Step& step, JobRow& job, JobSide& side, SideState to, Cause cause) noexcept;
void set_link_state(LinkRow& link, LinkState to) noexcept;
// Adds one change to the guest's history, and to the store's when that knows the guest. `vm` may be none.
void note(Step& step, std::uint32_t vm, const HistoryRow& change) noexcept;

// ---- links.cpp: who is connected ----
Status link_up(Step& step, const LinkUp& event) noexcept;
Status link_down(Step& step, const LinkDown& event) noexcept;
Status on_hello(Step& step, std::uint32_t link, const wire::Hello& hello) noexcept;
void close_link(Step& step, std::uint32_t link, Fault fault) noexcept;
std::uint32_t find_link(const Tables& t, LinkId id) noexcept;
void tick_links(Step& step) noexcept;

// ---- hosts.cpp: what hosts are, and how they are ----
// Works the shown state out of link, inventory, samples and flags.
void refresh_host(Step& step, std::uint32_t host) noexcept;
void tick_hosts(Step& step) noexcept;
// Counts migrations and open jobs of every host anew.
void recount_jobs(Tables& t) noexcept;
std::uint32_t find_host_by_name(const Tables& t, std::string_view name) noexcept;
bool host_live(const Tables& t, std::uint32_t host) noexcept;  // connected and its inventory known

// ---- macs.cpp: whose address of a network card is whose ----
// The guest that has a card of this address (base/mac.hpp), as far as it was created here: what cards a guest
// has that was found is not known. Empty: nobody.
Name who_has_mac(const Tables& t, std::uint64_t mac) noexcept;

// ---- inventory.cpp: what hosts report ----
Status on_host_report(Step& step, std::uint32_t host, const wire::HostReport& report) noexcept;
Status on_sample_report(Step& step, std::uint32_t host, const wire::SampleReport& report) noexcept;

// ---- sightings.cpp: which hosts speak of a guest, and of which guests a host speaks ----
// Null when this host does not speak of it.
Sighting* sighting_at(VmRow& vm, std::uint32_t host) noexcept;
// Null when sightings_per_vm_max hosts speak of it already. REQUIRES: fresh.host does not yet.
Sighting* add_sighting(Tables& t, std::uint32_t vm, const Sighting& fresh) noexcept;
// What the same host says now.
void set_sighting(Sighting& known, const Sighting& news) noexcept;
void drop_sighting(Tables& t, std::uint32_t vm, std::uint32_t host) noexcept;
// The one place that changes where a guest is: keeps and counts the hosts' lists.
void set_vm_host(Tables& t, std::uint32_t vm, std::uint32_t host) noexcept;
// Calls visit(row) for every guest that the host speaks of; it may drop that one's sighting.
template <class Visit>
void each_guest_seen(Tables& t, std::uint32_t host, Visit visit) noexcept {
    for (std::uint32_t vm = t.hosts[host].first_seen_guest; vm != no_row;) {
        const Sighting* sighting = sighting_at(t.vms[vm], host);
        BALLAST_ASSERT(sighting != nullptr);
        const std::uint32_t next = sighting->next;
        visit(vm);
        vm = next;
    }
}

// ---- vm_view.cpp: from what hosts say to what a guest is ----
void refresh_vm(Step& step, std::uint32_t vm) noexcept;
void tick_vms(Step& step) noexcept;  // duplicates whose grace is over, guests to be forgotten
void persist_vm(Step& step, std::uint32_t vm) noexcept;
// Remembers when, and from where: policies leave it alone for a while, and do not send it back at once.
void note_moved(Step& step, std::uint32_t vm, std::uint32_t from) noexcept;
// It boots from now on.
void note_started(Step& step, std::uint32_t vm) noexcept;
void remove_vm(Step& step, std::uint32_t vm) noexcept;
// The row of the guest, made when needed. `no_row`: the table is full of guests that exist.
std::uint32_t vm_row(Step& step, const Uuid& uuid, std::string_view name) noexcept;
std::uint32_t find_vm_row(const Tables& t, std::string_view name_or_uuid, bool& ambiguous) noexcept;
// In words (vm_reason.cpp); empty: the state says it all.
Detail state_reason(const Tables& t, const VmRow& vm) noexcept;

// ---- jobs.cpp: the life of a job ----
// Memory that the guest wrote while it was copied, in MiB/s, by what had to be sent again. 0: unknown.
double dirty_rate(const JobRecord& migration) noexcept;
struct NewJob {
    JobKind kind = JobKind::none;
    JobOrigin origin = JobOrigin::operator_request;
    std::uint32_t vm = no_row;
    std::uint32_t host = no_row;  // that acts; of a migration the source
    std::uint32_t destination = no_row;
    MigrationMode mode = MigrationMode::automatic;
    bool copy_storage = false;
    std::uint32_t bandwidth_mbps = 0;
    FixedVector<DomainState, 8> expected;
    std::uint64_t plan_id = 0;
    std::uint32_t move = no_row;
    Cause cause = Cause::job_begun;  // for the guest's history
    Duration deadline{};             // 0: the kind's own
};
// Persists the job and sends its first order. `limit_reached` with the limit's name, and nothing changed.
struct JobMade {
    std::uint32_t job = no_row;
    std::string_view limit_name;
};
JobMade make_job(Step& step, const NewJob& wanted) noexcept;
// Also checks, without making it, whether one more job fits on the host. Empty: it does.
std::string_view job_limit(const Tables& t, std::uint32_t host, std::uint32_t destination) noexcept;
void end_job(Step& step, std::uint32_t job, JobState state, Fault fault, std::string_view detail) noexcept;
void cancel_job(Step& step, std::uint32_t job) noexcept;
// The limit of its images from now on, megabit per second; 0: none.
void limit_job(Step& step, std::uint32_t job, std::uint32_t bandwidth_mbps) noexcept;
// Tells the side that decides to stop. Of a migration under way that is the source: it alone knows whether
// the right to run is still its own. Once the source has ended without success, the destination waits for a
// guest that will not come.
void cancel_undecided(Step& step, const JobRow& job) noexcept;
// Acknowledges what may be acknowledged, and frees the guest when nobody works on it any more.
void settle_job(Step& step, std::uint32_t job) noexcept;
void tick_jobs(Step& step) noexcept;
// The agent is back: send again what it may not have got.
void resend_orders(Step& step, std::uint32_t host) noexcept;
void send_order(Step& step, std::uint32_t job, JobKind kind) noexcept;
std::uint32_t find_job_row(const Tables& t, std::uint64_t id) noexcept;

// ---- job_updates.cpp: what agents say of jobs; handover.cpp: questions between agents ----
Status on_job_update(Step& step, std::uint32_t host, const wire::JobUpdate& update) noexcept;
Status on_handover_query(Step& step, std::uint32_t host, const wire::HandoverQuery& query) noexcept;
Status on_handover_answer(Step& step, std::uint32_t host, const wire::HandoverAnswer& answer) noexcept;
void tick_handovers(Step& step) noexcept;

// ---- sketches.cpp: samples of disk images ----
Status on_image_sketch(Step& step, std::uint32_t host, const wire::ImageSketch& sketch) noexcept;
// The guest's sample, or, for no guest, the host's.
std::uint32_t find_sketch(const Tables& t, std::uint32_t host, std::uint32_t vm) noexcept;
// Those of the guest, or, for no guest, all that the host told.
void forget_sketches(Tables& t, std::uint32_t host, std::uint32_t vm) noexcept;

// ---- ranking.cpp ----
// All hosts but the guest's own, the best first, into t.ranking. `image_limit_mbps` 0: none.
void rank_destinations(Step& step, std::uint32_t vm, std::uint32_t image_limit_mbps) noexcept;
// A migration with the disk images to the best of them.
void migrate_with_images(Step& step, const Command& command, std::uint32_t vm, Outcome& outcome) noexcept;

// ---- model.cpp: the tables as a policy sees them ----
policy::Pool build_model(Tables& t, const Now& now) noexcept;
std::optional<std::uint32_t> minute_of_day(const Now& now) noexcept;  // UTC
// The host that was chosen for a guest, and why the others were not.
struct Placement {
    std::uint32_t host = no_row;
    std::span<const policy::Rejection> rejected{};
};
// Whether the guest finds its disks where it goes, or takes them along, to another site as well.
enum class Disks : std::uint8_t { shared, go_along };
Placement place_vm(Step& step, GuestType type, std::uint64_t memory_mib, std::uint32_t vm, std::uint32_t from,
                   Disks disks = Disks::shared) noexcept;
// Of a guest that does not exist yet.
Placement place_new(Step& step, const wire::GuestSpec& spec) noexcept;
// Whether its operator and the configuration let policies move the guest.
bool allowed_to_move(const Tables& t, const VmRow& vm) noexcept;
// It is saved, and its file is being removed: it takes no memory.
bool only_a_file_goes(const VmRow& vm) noexcept;
// The group of which no two guests may be on one host. Empty: the guest may be beside any other.
std::string_view group_of(const Tables& t, std::string_view name) noexcept;
bool host_capable(const HostRow& host, GuestType type) noexcept;
// Why the guest cannot go there now; nothing when it can.
struct Obstacle {
    policy::Constraint constraint;
    double have;
    double limit;
    bool passes;  // it will pass by itself: wait rather than give up
};
// Whose move it is: an operator may move a guest that policies must leave where it is.
enum class Consent : std::uint8_t { policies, operators };
std::optional<Obstacle> move_obstacle(Step& step, std::uint32_t vm, std::uint32_t from, std::uint32_t to,
                                      Consent consent) noexcept;

// ---- plans.cpp, plan_runner.cpp ----
// The controller's loop stands still while a policy searches: whatever was asked for, no longer than this, by
// the planner's own count (the same plan on every machine). The next round goes on from where this one has
// come.
inline constexpr std::uint32_t search_ms_max = 10;
// What t.plan was computed with.
struct Round {
    const policy::Policy& policy;
    policy::Parameters parameters;  // within that limit
    Search search;
};
// Computes into t.plan. REQUIRES: `asked` is checked, so that policy::plan has no fault.
Round compute_plan(Step& step, const policy::Policy& policy, const policy::Parameters& asked) noexcept;
// Keeps t.plan in a row. `no_row` when all plans are being carried out.
std::uint32_t keep_plan(Step& step, JobOrigin origin, const Round& round) noexcept;
void fill_plan(const Tables& t, const Now& now, JobOrigin origin, const Round& round, PlanRow& row) noexcept;
PoolSpread keep_spread(const policy::PoolLoad& load) noexcept;
void start_plan(Step& step, std::uint32_t plan) noexcept;
void cancel_plan(Step& step, std::uint32_t plan) noexcept;
void run_plans(Step& step) noexcept;
void move_ended(Step& step, const JobRow& job) noexcept;  // tells the job's plan
std::uint32_t find_plan_row(const Tables& t, std::uint64_t id) noexcept;

// ---- predictions.cpp: what a plan foresaw, beside what came of it ----
// The plan's last move has ended: when its window is over, the hosts are looked at.
void open_prediction(const Tables& t, const Now& now, PlanRow& plan) noexcept;
void tick_predictions(Step& step) noexcept;
// What its job took; nothing of one that did not succeed.
void take_times(PlanMove& move, const JobRecord& job) noexcept;
// Adds that to the counters.
void count_move(Tables& t, const PlanMove& move) noexcept;

// ---- balancing.cpp, drain.cpp, decisions.cpp ----
void tick_balancing(Step& step) noexcept;
void tick_drain(Step& step) noexcept;
// Adds the decision, or counts it when it repeats the newest of its origin.
DecisionRow& decide(Step& step, const DecisionRow& decision) noexcept;
void add_rejections(const Tables& t, std::span<const policy::Rejection> rejected,
                    DecisionRow& decision) noexcept;

// ---- commands ----
void on_command(Step& step, const Command& command) noexcept;                        // commands.cpp
void vm_command(Step& step, const Command& command, Outcome& outcome) noexcept;      // vm_commands.cpp
void create_command(Step& step, const Command& command, Outcome& outcome) noexcept;  // placement_commands.cpp
NewJob new_migration(const Command& command, std::uint32_t vm, std::uint32_t from, std::uint32_t to) noexcept;
void migrate_command(Step& step, const Command& command, std::uint32_t vm, Outcome& outcome) noexcept;
void host_command(Step& step, const Command& command, Outcome& outcome) noexcept;  // host_commands.cpp
void plan_command(Step& step, const Command& command, Outcome& outcome) noexcept;  // plan_commands.cpp
// Fills a problem in.
void refuse(Outcome& outcome, Slug slug, Fault fault, const Detail& detail) noexcept;
void refuse_limit(Outcome& outcome, std::string_view limit_name) noexcept;
FixedVector<CommandKind, 12> actions_of(const Tables& t, std::uint32_t vm) noexcept;
// The open operation or doubt that forbids every operation on the guest. Empty: none.
Detail vm_blocked(const Tables& t, std::uint32_t vm) noexcept;
// Its host keeps the suspended copy of a hand-over that nobody can settle any more: the copy's destruction is
// an operator's to order, and that of a common desktop that nobody uses the pool's.
bool handover_is_lost(const VmRow& vm) noexcept;
void accept_job(Step& step, const Command& command, const NewJob& wanted, Outcome& outcome) noexcept;

// ---- idempotency.cpp ----
// True when the outcome is answered from (or refused because of) an earlier request.
bool replay(Step& step, const Command& command, Outcome& outcome) noexcept;
void remember(Step& step, const Command& command, const Outcome& outcome) noexcept;
bool key_fits(const Tables& t, const Command& command) noexcept;
void tick_keys(Step& step) noexcept;

}  // namespace ballast::controller
