// The proof that all hosts see one store: two hosts agree first, then its mark tells.
#include "controller/core/desktop/parts.hpp"

#include "tests/unit/controller_desk.hpp"

namespace ballast::controller::test {
namespace {

using Files = std::map<std::uint64_t, Uuid>;  // probes by id: what lies in one file system

// Hosts h1 and h2; which file system each of them sees is the test's to say.
struct Site : Desk {
    Site() {
        for (auto& [name, agent] : agents) {
            agent.store_path = "/srv/store";
            agent.store_proven = false;
            sees[name] = &shared;
            report(name);
        }
    }
    void answer_all() {
        for (std::size_t i = 0; i < probes.size(); ++i) {
            const auto [name, probe] = probes[i];
            Files& files = *sees.at(name);
            wire::StoreAnswer answer;
            answer.probe_id = probe.probe_id;
            answer.step = probe.step;
            if (probe.step == wire::StoreStep::write) {
                files[probe.probe_id] = probe.secret;
            } else if (probe.step == wire::StoreStep::erase) {
                files.erase(probe.probe_id);
            } else if (files.count(probe.probe_id) == 0 || files[probe.probe_id] != probe.secret) {
                answer.fault = Fault::storage_mismatch;
            } else {
                agents.at(name).store_proven = true;
            }
            const wire::Message message = answer;
            (void)deliver(name, message);
        }
        probes.clear();
    }
    void pass(int count) {
        for (int i = 0; i < count; ++i) {
            second();
            answer_all();
        }
    }
    bool proven(const char* name) const { return host_row(name).store_proven; }
    // Its agent starts anew, with another file system at the directory.
    void sees_another(const char* name, Files& files) {
        disconnect(name);
        sees[name] = &files;
        agents.at(name).store_proven = false;
        connect(name);
    }

    Files shared;
    Files elsewhere;
    std::map<std::string, Files*> sees;
};

TEST(StoreProof, TwoHostsThatSeeTheSameOneProveItToEachOtherAndMarkIt) {
    Site site;
    site.pass(5);
    EXPECT_TRUE(site.proven("h1"));
    EXPECT_TRUE(site.proven("h2"));
    EXPECT_TRUE(site.store.identity.store_marked);
    EXPECT_EQ(site.shared.size(), 1U) << "the mark is left, and no probe";
}

TEST(StoreProof, TwoHostsThatDifferProveNothing) {
    Site site;
    site.sees_another("h2", site.elsewhere);
    site.pass(200);
    EXPECT_FALSE(site.proven("h1"));
    EXPECT_FALSE(site.proven("h2"));
    EXPECT_TRUE(site.saw_report("store_not_proven"));
    EXPECT_FALSE(site.store.identity.store_marked);
    EXPECT_TRUE(site.shared.empty() || site.elsewhere.empty()) << "probes are erased";
}

TEST(StoreProof, AHostThatIsAloneIsProvenByTheMarkAndNotByItself) {
    Site site;
    site.pass(5);
    site.disconnect("h1");
    site.sees_another("h2", site.elsewhere);
    site.restart();
    site.connect("h2");
    site.pass(200);
    EXPECT_FALSE(site.proven("h2")) << "it sees an empty directory";
    site.sees_another("h2", site.shared);
    site.pass(100);
    EXPECT_TRUE(site.proven("h2")) << "the other host is still away";
}

TEST(StoreProof, WithoutAMarkAHostWaitsForAnotherOneToAgree) {
    Site site;
    site.disconnect("h1");
    site.pass(200);
    EXPECT_FALSE(site.proven("h2"));
    site.connect("h1");
    site.pass(200);
    EXPECT_TRUE(site.proven("h2"));
}

TEST(StoreProof, AMarkThatSomebodyRemovedComesBackWithAHostThatHasProvenItsStore) {
    Site site;
    site.pass(5);
    site.shared.clear();
    site.sees_another("h2", site.shared);
    site.pass(5);
    EXPECT_TRUE(site.proven("h2"));
    EXPECT_EQ(site.shared.size(), 1U);
}

TEST(StoreProof, TheOnlyHostOfAPoolNeedsNobodyElse) {
    World world;
    world.add_host("h1").store_path = "/srv/store";
    world.host("h1").store_proven = false;
    world.connect_all();
    const auto answer = [&](wire::StoreStep step) {
        const auto [name, probe] = world.probes.back();
        EXPECT_EQ(probe.step, step);
        wire::StoreAnswer said;
        said.probe_id = probe.probe_id;
        said.step = probe.step;
        const wire::Message message = said;
        (void)world.deliver(name, message);
    };
    world.second();
    answer(wire::StoreStep::write);
    answer(wire::StoreStep::check);
    EXPECT_TRUE(world.host_row("h1").store_proven);
    answer(wire::StoreStep::write);
    EXPECT_TRUE(world.store.identity.store_marked);
}

}  // namespace
}  // namespace ballast::controller::test
