// Any text as a ballast-pool/1 file: refused with a place and an expectation, or a pool on which every policy
// answers without breaking an assertion, the same bytes twice.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "cli/offline/plan_json.hpp"
#include "cli/offline/pool_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ballast;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    cli::offline::PoolError error;
    const auto file = cli::offline::parse_pool(text, error);
    if (!file) {
        BALLAST_ASSERT(!error.expected.empty());
        return 0;
    }
    for (const policy::Policy& policy : policy::policies()) {
        const cli::offline::Planning first{file->pool(), policy, policy::Parameters{}};
        const cli::offline::Planning second{file->pool(), policy, policy::Parameters{}};
        BALLAST_ASSERT(cli::offline::plan_json(first) == cli::offline::plan_json(second));
    }
    return 0;
}
