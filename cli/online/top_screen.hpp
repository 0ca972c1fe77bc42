// What `ballast top` shows, as data, and the lines that show it. No terminal in here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/json.hpp"
#include "cli/online/progress.hpp"

namespace ballast::cli {

struct TopHost {
    std::string name;
    std::string state;
    double cpu = 0;     // share of its capacity
    double memory = 0;  // share
    std::uint64_t vms = 0;
    std::uint64_t moves_in = 0;
    std::uint64_t moves_out = 0;
};

struct TopVm {
    std::string name;
    std::string host;
    std::string state;
    double cpu_cores = 0;
    double memory_mib = 0;
    double net_mbps = 0;
    double disk_mbps = 0;
    std::string job;  // "migrate 42%"; empty: none
};

struct TopData {
    std::string clock;    // "08:15:42"
    std::string pool;     // "4 hosts, 1 overloaded, 40 vms, 2 jobs"
    std::string balance;  // whether it is on, and what was decided last
    std::string failure;  // why what is shown is old; empty: it is not
    std::vector<TopHost> hosts;
    std::vector<TopVm> vms;
    std::vector<std::string> moves;  // a line each
};

enum class TopSort : std::uint8_t { cpu, memory, net, disk, name, host };

// What the user has chosen.
struct TopView {
    TopSort sort = TopSort::cpu;
    bool reversed = false;
    std::size_t scroll = 0;  // VMs above the first one shown
    std::string filter;      // only VMs and hosts whose name has this
    bool typing = false;     // the filter is being typed
    bool colour = false;
    std::size_t columns = 80;
    std::size_t rows = 24;
};

// Exactly `rows` lines, each at most `columns` wide. Corrects a scroll that is beyond the end.
std::vector<std::string> draw_top(const TopData& data, TopView& view);

// The key's effect on the view; false when it asks to quit. Keys are bytes, and 'U', 'D', 'P', 'N' with
// `special` for up, down, page up and page down.
bool press_top(TopView& view, char key, bool special);

TopHost top_host(Json host);
TopVm top_vm(Json vm);

}  // namespace ballast::cli
