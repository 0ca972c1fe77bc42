#include "cli/offline/gzip_lines.hpp"

#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <type_traits>

namespace ballast::cli::offline {

namespace {

struct CloseGzip {
    void operator()(gzFile file) const { gzclose_r(file); }
};

}  // namespace

std::optional<std::string> read_gzip(const std::string& path, std::size_t bytes_max, std::string& why) {
    const std::unique_ptr<std::remove_pointer_t<gzFile>, CloseGzip> file{gzopen(path.c_str(), "rbe")};
    if (file == nullptr) {
        why = path + ": " + std::strerror(errno);
        return std::nullopt;
    }
    constexpr std::size_t chunk_bytes = 256 * 1024;
    std::string text;
    for (;;) {
        const std::size_t filled = text.size();
        text.resize(filled + chunk_bytes);
        const int got = gzread(file.get(), text.data() + filled, static_cast<unsigned>(chunk_bytes));
        if (got < 0) {
            int code = 0;
            why = path + ": " + gzerror(file.get(), &code);
            return std::nullopt;
        }
        text.resize(filled + static_cast<std::size_t>(got));
        if (text.size() > bytes_max) {
            why = path + ": longer than " + std::to_string(bytes_max) + " bytes when uncompressed";
            return std::nullopt;
        }
        if (got == 0) {
            int code = Z_OK;
            const char* message = gzerror(file.get(), &code);
            if (code != Z_OK && code != Z_STREAM_END) {
                why = path + ": " + message;
                return std::nullopt;
            }
            return text;
        }
    }
}

}  // namespace ballast::cli::offline
