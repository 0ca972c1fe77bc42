// A configuration file with any content: read as the programs read theirs, never a crash, always either
// values within their bounds or errors that fit on a line.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "shell/config.hpp"

namespace {

using namespace ballast;

void check_line(const std::string& error) {
    BALLAST_ASSERT(error.starts_with("fuzz.toml"));
    for (const char c : error) {
        BALLAST_ASSERT(static_cast<unsigned char>(c) >= 0x20);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto config = Config::from_text(text, "fuzz.toml");
    const auto port = config->integer("controller.port", 8500, 1, 65535);
    BALLAST_ASSERT(port >= 1 && port <= 65535);
    const double load = config->number("load.critical", 0.8, 0.5, 1);
    BALLAST_ASSERT(load >= 0.5 && load <= 1);
    BALLAST_ASSERT(config->text("name", "n", 10).size() <= 10);
    BALLAST_ASSERT(config->choice("mode", {"a", "b"}, 1) <= 1);
    BALLAST_ASSERT(config->texts("list", 3, 10).size() <= 3);
    static_cast<void>(config->flag("flag", true));
    const std::size_t sites = config->tables("sites", 3);
    BALLAST_ASSERT(sites <= 3);
    for (std::size_t i = 0; i < sites; ++i) {
        const std::string site = "sites[" + std::to_string(i) + "]";
        BALLAST_ASSERT(config->text(site + ".name", "", 10).size() <= 10);
        BALLAST_ASSERT(config->has(site));
    }
    BALLAST_ASSERT(!config->has("sites[" + std::to_string(sites) + "]") || sites == 0);
    config->reject("a.b.c", "nothing");
    config->finish();
    BALLAST_ASSERT(!config->ok());
    for (const std::string& error : config->errors()) {
        check_line(error);
    }
    return 0;
}
