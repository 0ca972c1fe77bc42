// Tells systemd how the service is: one datagram to $NOTIFY_SOCKET (sd_notify(3)). Without that variable
// every call does nothing.
#pragma once

#include <string_view>

#include "base/instant.hpp"

namespace ballast {

// Each is false when the service manager could not be told (or there is none).
bool notify_ready(std::string_view status) noexcept;  // READY=1, and a line for `systemctl status`
bool notify_status(std::string_view status) noexcept;
bool notify_stopping() noexcept;
bool notify_watchdog() noexcept;

// How often notify_watchdog must be called: half of WatchdogSec=. Zero: the service manager does not watch
// us.
Duration watchdog_period() noexcept;

}  // namespace ballast
