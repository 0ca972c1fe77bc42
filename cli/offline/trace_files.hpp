// Reads the recorded traces that docs/experiments.md describes from a folder of gzip-compressed CSV files:
//   planetlab-DAY.csv.gz            one line a guest: its CPU in whole % of its allotment, one value per slot
//   bitbrains-SET-meta.csv.gz       a heading, then one line a guest: vm,cores,cpu_cap_mhz,mem_cap_mb,...
//   bitbrains-SET-WHAT.csv.gz       cpu_mhz, mem_mb, disk_r_kbps, disk_w_kbps, net_rx_kbps, net_tx_kbps: one
//   line a
//                                   guest in meta's order, one value per slot
// The files are foreign: every line is checked, and an error names the file, the line and what was expected.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "sim/experiments/trace.hpp"

namespace ballast::cli::offline {

namespace limits {
inline constexpr std::size_t trace_file_bytes_max = 512U << 20U;  // uncompressed
inline constexpr std::size_t trace_vms_max = 20'000;
inline constexpr std::size_t trace_slots_max = 100'000;
inline constexpr std::size_t trace_values_max = 64U << 20U;  // of one file: half a GiB as numbers
}  // namespace limits

// One value per guest and slot, guest by guest.
struct SeriesFile {
    std::size_t rows = 0;
    std::size_t columns = 0;
    std::vector<double> values;

    policy::Series row(std::size_t index) const { return {values.data() + index * columns, columns}; }
};

// A trace with the memory that its view points into. Not copied: the view would point into the original.
class TraceFile {
  public:
    TraceFile() = default;
    TraceFile(TraceFile&&) = default;
    TraceFile& operator=(TraceFile&&) = default;
    TraceFile(const TraceFile&) = delete;
    TraceFile& operator=(const TraceFile&) = delete;

    // The load on `hosts` equal hosts. PlanetLab's hosts get the cores that make the mean utilisation of the
    // pool `mean_utilisation`; Bitbrains' have a fixed size, unless `mean_utilisation` is set (above 0).
    experiments::Trace on_hosts(std::size_t hosts, double mean_utilisation) const;
    const std::string& name() const { return name_; }
    std::size_t vms() const { return vms_.size(); }
    std::size_t slots() const { return cpu_cores_.columns; }

  private:
    friend std::optional<TraceFile> load_planetlab(const std::string&, const std::string&, std::string&);
    friend std::optional<TraceFile> load_bitbrains(const std::string&, const std::string&, std::string&);
    void name_vms(std::size_t count);

    std::string name_;
    experiments::TraceHost host_;
    SeriesFile cpu_cores_;
    SeriesFile net_mbps_;
    SeriesFile disk_mbps_;
    SeriesFile memory_used_mib_;
    std::vector<std::string> vm_names_;
    std::vector<experiments::TraceVm> vms_;
};

// The names of the traces that lie in the folder ("planetlab-20110303", "bitbrains-rnd-20130708w"), sorted;
// empty with a reason in `why` when the folder cannot be read.
std::vector<std::string> traces_in(const std::string& folder, std::string& why);

// Nothing, with one sentence in `why`, when a file is missing, malformed or beyond a limit.
std::optional<TraceFile> load_trace(const std::string& folder, const std::string& name, std::string& why);

}  // namespace ballast::cli::offline
