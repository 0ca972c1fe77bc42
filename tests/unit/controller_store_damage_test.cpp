// What the store says when the disk fails after it was opened: it reads everything back once more when it has
// recovered from a failed write.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>
#include <memory>
#include <span>
#include <vector>

#include "controller/store.hpp"
#include "tests/unit/controller_directory.hpp"

namespace ballast::controller {
namespace {

constexpr std::streamoff page_bytes = 4096;

// The store's own connection: what it has in memory of the file is to be read again.
sqlite3* newest_connection = nullptr;
int note_connection(sqlite3* connection, char**, const void*) {
    newest_connection = connection;
    return SQLITE_OK;
}

class DamagedStore : public ::testing::TestWithParam<const char*> {
  protected:
    DamagedStore() { sqlite3_auto_extension(reinterpret_cast<void (*)()>(&note_connection)); }
    ~DamagedStore() override { sqlite3_reset_auto_extension(); }
    std::string path() const { return directory_.path() + "/controller.db"; }
    // Where the table and its indexes begin in the file; the first page is 1.
    static std::vector<std::streamoff> root_pages(const std::string& table) {
        const std::string sql = "SELECT rootpage FROM sqlite_schema WHERE tbl_name='" + table + "'";
        std::vector<std::streamoff> pages;
        const auto add = [](void* to, int, char** values, char**) {
            static_cast<std::vector<std::streamoff>*>(to)->push_back(std::stol(values[0]));
            return 0;
        };
        EXPECT_EQ(sqlite3_exec(newest_connection, sql.c_str(), add, &pages, nullptr), SQLITE_OK);
        return pages;
    }

    TestDirectory directory_;
    std::string why_;
};

TEST_P(DamagedStore, IsNotReadBackWithoutATable) {
    ASSERT_NE(Store::open(path(), WallTime{1}, why_), nullptr) << why_;
    const auto store = Store::open(path(), WallTime{1}, why_);
    ASSERT_NE(store, nullptr) << why_;
    const std::vector<std::streamoff> pages = root_pages(GetParam());
    ASSERT_FALSE(pages.empty());
    for (const std::streamoff page : pages) {
        std::fstream file{path(), std::ios::in | std::ios::out | std::ios::binary};
        file.seekp((page - 1) * page_bytes);
        file << std::string(page_bytes, '\xff');
    }
    sqlite3_db_release_memory(newest_connection);
    const Settings settings;
    std::vector<std::byte> memory(Core::bytes_needed(settings) + 64);
    void* begin = memory.data();
    std::size_t room = memory.size();
    std::align(64, Core::bytes_needed(settings), begin, room);
    const auto core = std::make_unique<Core>(settings, std::span{static_cast<std::byte*>(begin), room});
    EXPECT_EQ(store->restore_into(*core, why_).fault(), Fault::io_failed);
    EXPECT_NE(why_.find("malformed"), std::string::npos) << why_;
}
INSTANTIATE_TEST_SUITE_P(Of, DamagedStore,
                         ::testing::Values("hosts", "definitions", "desktop_pools", "desktops", "sessions",
                                           "jobs"),
                         [](const auto& table) { return std::string{table.param}; });

}  // namespace
}  // namespace ballast::controller
