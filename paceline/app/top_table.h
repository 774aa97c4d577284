// The workers table of `paceline top`: columns, cells, order.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "paceline/app/top_snapshot.h"

namespace paceline::app {

struct TableColumn {
  TopColumn id;
  std::string_view title;
  std::size_t width;  // with the gap before it
  std::string (*show)(TopValue value);
  bool left = false;  // aligned
};

/// Those that fit, first ones first; 80 columns hold up to `restarts`.
std::vector<TableColumn> table_columns(std::size_t columns);
std::string table_cell(const TopWorker& worker, const TableColumn& column);

struct TopSort {
  TopColumn column = TopColumn::slot;
  bool reverse = false;
};
/// What tells of load begins with the largest; slot, pid and state with the smallest. Unknown ones
/// are last, equal ones by slot.
std::vector<TopWorker> sorted_workers(std::vector<TopWorker> workers, TopSort sort);
/// The next column that is shown at this width; `step` is 1 or -1.
TopColumn next_column(TopColumn column, int step, std::size_t columns);
std::string_view column_title(TopColumn column);

}  // namespace paceline::app
