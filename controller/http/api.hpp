// The HTTP API on top of the engine: finds the operation, checks who calls, runs it, and says a core's
// outcome in HTTP.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/histogram.hpp"
#include "controller/access/audit_log.hpp"
#include "controller/access/gate.hpp"
#include "controller/engine.hpp"
#include "controller/http/message.hpp"
#include "controller/http/operations.hpp"
#include "controller/http/problem.hpp"

namespace ballast {
class LoopTurns;
}
namespace ballast::controller {
class Agents;
}

namespace ballast::controller::http {

class Server;
class Feed;

inline constexpr std::int64_t wait_seconds_max = 60;

// What the API shows beside the core's tables. Set before the first request.
struct Surroundings {
    const Agents* agents = nullptr;
    const Server* server = nullptr;
    Feed* feed = nullptr;
    WallTime started;
    Instant started_mono;
    std::uint64_t reserved_bytes = 0;  // the core's block
    bool memory_locked = false;
    std::uint32_t http_connections_max = 0;
    const LoopTurns* turns = nullptr;
};

// `?dry_run=true`
bool asks_dry_run(const Request& request) noexcept;

class Api final : public Service {
  public:
    Api(Engine& engine, Tokens& tokens, Gate& gate, AuditLog& audit);
    void surround(const Surroundings& surroundings) { surroundings_ = surroundings; }

    Caller authenticate(const Credentials& credentials) override;
    Answer handle(const Request& request) override;
    bool over(const Wait& wait) override;
    Reply conclude(const Request& request, const Wait& wait) override;
    Reading read(Stream& stream, std::span<char> out, std::size_t& bytes) override;
    std::uint64_t decided() const override { return engine_.decided(); }
    std::uint64_t stored() const override { return engine_.stored(); }
    std::uint64_t noted() const override { return audit_.noted(); }
    std::uint64_t recorded() const override { return audit_.recorded(); }
    Landing landing() const override { return {engine_.handed_ns(), engine_.landed_ns()}; }
    Reply unstored(const Request& request) override { return refuse_store(request); }

    // ---- for the handlers ----
    const Core& core() const noexcept { return engine_.core(); }
    const Engine& engine() const noexcept { return engine_; }
    const Surroundings& surroundings() const noexcept { return surroundings_; }
    Tokens& tokens() noexcept { return tokens_; }
    const Gate& gate() const noexcept { return gate_; }
    const AuditLog& audit() const noexcept { return audit_; }
    // Of each operation of the table, in its order: answers by class of status ([2] is 2xx, [0] those that
    // wait).
    using AnswersByClass = std::array<std::uint64_t, 6>;
    const std::vector<AnswersByClass>& answers() const noexcept { return answers_; }
    // How long requests kept the loop.
    const Histogram& handling_took() const noexcept { return handling_took_; }

    // Fills in what every command has (kind, dry run, idempotency), runs it and answers.
    Answer run(const Call& call, Command& command);
    // What the command would do; nothing happens. Null when the store cannot be written. Valid until the
    // next.
    const Outcome* consider(Command& command);
    // The refusal that such an outcome, a problem or null, is.
    Reply refuse_outcome(const Request& request, const Outcome* outcome);
    // What `?wait=` asks for; 0 without it. REQUIRES: checked by handle.
    static Duration wait_asked(const Request& request);
    Reply refuse(const Request& request, Problem problem);
    // The store cannot be written, so that nothing can be changed.
    Reply refuse_store(const Request& request);
    // REQUIRES: the body is not valid.
    Reply refuse_body(const Request& request, const JsonBody& body);
    Reply not_found(const Call& call, std::string_view what);
    // Representations of one object.
    Reply job_reply(const Request& request, std::uint64_t job_id, unsigned status);
    Reply plan_reply(const Request& request, const PlanView& plan, unsigned status);
    Reply host_reply(const Request& request, std::uint32_t host);
    Reply vm_reply(const Request& request, std::uint32_t vm);
    // A session that could not be opened is a problem to whoever asked for it.
    Reply session_reply(const Request& request, std::uint64_t session_id, unsigned status);

    // Whether one more reader of events may come; counts those who may not.
    bool admit_reader();
    // What the request is about, for the records of who did what.
    void note(std::string text) { note_ = std::move(text); }

    std::uint64_t replies_refused() const noexcept { return refused_; }
    std::uint64_t readers_refused() const noexcept { return readers_refused_; }

  private:
    std::optional<Problem> check(const Call& call);
    Answer perform(const Request& request, Match&& found);
    std::optional<Problem> check_record(const Call& call);
    void count(const Operation* operation, const Answer& answer);
    void record(const Request& request, const Operation* operation, const Answer& answer);
    std::string tag_addressed(const Command& command) const;
    Outcome addressed_again(const Command& command, Outcome outcome) const;
    Answer succeed(const Call& call, const Outcome& outcome);
    Reply object_of(const Call& call, const Outcome& outcome);
    Reply dry_run_reply(const Call& call, const Outcome& outcome);
    Problem problem_of(const Outcome& outcome);

    Engine& engine_;
    Tokens& tokens_;
    Gate& gate_;
    AuditLog& audit_;
    Surroundings surroundings_;
    std::uint64_t refused_ = 0;
    std::uint64_t readers_refused_ = 0;
    std::vector<AnswersByClass> answers_;
    Histogram handling_took_;
    std::string note_;
    bool unrecordable_ = false;  // the request at hand was refused because it could not be recorded
};

}  // namespace ballast::controller::http
