#include "cli/offline/plan_json.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cmath>
#include <string_view>

#include "policy/rule_words.hpp"

namespace ballast::cli::offline {

namespace {

using policy::no_index;

class PlanWriter {
  public:
    explicit PlanWriter(const Planning& planning) : planning_{planning}, plan_{planning.plan()} {}

    std::string text() {
        json_.StartObject();
        text("format", "ballast-plan/1");
        text("policy", planning_.policy().name);
        parameters();
        search();
        text("source", host_name(plan_.source));
        text("conclusion", plan_.conclusion.view());
        moves();
        rejected();
        unresolved();
        counts("vms_not_moved", plan_.vms_by_rule);
        counts("hosts_not_relieved", plan_.hosts_by_rule);
        data();
        load("before", plan_.before);
        load("after", plan_.after);
        json_.EndObject();
        return {buffer_.GetString(), buffer_.GetSize()};
    }

  private:
    void key(std::string_view name) { json_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size())); }
    void string(std::string_view value) {
        json_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    }
    void text(std::string_view name, std::string_view value) {
        key(name);
        string(value);
    }
    void number(std::string_view name, double value) {
        constexpr double millionths = 1e6;
        key(name);
        if (std::isfinite(value)) {
            const double rounded = std::round(value * millionths) / millionths;
            const double settled = std::abs(value) < 1e9 ? rounded : value;
            if (settled == std::floor(settled) && std::abs(settled) < 1e15) {
                json_.Int64(
                    static_cast<std::int64_t>(settled));  // "128", as the format shows it, not "128.0"
            } else {
                json_.Double(settled);
            }
        } else {
            json_.Null();
        }
    }
    std::string_view host_name(policy::HostIndex h) const {
        return h == no_index ? std::string_view{} : planning_.pool().hosts[h].name;
    }
    std::string_view vm_name(policy::VmIndex v) const {
        return v == no_index ? std::string_view{} : planning_.pool().vms[v].name;
    }

    void parameters() {
        key("parameters");
        json_.StartObject();
        for (const policy::ParameterInfo& info : policy::parameter_table()) {
            if (!policy::takes(planning_.policy().family, info)) {
                continue;
            }
            if (info.words.empty()) {
                number(info.name, policy::get(planning_.parameters(), info));
            } else {
                text(info.name, policy::text_of(planning_.parameters(), info).view());
            }
        }
        json_.EndObject();
    }

    // As the controller tells it; here the search may go on for as long as it is asked to.
    void search() {
        if (plan_.search == policy::SearchEnd::none) {
            return;
        }
        key("search");
        json_.StartObject();
        number("asked_ms", planning_.parameters().time_budget_ms);
        number("allowed_ms", planning_.parameters().time_budget_ms);
        key("complete");
        json_.Bool(plan_.search == policy::SearchEnd::complete);
        json_.EndObject();
    }

    void moves() {
        key("moves");
        json_.StartArray();
        for (const policy::Move& move : plan_.moves.items()) {
            json_.StartObject();
            text("kind", policy::to_string(move.kind));
            text("vm", vm_name(move.vm));
            text("from", host_name(move.from));
            text("to", host_name(move.to));
            if (move.kind == policy::MoveKind::swap) {
                text("with", vm_name(move.with));
                with_more(move);
            }
            number("memory_mib", static_cast<double>(move.memory_mib));
            number("cpu_cores", move.vm_cpu_cores);
            number("wave", move.wave);
            if (move.seconds > 0) {
                number("seconds", move.seconds);
            }
            text("why", move.why.view());
            json_.EndObject();
        }
        json_.EndArray();
        if (plan_.moves.left_out() != 0) {
            number("moves_left_out", static_cast<double>(plan_.moves.left_out()));
        }
    }

    void with_more(const policy::Move& move) {
        if (move.with_more.empty()) {
            return;
        }
        key("with_more");
        json_.StartArray();
        for (const policy::VmIndex other : move.with_more.span()) {
            string(vm_name(other));
        }
        json_.EndArray();
    }

    void rejected() {
        key("rejected");
        json_.StartArray();
        for (const policy::Rejection& rejection : plan_.rejected.items()) {
            json_.StartObject();
            text("vm", vm_name(rejection.vm));
            text("to", host_name(rejection.to));
            text("constraint", policy::to_string(rejection.constraint));
            number("have", rejection.have);
            number("limit", rejection.limit);
            text("why", policy::rule_sentence(rejection.constraint, rejection.have, rejection.limit,
                                              policy::subject_of(rejection.vm != policy::no_index,
                                                                 rejection.to != policy::no_index))
                            .view());
            json_.EndObject();
        }
        json_.EndArray();
        if (plan_.rejected.left_out() != 0) {
            number("rejected_left_out", static_cast<double>(plan_.rejected.left_out()));
        }
    }

    void unresolved() {
        key("unresolved");
        json_.StartArray();
        for (const policy::HostIndex h : plan_.unresolved.items()) {
            string(host_name(h));
        }
        json_.EndArray();
    }

    template <class Counts>
    void counts(std::string_view name, const Counts& by_rule) {
        key(name);
        json_.StartObject();
        for (std::size_t rule = 0; rule < by_rule.size(); ++rule) {
            if (by_rule[rule] != 0) {
                number(policy::to_string(static_cast<policy::Constraint>(rule)), by_rule[rule]);
            }
        }
        json_.EndObject();
    }

    // What was wrong with the measurements: how often, and the first offenders.
    void data() {
        key("data");
        json_.StartObject();
        for (std::size_t fault = 0; fault < policy::data_fault_count; ++fault) {
            const auto kind = static_cast<policy::DataFault>(fault);
            if (const std::uint32_t count = plan_.data.count(kind); count != 0) {
                number(policy::to_string(kind), count);
            }
        }
        key("first");
        json_.StartArray();
        for (const policy::DataFinding& finding : plan_.data.first.span()) {
            json_.StartObject();
            text("fault", policy::to_string(finding.fault));
            text("resource", policy::to_string(finding.resource));
            text("vm", vm_name(finding.vm));
            text("host", host_name(finding.host));
            number("value", finding.value);
            json_.EndObject();
        }
        json_.EndArray();
        json_.EndObject();
    }

    void load(std::string_view name, const policy::PoolLoad& load) {
        key(name);
        json_.StartObject();
        key("hosts");
        json_.StartArray();
        for (policy::HostIndex h = 0; h < planning_.pool().hosts.size(); ++h) {
            json_.StartObject();
            text("name", host_name(h));
            number("cpu", load.hosts[h].cpu);
            number("memory", load.hosts[h].memory);
            number("net", load.hosts[h].net);
            number("disk", load.hosts[h].disk);
            number("memory_used", load.hosts[h].memory_used);
            json_.EndObject();
        }
        json_.EndArray();
        number("cpu_stddev", load.cpu_stddev);
        number("memory_stddev", load.memory_stddev);
        number("net_stddev", load.net_stddev);
        number("disk_stddev", load.disk_stddev);
        number("memory_used_stddev", load.memory_used_stddev);
        json_.EndObject();
    }

    const Planning& planning_;
    const policy::Plan& plan_;
    rapidjson::StringBuffer buffer_;
    rapidjson::Writer<rapidjson::StringBuffer> json_{buffer_};
};

}  // namespace

std::string plan_json(const Planning& planning) {
    return PlanWriter{planning}.text();
}

}  // namespace ballast::cli::offline
