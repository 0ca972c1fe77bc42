#include "cli/offline/trace_files.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "cli/offline/gzip_lines.hpp"

namespace ballast::cli::offline {

namespace {

constexpr std::string_view planetlab_prefix = "planetlab-";
constexpr std::string_view bitbrains_prefix = "bitbrains-";
constexpr std::string_view series_suffix = ".csv.gz";
constexpr std::string_view meta_suffix = "-meta.csv.gz";

// The four guest types of the CloudSim experiments that made these days known (Beloglazov & Buyya 2012):
// guests take them in four equal runs of the file. One core of ours is their fastest guest's whole processor.
struct GuestType {
    double mips;
    std::uint64_t memory_mib;
};
constexpr GuestType planetlab_types[] = {{2500, 870}, {2000, 1740}, {1000, 1740}, {500, 613}};
constexpr double planetlab_core_mips = 2500;
constexpr std::uint64_t planetlab_host_memory_mib =
    256 * 1024;  // the trace has no memory: it shall not decide
constexpr double planetlab_mean_utilisation = 0.6;

constexpr double bitbrains_core_mhz = 2600;
constexpr experiments::TraceHost bitbrains_host{32, 384 * 1024, 10'000, 0};
constexpr double megabits_per_kilobyte = 8.0 / 1000;
constexpr double megabytes_per_kilobyte = 1.0 / 1000;  // of disks, as everywhere in a pool

std::string at_line(const std::string& path, std::size_t line) {
    return path + ", line " + std::to_string(line) + ": ";
}

// Cuts the next line off `text`.
std::string_view next_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r') {
        line.remove_suffix(1);
    }
    return line;
}

// Beyond this nothing has been measured, and sums would become infinite.
constexpr double measured_max = 1e15;

// Appends the comma-separated numbers of a line; how many, or nothing when one is no number from 0 to that.
std::optional<std::size_t> append_numbers(std::string_view line, std::vector<double>& out) {
    std::size_t count = 0;
    const char* at = line.data();
    const char* const end = line.data() + line.size();
    for (;;) {
        double value = 0;
        const auto [next, error] = std::from_chars(at, end, value);
        if (error != std::errc{} || !(value >= 0 && value <= measured_max)) {
            return std::nullopt;
        }
        out.push_back(value);
        ++count;
        if (next == end) {
            return count;
        }
        if (*next != ',') {
            return std::nullopt;
        }
        at = next + 1;
    }
}

std::optional<SeriesFile> read_series(const std::string& path, std::string& why) {
    const std::optional<std::string> content = read_gzip(path, limits::trace_file_bytes_max, why);
    if (!content) {
        return std::nullopt;
    }
    SeriesFile series;
    std::string_view text = *content;
    while (!text.empty()) {
        const std::string_view line = next_line(text);
        const std::optional<std::size_t> count = append_numbers(line, series.values);
        ++series.rows;
        if (!count) {
            why = at_line(path, series.rows) + "expected numbers from 0 to 1e15, separated by commas";
            return std::nullopt;
        }
        if (series.rows == 1) {
            series.columns = *count;
        }
        if (*count != series.columns) {
            why = at_line(path, series.rows) + "expected " + std::to_string(series.columns) +
                  " values as in the first line, found " + std::to_string(*count);
            return std::nullopt;
        }
        if (series.rows > limits::trace_vms_max || series.columns > limits::trace_slots_max ||
            series.values.size() > limits::trace_values_max) {
            why = at_line(path, series.rows) + "more than " + std::to_string(limits::trace_vms_max) +
                  " guests, " + std::to_string(limits::trace_slots_max) + " slots or " +
                  std::to_string(limits::trace_values_max) + " values";
            return std::nullopt;
        }
    }
    if (series.rows == 0) {
        why = path + ": no guests";
        return std::nullopt;
    }
    return series;
}

void scale(SeriesFile& series, double factor) {
    for (double& value : series.values) {
        value *= factor;
    }
}

// The sum of two series files of one shape, scaled.
std::optional<SeriesFile> read_sum(const std::string& folder, const std::string& first,
                                   const std::string& second, double factor, std::string& why) {
    std::optional<SeriesFile> sum = read_series(folder + first, why);
    const std::optional<SeriesFile> other = sum ? read_series(folder + second, why) : std::nullopt;
    if (!other) {
        return std::nullopt;
    }
    if (other->rows != sum->rows || other->columns != sum->columns) {
        why = folder + second + ": expected as many guests and slots as in " + first;
        return std::nullopt;
    }
    for (std::size_t i = 0; i < sum->values.size(); ++i) {
        sum->values[i] = (sum->values[i] + other->values[i]) * factor;
    }
    return sum;
}

struct GuestSize {
    std::uint32_t vcpus = 0;
    std::uint64_t memory_mib = 0;
};

std::optional<std::vector<GuestSize>> read_meta(const std::string& path, std::string& why) {
    const std::optional<std::string> content = read_gzip(path, limits::trace_file_bytes_max, why);
    if (!content) {
        return std::nullopt;
    }
    std::vector<GuestSize> guests;
    std::string_view text = *content;
    next_line(text);  // the heading
    while (!text.empty()) {
        std::vector<double> fields;
        constexpr double memory_mib_max = 1U << 30U;
        if (append_numbers(next_line(text), fields).value_or(0) < 4 || fields[1] > 4096 ||
            fields[3] > memory_mib_max) {
            why = at_line(path, guests.size() + 2) + "expected vm,cores,cpu_cap_mhz,mem_cap_mb";
            return std::nullopt;
        }
        guests.push_back({static_cast<std::uint32_t>(fields[1]), static_cast<std::uint64_t>(fields[3])});
    }
    return guests;
}

}  // namespace

