#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <ctime>
#include <vector>

#include "shell/durable_file.hpp"
#include "shell/link.hpp"
#include "shell/tls.hpp"

namespace ballast {
namespace {

constexpr std::size_t pem_bytes_max = 256 * 1024;
constexpr unsigned chain_length_max = 16;

// X.509 certificates read from a PEM file.
class CertificateList {
  public:
    CertificateList() = default;
    ~CertificateList() {
        for (gnutls_x509_crt_t each : list_) {
            gnutls_x509_crt_deinit(each);
        }
    }
    CertificateList(const CertificateList&) = delete;
    CertificateList& operator=(const CertificateList&) = delete;

    int parse(const gnutls_datum_t& pem) {
        list_.resize(chain_length_max);
        unsigned count = chain_length_max;
        const int result = gnutls_x509_crt_list_import(list_.data(), &count, &pem, GNUTLS_X509_FMT_PEM, 0);
        list_.resize(result < 0 ? 0 : count);
        return result;
    }
    bool empty() const noexcept { return list_.empty(); }
    gnutls_x509_crt_t front() const noexcept { return list_.front(); }
    gnutls_x509_crt_t* data() noexcept { return list_.data(); }
    unsigned size() const noexcept { return static_cast<unsigned>(list_.size()); }

  private:
    std::vector<gnutls_x509_crt_t> list_;
};

gnutls_datum_t datum_of(std::string& text) noexcept {
    return {reinterpret_cast<unsigned char*>(text.data()), static_cast<unsigned>(text.size())};
}

bool read_certificates(const std::string& file, std::string& pem, CertificateList& list, std::string& why) {
    if (!read_bounded(file, pem_bytes_max, pem, why).ok()) {
        return false;
    }
    const int result = list.parse(datum_of(pem));
    if (result < 0 || list.empty()) {
        why = file + ": no PEM certificates: " + gnutls_strerror(result);
        return false;
    }
    return true;
}

bool in_validity_time(const std::string& file, gnutls_x509_crt_t certificate, std::string& why) {
    const std::time_t now = ::time(nullptr);
    if (now > gnutls_x509_crt_get_expiration_time(certificate)) {
        why = file + ": the certificate has expired";
        return false;
    }
    if (now < gnutls_x509_crt_get_activation_time(certificate)) {
        why = file + ": the certificate is not valid yet (is this machine's clock right?)";
        return false;
    }
    return true;
}

bool issued_by(const std::string& file, CertificateList& chain, const std::string& ca_file,
               CertificateList& cas, std::string& why) {
    unsigned problems = 0;
    const int result = gnutls_x509_crt_list_verify(chain.data(), static_cast<int>(chain.size()), cas.data(),
                                                   static_cast<int>(cas.size()), nullptr, 0, 0, &problems);
    if (result < 0 || problems != 0) {
        why = file + ": the certificate was not issued by the CA in " + ca_file;
        return false;
    }
    return true;
}

}  // namespace

struct TlsCredentials::Impl {
    gnutls_certificate_credentials_t credentials = nullptr;
    std::string own_name;
    WallTime expires;

    ~Impl() {
        if (credentials != nullptr) {
            gnutls_certificate_free_credentials(credentials);
        }
    }
};

TlsCredentials::TlsCredentials() : impl_{std::make_unique<Impl>()} {}
TlsCredentials::~TlsCredentials() = default;
void* TlsCredentials::raw() const noexcept {
    return impl_->credentials;
}
std::string_view TlsCredentials::own_name() const noexcept {
    return impl_->own_name;
}
WallTime TlsCredentials::expires() const noexcept {
    return impl_->expires;
}

std::shared_ptr<TlsCredentials> TlsCredentials::load(const std::string& ca_file,
                                                     const std::string& certificate_file,
                                                     const std::string& key_file, std::string& why) {
    std::string ca_pem;
    std::string certificate_pem;
    std::string key_pem;
    CertificateList cas;
    CertificateList chain;
    if (!read_certificates(ca_file, ca_pem, cas, why) ||
        !read_certificates(certificate_file, certificate_pem, chain, why) ||
        !read_bounded(key_file, pem_bytes_max, key_pem, why).ok() ||
        !in_validity_time(certificate_file, chain.front(), why) ||
        !in_validity_time(ca_file, cas.front(), why) ||
        !issued_by(certificate_file, chain, ca_file, cas, why)) {
        return nullptr;
    }
    std::shared_ptr<TlsCredentials> result{new TlsCredentials};
    Impl& impl = *result->impl_;
    const auto name = common_name(chain.front());
    if (!name || name->empty()) {
        why = certificate_file + ": the certificate's subject has not exactly one common name (CN)";
        return nullptr;
    }
    impl.own_name = *name;
    impl.expires = {static_cast<std::int64_t>(gnutls_x509_crt_get_expiration_time(chain.front())) * 1000};
    const gnutls_datum_t ca_datum = datum_of(ca_pem);
    const gnutls_datum_t certificate_datum = datum_of(certificate_pem);
    const gnutls_datum_t key_datum = datum_of(key_pem);
    int code = gnutls_certificate_allocate_credentials(&impl.credentials);
    if (code >= 0) {
        code = gnutls_certificate_set_x509_trust_mem(impl.credentials, &ca_datum, GNUTLS_X509_FMT_PEM);
    }
    if (code >= 0) {
        code = gnutls_certificate_set_x509_key_mem2(impl.credentials, &certificate_datum, &key_datum,
                                                    GNUTLS_X509_FMT_PEM, nullptr, 0);
    }
    gnutls_memset(key_pem.data(), 0, key_pem.size());
    if (code == GNUTLS_E_CERTIFICATE_KEY_MISMATCH) {
        why = key_file + ": the key does not belong to the certificate in " + certificate_file;
        return nullptr;
    }
    if (code < 0) {
        why = key_file + ": the private key cannot be used: " + gnutls_strerror(code);
        return nullptr;
    }
    return result;
}

}  // namespace ballast
