// The certificate that a client showed in its TLS handshake.
#pragma once

#include <string>

struct MHD_Connection;

namespace ballast::controller::http {

// The common name of a certificate that http.client_ca has signed and that is valid now. Empty when none was
// shown, or another.
std::string client_certificate_name(MHD_Connection* connection);

}  // namespace ballast::controller::http