void TraceFile::name_vms(std::size_t count) {
    vms_.resize(count);
    vm_names_.resize(count);
    for (std::size_t v = 0; v < count; ++v) {
        const std::string number = std::to_string(v);
        vm_names_[v] = "vm" + std::string(number.size() < 5 ? 5 - number.size() : 0, '0') + number;
    }
}

experiments::Trace TraceFile::on_hosts(std::size_t hosts, double mean_utilisation) const {
    experiments::Trace trace;
    trace.name = name_;
    trace.slots = cpu_cores_.columns;
    trace.host = host_;
    trace.vms = vms_;
    const double sized_for =
        mean_utilisation > 0 || host_.cpu_cores > 0 ? mean_utilisation : planetlab_mean_utilisation;
    if (sized_for > 0) {
        double sum = 0;
        for (const double cores : cpu_cores_.values) {
            sum += cores;
        }
        // Where nobody uses any CPU, a host of any size has enough.
        trace.host.cpu_cores =
            sum > 0 ? sum / static_cast<double>(cpu_cores_.columns) / static_cast<double>(hosts) / sized_for
                    : 1;
    }
    return trace;
}

std::optional<TraceFile> load_planetlab(const std::string& folder, const std::string& name,
                                        std::string& why) {
    std::optional<SeriesFile> percent = read_series(folder + name + std::string{series_suffix}, why);
    if (!percent) {
        return std::nullopt;
    }
    TraceFile trace;
    trace.name_ = name;
    trace.host_.memory_mib = planetlab_host_memory_mib;
    trace.cpu_cores_ = std::move(*percent);
    trace.name_vms(trace.cpu_cores_.rows);
    const std::size_t run = (trace.vms_.size() + std::size(planetlab_types) - 1) / std::size(planetlab_types);
    for (std::size_t v = 0; v < trace.vms_.size(); ++v) {
        const GuestType& type = planetlab_types[v / run];
        for (std::size_t slot = 0; slot < trace.cpu_cores_.columns; ++slot) {
            trace.cpu_cores_.values[v * trace.cpu_cores_.columns + slot] *=
                type.mips / planetlab_core_mips / 100;
        }
        trace.vms_[v] = {trace.vm_names_[v], type.memory_mib, 1, trace.cpu_cores_.row(v), {}, {}, {}};
    }
    return trace;
}

std::optional<TraceFile> load_bitbrains(const std::string& folder, const std::string& name,
                                        std::string& why) {
    const auto file = [&](std::string_view what) {
        return name + "-" + std::string{what} + std::string{series_suffix};
    };
    const std::optional<std::vector<GuestSize>> guests = read_meta(folder + file("meta"), why);
    std::optional<SeriesFile> cpu = guests ? read_series(folder + file("cpu_mhz"), why) : std::nullopt;
    std::optional<SeriesFile> memory = cpu ? read_series(folder + file("mem_mb"), why) : std::nullopt;
    std::optional<SeriesFile> net =
        memory ? read_sum(folder, file("net_rx_kbps"), file("net_tx_kbps"), megabits_per_kilobyte, why)
               : std::nullopt;
    std::optional<SeriesFile> disk =
        net ? read_sum(folder, file("disk_r_kbps"), file("disk_w_kbps"), megabytes_per_kilobyte, why)
            : std::nullopt;
    if (!disk) {
        return std::nullopt;
    }
    for (const SeriesFile* series : {&*cpu, &*memory, &*net, &*disk}) {
        if (series->rows != guests->size() || series->columns != cpu->columns) {
            why = folder + name + ": its files do not have the same guests and slots";
            return std::nullopt;
        }
    }
    TraceFile trace;
    trace.name_ = name;
    trace.host_ = bitbrains_host;
    trace.cpu_cores_ = std::move(*cpu);
    trace.memory_used_mib_ = std::move(*memory);
    trace.net_mbps_ = std::move(*net);
    trace.disk_mbps_ = std::move(*disk);
    scale(trace.cpu_cores_, 1 / bitbrains_core_mhz);
    trace.name_vms(guests->size());
    for (std::size_t v = 0; v < guests->size(); ++v) {
        trace.vms_[v] = {trace.vm_names_[v],           (*guests)[v].memory_mib, (*guests)[v].vcpus,
                         trace.cpu_cores_.row(v),      trace.net_mbps_.row(v),  trace.disk_mbps_.row(v),
                         trace.memory_used_mib_.row(v)};
    }
    return trace;
}

std::vector<std::string> traces_in(const std::string& folder, std::string& why) {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator entry{folder, error}, end; !error && entry != end;
         entry.increment(error)) {
        const std::string file = entry->path().filename().string();
        const auto take = [&](std::string_view prefix, std::string_view suffix) {
            if (file.starts_with(prefix) && file.ends_with(suffix)) {
                names.push_back(file.substr(0, file.size() - suffix.size()));
            }
        };
        take(planetlab_prefix, series_suffix);
        take(bitbrains_prefix, meta_suffix);
    }
    if (error) {
        why = folder + ": " + error.message();
        return {};
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::optional<TraceFile> load_trace(const std::string& folder, const std::string& name, std::string& why) {
    const std::string prefix = folder + "/";
    if (name.starts_with(planetlab_prefix)) {
        return load_planetlab(prefix, name, why);
    }
    if (name.starts_with(bitbrains_prefix)) {
        return load_bitbrains(prefix, name, why);
    }
    why = "no trace is called " + name + ": expected planetlab-DAY or bitbrains-SET";
    return std::nullopt;
}

}  // namespace ballast::cli::offline
