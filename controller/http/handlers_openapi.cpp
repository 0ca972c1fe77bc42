// The contract of the endpoint, as the endpoint serves it.
#include "controller/http/handlers.hpp"
#include "controller/http/openapi_json.hpp"

namespace ballast::controller::http {

Answer get_openapi(Api&, const Call&) {
    return Reply{.body = std::string{openapi_json}};
}

}  // namespace ballast::controller::http
