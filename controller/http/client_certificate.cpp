#include "controller/http/client_certificate.hpp"

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

}  // namespace ballast::controller::http
