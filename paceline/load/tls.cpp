#include "paceline/load/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

namespace paceline {

struct TlsContext::Parts {
  TlsOptions options;
  SSL_CTX* context = nullptr;
  BIO_METHOD* method = nullptr;
  bool numeric = false;  // the host is an address: no name to send

  Parts() = default;
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;
  ~Parts() {
    ::SSL_CTX_free(context);
    ::BIO_meth_free(method);
  }
};

struct TlsSession::Parts {
  SSL* ssl;
};

/// OpenSSL's door to the socket: the kernel of the loop, so that a send raises no signal, and a
/// read that would only learn that nothing is left is not made.
struct TlsBio {
  static int read(BIO* bio, char* into, int size) {
    auto& session = *static_cast<TlsSession*>(::BIO_get_data(bio));
    ::BIO_clear_retry_flags(bio);
    if (session.drained_) return again(bio, BIO_FLAGS_READ);
    const std::span<char> room(into, static_cast<std::size_t>(size));
    const ssize_t n = session.kernel_.receive(session.fd_, room);
    if (n == -EAGAIN || n == -EINTR) return again(bio, BIO_FLAGS_READ);
    if (n < 0) session.problem_.os = static_cast<int>(-n);
    if (n > 0 && n < size && !session.hangup_) session.drained_ = true;
    return static_cast<int>(n < 0 ? -1 : n);
  }
  static int write(BIO* bio, const char* from, int size) {
    auto& session = *static_cast<TlsSession*>(::BIO_get_data(bio));
    ::BIO_clear_retry_flags(bio);
    const std::span<const char> bytes(from, static_cast<std::size_t>(size));
    const ssize_t n = session.kernel_.send(session.fd_, bytes);
    if (n == -EAGAIN || n == -EINTR) return again(bio, BIO_FLAGS_WRITE);
    if (n < 0) session.problem_.os = static_cast<int>(-n);
    return static_cast<int>(n < 0 ? -1 : n);
  }
  static long control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

 private:
  static int again(BIO* bio, int flag) {
    ::BIO_set_flags(bio, flag | BIO_FLAGS_SHOULD_RETRY);
    return -1;
  }
};

namespace {

Result<void> fail_library(const std::string& what) {
  const char* reason = ::ERR_reason_error_string(::ERR_peek_last_error());
  ::ERR_clear_error();
  return fail(Code::invalid, what + ": " + (reason != nullptr ? reason : "OpenSSL refuses"));
}

bool is_numeric(const std::string& host) {
  std::array<unsigned char, 16> address{};
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

Result<void> trust(SSL_CTX* context, const TlsOptions& options) {
  if (!options.verify) return {};
  ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (options.ca_file.empty()) {
    if (::SSL_CTX_set_default_verify_paths(context) == 1) return {};
    return fail_library("read the system's certificate authorities");
  }
  if (::SSL_CTX_load_verify_locations(context, options.ca_file.c_str(), nullptr) == 1) return {};
  return fail_library("read certificate authorities from " + printable(options.ca_file));
}

bool about_no_tls(int reason) {
  constexpr std::array<int, 7> reasons = {SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST,
                                          SSL_R_UNKNOWN_PROTOCOL,     SSL_R_PACKET_LENGTH_TOO_LONG,
                                          SSL_R_BAD_RECORD_TYPE,      SSL_R_UNEXPECTED_MESSAGE,
                                          SSL_R_RECORD_TOO_SMALL};
  return std::ranges::find(reasons, reason) != reasons.end();
}

std::string explain_certificate(long problem) {
  switch (problem) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the certificate has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the certificate is not valid yet";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "the certificate is for another name";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "the certificate is signed by nobody who is trusted here (--ca FILE, --insecure)";
    default:
      return std::string("the certificate is refused: ") + ::X509_verify_cert_error_string(problem);
  }
}

}  // namespace

std::string explain(const TlsProblem& problem) {
  if (problem.certificate != 0) return explain_certificate(problem.certificate);
  if (problem.library != 0) {
    if (about_no_tls(ERR_GET_REASON(problem.library))) return "the server does not speak TLS here";
    const char* reason = ::ERR_reason_error_string(problem.library);
    return std::string("TLS failed: ") + (reason != nullptr ? reason : "no reason given");
  }
  if (problem.os != 0) return std::string("TLS failed: ") + ::strerrordesc_np(problem.os);
  return "the server closed during the TLS handshake";
}

TlsContext::TlsContext(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TlsContext::~TlsContext() = default;

Result<std::unique_ptr<TlsContext>> TlsContext::make(TlsOptions options) {
  auto parts = std::make_unique<Parts>();
  parts->context = ::SSL_CTX_new(::TLS_client_method());
  parts->method = ::BIO_meth_new(BIO_TYPE_SOURCE_SINK, "paceline");
  check(parts->context != nullptr && parts->method != nullptr, "OpenSSL has memory");
  ::BIO_meth_set_read(parts->method, &TlsBio::read);
  ::BIO_meth_set_write(parts->method, &TlsBio::write);
  ::BIO_meth_set_ctrl(parts->method, &TlsBio::control);
  SSL_CTX* context = parts->context;
  ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // A peer that closes without saying so has closed: HTTP says itself where an answer ends.
  ::SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
  ::SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_read_ahead(context, 1);  // one recv() for all records that are there
  ::SSL_CTX_set_quiet_shutdown(context, 1);
  PACELINE_TRY(trust(context, options));
  if (!options.protocol.empty()) {
    const std::string list = static_cast<char>(options.protocol.size()) + options.protocol;
    ::SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(list.data()),
                              static_cast<unsigned>(list.size()));
  }
  parts->numeric = is_numeric(options.host);
  parts->options = std::move(options);
  return std::unique_ptr<TlsContext>(new TlsContext(std::move(parts)));
}

TlsSession::TlsSession(const TlsContext& context, Kernel& kernel, int fd)
    : parts_(new Parts{::SSL_new(context.parts_->context)}), kernel_(kernel), fd_(fd) {
  const TlsContext::Parts& shared = *context.parts_;
  BIO* bio = ::BIO_new(shared.method);
  check(parts_->ssl != nullptr && bio != nullptr, "OpenSSL has memory");
  ::BIO_set_data(bio, this);
  ::BIO_set_init(bio, 1);
  ::SSL_set_bio(parts_->ssl, bio, bio);  // owns it
  ::SSL_set_connect_state(parts_->ssl);
  if (shared.numeric) {
    ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(parts_->ssl), shared.options.host.c_str());
  } else {
    ::SSL_set_tlsext_host_name(parts_->ssl, shared.options.host.c_str());
    ::SSL_set1_host(parts_->ssl, shared.options.host.c_str());
  }
}

