#include "paceline/load/reach.h"

#include <gtest/gtest.h>

#include "paceline/load/test_peer.h"

namespace paceline {
namespace {

using testing::PeerConnection;
using testing::TestPeer;

TEST(LoadReach, ANameThatDoesNotResolveIsNamed) {
  const LoadTarget target = *parse_load_target("http://name.invalid/");
  const Result<LoadReached> reached = reach_blocking(target, nullptr, {});
  ASSERT_FALSE(reached);
  EXPECT_TRUE(reached.error().message.starts_with("cannot resolve name.invalid: "));
}

TEST(LoadReach, WhoWasToldToStopWaitsForNothing) {
  const TestPeer peer([](PeerConnection& connection) { connection.read_request(); });
  const std::atomic<bool> stop = true;
  const auto tls = TlsContext::make({.host = "localhost", .verify = false});
  ASSERT_TRUE(tls);
  const Result<LoadReached> reached =
      reach_blocking(peer.target(), tls->get(), {.timeout = 1h, .stop = &stop});
  ASSERT_FALSE(reached);
  EXPECT_EQ(reached.error().code, Code::cancelled);
}

TEST(LoadReach, AHandshakeThatIsNotAnsweredTimesOut) {
  const TestPeer peer([](PeerConnection& connection) { connection.read_request(); });
  const auto tls = TlsContext::make({.host = "localhost", .verify = false});
  ASSERT_TRUE(tls);
  const Result<LoadReached> reached = reach_blocking(peer.target(), tls->get(), {.timeout = 30ms});
  ASSERT_FALSE(reached);
  EXPECT_EQ(reached.error().os, ETIMEDOUT);
  EXPECT_TRUE(reached.error().message.starts_with("TLS handshake with 127.0.0.1:"));
}

TEST(LoadReach, WhoDoesNotSpeakTlsIsSaidSo) {
  const TestPeer peer([](PeerConnection& connection) { connection.send("SSH-2.0-OpenSSH\r\n"); });
  const auto tls = TlsContext::make({.host = "127.0.0.1"});
  ASSERT_TRUE(tls);
  const Result<LoadReached> reached = reach_blocking(peer.target(), tls->get(), {});
  ASSERT_FALSE(reached);
  EXPECT_TRUE(reached.error().message.ends_with(": the server does not speak TLS here"))
      << reached.error().text();
}

TEST(LoadTls, ProblemsHaveWords) {
  EXPECT_EQ(explain({.closed = true}), "the server closed during the TLS handshake");
  EXPECT_EQ(explain({.os = ECONNRESET}), "TLS failed: Connection reset by peer");
  EXPECT_EQ(explain({.certificate = 10}), "the certificate has expired");
  EXPECT_EQ(explain({.certificate = 23}), "the certificate is refused: certificate revoked");
}

}  // namespace
}  // namespace paceline
