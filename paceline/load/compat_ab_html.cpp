// ab's report as a table of HTML (-w).
#include <fmt/format.h>

#include "paceline/load/compat_ab.h"
#include "paceline/load/report_text.h"

namespace paceline {
namespace {

/// Rows with the attributes of the command line.
class Table {
 public:
  explicit Table(const AbHook::Html& html)
      : html_(html), text_(fmt::format("<table {}>\n", html.table)) {}

  void add(std::string_view name, std::string_view value) {
    text_ += fmt::format("<tr {}><th colspan=2 {}>{}</th><td colspan=2 {}>{}</td></tr>\n",
                         html_.row, html_.cell, name, html_.cell, html_text(value));
  }
  void add(std::string_view name, std::uint64_t value) { add(name, fmt::to_string(value)); }
  /// Below the value of the row before.
  void add_more(std::string_view value) {
    text_ += fmt::format("<tr {}><td colspan=2 {}>&nbsp;</td><td colspan=2 {}>{}</td></tr>\n",
                         html_.row, html_.cell, html_.cell, value);
  }
  void add_wide(std::string_view element, std::string_view text) {
    text_ += fmt::format("<tr {}><{} {} colspan=4>{}</{}></tr>\n", html_.row, element, html_.cell,
                         text, element);
  }
  void add_three(std::string_view name, double first, double second, double third) {
    text_ += fmt::format(
        "<tr {0}><th {1}>{2}</th><td {1}>{3:5.0f}</td><td {1}>{4:5.0f}</td>"
        "<td {1}>{5:5.0f}</td></tr>\n",
        html_.row, html_.cell, name, first, second, third);
  }
  void add_titles() {
    text_ += fmt::format(
        "<tr {0}><th {1}>&nbsp;</th> <th {1}>min</th>   <th {1}>avg</th>   <th {1}>max</th></tr>\n",
        html_.row, html_.cell);
  }
  std::string end() { return text_ + "</table>\n"; }

 private:
  const AbHook::Html& html_;
  std::string text_;
};

}  // namespace

std::string AbHook::report_html(const LoadResult& result, const Html& html) const {
  const LoadTally& tally = result.tally;
  const double seconds = std::chrono::duration<double>(result.elapsed).count();
  Table table(html);
  table.add("Server Software:", server_);
  table.add("Server Hostname:", test_.host);
  table.add("Server Port:", test_.port);
  table.add("Document Path:", test_.path);
  table.add("Document Length:",
            test_.variable_length ? "Variable" : fmt::format("{} bytes", length_));
  table.add("Concurrency Level:", test_.concurrency);
  table.add("Time taken for tests:", fmt::format("{:.3f} seconds", seconds));
  table.add("Complete requests:", done());
  table.add("Failed requests:", bad());
  if (bad() > 0) {
    table.add_wide("td",
                   fmt::format("   (Connect: {}, Length: {}, Exceptions: {})", connect_errors_,
                               length_errors_, exceptions_ + receive_errors_));
  }
  if (status_errors_ > 0) table.add("Non-2xx responses:", status_errors_);
  if (test_.keep_alive) table.add("Keep-Alive requests:", kept_);
  table.add("Total transferred:", fmt::format("{} bytes", tally.bytes_read));
  const std::uint64_t sent = test_.sends_body ? tally.sent * test_.request.size() : 0;
  if (test_.sends_body) table.add("Total body sent:", sent);
  table.add("HTML transferred:", fmt::format("{} bytes", tally.bytes_body));
  if (seconds > 0) {
    const auto rate = [&](std::uint64_t bytes) {
      return static_cast<double>(bytes) / 1024 / seconds;
    };
    table.add("Requests per second:", fmt::format("{:.2f}", static_cast<double>(done()) / seconds));
    table.add("Transfer rate:", fmt::format("{:.2f} kb/s received", rate(tally.bytes_read)));
    if (test_.sends_body) {
      table.add_more(fmt::format("{:.2f} kb/s sent", rate(sent)));
      table.add_more(fmt::format("{:.2f} kb/s total", rate(tally.bytes_read + sent)));
    }
  }
  if (samples_.empty()) return table.end();
  table.add_wide("th", "Connection Times (ms)");
  table.add_titles();
  const Row rows[] = {row([](const Sample& s) { return s.connect; }),
                      row([](const Sample& s) { return s.total - s.connect; }),
                      row([](const Sample& s) { return s.total; })};
  table.add_three("Connect:", rows[0].min, rows[0].mean, rows[0].max);
  table.add_three("Processing:", rows[1].min, rows[1].mean, rows[1].max);
  table.add_three("Total:", rows[2].min, rows[2].mean, rows[2].max);
  return table.end();
}

}  // namespace paceline
