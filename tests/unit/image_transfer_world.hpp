// A source and a destination on the two ends of a socket pair, with somebody in the middle who can do harm.
#pragma once

#include <functional>
#include <string>

#include "image/receiver.hpp"
#include "image/sender.hpp"
#include "image_files.hpp"

namespace ballast::image::testing_files {

// Passes on to a socket; what is received may be changed on its way, and the connection may break.
class HarmfulStream final : public ByteStream {
  public:
    HarmfulStream(UniqueFd socket, int silence_ms) : inner_{std::move(socket), silence_ms} {}
    Status send(std::span<const std::byte> bytes, std::string& why) override;
    Status receive(std::span<std::byte> into, std::string& why) override;
    void shut_down() noexcept override { inner_.shut_down(); }

    // Called with what arrives, `at` bytes after the beginning.
    std::function<void(std::uint64_t at, std::span<std::byte>)> harm;
    std::uint64_t cut_after = ~std::uint64_t{0};  // received bytes

  private:
    SocketStream inner_;
    std::uint64_t received_ = 0;
};

struct Outcome {
    Status sender;
    Status receiver;
    std::string sender_why;
    std::string receiver_why;
    SendReport sent;
    ReceiveReport received;
    std::uint64_t to_destination = 0;  // bytes
    std::uint64_t to_source = 0;
};

class TransferWorld {
  public:
    TransferWorld();

    // (Re)builds the index beside an image.
    void index(const std::string& image, bool two_levels = false);
    void add_local(const std::string& image);
    // One attempt with a fresh connection.
    Outcome transfer();
    bool target_is_source() const;

    Folder folder;
    std::string source = folder.path("source.raw");
    std::string target = folder.path("target.raw");
    SendOptions send;
    ReceiveOptions receive;
    int silence_ms = 0;  // after which a side gives the other up
    TransferControl sender_control;
    TransferControl receiver_control;
    // Prepares the streams of the next attempt.
    std::function<void(HarmfulStream& at_source, HarmfulStream& at_destination)> prepare;
};

}  // namespace ballast::image::testing_files
