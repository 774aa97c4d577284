-- wrk -t12 -c400 -d30s -s examples/guide/script.lua http://localhost:8000/
--
-- Reads the guide's /data/{id} for every id, and tells at the end what the slowest hundredth had
-- to wait. Each thread has a state of its own, and begins elsewhere.

local items = 1000
local threads = 0

function setup(thread)
   thread:set("id", threads * 83 % items)
   threads = threads + 1
end

function request()
   id = id % items + 1
   return wrk.format("GET", "/data/" .. id)
end

function done(summary, latency, requests)
   io.write(string.format("p99 of %d requests: %.2f ms, %d errors\n", summary.requests,
                          latency:percentile(99) / 1000, summary.errors.status))
end
