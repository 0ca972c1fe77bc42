// One TLS session over a transport that the caller supplies, internal to the links. TLS 1.3 with certificates
// on both sides, checked against our own CA only.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "shell/link.hpp"

struct gnutls_session_int;
struct gnutls_x509_crt_int;

namespace ballast {

// Why a connection does not work (any more).
struct Failure {
    Fault fault = Fault::none;
    std::string detail;
};

enum class IoStep : std::uint8_t {
    done,
    want_read,   // nothing could be done before the socket is readable
    want_write,  // ... writable
    closed,      // the peer said that nothing more comes
    failed,      // see the Failure
};

class TlsSession {
  public:
    // Like recv and send on a non-blocking socket: -1 and errno.
    class Transport {
      public:
        virtual ssize_t pull(void* data, std::size_t bytes) noexcept = 0;
        virtual ssize_t push(const void* data, std::size_t bytes) noexcept = 0;

      protected:
        ~Transport() = default;
    };

    // `expected_name` empty: any certificate of our CA. The transport must outlive the session.
    TlsSession(std::shared_ptr<TlsCredentials> credentials, Role role, std::string expected_name,
               Transport& transport);
    ~TlsSession();
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;

    IoStep handshake(Failure& failure);
    // After the handshake one thread may send while another receives.
    IoStep receive(std::span<std::byte> into, std::size_t& got, Failure& failure);
    // Takes at most one record. After want_write the next call must begin with the same bytes.
    IoStep send(std::span<const std::byte> data, std::size_t& taken, Failure& failure);
    // Tells the peer, as far as the transport takes it at once, that nothing more comes.
    void say_goodbye() noexcept;

    // Subject CN of the peer's certificate, after the handshake.
    const std::string& peer_name() const noexcept;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// The certificate subject's only common name; nothing when there is none or several.
std::optional<std::string> common_name(gnutls_x509_crt_int* certificate);

// For servers whose TLS is a library's: the common name of the certificate that the client showed in the
// handshake of this session, when the session's own trust list has signed it, it is valid now, and it is not
// one for servers only. Nothing otherwise, also when none was shown.
std::optional<std::string> client_name(gnutls_session_int* session);

// When the first certificate of a PEM text ends; 0 when there is none.
WallTime certificate_ends(const std::string& pem);

}  // namespace ballast
