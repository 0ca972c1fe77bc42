// The certificate that a client showed in its TLS handshake, and the endpoint's own.
#pragma once

#include <string>

#include "base/instant.hpp"

struct MHD_Connection;

namespace ballast::controller::http {

// The common name of a certificate that http.client_ca has signed and that is valid now. Empty when none was
// shown, or another.
std::string client_certificate_name(MHD_Connection* connection);

// When the first certificate of the PEM text ends; 0 when there is none.
WallTime certificate_ends(const std::string& pem);

}  // namespace ballast::controller::http
