#include "controller/http/client_certificate.hpp"

#include <gnutls/x509.h>
#include <microhttpd.h>

#include "shell/tls.hpp"

namespace ballast::controller::http {

std::string client_certificate_name(MHD_Connection* connection) {
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (info == nullptr || info->tls_session == nullptr) {
        return {};
    }
    return client_name(static_cast<gnutls_session_int*>(info->tls_session)).value_or("");
}

WallTime certificate_ends(const std::string& pem) {
    gnutls_x509_crt_t certificate = nullptr;
    if (gnutls_x509_crt_init(&certificate) != GNUTLS_E_SUCCESS) {
        return {};
    }
    // GnuTLS only reads it; its type has no const.
    const gnutls_datum_t text{reinterpret_cast<unsigned char*>(const_cast<char*>(pem.data())),
                              static_cast<unsigned>(pem.size())};
    const bool read = gnutls_x509_crt_import(certificate, &text, GNUTLS_X509_FMT_PEM) == GNUTLS_E_SUCCESS;
    const WallTime ends{read ? std::int64_t{gnutls_x509_crt_get_expiration_time(certificate)} * 1000 : 0};
    gnutls_x509_crt_deinit(certificate);
    return ends;
}

}  // namespace ballast::controller::http
