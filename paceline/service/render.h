// Rows of SQL as JSON text, and the entity tag of such a text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/core.h"
#include "paceline/sqlite.h"

namespace paceline {

/// True where the cell holds JSON: the declared type is JSON, or `names` has the column.
std::vector<bool> json_columns(std::span<const SqlColumn> columns,
                               std::span<const std::string> names);

/// {"id":"42","body":{…}}: text is a string, NULL and what JSON cannot say (NaN, infinities)
/// null, a blob base64. A JSON column goes out as it is; if it holds something else, as a string.
void append_object(std::string& out, std::span<const SqlColumn> columns,
                   const std::vector<bool>& json, SqlRow row);
/// The first row as an object; the result has one.
std::string render_one(const SqlResult& result, std::span<const std::string> json_names);
/// All rows as an array of objects.
std::string render_many(const SqlResult& result, std::span<const std::string> json_names);

/// A strong validator: equal bytes, equal tag. XXH3, 64 bits.
std::uint64_t body_hash(std::string_view body);
/// `"0123456789abcdef"`, with the quotes.
std::string format_etag(std::uint64_t hash);

}  // namespace paceline
