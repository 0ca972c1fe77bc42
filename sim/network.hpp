// Connections between the programs, as TCP with TLS shows them: in order and complete within one direction of
// one connection, as late as they like, held up while the network is cut, and lost with the connection when
// the cut outlasts the patience of whoever listens. Different connections overtake one another.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <variant>
#include <vector>

#include "proto/messages.hpp"
#include "sim/engine.hpp"
#include "sim/scenario.hpp"
#include "sim/truth.hpp"

namespace ballast::simulator {

// What two agents say to each other on a data connection (docs/migration.md), the image as a whole.
enum class Word : std::uint8_t {
    open,
    accept,
    decline,
    image,
    end,
    ready,
    commit,
    started,
    aborted,
    ask,
    verdict
};
struct PeerWord {
    Word word = Word::open;
    wire::Verdict verdict = wire::Verdict::unknown;
    Fault fault = Fault::none;
    Uuid journal_id;
    std::shared_ptr<const wire::MigrationOpen> opened;
    std::shared_ptr<const wire::MigrationAsk> asked;
    std::shared_ptr<const Image> image;
};

struct Closed {};
using Letter =
    std::variant<Closed, PeerWord, wire::Hello, wire::HelloReply, std::shared_ptr<const HostFactsSent>,
                 std::shared_ptr<const SampleSent>, std::shared_ptr<const wire::JobOrder>, wire::JobCancel,
                 wire::JobLimit, wire::JobAck, wire::JobUpdate, wire::HandoverQuery, wire::HandoverAnswer,
                 wire::RelayOpen, wire::RelayClose, wire::RelayStatus, wire::GuestNote, wire::GuestSignal,
                 wire::StoreProbe, wire::StoreAnswer>;

enum class Side : std::uint8_t { dialler = 0, listener = 1 };
constexpr Side other(Side side) noexcept {
    return side == Side::dialler ? Side::listener : Side::dialler;
}
inline constexpr std::uint32_t no_connection = UINT32_MAX;

// Who hears.
class Listeners {
  public:
    virtual ~Listeners() = default;
    virtual void hear(std::uint32_t connection, Side at, Letter&& letter) = 0;
    // The connection is gone for this side, which then closes it.
    virtual void lost(std::uint32_t connection, Side at) = 0;
};

class Network {
  public:
    Network(Engine& engine, Listeners& listeners, const Scenario& scenario);

    // Nodes: hosts by number; the controller's machine is the last one.
    std::uint32_t controller() const noexcept { return nodes_ - 1; }
    bool open_between(std::uint32_t from, std::uint32_t to) const noexcept;
    void cut(std::uint32_t from, std::uint32_t to);
    void mend(std::uint32_t from, std::uint32_t to);
    void set_slow(std::int64_t extra_max_ns) noexcept { slow_ns_ = extra_max_ns; }
    std::int64_t latency(Prng& random) const noexcept;

    // `tag`: the worker at that end of a data connection; 0 for the agent's connection to the controller.
    std::uint32_t connect(std::uint32_t from, std::uint32_t to, std::uint32_t dialler_tag);
    void set_tag(std::uint32_t connection, Side side, std::uint32_t tag) {
        at(connection).tag[index(side)] = tag;
    }
    std::uint32_t tag(std::uint32_t connection, Side side) const {
        return lines_[connection].tag[index(side)];
    }
    std::uint32_t node(std::uint32_t connection, Side side) const {
        return lines_[connection].node[index(side)];
    }
    bool to_controller(std::uint32_t connection) const { return lines_[connection].node[1] == controller(); }
    std::uint32_t life(std::uint32_t connection) const { return lines_[connection].life; }
    // Nothing passes in the direction towards this side now.
    bool held_up(std::uint32_t connection, Side towards) const;
    void send(std::uint32_t connection, Side from, Letter&& letter);
    // The peer hears of it when the network lets it. A machine that loses power says nothing.
    void close(std::uint32_t connection, Side side, bool silently = false);

    void on_deliver(const Event& event);
    void on_silence(const Event& event);

  private:
    struct Direction {
        std::deque<Letter> letters;
        std::int64_t last_ns = 0;
        std::uint32_t held = 0;   // deliveries that were due while the line was cut
        std::uint32_t stamp = 0;  // of the cut
        bool dead = false;        // the sender is gone without a word
    };
    struct Line {
        bool in_use = false;
        std::uint32_t life = 0;
        std::array<std::uint32_t, 2> node{};
        std::array<std::uint32_t, 2> tag{};
        std::array<bool, 2> open{};
        std::array<Direction, 2> to;  // by the receiving side
        Prng random{0};
    };
    static constexpr std::size_t index(Side side) noexcept { return static_cast<std::size_t>(side); }
    Line& at(std::uint32_t connection) { return lines_[connection]; }
    bool passes(const Line& line, Side towards) const;
    void watch(std::uint32_t connection, Side towards);
    void release(std::uint32_t connection);
    void changed(std::uint32_t from, std::uint32_t to);

    Engine& engine_;
    Listeners& listeners_;
    std::uint64_t seed_;
    std::int64_t latency_max_ns_;
    std::int64_t slow_ns_ = 0;
    std::uint32_t nodes_;
    std::vector<std::uint32_t> cuts_;  // counted, by from * nodes + to
    std::vector<Line> lines_;
    std::uint64_t connects_ = 0;
};

}  // namespace ballast::simulator
