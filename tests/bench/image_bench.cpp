// Figures of the image folder, one JSON object a line; tests/bench/images.py runs it beside the peers.
//   image-bench md5                              hashing of resident blocks, beside OpenSSL's EVP
//   image-bench similarity FOLDER                two indexes of four million blocks
//   image-bench transfer SOURCE TARGET LOCAL...  source and destination as two processes on a socket pair;
//                                                every image has its index beside it
//   image-bench transfer-anew SOURCE TARGET LOCAL...      the same, the source's index made first, as an
//   agent does image-bench transfer-at MBPS SOURCE TARGET LOCAL...   the same, the source held to so many
//   Mbit/s
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "base/prng.hpp"
#include "image/core/md5.hpp"
#include "image/core/similarity.hpp"
#include "image/index_build.hpp"
#include "image/index_file.hpp"
#include "image/receiver.hpp"
#include "image/sender.hpp"
#include "image/unit_hasher.hpp"
#include "shell/random.hpp"

namespace {

using namespace ballast;
using namespace ballast::image;

constexpr int rounds = 7;
// Hashing is timed in pieces of a few milliseconds: one of so many is likely to meet no other work on the
// core.
constexpr int hashing_rounds = 150;

double cpu_seconds() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double wall_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The best of several rounds, in seconds of processor time: other work on the machine only makes it worse.
template <class Work>
double best_cpu(Work work, int times = rounds) {
    double best = 1e9;
    for (int i = 0; i < times; ++i) {
        const double start = cpu_seconds();
        work();
        best = std::min(best, cpu_seconds() - start);
    }
    return best;
}

int bench_md5() {
    constexpr std::size_t bytes = 384 * 1024;  // as the scanner reads, and laid down as it does
    constexpr int times = 16;
    alignas(4096) static std::array<std::byte, bytes / hash_rows.bytes * hash_rows.stride> content;
    Prng prng{1};
    for (std::byte& byte : content) {
        byte = static_cast<std::byte>(prng.next());
    }
    for (const std::size_t block_bytes : {std::size_t{512}, std::size_t{4096}}) {
        std::vector<const std::byte*> blocks;
        for (std::size_t at = 0; at < bytes; at += block_bytes) {
            blocks.push_back(content.data() + at / hash_rows.bytes * hash_rows.stride + at % hash_rows.bytes);
        }
        std::vector<Md5Digest> digests(blocks.size());
        EVP_MD* md5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
        EVP_MD_CTX* context = EVP_MD_CTX_new();
        EVP_DigestInit_ex2(context, md5, nullptr);
        const auto hash_with_evp = [&] {
            for (int i = 0; i < times / 8; ++i) {
                for (std::size_t b = 0; b < blocks.size(); ++b) {
                    EVP_DigestInit_ex2(context, nullptr, nullptr);
                    EVP_DigestUpdate(context, blocks[b], block_bytes);
                    EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(digests[b].data()), nullptr);
                }
            }
        };
        const double evp = best_cpu(hash_with_evp, hashing_rounds) * 8;
        EVP_MD_CTX_free(context);
        EVP_MD_free(md5);
        const std::vector<Md5Digest> right = digests;
        for (const Md5Kernel kernel : md5_kernels) {
            if (!can_run(kernel)) {
                std::printf(
                    "{\"what\":\"md5\",\"kernel\":\"%s\",\"skipped\":\"this processor cannot run it\"}\n",
                    std::string{to_string(kernel)}.c_str());
                continue;
            }
            const auto hash_with_kernel = [&] {
                for (int i = 0; i < times; ++i) {
                    md5_blocks(kernel, blocks, block_bytes, digests);
                }
            };
            const double own = best_cpu(hash_with_kernel, hashing_rounds);
            if (digests != right) {
                std::fprintf(stderr, "%s: not what OpenSSL makes of the same blocks\n",
                             std::string{to_string(kernel)}.c_str());
                return 1;
            }
            std::printf(
                "{\"what\":\"md5\",\"kernel\":\"%s\",\"block_bytes\":%zu,\"mb_per_second\":%.0f,"
                "\"evp_mb_per_second\":%.0f,\"ratio\":%.2f}\n",
                std::string{to_string(kernel)}.c_str(), block_bytes, bytes * times / own / 1e6,
                bytes * times / evp / 1e6, evp / own);
        }
    }
    return 0;
}

