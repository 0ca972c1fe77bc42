// What people see: tables, progress, problems, the screen of top.
#include "cli/table.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "cli/json.hpp"
#include "cli/online/anonymous.hpp"
#include "cli/online/full_screen.hpp"
#include "cli/online/kinds.hpp"
#include "cli/online/patience.hpp"
#include "cli/online/plans.hpp"
#include "cli/online/progress.hpp"
#include "cli/online/top_screen.hpp"
#include "cli/problem.hpp"
#include "cli/profile.hpp"
#include "cli/times.hpp"

namespace ballast::cli {
namespace {

TEST(CliTable, AlignsNumbersRightAndCutsToTheScreen) {
    Table table{{{"NAME"}, {"MEM", true}, {"WHY"}}};
    table.row({{"a"}, {"512"}, {"a long reason"}});
    table.row({{"longer"}, {"8"}, {""}});
    EXPECT_EQ(table.text({}), "NAME    MEM  WHY\na       512  a long reason\nlonger    8\n");
    EXPECT_EQ(table.text({.headings = false, .width_max = 20}), "a       512  a long~\nlonger    8\n");
}

TEST(CliTable, NoControlSequenceOfAForeignNameReachesTheTerminal) {
    EXPECT_EQ(printable("vm\x1b[2J\x07"), "vm?[2J?");
    EXPECT_EQ(printable("caf\xc3\xa9"), "caf\xc3\xa9");
    EXPECT_EQ(printable("\xc2\x9b"
                        "31m"),
              "?31m")
        << "the one-byte escape of ISO 6429";
    EXPECT_EQ(printable("\xff\xc3"), "??");
}

std::string anonymous(std::string_view json) {
    const JsonText text{json};
    Anonymous names;
    names.learn(text.root());
    JsonWriter out;
    names.write(out, text.root());
    return out.str();
}

TEST(CliAnonymous, NobodysNameStays) {
    EXPECT_EQ(anonymous(R"({"hosts":[{"name":"berlin1","site":"berlin"}],"vms":[{"name":"mail","uuid":"u",)"
                        R"("host":"berlin1","anti_affinity":"mailers","desktop":{"pool":"kiosk"}}]})"),
              R"({"hosts":[{"name":"host1","site":"site1"}],"vms":[{"name":"vm1",)"
              R"("host":"host1","anti_affinity":"group1","desktop":{"pool":"pool1"}}]})");
}

TEST(CliAnonymous, AlsoInSentencesAndOfGuestsThatAreGone) {
    EXPECT_EQ(anonymous(R"([{"vm":"old","from":"h1","why":"old: h1 is full. Not h1."}])"),
              R"([{"vm":"vm1","from":"host1","why":"vm1: host1 is full. Not host1."}])");
    EXPECT_EQ(anonymous(R"([{"kind":"session_denied","why":"ann: none is ready"},{"detail":"ann, bob"}])"),
              R"([{"kind":"session_denied","why":"user1: none is ready"},{"detail":"user1, bob"}])");
    EXPECT_EQ(anonymous(R"([{"kind":"session_granted","why":"the private desktop of ann"}])"),
              R"([{"kind":"session_granted","why":"the private desktop of user1"}])");
}

TEST(CliAnonymous, WordsOfOursStayAlsoWhereAGuestIsCalledByOne) {
    EXPECT_EQ(anonymous(R"({"vms":[{"name":"running","state":"running"}]})"),
              R"({"vms":[{"name":"vm1","state":"running"}]})");
}

TEST(CliTimes, AreReadAndSaidInOneUnit) {
    EXPECT_EQ(parse_time("1970-01-02T00:00:00.250Z"), 86400250);
    EXPECT_FALSE(parse_time("yesterday").has_value());
    EXPECT_EQ(duration_for_people(8400), "8s");
    EXPECT_EQ(duration_for_people(600000), "10m");
    EXPECT_EQ(duration_for_people(-5), "0s");
    EXPECT_EQ(rfc3339(86400250), "1970-01-02T00:00:00Z");
}

TEST(CliJson, DeepNestingAndBrokenTextAreRefused) {
    EXPECT_FALSE(JsonText{std::string(100, '[') + std::string(100, ']')}.ok());
    EXPECT_FALSE(JsonText{"{\"a\":"}.ok());
    EXPECT_FALSE(JsonText{"3"}.ok());
    const JsonText text{R"({"a":{"b":[1,"x",null]},"n":2.5})"};
    ASSERT_TRUE(text.ok());
    EXPECT_EQ(text.root().at("a.b").plain(), "1, x, -");
    EXPECT_EQ(text.root().at("a.c.d").plain(), "-");
    EXPECT_EQ(text.root().dump(), R"({"a":{"b":[1,"x",null]},"n":2.5})");
}

TEST(CliProgress, SaysPercentRateAndTimeLeft) {
    JobProgress progress;
    const auto look = [&](int percent, int bytes, std::int64_t now) {
        const JsonText job{R"({"vm":"web1","kind":"migrate","step":"copying","percent":)" +
                           std::to_string(percent) + R"(,"migration":{"from":"h1","to":"h2","wire_bytes":)" +
                           std::to_string(bytes) + "}}"};
        progress.look(job.root(), now);
    };
    look(0, 0, 1000);
    EXPECT_EQ(progress.line(), "web1  migrate h1 -> h2  0%  copying");
    look(25, 2 << 20, 3000);
    EXPECT_EQ(progress.line(), "web1  migrate h1 -> h2  25%  1.0 MiB/s  6s left  copying");
}

TEST(CliProgress, AJobEndsTheCommandAsTheEndpointWouldAnswer) {
    const auto exit = [](std::string_view fault) {
        const JsonText job{R"({"state":"failed","fault":")" + std::string{fault} + "\"}"};
        return exit_for_job(job.root());
    };
    EXPECT_EQ(exit("no_memory"), Exit::no_capacity);
    EXPECT_EQ(exit("host_unreachable"), Exit::unreachable);
    EXPECT_EQ(exit("deadline_exceeded"), Exit::timeout);
    EXPECT_EQ(exit("worker_died"), Exit::failed);
    EXPECT_EQ(exit("guest_paused"), Exit::conflict);
    EXPECT_EQ(exit_for_job(JsonText{R"({"state":"succeeded"})"}.root()), Exit::ok);
}

TEST(CliProblem, ABoundIsNoNeed) {
    EXPECT_EQ(have_and_need(JsonText{R"({"have":2,"need":1})"}.root()), "has 2, at most 1");
    EXPECT_EQ(have_and_need(JsonText{R"({"have":0,"need":1})"}.root()), "has 0, needs 1");
}

TEST(CliProblem, TellsReasonsAndWhatWouldHelp) {
    HttpResponse response;
    response.status = 503;
    response.body =
        R"({"type":"/problems/no-capacity","title":"No room for now","status":503,"detail":"no host fits",)"
        R"("reasons":[{"candidate":"h1","constraint":"memory_mib","have":100,"need":512},)"
        R"({"candidate":"h2","constraint":"host_state","have":0,"need":1,"why":"it is not up"}],)"
        R"("would_help":[{"change":"drain less","effect":"h2 takes it"}]})";
    EXPECT_EQ(exit_for(response), Exit::no_capacity);
    EXPECT_EQ(explain_problem(response),
              "no-capacity: no host fits\n  h1: memory mib (has 100, needs 512)\n  h2: it is not up\n"
              "  would help: drain less: h2 takes it");
    response.status = 422;
    response.body = R"({"type":"/problems/idempotency-key-reused","status":422})";
    EXPECT_EQ(exit_for(response), Exit::conflict);
    response.body = "<html>";
    response.status = 502;
    EXPECT_EQ(exit_for(response), Exit::unreachable);
    EXPECT_NE(explain_problem(response).find("not from a Ballast controller"), std::string::npos);
    response.status = 0;
    EXPECT_EQ(exit_for(response), Exit::unreachable);
}

TEST(CliProfile, TakesOnlyServersThatItUnderstands) {
    Server server;
    std::string why;
    EXPECT_TRUE(parse_server("unix:/run/b.sock", server, why));
    EXPECT_EQ(server.socket, "/run/b.sock");
    EXPECT_TRUE(parse_server("http://h1:80/", server, why));
    EXPECT_EQ(server.base, "http://h1:80");
    for (const char* wrong : {"", "h1", "ftp://h1", "http://", "http://h1/path", "http:///", "http://h1//",
                              "http://user@h1", "unix:relative"}) {
        EXPECT_FALSE(parse_server(wrong, server, why)) << wrong;
        EXPECT_NE(why.find("expected"), std::string::npos);
    }
}

TEST(CliHttp, TheCurlLineIsSafeForAShellAndNamesNoToken) {
    Server server;
    server.base = "http://h:1";
    server.token = "secret";
    server.token_file = "/t";
    HttpRequest request;
    request.method = "POST";
    request.path = "/v1/vms/a:pause";
    request.body = R"({"why":"it's"})";
    const std::string line = curl_line(server, request);
    EXPECT_EQ(line.find("secret"), std::string::npos);
    EXPECT_NE(line.find(R"(-d '{"why":"it'\''s"}')"), std::string::npos) << line;
    EXPECT_EQ(url_escape("a b/ü"), "a%20b%2F%C3%BC");
}

TEST(CliHttp, AnAnswerMayTakeWhatItIsAskedToWaitForAndALittleMore) {
    const auto seconds = [](const char* method, const char* path, long asked_for) {
        HttpRequest request;
        request.method = method;
        request.path = path;
        return answer_within_seconds(request, asked_for);
    };
    EXPECT_EQ(seconds("GET", "/v1/status", 0), 10);
    EXPECT_EQ(seconds("GET", "/v1/status", 3), 3);
    EXPECT_EQ(seconds("GET", "/v1/jobs/7?wait=30", 3), 33);
    EXPECT_EQ(seconds("GET", "/v1/events?kind=host&wait=15&limit=1", 0), 25);
    EXPECT_EQ(seconds("POST", "/v1/vms/a:pause", 0), 30);
    EXPECT_EQ(seconds("POST", "/v1/vms/a:pause", 1), 1);
    EXPECT_EQ(seconds("GET", "/v1/vms/a?await=5&wait=x", 0), 10);
}

TEST(CliPatience, WaitsLongerEachTimeUpToABoundAndNeverInStep) {
    Backoff backoff;
    std::int64_t before = 0;
    for (int i = 0; i < 20; ++i) {
        Backoff same = backoff;
        const std::int64_t longest = backoff.next_ms(0);
        EXPECT_GE(longest, before);
        EXPECT_LE(longest, Backoff::longest_ms);
        for (const std::uint64_t random : {1ULL, 1'000'003ULL, ~0ULL}) {
            Backoff other = same;
            const std::int64_t wait = other.next_ms(random);
            EXPECT_LE(wait, longest);
            EXPECT_GE(wait, longest * 3 / 4);
        }
        before = longest;
    }
    EXPECT_EQ(before, Backoff::longest_ms);
    backoff.reset();
    EXPECT_EQ(backoff.next_ms(0), Backoff::first_ms);
}

TEST(CliPatience, OnlyWhatMayPassByItselfIsWaitedFor) {
    const auto of = [](long status) {
        HttpResponse response;
        response.status = status;
        return may_pass(response);
    };
    for (const long status : {0L, 429L, 500L, 502L, 503L, 504L}) {
        EXPECT_TRUE(of(status)) << status;
    }
    for (const long status : {400L, 401L, 403L, 404L, 410L, 422L}) {
        EXPECT_FALSE(of(status)) << status;
    }
}

TopData top_of(std::size_t hosts, std::size_t vms) {
    TopData data;
    for (std::size_t i = 0; i < hosts; ++i) {
        data.hosts.push_back({"host" + std::to_string(i), "up", static_cast<double>(i) / 20, 0.5, 3, 0, 0});
    }
    for (std::size_t i = 0; i < vms; ++i) {
        data.vms.push_back(
            {"vm" + std::to_string(i), "host0", "running", static_cast<double>(i % 7), 512, 1, 1, ""});
    }
    return data;
}

TEST(CliTop, FillsTheScreenExactlyWhateverItsSize) {
    const TopData data = top_of(30, 500);
    for (const auto& [columns, rows] :
         {std::pair{80, 24}, std::pair{200, 60}, std::pair{40, 10}, std::pair{20, 3}}) {
        TopView view;
        view.columns = static_cast<std::size_t>(columns);
        view.rows = static_cast<std::size_t>(rows);
        const std::vector<std::string> lines = draw_top(data, view);
        EXPECT_EQ(lines.size(), view.rows);
        for (const std::string& line : lines) {
            EXPECT_LE(display_width(line), view.columns) << line;
        }
    }
}

TEST(CliTop, TheHeadlineIsFoldedAndTheShortestScreenHasThePoolFirst) {
    TopData data = top_of(4, 8);
    data.clock = "08:15:42";
    data.pool = "4 hosts, 1 overloaded, 8 vms, 2 jobs";
    data.balance =
        "balancing on: nothing to do: no host is overloaded; the nearest, h1 has cpu at 57.6% of 80.0%";
    TopView view;
    std::vector<std::string> lines = draw_top(data, view);
    EXPECT_EQ(lines[0], "ballast top  08:15:42  " + data.pool);
    EXPECT_EQ(lines[1] + " " + lines[2], data.balance);
    EXPECT_TRUE(lines[3].starts_with("host0 ")) << lines[3];
    view.columns = 120;
    lines = draw_top(data, view);
    EXPECT_EQ(lines[1], data.balance);
    EXPECT_TRUE(lines[2].starts_with("host0 ")) << lines[2];
    view.rows = 10;
    view.columns = 80;
    lines = draw_top(data, view);
    EXPECT_TRUE(lines[0].starts_with("ballast top  08:15:42  " + data.pool + ", balancing on")) << lines[0];
    EXPECT_TRUE(lines[1].starts_with("host")) << lines[1];
}

TEST(CliTop, SortsFiltersAndScrollsWithKeys) {
    const TopData data = top_of(2, 60);
    TopView view;
    EXPECT_NE(draw_top(data, view)[5].find("running        6.00"), std::string::npos)
        << draw_top(data, view)[5];
    EXPECT_TRUE(press_top(view, 'a', false));
    EXPECT_TRUE(draw_top(data, view)[5].starts_with("vm0 "));
    EXPECT_TRUE(press_top(view, 'r', false));
    EXPECT_TRUE(draw_top(data, view)[5].starts_with("vm9 "));
    for (int i = 0; i < 1000; ++i) {
        EXPECT_TRUE(press_top(view, 'D', true));
    }
    (void)draw_top(data, view);
    EXPECT_LT(view.scroll, 60U) << "scrolling ends at the end";
    for (const char key : std::string_view{"/vm31\n"}) {
        EXPECT_TRUE(press_top(view, key, false));
    }
    EXPECT_TRUE(draw_top(data, view)[5].starts_with("vm31 "));
    EXPECT_TRUE(draw_top(data, view)[6].empty());
    EXPECT_FALSE(press_top(view, 'q', false));
}

TEST(CliTop, KeysArriveAsBytesAndSequences) {
    const std::vector<FullScreen::Key> keys = parse_keys("q\x1b[A\x1b[6~\x1b[15~x");
    ASSERT_EQ(keys.size(), 4U);
    EXPECT_EQ(keys[1].byte, 'U');
    EXPECT_TRUE(keys[2].special);
    EXPECT_EQ(keys[3].byte, 'x');
}

TEST(CliPlans, OneLineSaysWhatMovedAndWhatFailed) {
    const JsonText plan{R"({"id":7,"policy":"vds-3b","state":"done","moves":[)"
                        R"({"vm":"a","from":"h1","to":"h2","state":"succeeded"},)"
                        R"({"vm":"b","from":"h1","to":"h3","state":"failed","outcome":"no_memory"}]})"};
    EXPECT_EQ(plan_line(plan.root()),
              "plan 7 (vds-3b): 2 moves, 1 succeeded, 1 failed: a h1 -> h2, b h1 -> h3");
    EXPECT_EQ(failed_moves(plan.root()), "\n  b h1 -> h3: no_memory");
}

}  // namespace
}  // namespace ballast::cli
