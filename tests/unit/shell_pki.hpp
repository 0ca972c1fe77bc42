// Certificates for tests, made by packaging/ballast-pki in a directory that is removed when the tests end.
#pragma once

#include <memory>
#include <string>

#include "shell/link.hpp"

namespace ballast {

class TestPki {
  public:
    // One pool's authority and one of strangers, made at first use (a few hundredths of a second).
    static const TestPki& instance();
    ~TestPki();
    TestPki(const TestPki&) = delete;
    TestPki& operator=(const TestPki&) = delete;

    // "controller", "h1", "h2", and "long", whose name is one byte longer than a host's can be.
    std::shared_ptr<TlsCredentials> of(const std::string& name) const { return load("pool", name); }
    // "controller", of another authority.
    std::shared_ptr<TlsCredentials> foreign() const { return load("strangers", "controller"); }
    // The same, by a stranger who trusts our authority as well, and so gets as far as showing its
    // certificate.
    std::shared_ptr<TlsCredentials> intruder() const { return load("intruder", "controller"); }
    // DIR/pool/NAME.SUFFIX.
    std::string file(const std::string& name) const { return directory_ + "/pool/" + name; }
    std::string foreign_file(const std::string& name) const { return directory_ + "/strangers/" + name; }

  private:
    TestPki();
    std::shared_ptr<TlsCredentials> load(const std::string& pool, const std::string& name) const;
    std::string directory_;
};

}  // namespace ballast
