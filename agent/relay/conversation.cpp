#include "agent/relay/conversation.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include <fmt/core.h>

#include "shell/link.hpp"
#include "shell/socket.hpp"

namespace ballast::agent {
namespace {

// A client whose machine vanished without a word.
constexpr Duration silence_timeout = seconds(60);

bool try_again(int error) noexcept {
    return error == EAGAIN || error == EINTR;
}

}  // namespace

Conversation::Conversation(Loop& loop, int client_fd, const wire::VncPassword& password, Events events)
    : loop_{loop},
      password_{password},
      events_{std::move(events)},
      timer_{loop, [this] { on_timer(); }},
      peer_{peer_text(client_fd)} {
    client_.fd.reset(client_fd);
    prepare_socket(client_fd, silence_timeout);
    client_greeting_.begin(client_.out);
    client_.watch =
        std::make_unique<FdWatch>(loop_, client_fd, Interest::read_write, [this](Interest) { step(); });
    timer_.start_once(conversation_begin_timeout);
}
Conversation::~Conversation() = default;

void Conversation::step() {
    if (exchange()) {
        watch_what_matters();
        return;
    }
    const std::string why = std::move(why_);
    events_.on_end(why);  // destroys this
}

bool Conversation::over(std::string_view why) {
    why_ = why;
    return false;
}

bool Conversation::exchange() {
    if (!receive(client_) || (phase_ == Phase::dialing && !finish_dialing())) {
        return false;
    }
    if ((phase_ == Phase::guest_greeting || phase_ == Phase::relaying) && !receive(guest_)) {
        return false;
    }
    if ((phase_ == Phase::greeting && !greet_client()) ||
        (phase_ == Phase::guest_greeting && !greet_guest())) {
        return false;
    }
    if (!send(client_, guest_.in, to_client_bytes_) ||
        ((phase_ == Phase::guest_greeting || phase_ == Phase::relaying) &&
         !send(guest_, client_.in, from_client_bytes_))) {
        return false;
    }
    return phase_ != Phase::refused || !client_.out.empty() || over(why_);
}

bool Conversation::receive(Side& side) {
    const std::span<std::byte> space = side.in.space();
    if (space.empty()) {
        return true;
    }
    const ssize_t got = ::recv(side.fd.get(), space.data(), space.size(), 0);
    if (got < 0 && try_again(errno)) {
        return true;
    }
    const bool from_guest = &side == &guest_;
    if (got <= 0 && phase_ == Phase::guest_greeting && from_guest) {
        refuse("the guest's VNC server closed the connection");
        return true;
    }
    if (got <= 0) {
        // A refused client leaves: what matters is why it was refused.
        return over(from_guest                 ? "the guest's VNC server closed the connection"
                    : phase_ == Phase::refused ? std::string{why_}
                                               : "");
    }
    side.in.added(static_cast<std::size_t>(got));
    if (!from_guest && phase_ == Phase::relaying &&
        input_.saw_input(space.first(static_cast<std::size_t>(got)))) {
        events_.on_input();
    }
    return true;
}

bool Conversation::flush(int fd, ByteQueue& queue, std::uint64_t& count) {
    while (!queue.empty()) {
        const ssize_t sent = ::send(fd, queue.waiting().data(), queue.waiting().size(), MSG_NOSIGNAL);
        if (sent < 0) {
            return try_again(errno) || over("");
        }
        queue.drop(static_cast<std::size_t>(sent));
        count += static_cast<std::uint64_t>(sent);
    }
    return true;
}

bool Conversation::send(Side& side, ByteQueue& relayed, std::uint64_t& count) {
    std::uint64_t handshake = 0;
    if (!flush(side.fd.get(), side.out, handshake)) {
        return false;
    }
    return !side.out.empty() || phase_ != Phase::relaying || flush(side.fd.get(), relayed, count);
}

// ---- the client ----

bool Conversation::greet_client() {
    switch (client_greeting_.feed(client_.in, client_.out)) {
        case ClientGreeting::Step::more: return true;
        case ClientGreeting::Step::broken: return over("it does not speak RFB with VNC authentication");
        case ClientGreeting::Step::answered: on_answer(); return true;
    }
    return true;
}

void Conversation::on_answer() {
    const Result<VncChallenge> expected = vnc_response(client_greeting_.challenge(), password_);
    if (!expected.ok()) {
        refuse("this host cannot check VNC passwords: its GnuTLS was told not to do DES");
    } else if (equal_in_constant_time(expected.value(), client_greeting_.response())) {
        dial();
    } else {
        phase_ = Phase::punished;
        timer_.start_once(wrong_password_pause);
    }
}

void Conversation::refuse(std::string_view why) {
    why_ = why;
    phase_ = Phase::refused;
    client_greeting_.reject(why, client_.out);
}

void Conversation::on_timer() {
    if (phase_ == Phase::punished) {
        refuse("wrong password");
        timer_.start_once(conversation_begin_timeout);
        step();
        return;
    }
    const std::string why = phase_ == Phase::refused ? why_ : "it did not finish its handshake in time";
    events_.on_end(why);  // destroys this
}

// ---- the guest ----

void Conversation::dial() {
    Detail problem;
    if (events_.find_console(console_, problem) != Fault::none) {
        refuse(problem);
        return;
    }
    std::string why;
    guest_.fd.reset(start_connect(std::string{console_.address.view()}, console_.port, why));
    if (!guest_.fd) {
        refuse(why);
        return;
    }
    prepare_socket(guest_.fd.get(), silence_timeout);
    phase_ = Phase::dialing;
    guest_.watch =
        std::make_unique<FdWatch>(loop_, guest_.fd.get(), Interest::write, [this](Interest) { step(); });
}

bool Conversation::finish_dialing() {
    sockaddr_storage address{};
    socklen_t bytes = sizeof address;
    const int error = connect_error(guest_.fd.get());
    if (error == 0 && ::getpeername(guest_.fd.get(), reinterpret_cast<sockaddr*>(&address), &bytes) != 0) {
        return true;  // still under way
    }
    if (error != 0) {
        guest_.watch.reset();
        guest_.fd.reset();
        refuse(fmt::format("the guest's VNC server does not answer: {}", std::strerror(error)));
        return true;
    }
    guest_greeting_ = std::make_unique<ServerGreeting>(console_.password);
    phase_ = Phase::guest_greeting;
    return true;
}

bool Conversation::greet_guest() {
    switch (guest_greeting_->feed(guest_.in, guest_.out)) {
        case ServerGreeting::Step::more: return true;
        case ServerGreeting::Step::broken: refuse(guest_greeting_->problem()); return true;
        case ServerGreeting::Step::ready: begin_relaying(); return true;
    }
    return true;
}

void Conversation::begin_relaying() {
    timer_.stop();
    client_greeting_.admit(client_.out);
    phase_ = Phase::relaying;
    events_.on_admitted();
    if (input_.saw_input(client_.in.waiting())) {
        events_.on_input();
    }
}

void Conversation::watch_what_matters() {
    const auto interest = [](bool read, bool write) {
        return static_cast<Interest>((read ? static_cast<unsigned>(Interest::read) : 0U) |
                                     (write ? static_cast<unsigned>(Interest::write) : 0U));
    };
    const bool relaying = phase_ == Phase::relaying;
    client_.watch->set(
        interest(!client_.in.full(), !client_.out.empty() || (relaying && !guest_.in.empty())));
    if (!guest_.watch) {
        return;
    }
    if (phase_ == Phase::refused) {
        guest_.watch->set(Interest::none);
    } else {
        guest_.watch->set(
            interest(phase_ != Phase::dialing && !guest_.in.full(),
                     phase_ == Phase::dialing || !guest_.out.empty() || (relaying && !client_.in.empty())));
    }
}

}  // namespace ballast::agent