TlsSession::~TlsSession() { ::SSL_free(parts_->ssl); }

void TlsSession::wake(bool hangup) {
  hangup_ = hangup;
  drained_ = false;
}

TlsSession::Step TlsSession::handshake() {
  ::ERR_clear_error();
  const int answer = ::SSL_do_handshake(parts_->ssl);
  if (answer == 1) return Step::done;
  if (failed(answer) == -EAGAIN) return Step::again;
  const long certificate = ::SSL_get_verify_result(parts_->ssl);
  if (certificate != X509_V_OK && problem_.library != 0) problem_.certificate = certificate;
  if (!problem_.any()) problem_.closed = true;
  return Step::failed;
}

/// What a call that did nothing means: -EAGAIN, 0 for the peer's end, or another -errno.
ssize_t TlsSession::failed(int answer) {
  switch (::SSL_get_error(parts_->ssl, answer)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    case SSL_ERROR_SYSCALL:
      return -problem_.os;
    default:
      problem_.library = ::ERR_peek_error();
      return -EPROTO;
  }
}

ssize_t TlsSession::receive(std::span<char> into) {
  ::ERR_clear_error();
  std::size_t size = 0;
  const int answer = ::SSL_read_ex(parts_->ssl, into.data(), into.size(), &size);
  return answer == 1 ? static_cast<ssize_t>(size) : failed(answer);
}

ssize_t TlsSession::send(std::span<const char> from) {
  ::ERR_clear_error();
  std::size_t size = 0;
  const int answer = ::SSL_write_ex(parts_->ssl, from.data(), from.size(), &size);
  if (answer == 1) return static_cast<ssize_t>(size);
  const ssize_t error = failed(answer);
  return error == 0 ? -EPIPE : error;
}

TlsFacts TlsSession::facts() const {
  TlsFacts facts{.protocol = ::SSL_get_version(parts_->ssl)};
  if (const SSL_CIPHER* cipher = ::SSL_get_current_cipher(parts_->ssl); cipher != nullptr) {
    facts.cipher = ::SSL_CIPHER_get_name(cipher);
    facts.cipher_bits = ::SSL_CIPHER_get_bits(cipher, nullptr);
  }
  if (X509* certificate = ::SSL_get0_peer_certificate(parts_->ssl); certificate != nullptr) {
    if (EVP_PKEY* key = ::X509_get0_pubkey(certificate); key != nullptr) {
      const char* name = ::EVP_PKEY_get0_type_name(key);
      facts.certificate_key = name != nullptr ? name : "";
      facts.certificate_bits = ::EVP_PKEY_get_bits(key);
    }
  }
  EVP_PKEY* exchange = nullptr;
  if (::SSL_get_peer_tmp_key(parts_->ssl, &exchange) == 1 && exchange != nullptr) {
    const char* name = ::EVP_PKEY_get0_type_name(exchange);
    facts.exchange_key = name != nullptr ? name : "";
    facts.exchange_bits = ::EVP_PKEY_get_bits(exchange);
    ::EVP_PKEY_free(exchange);
  }
  return facts;
}

}  // namespace paceline
