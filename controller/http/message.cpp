#include "controller/http/message.hpp"

namespace ballast::controller::http {

std::string_view to_string(Method method) noexcept {
    switch (method) {
        case Method::get: return "GET";
        case Method::post: return "POST";
        case Method::put: return "PUT";
        case Method::del: return "DELETE";
        case Method::other: break;
    }
    return "other";
}

const std::string* Request::parameter(std::string_view name) const noexcept {
    for (const auto& [key, value] : query) {
        if (key == name) {
            return &value;
        }
    }
    return nullptr;
}

}  // namespace ballast::controller::http
