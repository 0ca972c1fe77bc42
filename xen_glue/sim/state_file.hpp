// A simulated host's state in a file that several processes map. Every change is a transaction: the state is
// copied, brought to the present time, edited, and put in place by one 8-byte store. So whenever a process is
// killed, the file holds a whole state: the one before or the one after.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "xen_glue/hypervisor.hpp"
#include "xen_glue/sim/sim_state.hpp"

namespace ballast::sim {

// A value in a guest's xenstore area.
struct AreaEntry {
    std::uint32_t domid = 0;
    FixedString<63> path;  // "data/load"
    FixedString<255> value;
};
inline constexpr std::size_t area_entries_max = 256;  // of all guests together

struct Snapshot {
    SimHost host;
    FixedVector<AreaEntry, area_entries_max> area;
};

std::int64_t boottime_ns() noexcept;  // CLOCK_BOOTTIME

class StateFile {
  public:
    // Fills a new host's state and specs (see `Transaction::keep_spec`); false with `why` filled when it
    // cannot.
    class Transaction;
    using Creator = std::function<bool(Transaction& new_host, std::string& why)>;

    // Without a creator the file must be there already. Null with `why` filled when it cannot be opened, is
    // not of this kind and version, or (without a creator) is of an earlier boot of this machine.
    static std::unique_ptr<StateFile> open(const std::string& path, const Creator& creator, std::string& why);
    ~StateFile();
    StateFile(const StateFile&) = delete;
    StateFile& operator=(const StateFile&) = delete;

    // One process at a time; the others wait. At most one of an object at a time. Without `commit` nothing
    // changes.
    class Transaction {
      public:
        explicit Transaction(StateFile& file) noexcept;
        ~Transaction();
        Transaction(const Transaction&) = delete;
        Transaction& operator=(const Transaction&) = delete;

        SimHost& host() noexcept;
        Snapshot& snapshot() noexcept;
        // The spec that the domain was made from; null for dom0 and unknown ids.
        const DomainSpec* spec(std::uint32_t domid) const noexcept;
        void keep_spec(std::uint32_t domid, const DomainSpec& spec) noexcept;
        // Tells that this process carries out the guest's activity, until `release` or the process's end.
        void claim(const Guest& guest) noexcept;
        void commit() noexcept;

      private:
        friend class StateFile;
        StateFile& file_;
    };
    // Ends the claim, if there is one. After the transaction that ended the activity.
    void release() noexcept;

    const std::string& path() const noexcept { return path_; }

  private:
    struct Layout;
    StateFile() = default;
    bool map(const Creator& creator, std::string& why);
    bool begin_anew(const Creator& creator, std::string& why);
    Snapshot& current() noexcept;
    Snapshot& spare() noexcept;
    // What processes that have died left undone is put into the state in which Xen would show it.
    void abandon_orphans(SimHost& host) noexcept;
    bool claimed_by_other(const Guest& guest) const noexcept;

    std::string path_;
    int fd_ = -1;
    Layout* layout_ = nullptr;
    std::int64_t claim_offset_ = -1;  // of the lock that this process holds, or -1
};

}  // namespace ballast::sim
