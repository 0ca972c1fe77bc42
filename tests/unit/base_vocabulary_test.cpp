#include "base/vocabulary.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/fault.hpp"
#include "base/instant.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"

namespace ballast {
namespace {

// Every enumerator from 0 to the last has a word of its own, and what lies beyond has none.
template <class Enum>
void expect_words_up_to(Enum last) {
    std::set<std::string_view> words;
    for (int i = 0; i <= static_cast<int>(last); ++i) {
        const std::string_view word = to_string(static_cast<Enum>(i));
        EXPECT_NE(word, "invalid") << i;
        EXPECT_TRUE(words.insert(word).second) << word;
    }
    EXPECT_EQ(to_string(static_cast<Enum>(static_cast<int>(last) + 1)), "invalid");
}

TEST(BaseVocabulary, HasOneWordForEachEnumerator) {
    expect_words_up_to(DomainState::absent);
    expect_words_up_to(VmState::failed);
    expect_words_up_to(VmKind::personal);
    expect_words_up_to(GuestType::hvm);
    expect_words_up_to(HostState::cordoned);
    expect_words_up_to(JobKind::image_index);
    expect_words_up_to(JobState::cancelled);
    expect_words_up_to(MigrationMode::automatic);
}

TEST(BaseVocabulary, UnderstandsItsOwnWords) {
    for (int i = 0; i <= static_cast<int>(VmState::failed); ++i) {
        EXPECT_EQ(parse_vm_state(to_string(static_cast<VmState>(i))), static_cast<VmState>(i));
    }
    for (int i = 0; i <= static_cast<int>(HostState::cordoned); ++i) {
        EXPECT_EQ(parse_host_state(to_string(static_cast<HostState>(i))), static_cast<HostState>(i));
    }
    for (int i = 0; i <= static_cast<int>(MigrationMode::automatic); ++i) {
        EXPECT_EQ(parse_migration_mode(to_string(static_cast<MigrationMode>(i))),
                  static_cast<MigrationMode>(i));
    }
    for (int i = 0; i <= static_cast<int>(GuestType::hvm); ++i) {
        EXPECT_EQ(parse_guest_type(to_string(static_cast<GuestType>(i))), static_cast<GuestType>(i));
    }
    EXPECT_FALSE(parse_vm_state("Running"));
    EXPECT_FALSE(parse_vm_state(""));
}

TEST(BaseVocabulary, TakesOnlyNamesThatAreSafeInPathsAndLogs) {
    for (const char* good : {"a", "h1", "box-3.example.org", "a_b+c", "9lives"}) {
        EXPECT_TRUE(valid_name(good)) << good;
    }
    for (const char* bad : {"", ".", "..", "-a", "_a", "a b", "a/b", "a\n", "a\"b", "gr\xc3\xbc\xc3\x9f"}) {
        EXPECT_FALSE(valid_name(bad)) << bad;
    }
    EXPECT_TRUE(valid_name(std::string(limits::name_bytes_max, 'a')));
    EXPECT_FALSE(valid_name(std::string(limits::name_bytes_max + 1, 'a')));
}

TEST(BaseFault, HasAWordAndASentenceForEachEnumerator) {
    std::set<std::string_view> words;
    for (int i = 0; i < 256; ++i) {
        const auto fault = static_cast<Fault>(i);
        const bool has_word = to_string(fault) != "unknown";
        EXPECT_EQ(has_word, describe(fault) != "unknown fault") << i;
        if (has_word) {
            EXPECT_TRUE(words.insert(to_string(fault)).second) << to_string(fault);
        }
    }
    // The numbers lie in journals: this one changes only by appending.
    EXPECT_EQ(words.size(), 31U);
    EXPECT_EQ(static_cast<int>(Fault::handover_lost), 81);
}

TEST(BaseUuid, ReadsWhatItWrites) {
    const std::string text = "0123abcd-4567-89ef-0011-223344556677";
    const auto uuid = parse_uuid(text);
    ASSERT_TRUE(uuid);
    EXPECT_EQ(uuid->bytes[0], 0x01);
    EXPECT_EQ(uuid->bytes[15], 0x77);
    EXPECT_EQ(to_text(*uuid).view(), text);
    EXPECT_EQ(parse_uuid("0123ABCD-4567-89EF-0011-223344556677"), uuid);
    EXPECT_FALSE(uuid->nil());
    EXPECT_TRUE(Uuid{}.nil());
}

TEST(BaseUuid, RefusesEveryOtherForm) {
    for (const char* bad :
         {"", "0123abcd", "0123abcd-4567-89ef-0011-22334455667", "0123abcd-4567-89ef-0011-2233445566777",
          "0123abcd4-567-89ef-0011-223344556677", "0123abcd-4567-89ef-0011-22334455667g",
          "{123abcd-4567-89ef-0011-223344556677", "0123abcd 4567 89ef 0011 223344556677"}) {
        EXPECT_FALSE(parse_uuid(bad)) << bad;
    }
}

TEST(BaseUuid, MarksRandomOnesAsVersionFour) {
    std::array<std::uint8_t, 16> ones{};
    ones.fill(0xff);
    EXPECT_EQ(to_text(uuid_from_random(ones)).view(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    EXPECT_EQ(to_text(uuid_from_random({})).view(), "00000000-0000-4000-8000-000000000000");
}

Result<int> half(int number) {
    if (number % 2 != 0) {
        return Err{Fault::invalid_argument};
    }
    return number / 2;
}
Result<int> quarter(int number) {
    const int halved = BALLAST_TRY(half(number));
    return half(halved);
}
Status check(int number) {
    BALLAST_CHECK((quarter(number).ok() ? Status{} : Status{Err{Fault::not_found}}));
    return {};
}

TEST(BaseResult, CarriesAValueOrTheFaultOfWhoeverFailed) {
    EXPECT_EQ(quarter(12).value(), 3);
    EXPECT_EQ(quarter(6).fault(), Fault::invalid_argument);
    EXPECT_EQ(quarter(6).value_or(-1), -1);
    EXPECT_TRUE(check(4).ok());
    EXPECT_EQ(check(5).fault(), Fault::not_found);
    EXPECT_DEATH(static_cast<void>(quarter(6).value()), "assertion failed: ok_");
}

TEST(BaseInstant, CountsInMilliseconds) {
    const Instant start{1000};
    EXPECT_EQ((start + seconds(2)).ms, 3000);
    EXPECT_EQ(start + milliseconds(5) - start, milliseconds(5));
    EXPECT_LT(start, start + milliseconds(1));
    EXPECT_EQ(seconds(2) * 3, milliseconds(6000));
}

}  // namespace
}  // namespace ballast
