#include "paceline/service/data_service.h"

#include <array>
#include <utility>
#include <vector>

#include "paceline/service/answer.h"
#include "paceline/service/check.h"
#include "paceline/service/endpoint.h"
#include "paceline/service/metrics.h"
#include "paceline/service/writes.h"

namespace paceline {
namespace {

/// The tags of one request's entry: those of the configuration and the row's own key, when the key
/// has query parameters behind it.
struct EntryTags {
  std::array<KeyHash, Stamps::tags_max> hashes;
  std::size_t count = 0;
  void add(KeyHash hash) { hashes[count++] = hash; }
  std::span<const KeyHash> view() const { return {hashes.data(), count}; }
};

class DataServiceBody final : public DataService {
 public:
  DataServiceBody(Parts parts, const ServiceConfig& config)
      : loop_(parts.loop),
        keeper_(parts.keeper),
        log_(parts.log),
        pool_(parts.loop),
        reader_(parts.loop, pool_, config.database),
        cache_(parts.loop, parts.versions, {.l1 = config.l1}) {
    if (parts.metrics != nullptr) declare(*parts.metrics);
  }

  void open(const ServiceConfig& config, std::vector<ResourceFacts> facts);
  void add_to(Routes& routes) override;
  void publish() override;
  const L1Stats& l1_stats() const override { return cache_.l1_stats(); }

 private:
  Task<Response> get(const Endpoint& endpoint, Request& request, Response& now);
  Task<Response> miss(const Endpoint& endpoint, Request& request, const CacheRead& read,
                      Response& now);
  Task<Response> wait_for(const Endpoint& endpoint, Request& request, Detour detour);
  Task<Response> write(const Endpoint& endpoint, WriteKind kind, Request& request);
  Task<Result<DataAnswer>> load(const Endpoint& endpoint, SqlParameters parameters, Detour detour);
  EntryTags tags_of(const Endpoint& endpoint, std::string_view row_key);
  CacheRead cache_read(const Endpoint& endpoint, std::string_view key) {
    return {.key = key,
            .hash = cache_.versions().hash(key),
            .tags = {},
            .ttl = endpoint.resource.ttl,
            .deadline = {}};
  }
  void add_write(Routes& routes, const Endpoint& endpoint, Method method, WriteKind kind);
  std::string index() const;
  void declare(MetricsBlock& metrics);

  Loop& loop_;
  KeeperLink& keeper_;
  Log& log_;
  OffloadPool pool_;
  Reader reader_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  std::string index_;
  Cache<DataAnswer> cache_;  // last: its loads use everything above