// An index of keys that some generator gives, 40 % of them those of the other image.
bool write_index(const std::string& path, std::uint64_t own_seed, std::size_t entries, std::string& why) {
    std::vector<Entry> sorted(entries);
    Prng common{1};
    Prng own{own_seed};
    for (std::size_t i = 0; i < entries; ++i) {
        sorted[i] = {.key = i % 5 < 3 ? common.next() : own.next(), .block = static_cast<std::uint32_t>(i)};
    }
    std::sort(sorted.begin(), sorted.end());
    IndexHeader header;
    header.image.size_bytes = std::uint64_t{entries} * block_bytes_default;
    header.starts.push(0);
    random_bytes(header.build_id);
    IndexWriter writer;
    IndexLevel level{.block_bytes = block_bytes_default, .blocks = entries};
    if (!writer.open(path, header.build_id, why).ok() || !writer.add(sorted, why).ok() ||
        !writer.end_level(level.entries, level.distinct, why).ok()) {
        return false;
    }
    header.levels.push(level);
    return writer.finish(header, why).ok();
}

int bench_similarity(const std::string& folder) {
    std::string why;
    const std::string paths[2] = {folder + "/a.index", folder + "/b.index"};
    if (!write_index(paths[0], 2, 3'819'652, why) || !write_index(paths[1], 3, 4'031'102, why)) {
        std::fprintf(stderr, "%s\n", why.c_str());
        return 1;
    }
    const auto a = IndexFile::open(paths[0], why);
    const auto b = IndexFile::open(paths[1], why);
    Overlap found;
    const double exact = best_cpu([&] {
        IndexCursor keys_a{*a, 0};
        IndexCursor keys_b{*b, 0};
        found = overlap(keys_a, keys_b).value();
    });
    std::vector<std::uint64_t> sketches[2];
    const IndexFile* const files[2] = {a.get(), b.get()};
    for (int i = 0; i < 2; ++i) {
        sketches[i].resize(sketch_keys_max);
        IndexCursor cursor{*files[i], 0};
        sketches[i].resize(take_sketch(cursor, sketches[i]).value());
    }
    double share = 0;
    const double sketch = best_cpu([&] {
        share = estimate_share({sketches[0], a->header().levels[0].distinct},
                               {sketches[1], b->header().levels[0].distinct});
    });
    const double truth = static_cast<double>(found.same_distinct) / static_cast<double>(found.distinct);
    std::printf(
        "{\"what\":\"similarity\",\"exact_ms\":%.1f,\"exact_buffer_kib\":%zu,\"share\":%.4f,"
        "\"sketch_ms\":%.3f,\"sketch_error_points\":%.2f}\n",
        exact * 1e3, 2 * (piece_checksums_bytes + piece_entries * 8) / 1024, truth, sketch * 1e3,
        100 * (share - truth));
    return 0;
}

long peak_rss_kib() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

int run_destination(int socket, const std::string& target, const std::vector<std::string>& locals) {
    ReceiveOptions options{.target = target, .journal = target + ".journal"};
    for (const std::string& local : locals) {
        options.locals.push_back({.path = local, .index = local + ".index"});
    }
    TransferControl control;
    SocketStream stream{UniqueFd{socket}};
    ImageReceiver receiver{options, control};
    std::string why;
    if (const Status status = receiver.run(stream, why); !status.ok()) {
        std::fprintf(stderr, "destination: %s\n", why.c_str());
        return 1;
    }
    std::printf("{\"what\":\"destination\",\"cpu_s\":%.2f,\"peak_rss_kib\":%ld}\n", cpu_seconds(),
                peak_rss_kib());
    std::fflush(stdout);
    return 0;
}

