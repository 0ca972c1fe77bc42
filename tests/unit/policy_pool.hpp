// A pool written down in a few lines, with the memory that planning on it needs.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "policy/policy.hpp"

namespace ballast::policy::test {

class PoolBook {
  public:
    Host& host(const std::string& name, double cores = 10, std::uint64_t memory_mib = 10000) {
        texts_.push_back(name);
        Host added;
        added.name = texts_.back();
        added.state = HostState::up;
        added.cpu_cores = cores;
        added.memory_mib = memory_mib;
        return hosts.emplace_back(added);
    }
    // A running guest with one constant sample.
    Vm& vm(const std::string& name, HostIndex on, double cpu_cores, std::uint64_t memory_mib = 100) {
        return vm(name, on, std::vector<double>{cpu_cores}, memory_mib);
    }
    Vm& vm(const std::string& name, HostIndex on, std::vector<double> series,
           std::uint64_t memory_mib = 100) {
        texts_.push_back(name);
        Vm added;
        added.name = texts_.back();
        added.host = on;
        added.state = VmState::running;
        added.movable = true;
        added.memory_mib = memory_mib;
        added.cpu_cores = keep(std::move(series));
        return vms.emplace_back(added);
    }
    Series keep(std::vector<double> series) { return series_.emplace_back(std::move(series)); }
    Pool pool() {
        host_list.assign(hosts.begin(), hosts.end());
        vm_list.assign(vms.begin(), vms.end());
        Pool out{host_list, vm_list};
        out.loads_given = longest_series(vm_list) <= 1;
        return out;
    }

    // "vm>host" for each move, in order.
    std::string moves(std::string_view policy) {
        EXPECT_TRUE(run(policy).ok());
        std::string text;
        for (const Move& move : plan.moves.items()) {
            text += (text.empty() ? "" : " ") + std::string{vm_list[move.vm].name} + ">" +
                    std::string{host_list[move.to].name};
        }
        return text;
    }
    Status run(std::string_view policy) {
        const Policy* found = find_policy(policy);
        EXPECT_NE(found, nullptr);
        return ballast::policy::plan(*found, pool(), parameters, workspace, plan);
    }
    // Where the rejection of this guest (and host) stands; fails when there is none.
    Rejection rejection(std::string_view vm_name, std::string_view to = {}) {
        for (const Rejection& candidate : plan.rejected.items()) {
            const bool vm_fits = candidate.vm != no_index && vm_list[candidate.vm].name == vm_name;
            const bool to_fits =
                to.empty() || (candidate.to != no_index && host_list[candidate.to].name == to);
            if (vm_fits && to_fits) {
                return candidate;
            }
        }
        ADD_FAILURE() << vm_name << " was not rejected";
        return {};
    }

    std::deque<Host> hosts;
    std::deque<Vm> vms;
    std::vector<Host> host_list;
    std::vector<Vm> vm_list;
    Parameters parameters;

  private:
    static constexpr std::size_t hosts_max = 64;
    static constexpr std::size_t vms_max = 512;
    std::deque<std::string> texts_;
    std::deque<std::vector<double>> series_;
    std::vector<std::byte> memory_ = std::vector<std::byte>(1 << 21);
    Arena arena_{memory_};

  public:
    Workspace workspace = make_workspace(arena_, hosts_max, vms_max);
    Plan plan = make_plan(arena_, hosts_max, 128, 512, vms_max);
};

}  // namespace ballast::policy::test
