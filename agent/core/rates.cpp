#include "agent/core/rates.hpp"

namespace ballast::agent {
namespace {

bool same_domain(const Counters& a, const Counters& b) noexcept {
    return a.domid == b.domid && a.uuid == b.uuid;
}

bool went_back(const Counters& from, const Counters& to) noexcept {
    return to.cpu_time_ns < from.cpu_time_ns || to.net_rx_bytes < from.net_rx_bytes ||
           to.net_tx_bytes < from.net_tx_bytes || to.disk_read_bytes < from.disk_read_bytes ||
           to.disk_write_bytes < from.disk_write_bytes;
}

}  // namespace

void Rates::begin(std::int64_t taken_mono_ns, std::uint64_t nic_rx_bytes,
                  std::uint64_t nic_tx_bytes) noexcept {
    const std::int64_t since_ns = taken_mono_ns - taken_ns_;
    const bool usable =
        taken_ns_ != 0 && since_ns >= interval_ms_min * 1'000'000 && since_ns <= interval_ms_max * 1'000'000;
    interval_ns_ = usable ? since_ns : 0;
    nic_mbps_.reset();
    if (usable && nic_rx_bytes >= nic_rx_bytes_ && nic_tx_bytes >= nic_tx_bytes_) {
        const std::uint64_t bytes = nic_rx_bytes - nic_rx_bytes_ + nic_tx_bytes - nic_tx_bytes_;
        nic_mbps_ = static_cast<double>(bytes) * 8e3 / static_cast<double>(interval_ns_);
    }
    taken_ns_ = taken_mono_ns;
    nic_rx_bytes_ = nic_rx_bytes;
    nic_tx_bytes_ = nic_tx_bytes;
    current_ = 1 - current_;
    tables_[current_].clear();
    expected_at_ = 0;
}

const Counters* Rates::previous(const Counters& now) noexcept {
    const Table& table = tables_[1 - current_];
    for (std::size_t step = 0; step < table.size(); ++step) {
        const std::size_t at = (expected_at_ + step) % table.size();
        if (same_domain(table[at], now)) {
            expected_at_ = at + 1;
            return &table[at];
        }
    }
    return nullptr;
}

std::optional<DomainRates> Rates::domain(const Counters& counters) noexcept {
    const Counters* before = previous(counters);
    (void)tables_[current_].try_push(counters);
    if (before == nullptr || interval_ns_ == 0 || went_back(*before, counters)) {
        return std::nullopt;
    }
    const auto interval_ns = static_cast<double>(interval_ns_);
    const auto net_bytes =
        counters.net_rx_bytes - before->net_rx_bytes + counters.net_tx_bytes - before->net_tx_bytes;
    const auto disk_bytes = counters.disk_read_bytes - before->disk_read_bytes + counters.disk_write_bytes -
                            before->disk_write_bytes;
    return DomainRates{
        .cpu_cores = static_cast<double>(counters.cpu_time_ns - before->cpu_time_ns) / interval_ns,
        .net_mbps = static_cast<double>(net_bytes) * 8e3 / interval_ns,
        .disk_mbps = static_cast<double>(disk_bytes) * 1e3 / interval_ns};
}

void Rates::end() noexcept {
    tables_[1 - current_].clear();
}

}  // namespace ballast::agent
