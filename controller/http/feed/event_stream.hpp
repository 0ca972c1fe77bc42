// Events on their way to one reader: what bytes come next, in its form.
#pragma once

#include <span>
#include <string>

#include "controller/http/feed/feed.hpp"
#include "controller/http/message.hpp"

namespace ballast::controller::http {

// Something comes on a stream at least so often, so that both ends notice when the other is gone.
inline constexpr Duration heartbeat_every = seconds(15);
// Then the reader is to come again, so that a token that was revoked does not read for ever.
inline constexpr Duration stream_time_max = seconds(3600);

// A stream of what follows `since`. It begins with where it is: event "hello", or "reset" when what follows
// `since` is gone, and the reader must ask for everything anew.
Stream begin_stream(const Feed& feed, Format format, const EventFilter& filter, std::uint64_t since,
                    Instant at);

// See Service::read.
Reading read_stream(const Feed& feed, Stream& stream, std::span<char> out, std::size_t& bytes, Instant at);

}  // namespace ballast::controller::http
