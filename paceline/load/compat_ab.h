// What ab counts and prints, line by line, for programs that read it.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/load/hook.h"
#include "paceline/load/options.h"
#include "paceline/load/result.h"

namespace paceline {

/// A test as ab's command line describes it.
struct AbTest {
  std::string host;
  std::string path;
  std::uint16_t port = 80;
  std::string request;         // all of its bytes
  std::uint64_t requests = 1;  // -n
  std::uint32_t concurrency = 1;
  Duration time_limit{};         // -t; 0: none
  int verbosity = 0;             // -v
  bool head = false;             // -i
  bool keep_alive = false;       // -k
  bool sends_body = false;       // -p, -u
  bool variable_length = false;  // -l
  bool keeps_going = false;      // -r
  bool percentiles = true;       // not -d
  bool confidence = true;        // not -S
  bool progress = true;          // not -q
};

/// The bytes of ab's request: HTTP/1.0.
struct AbRequest {
  std::string method = "GET";
  std::string target;  // path, or through a proxy the whole URL
  std::string host;    // with the port unless it is 80
  bool keep_alive = false;
  std::vector<std::string> cookies;  // "name=value"
  std::vector<std::string> lines;    // headers without CRLF: -A, -P, -H in this order
  bool has_body = false;
  std::string content_type = "text/plain";
  std::string body;
};
std::string ab_request(const AbRequest& request);

/// Sees every answer of a test with one thread. Progress goes to standard error, as it comes.
class AbHook final : public LoadHook {
 public:
  explicit AbHook(const AbTest& test);

  bool makes_requests() const override { return true; }
  LoadRequests requests(std::uint32_t count) override;
  bool reads_answers() const override { return test_.verbosity >= 2; }
  void answered(const LoadSample& sample, const LoadAnswer& answer) override;
  bool keeps(const ReplyHead& head, bool keep_alive) override;
  void failed(const LoadFailure& failure) override;
  void tick(Time now) override { note_time(now); }
  bool stopped() const override { return stopped_; }

  /// What ended the test early: ab's words and exit code; no words if nothing did.
  struct End {
    std::string text;
    int code = 0;
  };
  const End& end() const { return end_; }
  std::uint64_t done() const { return samples_.size() + exceptions_; }
  std::uint64_t bad() const {
    return connect_errors_ + receive_errors_ + length_errors_ + exceptions_;
  }

  /// From "Server Software:" to the last percentile.
  std::string report(const LoadResult& result) const;
  /// The same as rows of a table. The attributes are ab's -x, -y, -z.
  struct Html {
    std::string table;
    std::string row;
    std::string cell = "bgcolor=white";
  };
  std::string report_html(const LoadResult& result, const Html& html) const;
  std::string csv() const;      // -e
  std::string gnuplot() const;  // -g

 private:
  struct Sample {
    std::int64_t begun;  // ns of the monotonic clock
    Duration connect;
    Duration total;
    Duration wait;
  };
  struct Row {
    double min, mean, deviation, median, max;
  };
  void note_time(Time now);
  void note_progress() const;
  void log(const LoadSample& sample, const LoadAnswer& answer) const;
  Row row(Duration (*value)(const Sample&)) const;
  std::string counts(const LoadResult& result) const;
  std::string rates(const LoadResult& result) const;
  std::string times() const;
  std::string percentiles() const;
  std::vector<Duration> sorted_totals() const;

  const AbTest& test_;
  Time start_{};
  std::chrono::system_clock::duration wall_clock_{};  // what to add to the monotonic one
  std::vector<Sample> samples_;
  std::string server_;
  std::uint64_t length_ = 0;  // of the first answer
  std::uint64_t length_errors_ = 0;
  std::uint64_t connect_errors_ = 0;
  std::uint64_t receive_errors_ = 0;
  std::uint64_t write_errors_ = 0;
  std::uint64_t exceptions_ = 0;
  std::uint64_t status_errors_ = 0;
  std::uint64_t kept_ = 0;
  bool has_head_ = false;
  bool stopped_ = false;
  End end_;
};

}  // namespace paceline
