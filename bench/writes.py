"""Writes through the keeper, acknowledged when on disk (durable) and when handed to the system."""

import common

SCRIPT = """
local n = 0
request = function()
  n = n + 1
  return wrk.format("PUT", "/data/" .. (n % 5000), {["Content-Type"] = "application/json"},
                    '{"name":"Ada","visits":' .. n .. '}')
end
"""


def main():
    options = common.arguments(__doc__.splitlines()[0], rounds=5).parse_args()
    print(common.machine())
    with common.scratch() as folder:
        script = folder / "put.lua"
        script.write_text(SCRIPT)
        rows = {}
        servers = {}
        for durable in ("true", "false"):
            place = folder / durable
            place.mkdir()
            servers[durable] = common.paceline(options.bin, place, "--set",
                                               f"database.durable={durable}")
        try:
            for _ in range(options.rounds):
                for durable, server in servers.items():
                    for connections in (1, 64):
                        _, rate = common.wrk(server.url(), 2, connections, script)
                        rows.setdefault((durable, connections), []).append(rate)
        finally:
            for server in servers.values():
                server.stop()
        print(f"{options.rounds} rounds of 2 s, PUT per second: median (quartiles)")
        for (durable, connections), rates in rows.items():
            print("  durable = {:6}{:3} connections {:>10,.0f} ({:,.0f}–{:,.0f})".format(
                durable, connections, *common.spread(rates)))


if __name__ == "__main__":
    main()
