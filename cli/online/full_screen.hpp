// The terminal as a full screen with single keys, given back as it was however the program ends short of
// SIGKILL.
#pragma once

#include <termios.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ballast::cli {

class FullScreen {
  public:
    // Standard input and output must be a terminal.
    FullScreen();
    ~FullScreen();
    FullScreen(const FullScreen&) = delete;
    FullScreen& operator=(const FullScreen&) = delete;

    struct Key {
        char byte = 0;         // 0: none
        bool special = false;  // 'U' up, 'D' down, 'P' page up, 'N' page down
    };
    struct Event {
        std::vector<Key> keys;
        bool resized = false;
        bool ended = false;  // SIGINT, SIGTERM, SIGHUP, or the terminal is gone
    };
    // Waits for keys and signals, at most so long. Ctrl-Z stops the program with the terminal as it was.
    Event wait(std::int64_t timeout_ms);

    std::size_t columns() const noexcept { return columns_; }
    std::size_t rows() const noexcept { return rows_; }
    // One line for each row of the screen.
    void show(const std::vector<std::string>& lines);

  private:
    void enter();
    void leave();
    void measure();
    void on_signal(Event& event);

    termios before_{};
    int signals_ = -1;
    std::size_t columns_ = 80;
    std::size_t rows_ = 24;
};

// The keys in what a terminal sent: arrows and page keys come as escape sequences.
std::vector<FullScreen::Key> parse_keys(std::string_view bytes);

}  // namespace ballast::cli