  struct Series {
    Counter hit, miss, expired, outdated, evictions, loads, joined, refused;
    Gauge entries, bytes;
    Counter reads_loop, reads_pool;
    Counter writes, unavailable, unknown, exhausted;
    Gauge in_flight;
  };
  Series series_;
  L1Stats l1_before_;
  CacheStats cache_before_;
  ReaderStats reader_before_;
  KeeperLinkStats keeper_before_;
};

void DataServiceBody::open(const ServiceConfig& config, std::vector<ResourceFacts> facts) {
  for (std::size_t i = 0; i < config.resources.size(); ++i) {
    endpoints_.push_back(std::make_unique<Endpoint>(
        make_endpoint(config.resources[i], std::move(facts[i]), cache_.versions())));
    Endpoint& endpoint = *endpoints_.back();
    if (endpoint.resource.read) endpoint.read = reader_.add(endpoint.resource.read.sql);
  }
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    const Resource* item = item_of(config.resources[i], config.resources);
    if (item == nullptr) continue;
    endpoints_[i]->item =
        endpoints_[static_cast<std::size_t>(item - config.resources.data())].get();
  }
  index_ = index();
}

void DataServiceBody::add_to(Routes& routes) {
  bool root_taken = false;
  for (const Routes::Entry& entry : routes.entries()) root_taken |= entry.path == "/";
  if (!root_taken) {
    routes.get("/", [this](Request&, Response& now) {
      now.content_type("application/json").borrowed_body(index_);
      return Task<Response>();
    });
  }
  for (const std::unique_ptr<Endpoint>& each : endpoints_) {
    const Endpoint& endpoint = *each;
    if (endpoint.resource.read) {
      routes.get(endpoint.resource.path, [this, &endpoint](Request& request, Response& now) {
        return get(endpoint, request, now);
      });
    }
    if (endpoint.resource.write) add_write(routes, endpoint, Method::put, WriteKind::put);
    if (endpoint.resource.create) add_write(routes, endpoint, Method::post, WriteKind::post);
    if (endpoint.resource.remove) add_write(routes, endpoint, Method::del, WriteKind::remove);
  }
}

void DataServiceBody::add_write(Routes& routes, const Endpoint& endpoint, Method method,
                                WriteKind kind) {
  routes.add(method, endpoint.resource.path, [this, &endpoint, kind](Request& request, Response&) {
    return write(endpoint, kind, request);
  });
}

EntryTags DataServiceBody::tags_of(const Endpoint& endpoint, std::string_view row_key) {
  EntryTags tags;
  for (const KeyHash tag : endpoint.tags) tags.add(tag);
  if (!endpoint.resource.query.empty()) tags.add(cache_.versions().hash(row_key));
  return tags;
}

Task<Response> DataServiceBody::get(const Endpoint& endpoint, Request& request, Response& now) {
  KeyBuffer key;
  const Result<std::size_t> row_key = append_key(key, endpoint, request);
  if (!row_key) [[unlikely]] {
    now = Response::problem(400, row_key.error().message);
    return {};
  }
  CacheRead read = cache_read(endpoint, key.view());
  if (endpoint.cached()) {
    Cached<DataAnswer> hit = cache_.find(read.key, read.hash);
    if (hit) {
      respond(now, request, std::move(hit), Source::hit, loop_.now());
      return {};
    }
  }
  const EntryTags tags = tags_of(endpoint, key.view().substr(0, *row_key));
  read.tags = tags.view();
  return miss(endpoint, request, read, now);
}

/// The stamps are captured before the read: a write in between makes the entry invalid from birth.
Task<Response> DataServiceBody::miss(const Endpoint& endpoint, Request& request,
                                     const CacheRead& read, Response& now) {
  const SqlParameters parameters = read_parameters(endpoint, request);
  Stamps stamps = cache_.versions().capture(read.hash, read.tags);
  const Stamps absent = cache_.versions().capture(read.hash, {&endpoint.created_tag, 1});
  const auto inline_read = reader_.try_inline(endpoint.read, parameters);
  if (!inline_read) return wait_for(endpoint, request, inline_read.error());
  const Result<SqlResult>& result = *inline_read;
  if (!result) {
    now = failure_response(result.error(), request, log_);
    return {};
  }
  DataAnswer answer = make_answer(endpoint, *result);
  answer.keep = endpoint.cached() && named_as_asked(endpoint, parameters, *result);
  Source source = answer.keep ? Source::stored : Source::bypass;
  CacheRead kept = read;
  if (!answer.found()) {
    stamps = absent;
    kept.ttl = std::min(read.ttl, absent_ttl);
  }
  if (source == Source::stored && !cache_.versions().current(stamps)) source = Source::missed;
  respond(now, request, cache_.keep(kept, stamps, std::move(answer)), source, loop_.now());
  return {};
}

/// The read needs a thread or a pause. Concurrent requests of one key share it.
Task<Response> DataServiceBody::wait_for(const Endpoint& endpoint, Request& request,
                                         Detour detour) {
  KeyBuffer key;
  const Result<std::size_t> row_key = append_key(key, endpoint, request);
  check(row_key.has_value(), "a key that was built before");
  const EntryTags tags = tags_of(endpoint, key.view().substr(0, *row_key));
  CacheRead read = cache_read(endpoint, key.view());
  read.tags = tags.view();
  read.deadline = request.deadline();
  SqlParameters parameters = read_parameters(endpoint, request);
  Response response;
  if (!endpoint.cached()) {
    const Stamps stamps = cache_.versions().capture(read.hash);
    Result<DataAnswer> answer = co_await load(endpoint, std::move(parameters), detour);
    if (!answer) co_return failure_response(answer.error(), request, log_);
    respond(response, request, cache_.keep(read, stamps, std::move(*answer)), Source::bypass,
            loop_.now());
    co_return response;
  }
  Cache<DataAnswer>::Loader loader = [this, &endpoint, parameters = std::move(parameters),
                                      detour]() mutable {
    return load(endpoint, std::move(parameters), detour);
  };
  Result<Cached<DataAnswer>> loaded = co_await cache_.get(read, std::move(loader));
  if (!loaded) co_return failure_response(loaded.error(), request, log_);
  const Source source = (*loaded)->storable() ? Source::stored : Source::missed;
  respond(response, request, std::move(*loaded), source, loop_.now());
  co_return response;
}

Task<Result<DataAnswer>> DataServiceBody::load(const Endpoint& endpoint, SqlParameters parameters,
                                               Detour detour) {
  Result<SqlResult> result = co_await reader_.query(endpoint.read, parameters, detour);
  if (!result) co_return std::unexpected(std::move(result).error());
  DataAnswer answer = make_answer(endpoint, *result);
  // Its stamps are those of a row that is there, so an absent one is not kept.
  answer.keep =
      endpoint.cached() && answer.found() && named_as_asked(endpoint, parameters, *result);
  co_return answer;
}

Task<Response> DataServiceBody::write(const Endpoint& endpoint, WriteKind kind, Request& request) {
  const bool conditional = request.header(KnownHeader::if_match).has_value();
  if (conditional && kind != WriteKind::post && !endpoint.resource.read) {
    co_return Response::problem(412, "If-Match: this resource has no read to compare with");
  }
  Result<KeeperCommand> command = make_command(endpoint, kind, request, cache_.versions());
  if (!command) {
    co_return Response::problem(command.error().code == Code::exhausted ? 413 : 400,
                                command.error().message);
  }
  Result<KeeperAnswer> answer = co_await keeper_.execute(std::move(*command), request.deadline());
  co_return write_response(endpoint, kind, request, std::move(answer), log_);
}

std::string DataServiceBody::index() const {
  std::string out = "{\"resources\":[";
  for (const std::unique_ptr<Endpoint>& endpoint : endpoints_) {
    const Resource& resource = endpoint->resource;
    if (out.back() == '}') out += ',';
    out += "{\"path\":";
    append_json_string(out, resource.path);
    out += resource.rows == RowShape::many ? ",\"rows\":\"many\"" : ",\"rows\":\"one\"";
    out += ",\"methods\":[";
    const auto add = [&out](const ResourceStatement& statement, std::string_view methods) {
      if (!statement) return;
      if (out.back() != '[') out += ',';
      out += methods;
    };
    add(resource.read, "\"GET\",\"HEAD\"");
    add(resource.write, "\"PUT\"");
    add(resource.create, "\"POST\"");
    add(resource.remove, "\"DELETE\"");
    out += "]}";
  }
  return out + "]}\n";
}

void DataServiceBody::declare(MetricsBlock& metrics) {
  const auto requests = [&metrics](std::string_view result) {
    return metrics.counter(service_metric::cache_requests, {{"level", "l1"}, {"result", result}});
  };
  series_.hit = requests("hit");
  series_.miss = requests("miss");
  series_.expired = requests("expired");
  series_.outdated = requests("outdated");
  const MetricLabel l1{"level", "l1"};
  series_.evictions = metrics.counter(service_metric::cache_evictions, {l1});
  series_.entries = metrics.gauge(service_metric::cache_entries, {l1});
  series_.bytes = metrics.gauge(service_metric::cache_bytes, {l1});
  series_.loads = metrics.counter(service_metric::cache_loads);
  series_.joined = metrics.counter(service_metric::cache_coalesced);
  series_.refused = metrics.counter(service_metric::cache_loads_refused);
  const auto reads = [&metrics](std::string_view place) {
    return metrics.counter(service_metric::sqlite_reads, {{"place", place}});
  };
  series_.reads_loop = reads("loop");
  series_.reads_pool = reads("pool");
  series_.writes = metrics.counter(service_metric::writes);
  const auto failed = [&metrics](std::string_view reason) {
    return metrics.counter(service_metric::writes_failed, {{"reason", reason}});
  };
  series_.unavailable = failed("unavailable");
  series_.unknown = failed("outcome_unknown");
  series_.exhausted = failed("exhausted");
  series_.in_flight = metrics.gauge(service_metric::writes_in_flight);
}

void DataServiceBody::publish() {
  const L1Stats l1 = cache_.l1_stats();
  series_.hit.add(l1.hits - l1_before_.hits);
  series_.expired.add(l1.expired - l1_before_.expired);
  series_.outdated.add(l1.outdated - l1_before_.outdated);
  const auto absent = [](const L1Stats& s) { return s.misses - s.expired - s.outdated; };
  series_.miss.add(absent(l1) - absent(l1_before_));
  series_.evictions.add(l1.evictions - l1_before_.evictions);
  series_.entries.set(static_cast<std::int64_t>(l1.entries));
  series_.bytes.set(static_cast<std::int64_t>(l1.bytes));
  l1_before_ = l1;
  const CacheStats cache = cache_.stats();
  series_.loads.add(cache.loads - cache_before_.loads);
  series_.joined.add(cache.joined - cache_before_.joined);
  series_.refused.add(cache.exhausted - cache_before_.exhausted);
  cache_before_ = cache;
  const ReaderStats reads = reader_.stats();
  series_.reads_loop.add(reads.on_loop - reader_before_.on_loop);
  series_.reads_pool.add(reads.on_pool - reader_before_.on_pool);
  reader_before_ = reads;
  const KeeperLinkStats link = keeper_.stats();
  series_.writes.add(link.answered - keeper_before_.answered);
  series_.unavailable.add(link.unavailable - keeper_before_.unavailable);
  series_.unknown.add(link.outcome_unknown - keeper_before_.outcome_unknown);
  series_.exhausted.add(link.exhausted - keeper_before_.exhausted);
  keeper_before_ = link;
  series_.in_flight.set(static_cast<std::int64_t>(keeper_.in_flight()));
}

}  // namespace

Result<std::unique_ptr<DataService>> DataService::create(Parts parts, const ServiceConfig& config) {
  PACELINE_TRY_VALUE(std::vector<ResourceFacts> facts, resource_facts(config));
  auto service = std::make_unique<DataServiceBody>(parts, config);
  service->open(config, std::move(facts));
  return service;
}

}  // namespace paceline
