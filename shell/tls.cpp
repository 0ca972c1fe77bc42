#include "shell/tls.hpp"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/assert.hpp"
#include "base/limits.hpp"

namespace ballast {
namespace {

// Both sides are ours: one version, authenticated ciphers only, the fastest of them first.
constexpr const char* priorities =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305";

constexpr std::size_t record_bytes_max = 16384;

bool about_certificates(gnutls_alert_description_t alert) noexcept {
    constexpr std::array alerts{GNUTLS_A_BAD_CERTIFICATE,     GNUTLS_A_UNSUPPORTED_CERTIFICATE,
                                GNUTLS_A_CERTIFICATE_REVOKED, GNUTLS_A_CERTIFICATE_EXPIRED,
                                GNUTLS_A_CERTIFICATE_UNKNOWN, GNUTLS_A_UNKNOWN_CA,
                                GNUTLS_A_ACCESS_DENIED,       GNUTLS_A_CERTIFICATE_REQUIRED};
    return std::find(alerts.begin(), alerts.end(), alert) != alerts.end();
}

struct CertificateDeleter {
    void operator()(gnutls_x509_crt_t certificate) const noexcept { gnutls_x509_crt_deinit(certificate); }
};
using Certificate = std::unique_ptr<gnutls_x509_crt_int, CertificateDeleter>;

Certificate import_certificate(const gnutls_datum_t& bytes, gnutls_x509_crt_fmt_t format) {
    gnutls_x509_crt_t certificate = nullptr;
    if (gnutls_x509_crt_init(&certificate) < 0) {
        return nullptr;
    }
    Certificate owner{certificate};
    return gnutls_x509_crt_import(certificate, &bytes, format) < 0 ? nullptr : std::move(owner);
}

}  // namespace

std::optional<std::string> common_name(gnutls_x509_crt_int* certificate) {
    const auto read_name = [certificate](unsigned index) -> std::optional<std::string> {
        std::array<char, 256> name{};
        std::size_t bytes = name.size();
        if (gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, index, 0, name.data(),
                                          &bytes) < 0) {
            return std::nullopt;
        }
        return std::string{name.data(), bytes};
    };
    if (read_name(1)) {
        return std::nullopt;
    }
    return read_name(0);
}

std::optional<std::string> client_name(gnutls_session_int* session) {
    gnutls_typed_vdata_st purpose{};
    purpose.type = GNUTLS_DT_KEY_PURPOSE_OID;
    purpose.data = reinterpret_cast<unsigned char*>(const_cast<char*>(GNUTLS_KP_TLS_WWW_CLIENT));
    unsigned problems = 0;
    if (gnutls_certificate_verify_peers(session, &purpose, 1, &problems) < 0 || problems != 0) {
        return std::nullopt;
    }
    unsigned count = 0;
    const gnutls_datum_t* chain = gnutls_certificate_get_peers(session, &count);
    const Certificate certificate =
        chain != nullptr && count > 0 ? import_certificate(chain[0], GNUTLS_X509_FMT_DER) : nullptr;
    return certificate ? common_name(certificate.get()) : std::nullopt;
}

WallTime certificate_ends(const std::string& pem) {
    // GnuTLS only reads it; its type has no const.
    const gnutls_datum_t text{reinterpret_cast<unsigned char*>(const_cast<char*>(pem.data())),
                              static_cast<unsigned>(pem.size())};
    const Certificate first = import_certificate(text, GNUTLS_X509_FMT_PEM);
    return {first ? std::int64_t{gnutls_x509_crt_get_expiration_time(first.get())} * 1000 : 0};
}

struct TlsSession::Impl {
    gnutls_session_t session = nullptr;
    std::shared_ptr<TlsCredentials> credentials;
    std::string expected_name;
    Transport* transport = nullptr;
    std::string peer_name;
    std::string refusal;  // why our own check refused the peer's certificate
    bool record_pending = false;

    ~Impl() {
        if (session != nullptr) {
            gnutls_deinit(session);
        }
    }

    int verify();
    Failure explain(int code) const;
    IoStep step_of(int code, Failure& failure) const;
};

// Runs inside the handshake, so that a refused peer hears an alert and never sees the connection up.
int TlsSession::Impl::verify() {
    unsigned problems = 0;
    if (gnutls_certificate_verify_peers2(session, &problems) < 0) {
        refusal = "it showed no certificate";
        return GNUTLS_E_CERTIFICATE_ERROR;
    }
    if (problems != 0) {
        gnutls_datum_t text{};
        if (gnutls_certificate_verification_status_print(problems, GNUTLS_CRT_X509, &text, 0) >= 0) {
            refusal.assign(reinterpret_cast<const char*>(text.data), text.size);
            gnutls_free(text.data);
        }
        return GNUTLS_E_CERTIFICATE_ERROR;
    }
    unsigned count = 0;
    const gnutls_datum_t* chain = gnutls_certificate_get_peers(session, &count);
    const Certificate certificate =
        chain != nullptr && count > 0 ? import_certificate(chain[0], GNUTLS_X509_FMT_DER) : nullptr;
    const auto name = certificate ? common_name(certificate.get()) : std::nullopt;
    if (!name || name->empty()) {
        refusal = "its certificate has not exactly one common name";
        return GNUTLS_E_CERTIFICATE_ERROR;
    }
    if (name->size() > limits::name_bytes_max) {
        // Cut, it could be another's; left out, it would look like a link that asks for none.
        refusal = "its certificate's common name is longer than " + std::to_string(limits::name_bytes_max) +
                  " bytes";
        return GNUTLS_E_CERTIFICATE_ERROR;
    }
    if (!expected_name.empty() && *name != expected_name) {
        refusal = "its certificate is for \"" + *name + "\", expected \"" + expected_name + "\"";
        return GNUTLS_E_CERTIFICATE_ERROR;
    }
    peer_name = *name;
    return 0;
}

