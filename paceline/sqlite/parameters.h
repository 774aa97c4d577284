// Finds `:name` in SQL text. Pure: no database. Used at start, to compare what a statement asks
// for with what a resource can give, and to rewrite names into the numbers that Postgres wants.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace paceline {

/// One occurrence. Borrows from the text that was scanned.
struct SqlPlaceholder {
  std::string_view name;   // without the colon
  std::size_t offset = 0;  // of the colon, in bytes; the occurrence is name.size() + 1 long
  bool operator==(const SqlPlaceholder&) const = default;
};

/// Every `:name` in order, repeated ones too. A name is a letter or `_`, then letters, digits,
/// `_`. None is seen in 'strings' (E'…' with backslashes too), -- and /* */ comments, "quoted",
/// `quoted` and [quoted] identifiers, $tag$ quotes $tag$, nor after `::`. What is opened and not
/// closed goes to the end. Brackets are identifiers, as SQLite reads them; block comments do not
/// nest.
std::vector<SqlPlaceholder> scan_parameters(std::string_view sql);

}  // namespace paceline
