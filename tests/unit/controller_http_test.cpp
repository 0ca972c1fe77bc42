#include "controller/http/operations.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "controller/http/assets.hpp"
#include "controller/http/digest.hpp"
#include "controller/http/exchange.hpp"
#include "controller/http/lists.hpp"
#include "controller/http/metrics_out.hpp"
#include "controller/http/problem.hpp"
#include "controller/http/text_table.hpp"

namespace ballast::controller::http {
namespace {

TEST(Operations, FindAnActionByItsPath) {
    const Match found = match(Method::post, "/v1/vms/web1:pause");
    ASSERT_NE(found.operation, nullptr);
    EXPECT_EQ(found.operation->command, CommandKind::vm_pause);
    EXPECT_EQ(found.id, "web1");
}

TEST(Operations, SayWhichMethodsAPathHas) {
    const Match found = match(Method::put, "/v1/vms");
    EXPECT_EQ(found.operation, nullptr);
    EXPECT_EQ(found.other_methods, "GET, POST");
    EXPECT_EQ(match(Method::get, "/v1/vms/web1:pause").other_methods, "POST");
}

TEST(Operations, KnowNoOtherPaths) {
    for (const char* path : {"", "/", "/v1", "/v1/", "/v1/vms/", "/v1/vms/:pause", "/v1/vms/a:dance",
                             "/v1/vms/a/b", "/v1/vms/a:b:pause", "/v1/hosts/../vms", "/V1/VMS", "//v1/vms"}) {
        const Match found = match(Method::get, path);
        EXPECT_EQ(found.operation, nullptr) << path;
        EXPECT_EQ(found.other_methods, "") << path;
    }
}

TEST(Operations, ChangeNothingOnGetAndNeedARoleToChangeAnything) {
    for (const Operation& operation : operations()) {
        const bool asks = operation.path == "/v1/explain";  // a POST for its body
        EXPECT_EQ(operation.mutating, operation.method != Method::get && !asks) << operation.path;
        const bool of_the_core = !operation.path.starts_with("/v1/tokens");
        EXPECT_EQ(operation.mutating && of_the_core, operation.command != CommandKind::none)
            << operation.path;
        if (operation.mutating) {
            // The help desk logs users in and out, and changes nothing else.
            const bool session = operation.path.starts_with("/v1/sessions");
            EXPECT_GE(operation.role, session ? Role::helpdesk : Role::operator_) << operation.path;
        }
    }
}

TEST(Operations, AreAllowedByTheLadderAndTheUserOnlyItsOwn) {
    for (const Operation& operation : operations()) {
        const bool open = operation.role == Role::none;
        EXPECT_EQ(allows(operation, Role::none), open) << operation.path;
        EXPECT_TRUE(allows(operation, Role::admin)) << operation.path;
        const Role ladder[] = {Role::viewer, Role::helpdesk, Role::operator_, Role::admin};
        for (std::size_t i = 1; i < std::size(ladder); ++i) {
            EXPECT_LE(allows(operation, ladder[i - 1]), allows(operation, ladder[i])) << operation.path;
        }
        const bool own = operation.path.starts_with("/v1/sessions") || operation.path == "/v1/whoami" ||
                         (operation.path.starts_with("/v1/private-desktops") && !operation.mutating);
        EXPECT_EQ(allows(operation, Role::user), open || own) << operation.path;
    }
}

TEST(Operations, AreAllOnThePageOfRoles) {
    const std::string page = roles_page();
    for (const Operation& operation : operations()) {
        EXPECT_NE(page.find(std::string{operation.path} + "`"), std::string::npos) << operation.path;
    }
    EXPECT_NE(page.find("| `POST /v1/sessions` | own |  | yes | yes | yes |\n"), std::string::npos) << page;
}

TEST(Pages, OfAnotherOriginAreForeign) {
    const std::vector<std::string> names{"ballast.example"};
    const auto changes = [&](std::string_view origin, std::string_view host) {
        const PageFields fields{.origin = origin, .host = host};
        const bool refused = foreign_page(Proof::socket, fields, true, names);
        EXPECT_EQ(foreign_page(Proof::unasked, fields, true, names), refused) << origin << " " << host;
        EXPECT_FALSE(foreign_page(Proof::token, fields, true, names)) << "only who knows it sends it";
        return refused;
    };
    EXPECT_FALSE(changes("", "127.0.0.1:7780")) << "curl";
    EXPECT_FALSE(changes("http://127.0.0.1:7780", "127.0.0.1:7780"));
    EXPECT_FALSE(changes("https://[::1]:7780", "[::1]:7780"));
    EXPECT_FALSE(changes("http://localhost:7780", "localhost:7780"));
    EXPECT_FALSE(changes("http://10.0.0.5", "10.0.0.5"));
    EXPECT_FALSE(changes("https://ballast.example", "ballast.example")) << "by a proxy";
    EXPECT_TRUE(changes("http://evil.example", "127.0.0.1:7780"));
    EXPECT_TRUE(changes("http://127.0.0.1:7781", "127.0.0.1:7780")) << "another service of this machine";
    EXPECT_TRUE(changes("http://evil.example:7780", "evil.example:7780")) << "a name made to point here";
    EXPECT_TRUE(changes("http://10.0.0.5.evil.example", "10.0.0.5.evil.example"));
    EXPECT_TRUE(changes("null", "127.0.0.1:7780"));
    EXPECT_TRUE(changes("http://", ""));
}

TEST(Pages, UnderANameMadeToPointHereReadNothingThatNobodyIsAskedFor) {
    const std::vector<std::string> names{"Ballast.example"};
    const auto reads = [&](std::string_view host) {
        return !foreign_page(Proof::unasked, {.origin = "", .host = host}, false, names);
    };
    for (const auto* const own : {"127.0.0.1:7780", "127.0.0.1", "[::1]:7780", "[::1]", "localhost",
                                  "LocalHost:7780", "ballast.example", "ballast.EXAMPLE:443", ""}) {
        EXPECT_TRUE(reads(own)) << own;
    }
    for (const auto* const other : {"evil.example", "evil.example:7780", "localhost.evil.example",
                                    "127.0.0.1.evil.example:7780", "ballast.example.evil", "x", ":7780"}) {
        EXPECT_FALSE(reads(other)) << other;
        EXPECT_FALSE(foreign_page(Proof::socket, {.origin = "", .host = other}, false, names))
            << "what names the socket's users write";
        EXPECT_FALSE(foreign_page(Proof::token, {.origin = "", .host = other}, false, names));
    }
}

TEST(Pages, MayNotUseTheCertificateThatTheBrowserShowsByItself) {
    const auto refused = [](std::string_view origin, bool changes) {
        return foreign_page(Proof::certificate, {.origin = origin, .host = "pool.example:7780"}, changes, {});
    };
    EXPECT_TRUE(refused("https://evil.example", true));
    EXPECT_FALSE(refused("https://evil.example", false)) << "it cannot read the answer";
    EXPECT_FALSE(refused("https://pool.example:7780", true)) << "our certificate proves the name";
    EXPECT_FALSE(refused("", true)) << "curl";
}

TEST(Assets, AreThePageAndNothingElse) {
    Request request;
    request.method = Method::get;
    request.path = "/";
    const std::optional<Reply> page = asset_reply(request);
    ASSERT_TRUE(page.has_value());
    EXPECT_TRUE(page->body.starts_with("<!doctype html>"));
    const auto field = [](const Reply& reply, std::string_view name) {
        for (const auto& [key, value] : reply.headers) {
            if (key == name) {
                return value;
            }
        }
        return std::string{};
    };
    EXPECT_EQ(field(*page, "Content-Security-Policy").find("unsafe"), std::string::npos);
    EXPECT_TRUE(field(*page, "Content-Security-Policy").starts_with("default-src 'none'"));
    for (const char* other :
         {"/index.html", "/js", "/js/", "/js/none.js", "/../web/base.css", "/v1/status"}) {
        request.path = other;
        EXPECT_FALSE(asset_reply(request).has_value()) << other;
    }
    request.method = Method::post;
    request.path = "/";
    EXPECT_FALSE(asset_reply(request).has_value());
}

TEST(Assets, ComeCompressedToWhoeverTakesThatAndNotAgainToWhoeverHasThem) {
    Request request;
    request.method = Method::get;
    request.path = "/js/main.js";
    const Reply plain = *asset_reply(request);
    request.accepts_gzip = true;
    const Reply packed = *asset_reply(request);
    EXPECT_LT(packed.body.size(), plain.body.size());
    ASSERT_EQ(packed.headers.front().first, "ETag");
    request.if_none_match = packed.headers.front().second;
    const Reply again = *asset_reply(request);
    EXPECT_EQ(again.status, 304U);
    EXPECT_TRUE(again.body.empty());
    request.if_none_match = "\"of-before\"";
    EXPECT_EQ(asset_reply(request)->status, 200U);
}

TEST(Lists, ReadBoundsOfAPage) {
    for (const char* bad : {"0", "1001", "-1", "x", "", "5x"}) {
        Request request;
        request.query.emplace_back("limit", bad);
        Page page;
        EXPECT_TRUE(read_page(request, page).has_value()) << bad;
    }
    Request request;
    request.query.emplace_back("page_token", "zz");
    Page page;
    EXPECT_TRUE(read_page(request, page).has_value());
}

ListForm numbers() {
    return {"numbers",
            {"N", "WORD"},
            [](JsonOut& json, std::uint32_t row) { json.integer(std::uint64_t{row}); },
            [](TextTable& table, std::uint32_t row) {
                table.cell(std::uint64_t{row});
                table.cell("w");
            }};
}
std::vector<ListItem> seven_items() {
    // Alike in their first eight bytes and beyond.
    static constexpr std::array<std::string_view, 7> names{
        "keys-of-the-list-0", "keys-of-the-list-1", "keys-of-the-list-2", "keys-of-the-list-3",
        "keys-of-the-list-4", "keys-of-the-list-5", "keys-of-the-list-6"};
    std::vector<ListItem> items;
    for (const std::uint32_t i : {4U, 2U, 6U, 0U, 5U, 1U, 3U}) {
        items.push_back(ListItem::named(names[i], i));
    }
    return items;
}

TEST(Lists, PageThroughEveryItemOnceInOrder) {
    std::string seen;
    std::string token;
    for (int i = 0; i < 3; ++i) {
        Request request;
        request.format = Format::ndjson;
        request.query.emplace_back("limit", "3");
        if (!token.empty()) {
            request.query.emplace_back("page_token", token);
        }
        Page page;
        ASSERT_FALSE(read_page(request, page).has_value());
        const Reply reply = list_reply(request, page, seven_items(), numbers());
        seen += reply.body;
        token = reply.headers.empty() ? "" : reply.headers[0].second;
    }
    EXPECT_EQ(seen, "0\n1\n2\n3\n4\n5\n6\n");
    EXPECT_EQ(token, "");
}

TEST(Lists, ComeAsJsonAndAsColumns) {
    Request request;
    EXPECT_EQ(list_reply(request, Page{2, ""}, seven_items(), numbers()).body,
              "{\"numbers\":[0,1],\"next_page_token\":\"6b6579732d6f662d7468652d6c6973742d31\"}\n");
    request.format = Format::text;
    EXPECT_EQ(list_reply(request, Page{2, ""}, seven_items(), numbers()).body, "N  WORD\n0  w\n1  w\n");
}

TEST(Lists, PutTheNewestNumberFirstAndNamesInTheOrderOfTheirBytes) {
    const auto ordered = [](const ListItem& a, const ListItem& b) {
        return a < b && !(b < a) && b.is_after(a.key()) && !a.is_after(b.key()) && !a.is_after(a.key());
    };
    EXPECT_TRUE(ordered(ListItem::newest_first(10, 0), ListItem::newest_first(9, 0)));
    EXPECT_TRUE(ordered(ListItem::newest_first(UINT64_MAX, 0), ListItem::newest_first(0, 0)));
    const Uuid low{{1}};
    const Uuid high{{2}};
    constexpr std::array<std::string_view, 7> names{
        "A", "a", "a1", "a10", "ab-is-long-1", "ab-is-long-10", "\xc3\xa9"};
    for (std::size_t i = 1; i < names.size(); ++i) {
        EXPECT_TRUE(ordered(ListItem::named(names[i - 1], 0), ListItem::named(names[i], 0))) << names[i];
        EXPECT_TRUE(ordered(ListItem::named(names[i - 1], high, 0), ListItem::named(names[i], low, 0)))
            << names[i];
        EXPECT_TRUE(ordered(ListItem::named(names[i], low, 0), ListItem::named(names[i], high, 0)))
            << names[i];
    }
}

TEST(TextTable, AlignsNumbersRightAndHidesControlBytes) {
    TextTable table{{"NAME", "MIB", "NOTE"}};
    table.cell("a\x1b[31m");
    table.cell(std::uint64_t{5});
    table.cell("");
    table.cell("long-name");
    table.cell(std::uint64_t{12345});
    table.cell("ok");
    EXPECT_EQ(table.text(),
              "NAME         MIB  NOTE\n"
              "a?[31m         5  -\n"
              "long-name  12345  ok\n");
}

TEST(Problems, HaveTheStatusOfTheirSlugAndNameTheirLimit) {
    const Reply reply = to_reply({.slug = Slug::limit_reached, .detail = "full", .limit = "jobs"}, "r-1");
    EXPECT_EQ(reply.status, 429U);
    EXPECT_EQ(reply.content_type, "application/problem+json");
    EXPECT_EQ(
        reply.body,
        "{\"type\":\"/problems/limit-reached\",\"title\":\"A configured limit is reached\",\"status\":429,"
        "\"detail\":\"full\",\"request_id\":\"r-1\",\"limit\":\"jobs\"}\n");
}

TEST(Problems, OfEverySlugDifferInTheirWords) {
    std::set<std::string_view> words;
    for (int i = 0; i <= static_cast<int>(Slug::job_timeout); ++i) {
        const SlugFacts slug = facts(static_cast<Slug>(i));
        EXPECT_TRUE(words.insert(slug.word).second) << slug.word;
        EXPECT_GE(slug.status, 400U);
    }
}

TEST(Metrics, EscapeLabels) {
    std::string out;
    MetricsOut metrics{out};
    metrics.metric("ballast_x", "gauge", "Help.");
    metrics.value("host", "a\"b\\c\n", std::uint64_t{7});
    metrics.value(0.5);
    EXPECT_EQ(out,
              "# HELP ballast_x Help.\n# TYPE ballast_x gauge\nballast_x{host=\"a\\\"b\\\\c?\"} 7\nballast_x "
              "0.5\n");
}

TEST(Digests, TellTextsApart) {
    EXPECT_EQ(digest("a"), digest("a"));
    EXPECT_FALSE(digest("a") == digest("b"));
    EXPECT_FALSE(digest("").empty());
}

}  // namespace
}  // namespace ballast::controller::http
