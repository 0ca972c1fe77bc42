// The ranking of hosts for a guest that takes its disk images along, and what is said of it.
#include <algorithm>

#include "controller/core/step.hpp"
#include "policy/placement.hpp"

namespace ballast::controller {
namespace {

using policy::Constraint;

// Where neither a link nor a network card says how fast it is.
constexpr std::uint32_t unknown_way_mbps = 1000;
constexpr double permille = 1000;

image::SketchView view_of(const Tables& t, std::uint32_t sketch) noexcept {
    if (sketch == no_row) {
        return {};
    }
    const SketchRow& row = t.sketches[sketch];
    return {row.storage.first(row.keys), row.distinct};
}

HostImages images_there(const Tables& t, std::uint32_t host) noexcept {
    const std::uint32_t sketch = find_sketch(t, host, no_row);
    if (sketch == no_row) {
        return {};
    }
    const SketchRow& row = t.sketches[sketch];
    return {view_of(t, sketch), static_cast<double>(row.read_bytes_per_second),
            static_cast<double>(row.write_bytes_per_second)};
}

ImageFacts image_facts(const Tables& t, std::uint32_t vm) noexcept {
    ImageFacts facts;
    const std::uint32_t sketch = find_sketch(t, no_row, vm);
    if (sketch != no_row) {
        const SketchRow& row = t.sketches[sketch];
        facts.known = true;
        facts.image_bytes = row.image_bytes;
        facts.distinct_blocks = row.distinct;
        facts.compressed = row.compressed_permille == 0 ? 1 : row.compressed_permille / permille;
        facts.data_blocks = row.data_blocks;
        facts.read_bytes_per_second = static_cast<double>(row.read_bytes_per_second);
        facts.indexed = row.built;
        facts.sample = view_of(t, sketch);
    }
    return facts;
}

void exclude(Destination& out, Constraint constraint, double have, double limit) noexcept {
    out.possible = false;
    out.constraint = constraint;
    out.have = have;
    out.limit = limit;
}

// The way from the guest's host. False: there is none.
bool set_way(const Tables& t, std::uint32_t from, Destination& out) noexcept {
    const SiteMap& sites = t.settings.sites;
    const std::uint32_t site = site_of(sites, out.host);
    out.site = site_name(sites, site);
    const std::optional<SiteLink> link = link_between(sites, site_of(sites, t.hosts[from].record.name), site);
    std::uint32_t slowest = 0;
    for (const std::uint32_t mbps :
         {link ? link->bandwidth_mbps : 0, t.hosts[from].net_mbps, t.hosts[out.row].net_mbps}) {
        slowest = mbps != 0 && (slowest == 0 || mbps < slowest) ? mbps : slowest;
    }
    out.bandwidth_known = slowest != 0;
    out.bandwidth_mbps = slowest != 0 ? slowest : unknown_way_mbps;
    out.latency_ms = link ? link->latency_ms : 0;
    return link.has_value();
}

void judge_host(Tables& t, std::uint32_t vm, const ImageFacts& images, const GuestTransfer& transfer,
                Destination& out) noexcept {
    const VmRow& guest = t.vms[vm];
    const bool linked = set_way(t, guest.host, out);
    if (!out.possible) {
        return;  // placement has said why
    }
    estimate(images, images_there(t, out.row), transfer, out);
    out.cpu = t.workspace.host_load[out.row].cpu +
              t.workspace.vm_mean[vm][policy::Resource::cpu] / t.model_hosts[out.row].cpu_cores;
    const policy::Pool pool{t.model_hosts, t.model_vms};
    const auto over = policy::overload_with(pool, t.workspace.vm_mean[vm], t.settings.balance.parameters,
                                            t.workspace, out.row);
    if (!linked) {
        exclude(out, Constraint::site_link, 0, 1);
    } else if (!t.hosts[out.row].takes_images) {
        exclude(out, Constraint::takes_no_images, 0, 1);
    } else if (over) {
        exclude(out, policy::destination_constraint(over->resource), over->have, over->limit);
    }
}

// While the pool could restart the guests of its largest host, hosts where it could not any more are left
// out, unless there is no other.
void keep_spare_host(Tables& t, std::uint32_t vm, std::span<Destination> all) noexcept {
    const VmRow& guest = t.vms[vm];
    const policy::Pool pool{t.model_hosts, t.model_vms};
    const auto spares = [&](const Destination& each) {
        return policy::survives_largest(pool, t.workspace, {each.row, guest.memory_mib, guest.host, vm});
    };
    const auto may_take = [&](const Destination& each) { return each.possible && spares(each); };
    if (!policy::spare_host_to_keep(pool, t.settings.balance.parameters, t.workspace) ||
        std::none_of(all.begin(), all.end(), may_take)) {
        return;
    }
    for (Destination& each : all) {
        if (each.possible && !spares(each)) {
            exclude(each, Constraint::spare_host, 1, 0);
        }
    }
}

Detail why_chosen(const Tables& t, const Destination& chosen) noexcept {
    constexpr double bytes_per_mib = 1024.0 * 1024.0;
    const auto mib = [](std::uint64_t bytes) {
        return Decimals{static_cast<double>(bytes) / bytes_per_mib, 1};
    };
    const Detail images = t.ranking.images_known
                              ? compose(mib(chosen.missing_bytes), " MiB of its images are missing there, ",
                                        mib(chosen.image_wire_bytes), " MiB of them travel")
                              : Detail{"its images have never been indexed, so only its memory counts"};
    const std::uint32_t limit_mbps = t.ranking.image_limit_mbps;
    const Detail limit = limit_mbps == 0 ? Detail{} : compose(" (its images at ", limit_mbps, " at most)");
    return compose("the soonest done, in ", Decimals{chosen.seconds, 1}, " s at ", chosen.bandwidth_mbps,
                   " Mbit/s", limit, chosen.site.empty() ? "" : " to site ", chosen.site, ": ", images);
}

// Why each was not taken: what excludes it, or how much later it would be done.
void add_reasons_of_ranking(std::span<const Destination> all, Outcome& outcome) noexcept {
    for (const Destination& each : all) {
        if (each.possible && each.row == all.front().row) {
            continue;
        }
        const Reason reason =
            each.possible
                ? Reason{each.host, policy::to_string(Constraint::slower), each.seconds, all.front().seconds}
                : Reason{each.host, policy::to_string(each.constraint), each.have, each.limit};
        if (!outcome.reasons.try_push(reason)) {
            ++outcome.reasons_left_out;
        }
    }
}

}  // namespace

void rank_destinations(Step& step, std::uint32_t vm, std::uint32_t image_limit_mbps) noexcept {
    Tables& t = step.t;
    const VmRow& guest = t.vms[vm];
    const Placement placement = place_vm(step, guest.type, guest.memory_mib, vm, guest.host, Disks::go_along);
    std::size_t count = 0;
    for (std::uint32_t host = 0; host < t.hosts.rows().size(); ++host) {
        if (t.hosts[host].in_use && host != guest.host) {
            Destination fresh;
            fresh.row = host;
            fresh.host = t.hosts[host].record.name;
            fresh.possible = true;
            t.destinations[count++] = fresh;
        }
    }
    const std::span<Destination> all = t.destinations.first(count);
    for (const policy::Rejection& rejection : placement.rejected) {
        const auto its = std::find_if(all.begin(), all.end(),
                                      [&](const Destination& each) { return each.row == rejection.to; });
        if (its != all.end()) {
            exclude(*its, rejection.constraint, rejection.have, rejection.limit);
        }
    }
    const ImageFacts images = image_facts(t, vm);
    const GuestTransfer transfer{guest.memory_mib, guest.dirty_mib_per_second, image_limit_mbps};
    for (Destination& each : all) {
        judge_host(t, vm, images, transfer, each);
    }
    keep_spare_host(t, vm, all);
    std::sort(all.begin(), all.end(), better);
    t.ranking = {vm,
                 images.known,
                 images.image_bytes,
                 images.distinct_blocks,
                 images.compressed,
                 images.indexed,
                 image_limit_mbps,
                 all};
}

void migrate_with_images(Step& step, const Command& command, std::uint32_t vm, Outcome& outcome) noexcept {
    rank_destinations(step, vm, command.bandwidth_mbps);
    const std::span<const Destination> all = step.t.ranking.destinations;
    const bool found = !all.empty() && all.front().possible;
    DecisionRow decision;
    decision.origin = JobOrigin::operator_request;
    decision.vm = step.t.vms[vm].record.name;
    if (found) {
        decision.kind = DecisionKind::placed;
        decision.chosen = all.front().host;
        decision.why = why_chosen(step.t, all.front());
        outcome.detail = decision.why;
        add_reasons_of_ranking(all, outcome);
        accept_job(step, command, new_migration(command, vm, step.t.vms[vm].host, all.front().row), outcome);
        decision.job_id = outcome.job_id;
    } else {
        decision.kind = DecisionKind::not_placed;
        decision.why = "no host can take it with its disk images";
        refuse(outcome, Slug::no_capacity, Fault::no_memory,
               "no host can take this guest with its disk images now");
        outcome.retry_after_seconds = 30;
        add_reasons_of_ranking(all, outcome);
    }
    if (command.dry_run) {
        return;
    }
    for (const Destination& each : all) {
        if (!decision.destinations.try_push(each)) {
            ++decision.rejected_left_out;
        }
    }
    decide(step, decision);
}

}  // namespace ballast::controller
