#include "image/match_pass.hpp"

#include <deque>
#include <vector>

#include "image/failure.hpp"

namespace ballast::image {
namespace {

// Batches under way: enough for a link of 1 Gbit/s and 100 ms at 12 KiB a batch, and fewer than replies may
// wait.
constexpr std::size_t batches_max = 256;
static_assert(batches_max < ReplyReader::waiting_max);

class Pass {
  public:
    Pass(const MatchPass& pass, EntryStream& ask, EntryStream& again,
         const std::function<Status(const Placement&, std::string&)>& place)
        : pass_{pass}, ask_{ask}, again_{again}, place_{place}, bits_(batch_bytes_max) {
        cut_keys_.reserve(batch_keys_max);
        matches_.resize(batch_keys_max);
    }

    Status run(std::uint64_t& found, std::string& why) {
        while (!asked_all_ || !under_way_.empty()) {
            if (pass_.cancelled) {
                why = "cancelled";
                return Err{Fault::cancelled};
            }
            while (!asked_all_ && under_way_.size() < batches_max) {
                BALLAST_CHECK(send_batch(why));
            }
            if (!under_way_.empty()) {
                BALLAST_CHECK(take_answer(why));
            }
        }
        found = found_;
        return {};
    }

  private:
    // The next keys, each once; a batch without keys ends the pass.
    Status send_batch(std::string& why) {
        cut_keys_.clear();
        const std::uint64_t previous = previous_cut_;
        while (cut_keys_.size() < batch_keys_max) {
            const Entry* entry = nullptr;
            BALLAST_CHECK(ask_.peek(entry, why));
            if (entry == nullptr) {
                break;
            }
            if (!any_asked_ || entry->key != last_asked_) {
                cut_keys_.push_back(cut_key(pass_.code, entry->key));
            }
            any_asked_ = true;
            last_asked_ = entry->key;
            ask_.advance();
        }
        const std::size_t bytes = encode_keys(pass_.code, previous, cut_keys_, bits_);
        const Keys keys{.block_bytes = pass_.grid.block_bytes(),
                        .code = pass_.code,
                        .count = static_cast<std::uint32_t>(cut_keys_.size()),
                        .bits = std::span{bits_}.first(bytes)};
        asked_all_ = cut_keys_.empty();
        if (!asked_all_) {
            previous_cut_ = cut_keys_.back();
            under_way_.push_back(cut_keys_.size());
        }
        return pass_.messages.send(
            MessageType::keys, [&](std::span<std::byte> out) { return encode(keys, out); }, why);
    }

    Status take_answer(std::string& why) {
        Reply reply;
        bool got = false;
        BALLAST_CHECK(pass_.replies.next(true, reply, got, why));
        const std::span<Match> matches = std::span{matches_}.first(under_way_.front());
        under_way_.pop_front();
        if (reply.type != MessageType::matches || !decode_matches(reply.body, pass_.offers, matches).ok()) {
            why = "the destination broke the protocol: its answer does not fit the question";
            return Err{Fault::protocol_violation};
        }
        for (const Match& match : matches) {
            BALLAST_CHECK(place_group(match, why));
        }
        return {};
    }

    // All entries of one key: copies of what was found, or the first one travels and the others copy it.
    Status place_group(const Match& match, std::string& why) {
        const Entry* entry = nullptr;
        BALLAST_CHECK(again_.peek(entry, why));
        if (entry == nullptr) {
            why = "the index of the image changed while it was used";
            return Err{Fault::image_corrupt};
        }
        const std::uint64_t key = entry->key;
        bool any_whole = false;
        std::uint64_t first = 0;
        while (entry != nullptr && entry->key == key) {
            const Extent extent = pass_.grid.extent_of(entry->block);
            Placement placement{.offset = extent.offset, .length = static_cast<std::uint32_t>(extent.length)};
            // A block that is cut short has the key of a longer one, filled up with zeros: it neither is a
            // copy nor serves as one.
            if (extent.length == pass_.grid.block_bytes()) {
                if (match.found) {
                    placement.kind = RunKind::local;
                    placement.local_image = match.local_image;
                    placement.source_offset = match.offset;
                } else if (any_whole) {
                    placement.kind = RunKind::itself;
                    placement.source_offset = first;
                } else {
                    any_whole = true;
                    first = extent.offset;
                }
            }
            found_ += placement.kind != RunKind::literal ? 1 : 0;
            BALLAST_CHECK(place_(placement, why));
            again_.advance();
            BALLAST_CHECK(again_.peek(entry, why));
        }
        return {};
    }

    const MatchPass& pass_;
    EntryReader ask_;
    EntryReader again_;
    const std::function<Status(const Placement&, std::string&)>& place_;
    std::vector<std::byte> bits_;
    std::vector<std::uint64_t> cut_keys_;
    std::vector<Match> matches_;
    std::deque<std::size_t> under_way_;  // keys of each batch that was not answered yet
    std::uint64_t previous_cut_ = 0;
    std::uint64_t last_asked_ = 0;
    bool any_asked_ = false;
    bool asked_all_ = false;
    std::uint64_t found_ = 0;
};

}  // namespace

Status run_match_pass(const MatchPass& pass, EntryStream& ask, EntryStream& again,
                      const std::function<Status(const Placement&, std::string&)>& place,
                      std::uint64_t& found, std::string& why) {
    return Pass{pass, ask, again, place}.run(found, why);
}

}  // namespace ballast::image
