// A source and a destination on the two ends of a socket pair, with somebody in the middle who can do harm.
#pragma once

#include <functional>
#include <string>
#include <vector>

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

// What one side says, message by message, whether it makes sense or not.
class Speech {
  public:
    Speech() = default;
    explicit Speech(std::vector<std::byte> anything) : bytes_{std::move(anything)} {}
    template <class Message>
    void say(MessageType type, const Message& message) {
        std::vector<std::byte> body(message_bytes_max);
        body.resize(encode(message, body));
        say_body(type, body);
    }
    void say_body(MessageType type, std::span<const std::byte> body);
    const std::vector<std::byte>& bytes() const noexcept { return bytes_; }

  private:
    std::vector<std::byte> bytes_;
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
    // How the receiver ends whose source says this, and then nothing more.
    Status receiver_hears(const Speech& speech, std::string& why) const;
    // How the sender ends whose destination says this, and takes in what it hears; one that has nothing to
    // say is gone.
    Status sender_hears(const Speech& speech, std::string& why) const;

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
