#include "cli/online/full_screen.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string_view>

namespace ballast::cli {

namespace {

constexpr std::string_view enter_screen = "\x1b[?1049h\x1b[?25l\x1b[2J";
constexpr std::string_view leave_screen = "\x1b[?25h\x1b[?1049l";

struct Sequence {
    std::string_view bytes;
    char key;
};
constexpr std::array sequences{
    Sequence{"\x1b[A", 'U'}, Sequence{"\x1bOA", 'U'},  Sequence{"\x1b[B", 'D'},
    Sequence{"\x1bOB", 'D'}, Sequence{"\x1b[5~", 'P'}, Sequence{"\x1b[6~", 'N'},
};

sigset_t watched_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP}) {
        sigaddset(&set, number);
    }
    return set;
}

void write_all(std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
        if (written <= 0) {
            if (errno == EINTR) {
                continue;
            }
            return;  // the terminal is gone; wait() will say so
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

}  // namespace

FullScreen::FullScreen() {
    ::tcgetattr(STDIN_FILENO, &before_);
    const sigset_t set = watched_signals();
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    enter();
}

FullScreen::~FullScreen() {
    leave();
    ::close(signals_);
    const sigset_t set = watched_signals();
    ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

void FullScreen::enter() {
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    measure();
    write_all(enter_screen);
}

void FullScreen::leave() {
    write_all(leave_screen);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void FullScreen::measure() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        columns_ = size.ws_col;
        rows_ = size.ws_row;
    }
}

void FullScreen::show(const std::vector<std::string>& lines) {
    std::string out = "\x1b[H";
    for (std::size_t i = 0; i < lines.size(); ++i) {
        out += (i == 0 ? "" : "\n") + lines[i] + "\x1b[K";
    }
    write_all(out + "\x1b[J");
}

void FullScreen::on_signal(Event& event) {
    signalfd_siginfo signal{};
    while (::read(signals_, &signal, sizeof signal) == sizeof signal) {
        const auto number = static_cast<int>(signal.ssi_signo);
        if (number == SIGWINCH) {
            measure();
            event.resized = true;
        } else if (number == SIGTSTP) {
            leave();
            ::raise(SIGSTOP);  // goes on here after SIGCONT
            enter();
            event.resized = true;
        } else {
            event.ended = true;
        }
    }
}

FullScreen::Event FullScreen::wait(std::int64_t timeout_ms) {
    Event event;
    std::array<pollfd, 2> watched{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{signals_, POLLIN, 0}};
    const int ready = ::poll(watched.data(), watched.size(),
                             static_cast<int>(std::clamp<std::int64_t>(timeout_ms, 0, 60000)));
    if (ready <= 0) {
        return event;
    }
    if (watched[1].revents != 0) {
        on_signal(event);
    }
    if (watched[0].revents != 0) {
        std::array<char, 256> bytes{};
        const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
        if (count > 0) {
            event.keys = parse_keys({bytes.data(), static_cast<std::size_t>(count)});
        }
        // A terminal that is gone, whatever became of its SIGHUP.
        const bool gone = count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN);
        event.ended = event.ended || gone;
    }
    return event;
}

std::vector<FullScreen::Key> parse_keys(std::string_view bytes) {
    std::vector<FullScreen::Key> keys;
    while (!bytes.empty()) {
        const auto found = std::ranges::find_if(
            sequences, [&](const Sequence& row) { return bytes.starts_with(row.bytes); });
        if (found != sequences.end()) {
            keys.push_back({found->key, true});
            bytes.remove_prefix(found->bytes.size());
        } else if (bytes.size() > 2 && bytes.starts_with("\x1b[")) {
            // A key that means nothing here: to the end of its sequence.
            std::size_t end = 2;
            while (end < bytes.size() && !(bytes[end] >= '@' && bytes[end] <= '~')) {
                ++end;
            }
            bytes.remove_prefix(std::min(end + 1, bytes.size()));
        } else {
            keys.push_back({bytes.front(), false});
            bytes.remove_prefix(1);
        }
    }
    return keys;
}

}  // namespace ballast::cli
