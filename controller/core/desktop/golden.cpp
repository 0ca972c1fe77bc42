// A pool's golden save file: the memory of a desktop that has just booted and that nobody has used, kept in
// the shared store. A reset clones the next desktop out of it instead of booting one.
//
// What is in a guest's memory is the golden guest's: where the template gives each desktop a name or a
// network interface of its own, each desktop has a golden file of its own too (docs/disks.md).
#include <algorithm>

#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

std::uint64_t mixed(std::uint64_t seed, std::string_view text) noexcept {
    for (const char letter : text) {
        seed = (seed ^ static_cast<std::uint8_t>(letter)) * 0x100000001b3ULL;  // FNV-1a
    }
    return (seed ^ text.size()) * 0x100000001b3ULL;
}

// Two templates with one digest make the same guest.
std::uint64_t digest_of(const wire::GuestSpec& guest) noexcept {
    std::uint64_t digest = 0xcbf29ce484222325ULL;
    for (const std::uint64_t number : {std::uint64_t{static_cast<std::uint8_t>(guest.type)},
                                       std::uint64_t{guest.memory_mib}, std::uint64_t{guest.vcpus}}) {
        digest = mixed(digest ^ number, "#");
    }
    for (const std::string_view text : {guest.kernel.view(), guest.ramdisk.view(), guest.cmdline.view(),
                                        guest.bootloader.view(), guest.boot_order.view()}) {
        digest = mixed(digest, text);
    }
    for (const wire::Disk& disk : guest.disks) {
        digest = mixed(mixed(digest, disk.target.view()), disk.device.view());
    }
    for (const wire::Vif& vif : guest.vifs) {
        digest = mixed(digest, vif.bridge.view());
    }
    return digest;
}

bool names_its_desktop(const wire::GuestSpec& guest) noexcept {
    return !guest.vifs.empty() || guest.cmdline.view().find("{desktop}") != std::string_view::npos ||
           std::any_of(guest.disks.begin(), guest.disks.end(), [](const wire::Disk& disk) {
               return disk.target.view().find("{desktop}") != std::string_view::npos;
           });
}

// A disk that desktops write to does not go back with their memory.
bool takes_golden(const DesktopPoolRecord& pool) noexcept {
    return pool.kind == VmKind::common && pool.rules.after_session == AfterSession::reset &&
           pool.rules.guest_signals && !pool.closing &&
           std::none_of(pool.guest.disks.begin(), pool.guest.disks.end(),
                        [](const wire::Disk& disk) { return disk.writable; });
}

GoldenFile& golden_of(Tables& t, std::uint32_t row) noexcept {
    DesktopRow& desktop = t.desktops[row];
    DesktopPoolRow& pool = t.desktop_pools[desktop.pool];
    return names_its_desktop(pool.record.guest) ? desktop.golden : pool.golden;
}

void report(Step& step, Severity severity, std::string_view what, const DesktopRow& desktop,
            const Detail& detail) noexcept {
    step.report(severity, Subject::pool, what, desktop.record.pool, 0, detail);
}

void give_up(Step& step, std::uint32_t row, const Detail& why) noexcept {
    GoldenFile& golden = golden_of(step.t, row);
    golden.maker = no_row;
    golden.failures = std::min(golden.failures + 1, 16U);
    golden.retry_at =
        step.now.mono + Duration{std::min(step.t.settings.desktops.retry_first.ms << golden.failures,
                                          step.t.settings.desktops.retry_max.ms)};
    DesktopRow& desktop = step.t.desktops[row];
    desktop.goal = desktop.goal == Goal::golden ? Goal::none : desktop.goal;
    report(step, Severity::warning, "golden_not_made", desktop, why);
}

// One step of the making, on the desktop that was chosen for it.
void go_on(Step& step, std::uint32_t row) noexcept {
    DesktopRow& desktop = step.t.desktops[row];
    GoldenFile& golden = golden_of(step.t, row);
    if (desktop.goal != Goal::golden) {
        give_up(step, row, compose(desktop.record.name, " was needed for something else"));
    } else if (desktop.record.state == DesktopState::saved) {
        // A file that could not be used makes room first.
        (void)order_desktop(step, row, golden.spoiled ? JobKind::disk_delete : JobKind::golden_keep,
                            Cause::wanted);
    } else if (desktop.record.state != DesktopState::ready && desktop.record.state != DesktopState::saving) {
        give_up(step, row, compose(desktop.record.name, " is ", to_string(desktop.record.state)));
    }
}