Failure TlsSession::Impl::explain(int code) const {
    if (!refusal.empty()) {
        return {Fault::authentication_failed, "the peer's certificate is refused: " + refusal};
    }
    switch (code) {
        case GNUTLS_E_FATAL_ALERT_RECEIVED:
        case GNUTLS_E_WARNING_ALERT_RECEIVED: {
            const gnutls_alert_description_t alert = gnutls_alert_get(session);
            const char* name = gnutls_alert_get_name(alert);
            return {
                about_certificates(alert) ? Fault::authentication_failed : Fault::protocol_violation,
                std::string{"the peer refused TLS with us: "} + (name != nullptr ? name : "unknown alert")};
        }
        case GNUTLS_E_NO_CERTIFICATE_FOUND:
        case GNUTLS_E_CERTIFICATE_REQUIRED:
            return {Fault::authentication_failed, "the peer showed no certificate"};
        case GNUTLS_E_PULL_ERROR:
        case GNUTLS_E_PUSH_ERROR:
            return {Fault::connection_lost, std::string{"the connection broke: "} + std::strerror(errno)};
        case GNUTLS_E_PREMATURE_TERMINATION:
            return {Fault::connection_lost, "the peer closed the connection without saying so in TLS"};
        default: return {Fault::protocol_violation, std::string{"TLS failed: "} + gnutls_strerror(code)};
    }
}

IoStep TlsSession::Impl::step_of(int code, Failure& failure) const {
    if (code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED) {
        return gnutls_record_get_direction(session) == 0 ? IoStep::want_read : IoStep::want_write;
    }
    failure = explain(code);
    return IoStep::failed;
}

TlsSession::TlsSession(std::shared_ptr<TlsCredentials> credentials, Role role, std::string expected_name,
                       Transport& transport)
    : impl_{std::make_unique<Impl>()} {
    impl_->credentials = std::move(credentials);
    impl_->expected_name = std::move(expected_name);
    impl_->transport = &transport;
    // No tickets: connections are few and long, and a resumed session would show no certificate.
    constexpr unsigned common = GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS;
    const unsigned side = role == Role::server ? GNUTLS_SERVER : GNUTLS_CLIENT;
    BALLAST_ASSERT(gnutls_init(&impl_->session, common | side) >= 0);
    gnutls_session_t session = impl_->session;
    BALLAST_ASSERT(gnutls_priority_set_direct(session, priorities, nullptr) >= 0);
    BALLAST_ASSERT(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, impl_->credentials->raw()) >= 0);
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
    gnutls_session_set_ptr(session, impl_.get());
    gnutls_session_set_verify_function(session, [](gnutls_session_t of) {
        return static_cast<Impl*>(gnutls_session_get_ptr(of))->verify();
    });
    gnutls_transport_set_ptr(session, &transport);
    gnutls_transport_set_pull_function(session, [](gnutls_transport_ptr_t to, void* data, std::size_t bytes) {
        return static_cast<Transport*>(to)->pull(data, bytes);
    });
    gnutls_transport_set_push_function(session,
                                       [](gnutls_transport_ptr_t to, const void* data, std::size_t bytes) {
                                           return static_cast<Transport*>(to)->push(data, bytes);
                                       });
}

TlsSession::~TlsSession() = default;

IoStep TlsSession::handshake(Failure& failure) {
    while (true) {
        const int code = gnutls_handshake(impl_->session);
        if (code == GNUTLS_E_SUCCESS) {
            return IoStep::done;
        }
        if (gnutls_error_is_fatal(code) == 0 && code != GNUTLS_E_AGAIN) {
            continue;  // interrupted, or a warning
        }
        const IoStep step = impl_->step_of(code, failure);
        if (step == IoStep::failed) {
            gnutls_alert_send_appropriate(impl_->session, code);
        }
        return step;
    }
}

IoStep TlsSession::receive(std::span<std::byte> into, std::size_t& got, Failure& failure) {
    got = 0;
    while (true) {
        const ssize_t result = gnutls_record_recv(impl_->session, into.data(), into.size());
        if (result > 0) {
            got = static_cast<std::size_t>(result);
            return IoStep::done;
        }
        if (result == 0) {
            return IoStep::closed;
        }
        if (gnutls_error_is_fatal(static_cast<int>(result)) == 0 && result != GNUTLS_E_AGAIN) {
            continue;
        }
        return impl_->step_of(static_cast<int>(result), failure);
    }
}

IoStep TlsSession::send(std::span<const std::byte> data, std::size_t& taken, Failure& failure) {
    taken = 0;
    while (true) {
        // A record that was made but not sent lies in GnuTLS: "no data" means "that one".
        const ssize_t result =
            impl_->record_pending
                ? gnutls_record_send(impl_->session, nullptr, 0)
                : gnutls_record_send(impl_->session, data.data(), std::min(data.size(), record_bytes_max));
        if (result >= 0) {
            impl_->record_pending = false;
            taken = static_cast<std::size_t>(result);
            return IoStep::done;
        }
        if (result == GNUTLS_E_INTERRUPTED) {
            impl_->record_pending = true;
            continue;
        }
        if (result == GNUTLS_E_AGAIN) {
            impl_->record_pending = true;
            return IoStep::want_write;
        }
        failure = impl_->explain(static_cast<int>(result));
        return IoStep::failed;
    }
}

void TlsSession::say_goodbye() noexcept {
    if (!impl_->record_pending) {
        gnutls_bye(impl_->session, GNUTLS_SHUT_WR);
    }
}

const std::string& TlsSession::peer_name() const noexcept {
    return impl_->peer_name;
}

}  // namespace ballast
