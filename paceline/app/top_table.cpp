#include "paceline/app/top_table.h"

#include <algorithm>
#include <array>

#include "paceline/app/top_numbers.h"

namespace paceline::app {
namespace {

std::string show_id(TopValue id) { return id ? std::to_string(static_cast<long>(*id)) : "-"; }

constexpr std::array<TableColumn, kTopColumns> kColumns = {{
    {TopColumn::slot, "#", 4, &show_id},
    {TopColumn::pid, "PID", 8, &show_id},
    {TopColumn::state, "STATE", 10, nullptr, true},
    {TopColumn::rate, "REQ/S", 8, &show_rate},
    {TopColumn::in_flight, "ACT", 6, &show_count},
    {TopColumn::p95, "P95", 8, &show_seconds},
    {TopColumn::utilization, "LOOP", 6, &show_ratio},
    {TopColumn::cpu, "CPU", 6, &show_ratio},
    {TopColumn::lag, "LAG", 8, &show_seconds},
    {TopColumn::rss, "RSS", 6, &show_bytes},
    {TopColumn::connections, "CONN", 6, &show_count},
    {TopColumn::restarts, "RST", 4, &show_count},
    {TopColumn::age, "AGE", 6, &show_age},
    {TopColumn::share, "SHARE", 7, &show_ratio},
    {TopColumn::heap, "HEAP", 7, &show_bytes},
    {TopColumn::cache, "CACHE", 7, &show_bytes},
}};

bool smallest_first(TopColumn column) {
  return column == TopColumn::slot || column == TopColumn::pid || column == TopColumn::state;
}

bool before(const TopWorker& a, const TopWorker& b, TopColumn by) {
  if (by == TopColumn::state) return a.state < b.state;
  const TopValue left = a.value(by);
  const TopValue right = b.value(by);
  if (!left || !right) return left.has_value() && !right.has_value();
  return smallest_first(by) ? *left < *right : *left > *right;
}

}  // namespace

std::vector<TableColumn> table_columns(std::size_t columns) {
  std::vector<TableColumn> shown;
  for (const TableColumn& column : kColumns) {
    if (column.width > columns) break;
    columns -= column.width;
    shown.push_back(column);
  }
  return shown;
}

std::string table_cell(const TopWorker& worker, const TableColumn& column) {
  const std::string text =
      column.show == nullptr ? worker.state : column.show(worker.value(column.id));
  return text.substr(0, column.width - 1);
}

std::vector<TopWorker> sorted_workers(std::vector<TopWorker> workers, TopSort sort) {
  const auto less = [&](const TopWorker& a, const TopWorker& b) {
    const bool known =
        sort.column == TopColumn::state || (a.value(sort.column) && b.value(sort.column));
    return sort.reverse && known ? before(b, a, sort.column) : before(a, b, sort.column);
  };
  std::ranges::sort(workers, [&](const TopWorker& a, const TopWorker& b) {
    if (less(a, b)) return true;
    return !less(b, a) && before(a, b, TopColumn::slot);
  });
  return workers;
}

TopColumn next_column(TopColumn column, int step, std::size_t columns) {
  const auto count = static_cast<int>(std::max<std::size_t>(1, table_columns(columns).size()));
  return static_cast<TopColumn>((std::min(static_cast<int>(column), count - 1) + step + count) %
                                count);
}

std::string_view column_title(TopColumn column) {
  return kColumns[static_cast<std::size_t>(column)].title;
}

}  // namespace paceline::app
