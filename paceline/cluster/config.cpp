#include "paceline/cluster/config.h"

#include <array>

#include "paceline/cluster/cpu_count.h"

namespace paceline {
namespace {

constexpr std::array<ConfigKey, 3> kKeys = {{
    {.name = "workers",
     .kind = ConfigKind::integer,
     .fallback = "\"auto\"",
     .meaning = "Worker processes: \"auto\" (cpus - 1), \"io\" (cpus * 2), \"cpu\" (cpus - 1) or a "
                "number; cpus respects affinity and cgroup quotas, memory limits cap it.",
     .guide = "numWorkers",
     .choices = "auto|io|cpu",
     .min = 1,
     .max = kWorkersMax},
    {.name = "server.listen",
     .kind = ConfigKind::list,
     .fallback = "\"127.0.0.1:8000\"",
     .meaning = "Where requests arrive, one or a list: IPv4:PORT, [IPv6]:PORT or unix:PATH; port 0 "
                "lets the system choose."},
    {.name = "server.drain_timeout",
     .kind = ConfigKind::duration,
     .fallback = "\"30s\"",
     .meaning = "How long a stop waits for requests in flight before it kills.",
     .guide = "gracefulShutdownTimeout"},
}};

}  // namespace

std::span<const ConfigKey> cluster_config_keys() { return kKeys; }

}  // namespace paceline
