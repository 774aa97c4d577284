// TLS under a connection that somebody else opens and watches: the one place of the generator that
// knows OpenSSL. Nothing here blocks, and nothing here is touched for plain HTTP.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "paceline/core.h"
#include "paceline/loop.h"

namespace paceline {

struct TlsOptions {
  std::string host;      // whom the certificate must name; also sent, so that it can be chosen
  bool verify = true;    // against the system's authorities, or those of `ca_file`
  std::string ca_file;   // PEM; instead of the system's
  std::string protocol;  // offered by ALPN: "http/1.1"
};

/// Why there is no encrypted connection.
struct TlsProblem {
  long certificate = 0;       // X509_V_ERR_…, when the certificate was refused
  unsigned long library = 0;  // OpenSSL's packed reason
  int os = 0;                 // errno
  bool closed = false;        // the peer closed in the middle of the handshake

  bool operator==(const TlsProblem&) const = default;
  bool any() const { return *this != TlsProblem{}; }
};
/// "the certificate has expired"
std::string explain(const TlsProblem& problem);

/// What was agreed on, in OpenSSL's words.
struct TlsFacts {
  std::string protocol;  // "TLSv1.3"; empty: no TLS
  std::string cipher;    // "TLS_AES_256_GCM_SHA384"
  int cipher_bits = 0;
  std::string certificate_key;  // "RSA", "EC"
  int certificate_bits = 0;
  std::string exchange_key;  // "X25519"; empty where none is used
  int exchange_bits = 0;
};

/// What all connections to one server share. Any number of threads may use it.
class TlsContext {
 public:
  static Result<std::unique_ptr<TlsContext>> make(TlsOptions options);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

 private:
  friend class TlsSession;
  struct Parts;
  explicit TlsContext(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// One connection's state, about 20 KiB of OpenSSL's.
class TlsSession {
 public:
  /// Context and kernel are borrowed; the descriptor stays the caller's.
  TlsSession(const TlsContext& context, Kernel& kernel, int fd);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// The descriptor is ready again. With `hangup` reads go on up to the peer's end; else the first
  /// short read has emptied the socket, as edge-triggered readiness promises.
  void wake(bool hangup);

  enum class Step : std::uint8_t { done, again, failed };
  Step handshake();
  /// As Kernel::receive and Kernel::send. -EPROTO: problem() says why.
  ssize_t receive(std::span<char> into);
  ssize_t send(std::span<const char> from);
  const TlsProblem& problem() const { return problem_; }
  TlsFacts facts() const;

 private:
  struct Parts;
  friend struct TlsBio;
  ssize_t failed(int answer);

  std::unique_ptr<Parts> parts_;
  Kernel& kernel_;
  TlsProblem problem_;
  int fd_;
  bool hangup_ = false;
  bool drained_ = false;  // nothing is to be read before the next wake()
};

}  // namespace paceline
