// A plain handler in one process, without a cluster around it: what `./dev bench http` profiles
// under callgrind. plain PORT, until a signal.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstdlib>
#include <optional>

#include "paceline/http.h"
#include "paceline/monitor.h"

namespace paceline {
namespace {

Response hello(Request&) { return Response::text("Hello, world\n"); }

Fd listening_socket(int port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int one = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(fd.get(), generic, sizeof address) != 0 || ::listen(fd.get(), 4096) != 0) {
    fd.reset();
  }
  return fd;
}

int serve(int port) {
  const Fd fd = listening_socket(port);
  if (!fd) return 1;
  const SharedRegion::Part part{.name = "seat0", .bytes = metrics_block_bytes()};
  const Result<SharedRegion> region = SharedRegion::create("metrics", {&part, 1});
  if (!region) return 1;
  Result<MetricsBlock> metrics = MetricsBlock::create(region->part("seat0"));
  if (!metrics) return 1;
  RealKernel kernel;
  Loop loop(kernel);
  Log log({});
  Routes routes;
  routes.get("/", &hello);
  Server server({loop, routes, log, &*metrics, {}});
  if (!server.listen(fd.get())) return 1;
  // As in a worker: the loop is observed and watched, unless measuring is compiled out.
  std::optional<SelfMonitor> self;
  if constexpr (kMetricsOn) self.emplace(SelfMonitor::Parts{loop, log, *metrics}, SelfOptions{});
  loop.run();
  return 0;
}

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) { return paceline::serve(argc > 1 ? std::atoi(argv[1]) : 9101); }