// As an agent's image process does it, but for the sectors, which nobody would look for.
Status index_anew(const std::string& source, SeenSegments& seen, std::string& why) {
    IndexOptions options;
    options.sort_bytes = std::size_t{32} << 20;
    options.seen = &seen;
    IndexResult result;
    return build_index(source, source + ".index", options, result, why);
}

int bench_transfer(const std::string& source, const std::string& target, std::vector<std::string> locals,
                   std::uint32_t mbps, bool anew) {
    int sockets[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
        return 1;
    }
    const double start = wall_seconds();
    const pid_t destination = ::fork();
    if (destination == 0) {
        ::close(sockets[0]);
        std::_Exit(run_destination(sockets[1], target, locals));
    }
    ::close(sockets[1]);
    SendOptions options{.image = source, .index = source + ".index", .work_prefix = target + ".work-"};
    random_bytes(options.key);
    random_bytes(options.transfer);
    std::string why;
    SeenSegments seen{{.key = options.key}};
    if (anew) {
        if (!seen.create(options.work_prefix + "seen", why).ok() || !index_anew(source, seen, why).ok()) {
            std::fprintf(stderr, "%s\n", why.c_str());
            return 1;
        }
        options.seen = &seen;
    }
    TransferControl control;
    control.bandwidth_mbps = mbps;
    SocketStream stream{UniqueFd{sockets[0]}};
    ImageSender sender{options, control};
    const Status status = sender.run(stream, why);
    if (!status.ok()) {
        std::fprintf(stderr, "source: %s\n", why.c_str());
        stream.shut_down();
    }
    int code = 0;
    ::waitpid(destination, &code, 0);
    const SendReport& report = sender.report();
    std::printf(
        "{\"what\":\"transfer\",\"seconds\":%.2f,\"wire_bytes\":%llu,\"answers_bytes\":%llu,"
        "\"literal_bytes\":%llu,\"copied_bytes\":%llu,\"resent\":%llu,\"sectors\":%s,\"harder\":%s,\"cpu_s\":"
        "%.2f,"
        "\"peak_rss_kib\":%ld}\n",
        wall_seconds() - start, static_cast<unsigned long long>(control.sent_bytes.load()),
        static_cast<unsigned long long>(control.received_bytes.load()),
        static_cast<unsigned long long>(report.literal_bytes),
        static_cast<unsigned long long>(report.copied_bytes),
        static_cast<unsigned long long>(report.resent_segments), report.sectors_used ? "true" : "false",
        report.compressed_harder ? "true" : "false", cpu_seconds(), peak_rss_kib());
    return status.ok() && code == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words{argv + 1, argv + argc};
    if (words.size() == 1 && words[0] == "md5") {
        return bench_md5();
    }
    if (words.size() == 2 && words[0] == "similarity") {
        return bench_similarity(words[1]);
    }
    if (words.size() >= 3 && words[0] == "transfer") {
        return bench_transfer(words[1], words[2], {words.begin() + 3, words.end()}, 0, false);
    }
    if (words.size() >= 3 && words[0] == "transfer-anew") {
        return bench_transfer(words[1], words[2], {words.begin() + 3, words.end()}, 0, true);
    }
    if (words.size() >= 4 && words[0] == "transfer-at") {
        return bench_transfer(words[2], words[3], {words.begin() + 4, words.end()},
                              static_cast<std::uint32_t>(std::stoul(words[1])), false);
    }
    std::fprintf(
        stderr,
        "usage: image-bench md5 | similarity FOLDER | transfer[-anew] SOURCE TARGET LOCAL... | transfer-at "
        "MBPS ...\n");
    return 2;
}
