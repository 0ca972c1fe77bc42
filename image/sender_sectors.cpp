// The second level: sectors of 512 bytes within the blocks that the destination does not have.
#include "image/sender.hpp"
#include "image/sender_work.hpp"
#include "image/unit_hasher.hpp"

namespace ballast::image {
namespace {

// One block in so many is tried first, this many together: those that lie together are read at once.
constexpr std::uint64_t sample_one_of = 32;
constexpr std::uint64_t sampled_together = 8;
// Below this, trying is as dear as doing.
constexpr std::uint64_t sampled_blocks_min = 1024;
// A key takes some 4 bytes, a found sector saves 512 bytes that compress to about a third: more than one in
// forty must be found.
constexpr std::uint64_t found_one_of = 25;

}  // namespace

// The keys of the sectors of literal blocks, every one or a sample, sorted, in sector_entries.
Status ImageSender::collect_sectors(std::uint64_t one_of, std::uint64_t& sampled, std::string& why) {
    Work& work = *work_;
    Sorter sorter{options_.work_prefix + "run-", options_.sort_bytes};
    UnitHasher hasher{*work.source, {&*work.sectors, 1}, best_md5_kernel()};
    std::vector<Extent> together;
    std::vector<Entry> keys;
    const auto hash_together = [&]() -> Status {
        keys.clear();
        BALLAST_CHECK(hasher.hash_apart(together, keys, why));
        together.clear();
        return sorter.add(keys, why);
    };
    FileEntries blocks{work.block_placements};
    EntryReader reader{blocks};
    std::uint64_t literal = 0;
    sampled = 0;
    while (true) {
        const Entry* entry = nullptr;
        BALLAST_CHECK(reader.peek(entry, why));
        if (entry == nullptr) {
            break;
        }
        const Placement placement = unpack(*entry, *work.blocks);
        reader.advance();
        // The image may have shrunk since it was indexed.
        if (placement.kind != RunKind::literal || placement.end() > work.image_bytes ||
            literal++ / sampled_together % one_of != 0) {
            continue;
        }
        ++sampled;
        together.push_back({.offset = placement.offset, .length = placement.length});
        if (together.size() == hasher.apart_max()) {
            BALLAST_CHECK(hash_together());
        }
    }
    BALLAST_CHECK(hash_together());
    work.sector_entries = {};
    BALLAST_CHECK(work.sector_entries.create(options_.work_prefix + "sectors", why));
    return work.sector_entries.append_all(sorter, why);
}

// Asks for the keys in sector_entries; keeps the answers when they are wanted.
Status ImageSender::match_sectors(bool keep, std::uint64_t& found, std::string& why) {
    Work& work = *work_;
    std::uint64_t among = 0;
    for (const LocalOffer& local : work.offers.locals) {
        among += local.sectors;
    }
    const MatchPass pass{.messages = work.messages,
                         .replies = *work.replies,
                         .offers = work.offers,
                         .grid = *work.sectors,
                         .code = key_code_for(work.sector_entries.entries(), among),
                         .cancelled = control_.cancelled};
    Sorter by_offset{options_.work_prefix + "run-", options_.sort_bytes};
    FileEntries ask{work.sector_entries};
    FileEntries again{work.sector_entries};
    const auto place = [&](const Placement& placement, std::string& reason) {
        const Entry entry = pack(placement);
        return keep ? by_offset.add({&entry, 1}, reason) : Status{};
    };
    BALLAST_CHECK(run_match_pass(pass, ask, again, place, found, why));
    return work.sector_placements.append_all(by_offset, why);
}

Status ImageSender::find_sectors(std::string& why) {
    Work& work = *work_;
    bool offered = false;
    for (const LocalOffer& local : work.offers.locals) {
        offered = offered || local.sectors > 0;
    }
    if (!options_.two_levels || !offered || !work.sectors) {
        return {};
    }
    std::uint64_t sampled = 0;
    std::uint64_t found = 0;
    BALLAST_CHECK(collect_sectors(sample_one_of, sampled, why));
    if (sampled * sample_one_of >= sampled_blocks_min) {
        BALLAST_CHECK(match_sectors(false, found, why));
        if (found * found_one_of < work.sector_entries.entries()) {
            return {};
        }
    }
    BALLAST_CHECK(collect_sectors(1, sampled, why));
    work.use_sectors = sampled > 0;
    report_.sectors_used = work.use_sectors;
    return match_sectors(true, found, why);
}

}  // namespace ballast::image