bool may_make(const Step& step, std::uint32_t row) noexcept {
    const DesktopRow& desktop = step.t.desktops[row];
    const std::uint32_t host = desktop_host(step.t, desktop);
    return desktop.fresh && desktop.record.state == DesktopState::ready && desktop.goal == Goal::none &&
           desktop.record.session == 0 && !desktop.record.used && host != no_row &&
           step.t.hosts[host].store_proven && desktop_at_hand(step, desktop);
}

}  // namespace

void forget_golden_maker(Step& step, std::uint32_t row) noexcept {
    GoldenFile& golden = golden_of(step.t, row);
    golden.maker = golden.maker == row ? no_row : golden.maker;
}

void forget_golden_files(Step& step, std::uint32_t pool) noexcept {
    step.t.desktop_pools[pool].golden = GoldenFile{};
    for (DesktopRow& desktop : step.t.desktops.rows()) {
        if (desktop.in_use && desktop.pool == pool) {
            desktop.golden = GoldenFile{};
            desktop.fresh = false;
            desktop.goal = desktop.goal == Goal::golden ? Goal::none : desktop.goal;
        }
    }
}

void fill_golden_volume(const Tables& t, const DesktopRow& desktop, wire::Volume& volume) noexcept {
    constexpr std::string_view digits = "0123456789abcdef";
    const DesktopPoolRecord& pool = t.desktop_pools[desktop.pool].record;
    FixedString<16> digest;
    const std::uint64_t number = digest_of(pool.guest);
    for (unsigned shift = 64; shift > 0; shift -= 4) {
        digest.append_cut(digits.substr(number >> (shift - 4) & 15U, 1));
    }
    const Name& whose = names_its_desktop(pool.guest) ? desktop.record.name : pool.name;
    volume = wire::Volume{};
    volume.path = Path{compose<Path::capacity()>("golden/", whose, ".", digest, ".save").view()};
}

bool golden_usable(const Tables& t, std::uint32_t row, std::uint32_t host) noexcept {
    const DesktopRow& desktop = t.desktops[row];
    const DesktopPoolRow& pool = t.desktop_pools[desktop.pool];
    const GoldenFile& golden = names_its_desktop(pool.record.guest) ? desktop.golden : pool.golden;
    return takes_golden(pool.record) && golden.kept && t.hosts[host].store_proven;
}

void golden_job_ended(Step& step, std::uint32_t row, const JobRecord& job) noexcept {
    DesktopRow& desktop = step.t.desktops[row];
    GoldenFile& golden = golden_of(step.t, row);
    const bool succeeded = job.state == JobState::succeeded;
    if (job.kind == JobKind::clone) {
        // The next start is made without it, and the file anew.
        const bool bad = job.fault == Fault::image_corrupt;
        if (bad || job.fault == Fault::not_found) {
            golden.kept = false;
            golden.spoiled = bad;
            report(step, Severity::warning, "golden_unusable", desktop, job.detail);
        }
        return;
    }
    const bool making = golden.maker == row && desktop.goal == Goal::golden;
    if (!making) {
        return;
    }
    if (job.kind == JobKind::disk_delete && succeeded) {
        golden.spoiled = false;
    } else if (job.kind == JobKind::golden_keep && (succeeded || job.fault == Fault::already_exists)) {
        // One that is there is whole, and of this template by its name: from before a restart.
        golden = GoldenFile{};
        golden.kept = true;
        desktop.goal = Goal::none;
        report(step, Severity::info, "golden_kept", desktop, desktop.record.name.view());
    } else if (!succeeded) {
        give_up(step, row, compose(to_string(job.kind), ": ", job.detail));
    }
}

void tick_golden(Step& step, std::uint32_t pool) noexcept {
    Tables& t = step.t;
    const DesktopPoolRecord& record = t.desktop_pools[pool].record;
    if (!record.enabled || !takes_golden(record)) {
        return;
    }
    for (std::uint32_t row = 0; row < t.desktops.rows().size(); ++row) {
        if (!t.desktops[row].in_use || t.desktops[row].pool != pool) {
            continue;
        }
        GoldenFile& golden = golden_of(t, row);
        if (golden.maker == row) {
            go_on(step, row);
        } else if (golden.maker == no_row && !golden.kept && step.now.mono >= golden.retry_at &&
                   may_make(step, row) && order_desktop(step, row, JobKind::save, Cause::wanted) != no_row) {
            golden.maker = row;
            t.desktops[row].goal = Goal::golden;
        }
    }
}

}  // namespace ballast::controller
