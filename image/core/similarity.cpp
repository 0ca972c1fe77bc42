#include "image/core/similarity.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace ballast::image {
namespace {

// What the merge carries from piece to piece.
struct Merge {
    const std::uint64_t* a = nullptr;
    const std::uint64_t* a_end = nullptr;
    const std::uint64_t* b = nullptr;
    const std::uint64_t* b_end = nullptr;
    std::uint64_t last_match = 0;  // the last key found on both sides, once any_match
    bool any_match = false;
    Overlap found;
};

// One or nothing, of which the compiler knows no more: of a condition it would make a branch.
[[gnu::always_inline]] inline std::uint64_t bit(bool is) noexcept {
    std::uint64_t value = is ? 1 : 0;
    asm("" : "+r"(value));
    return value;
}

// As far as both pieces reach. Without branches: which side goes on is as good as random.
void merge_pieces(Merge& m) noexcept {
    const std::uint64_t* a = m.a;
    const std::uint64_t* b = m.b;
    std::uint64_t last = m.last_match;
    std::uint64_t any = m.any_match ? 1 : 0;
    std::uint64_t same = 0;
    std::uint64_t distinct = 0;
    while (a != m.a_end && b != m.b_end) {
        const std::uint64_t key_a = *a;
        const std::uint64_t key_b = *b;
        const std::uint64_t a_goes_on = bit(key_a <= key_b);
        const std::uint64_t b_goes_on = bit(key_b <= key_a);
        const std::uint64_t equal = a_goes_on & b_goes_on;
        // A's second block of a key whose partner in B has gone by.
        const std::uint64_t again = bit(key_a == last) & any;
        same += equal | again;
        distinct += equal & ~again;
        last ^= (last ^ key_a) & (0 - equal);
        any |= equal;
        a += a_goes_on;
        b += b_goes_on;
    }
    m.a = a;
    m.b = b;
    m.last_match = last;
    m.any_match = any != 0;
    m.found.same_blocks += same;
    m.found.same_distinct += distinct;
}

// Distinct keys of a piece, the first one not counted when it continues the piece before.
std::uint64_t count_distinct(std::span<const std::uint64_t> keys, std::uint64_t previous,
                             bool any_before) noexcept {
    std::uint64_t distinct = any_before && keys[0] == previous ? 0 : 1;
    for (std::size_t i = 1; i < keys.size(); ++i) {
        distinct += keys[i] != keys[i - 1] ? 1 : 0;
    }
    return distinct;
}

double share(std::uint64_t part, std::uint64_t of) noexcept {
    return of == 0 ? 0 : static_cast<double>(part) / static_cast<double>(of);
}

}  // namespace

Result<Overlap> overlap(KeySource& a, KeySource& b) noexcept {
    Merge merge;
    std::uint64_t previous = 0;
    bool b_ended = false;
    while (true) {
        if (merge.a == merge.a_end) {
            const auto keys = BALLAST_TRY(a.next_keys());
            if (keys.empty()) {
                return merge.found;
            }
            merge.found.distinct += count_distinct(keys, previous, merge.found.blocks > 0);
            merge.found.blocks += keys.size();
            previous = keys.back();
            merge.a = keys.data();
            merge.a_end = keys.data() + keys.size();
        }
        if (merge.b == merge.b_end && !b_ended) {
            const auto keys = BALLAST_TRY(b.next_keys());
            b_ended = keys.empty();
            merge.b = keys.data();
            merge.b_end = keys.data() + keys.size();
        }
        if (b_ended) {
            // What is left of A can only repeat the last match.
            for (; merge.a != merge.a_end; ++merge.a) {
                merge.found.same_blocks += merge.any_match && *merge.a == merge.last_match ? 1 : 0;
            }
        } else {
            merge_pieces(merge);
        }
    }
}

double SimilarityTable::same_rate() const noexcept {
    return share(same_blocks, blocks);
}
double SimilarityTable::same_distinct_rate() const noexcept {
    return share(same_distinct, blocks);
}
double SimilarityTable::duplicate_rate() const noexcept {
    return share(blocks - distinct, blocks);
}

SimilarityTable similarity_table(const Overlap& overlap, std::uint64_t zero_blocks_a,
                                 std::uint64_t zero_blocks_b) noexcept {
    const bool zeros_in_both = zero_blocks_a > 0 && zero_blocks_b > 0;
    return {.blocks = overlap.blocks + zero_blocks_a,
            .distinct = overlap.distinct + (zero_blocks_a > 0 ? 1 : 0),
            .same_blocks = overlap.same_blocks + (zeros_in_both ? zero_blocks_a : 0),
            .same_distinct = overlap.same_distinct + (zeros_in_both ? 1 : 0)};
}

double estimate_share(const SketchView& a, const SketchView& b) noexcept {
    const std::uint64_t threshold = std::min(a.threshold(), b.threshold());
    const std::uint64_t* in_a = a.keys.data();
    const std::uint64_t* const a_end = in_a + a.keys.size();
    const std::uint64_t* in_b = b.keys.data();
    const std::uint64_t* const b_end = in_b + b.keys.size();
    std::uint64_t common = 0;
    while (in_a != a_end && in_b != b_end) {
        const std::uint64_t key_a = *in_a;
        const std::uint64_t key_b = *in_b;
        common += key_a == key_b ? 1 : 0;
        in_a += bit(key_a <= key_b);
        in_b += bit(key_b <= key_a);
    }
    // Common keys are in both samples, hence below both thresholds.
    const auto sampled = static_cast<std::uint64_t>(
        std::upper_bound(a.keys.begin(), a.keys.end(), threshold) - a.keys.begin());
    return share(common, sampled);
}

Result<std::size_t> take_sketch(KeySource& source, std::span<std::uint64_t> keys) noexcept {
    BALLAST_ASSERT(keys.size() == sketch_keys_max);
    std::size_t count = 0;
    while (true) {
        const auto piece = BALLAST_TRY(source.next_keys());
        if (piece.empty()) {
            return count;
        }
        for (const std::uint64_t key : piece) {
            if (count > 0 && keys[count - 1] == key) {
                continue;
            }
            if (count == keys.size()) {
                return count;
            }
            keys[count++] = key;
        }
    }
}

std::size_t join_sketches(const SketchView& a, const SketchView& b, std::span<std::uint64_t> out,
                          std::uint64_t& distinct_estimate) noexcept {
    BALLAST_ASSERT(out.size() == sketch_keys_max);
    const std::uint64_t threshold = std::min(a.threshold(), b.threshold());
    std::size_t i = 0;
    std::size_t j = 0;
    std::size_t count = 0;
    bool cut = !(a.whole() && b.whole());
    while (i < a.keys.size() || j < b.keys.size()) {
        const bool from_a = j == b.keys.size() || (i < a.keys.size() && a.keys[i] <= b.keys[j]);
        const std::uint64_t key = from_a ? a.keys[i] : b.keys[j];
        if (key > threshold) {
            break;
        }
        if (count == out.size()) {
            cut = true;
            break;
        }
        i += i < a.keys.size() && a.keys[i] == key ? 1 : 0;
        j += j < b.keys.size() && b.keys[j] == key ? 1 : 0;
        out[count++] = key;
    }
    distinct_estimate = count;
    if (cut && count > 0) {
        // Keys are uniform: count of them up to the last one makes so many in all.
        const double density = static_cast<double>(count) / (static_cast<double>(out[count - 1]) + 1);
        distinct_estimate = std::max<std::uint64_t>(count + 1, static_cast<std::uint64_t>(density * 0x1p64));
    }
    return count;
}

}  // namespace ballast::image
