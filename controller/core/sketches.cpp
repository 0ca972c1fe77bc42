// Samples of disk images, as agents report them. In memory only: agents send them again with every
// connection.
#include <algorithm>

#include "controller/core/step.hpp"

namespace ballast::controller {
namespace {

static_assert(wire::sketch_keys_max == image::sketch_keys_max, "a sample is kept as it came");

constexpr std::uint32_t permille_max = 1000;

bool plausible(const wire::ImageSketch& sketch) noexcept {
    return std::is_sorted(sketch.keys.begin(), sketch.keys.end(), std::less_equal<>{}) &&
           sketch.keys.size() <= sketch.distinct && sketch.compressed_permille <= permille_max;
}

}  // namespace

std::uint32_t find_sketch(const Tables& t, std::uint32_t host, std::uint32_t vm) noexcept {
    return t.sketches.find([&](const SketchRow& row) {
        return vm != no_row ? row.vm == vm : row.vm == no_row && row.host == host;
    });
}

Status on_image_sketch(Step& step, std::uint32_t host, const wire::ImageSketch& sketch) noexcept {
    Tables& t = step.t;
    HostRow& from = t.hosts[host];
    if (!plausible(sketch)) {
        ++t.counters.protocol_faults;
        return Err{Fault::protocol_violation};
    }
    const bool of_guest = !sketch.uuid.nil();
    const std::uint32_t vm = of_guest ? t.vm_index.find(sketch.uuid) : no_row;
    if (of_guest && vm == no_row) {
        return {};  // the guest is gone, or over a limit
    }
    if (of_guest && t.vms[vm].host != host) {
        // The host speaks of a guest that has left it: its images there are none that would travel.
        ++t.counters.image_sketches_ignored;
        return {};
    }
    from.takes_images = true;
    if (t.sketches.limit() == 0) {
        return {};  // its operator wants none
    }
    std::uint32_t row = find_sketch(t, host, vm);
    const WallTime built{sketch.built_unix_ms};
    if (row != no_row && of_guest && t.sketches[row].built > built) {
        ++t.counters.image_sketches_ignored;  // left there when the guest was on this host before
        return {};
    }
    row = row == no_row ? t.add_sketch() : row;
    if (row == no_row) {
        step.report(Severity::warning, Subject::host, "sketch_refused", from.record.name, 0,
                    "limit image_sketches is reached: what images hold there is not known");
        return {};
    }
    SketchRow& kept = t.sketches[row];
    kept.host = host;
    kept.vm = vm;
    kept.images = sketch.images;
    kept.image_bytes = sketch.image_bytes;
    kept.data_blocks = sketch.data_blocks;
    kept.distinct = sketch.distinct;
    kept.compressed_permille = sketch.compressed_permille;
    kept.read_bytes_per_second = sketch.read_bytes_per_second;
    kept.write_bytes_per_second = sketch.write_bytes_per_second;
    kept.built = built;
    kept.keys = static_cast<std::uint32_t>(sketch.keys.size());
    std::copy(sketch.keys.begin(), sketch.keys.end(), kept.storage.begin());
    return {};
}

void forget_sketches(Tables& t, std::uint32_t host, std::uint32_t vm) noexcept {
    for (std::uint32_t row = 0; row < t.sketches.rows().size(); ++row) {
        const SketchRow& sketch = t.sketches[row];
        const bool its = vm != no_row ? sketch.vm == vm : sketch.host == host;
        if (sketch.in_use && its) {
            t.sketches.remove(row);
        }
    }
}

}  // namespace ballast::controller
