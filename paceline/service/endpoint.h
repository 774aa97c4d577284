// One resource as a worker serves it: what is computed once at start, and how a request becomes a
// key and parameters.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "paceline/cache.h"
#include "paceline/core.h"
#include "paceline/http.h"
#include "paceline/service/check.h"
#include "paceline/service/resource.h"
#include "paceline/sqlite.h"

namespace paceline {

struct Endpoint {
  Resource resource;
  ResourceFacts facts;
  std::string key_prefix =
      {};                    // 8 bytes of the path's hash: the same in every process and generation
  KeyHash created_tag = {};  // raised by every PUT and POST that may bring a row to this resource
  std::vector<KeyHash> tags = {};          // of the configuration
  std::vector<std::uint64_t> raises = {};  // by every write: `invalidates`, created tags
  std::string prepared_start = {};         // header lines of an answer, up to the entity tag
  std::string prepared_end = {};           // and after it
  const Endpoint* item = nullptr;          // where what a POST creates is found
  ReadId read{};                           // only with resource.read

  bool cached() const { return resource.ttl > Duration::zero(); }
};

Endpoint make_endpoint(Resource resource, ResourceFacts facts, const Versions& versions);

/// A cache key under construction; small ones stay on the stack.
class KeyBuffer {
 public:
  void append(std::string_view text) {
    if (spilled_.empty() && size_ + text.size() <= inline_.size()) {
      if (!text.empty()) std::memcpy(inline_.data() + size_, text.data(), text.size());
    } else {
      if (spilled_.empty()) spilled_.assign(inline_.data(), size_);
      spilled_.append(text);
    }
    size_ += text.size();
  }
  void append(char c) { append(std::string_view(&c, 1)); }
  std::string_view view() const {
    return spilled_.empty() ? std::string_view(inline_.data(), size_) : std::string_view(spilled_);
  }

 private:
  std::size_t size_ = 0;
  std::array<char, 240> inline_;  // a prefix, an id and a page's bounds
  std::string spilled_;
};

/// What a client did wrong, for a 400: "limit: expected an integer from 0 to 1000".
using BadRequest = Error;

/// Appends prefix, path parameters, and for a read the declared query parameters, each decoded and
/// after a NUL. What it answers is the length up to the query parameters: the row's own key.
Result<std::size_t> append_key(KeyBuffer& key, const Endpoint& endpoint, const Request& request);
/// Path parameters only.
Result<void> append_row_key(KeyBuffer& key, const Endpoint& endpoint, const Request& request);

/// The values for a statement. Only for requests that append_key() took.
SqlParameters path_parameters(const Endpoint& endpoint, const Request& request);
SqlParameters read_parameters(const Endpoint& endpoint, const Request& request);

/// Only when the row carries its path parameters as the request wrote them may its answer be
/// cached under this request's key: a column that ignores case would give it a second name.
bool named_as_asked(const Endpoint& endpoint, const SqlParameters& parameters,
                    const SqlResult& result);

}  // namespace paceline
