#include "tests/unit/shell_pki.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>

namespace ballast {
namespace {

void run(const std::string& command) {
    if (std::system(command.c_str()) != 0) {
        ADD_FAILURE() << "failed (run the tests in the root of the sources): " << command;
        std::abort();
    }
}

}  // namespace

const TestPki& TestPki::instance() {
    static const TestPki pki;
    return pki;
}

TestPki::TestPki() {
    std::string name = std::filesystem::temp_directory_path() / "ballast-pki-XXXXXX";
    directory_ = ::mkdtemp(name.data());
    const std::string tool = "packaging/ballast-pki ";
    const std::string quiet = " >/dev/null";
    run(tool + "init " + directory_ + "/pool" + quiet);
    run(tool + "init " + directory_ + "/strangers" + quiet);
    for (const char* each : {"controller", "h1", "h2"}) {
        run(tool + "issue " + directory_ + "/pool " + each + " --ip 127.0.0.1" + quiet);
    }
    // ballast-pki makes none such; another authority's program may, 64 characters being what X.509 allows.
    const std::string pool = directory_ + "/pool/";
    run("certtool --generate-privkey --key-type ecdsa --curve secp256r1 --outfile " + pool + "long.key" +
        quiet + " 2>&1");
    run("printf 'cn = %s\\nsigning_key\\ntls_www_client\\ntls_www_server\\n' " +
        std::string(limits::name_bytes_max + 1, 'h') + " >" + pool + "long.cfg");
    run("certtool --generate-certificate --template " + pool + "long.cfg --load-privkey " + pool +
        "long.key --load-ca-certificate " + pool + "ca.pem --load-ca-privkey " + pool + "ca.key --outfile " +
        pool + "long.pem" + quiet + " 2>&1");
    run(tool + "issue " + directory_ + "/strangers controller" + quiet);
    run("cp -r " + directory_ + "/strangers " + directory_ + "/intruder");
    run("cat " + directory_ + "/pool/ca.pem >>" + directory_ + "/intruder/ca.pem");
}

TestPki::~TestPki() {
    std::filesystem::remove_all(directory_);
}

std::shared_ptr<TlsCredentials> TestPki::load(const std::string& pool, const std::string& name) const {
    const std::string base = directory_ + "/" + pool + "/";
    std::string why;
    auto credentials = TlsCredentials::load(base + "ca.pem", base + name + ".pem", base + name + ".key", why);
    EXPECT_TRUE(credentials) << why;
    return credentials;
}

}  // namespace ballast
