#include "image/failure.hpp"

#include <cerrno>
#include <cstring>

namespace ballast::image {

Err<Fault> system_failure(std::string_view path, std::string_view action, int error, std::string& why) {
    why = std::string{path} + ": cannot " + std::string{action} + ": " + std::strerror(error);
    switch (error) {
        case ENOENT: return Err{Fault::not_found};
        case ENOSPC:
        case EDQUOT: return Err{Fault::no_disk_space};
        default: return Err{Fault::io_failed};
    }
}

Err<Fault> content_failure(std::string_view path, std::string_view what, Fault fault, std::string& why) {
    why = std::string{path} + ": " + std::string{what};
    return Err{fault};
}

}  // namespace ballast::image
