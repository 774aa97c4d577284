// Configuration: a registry of typed keys, filled by the modules that own them, and the values
// that TOML, environment and flags gave. Precedence: flag, environment, file, default.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "paceline/core/result.h"
#include "paceline/core/time.h"

namespace paceline {

/// What a key accepts. The kind decides parsing, the error text and how `init` writes it.
enum class ConfigKind : std::uint8_t {
  text,      // "any string"
  choice,    // one of ConfigKey::choices
  integer,   // 500; bounds in min, max
  duration,  // "30s"; 0 and "0" mean off
  bytes,     // "64MiB"; 0 and "0" mean off
  boolean,   // true
  list,      // a string or an array of strings
  path,      // a string; relative to the file that names it, made absolute when loaded
  value,     // any TOML value, given as a ConfigValue to the owner, who checks it
};

/// One key, declared once by the module that reads it. Its text lives as long as the program:
/// literals.
struct ConfigKey {
  std::string_view name;  // "cache.l1.max"
  ConfigKind kind = ConfigKind::text;
  /// As written in TOML: `500`, `"1h"`, `[]`. Empty: the key is required.
  std::string_view fallback = {};
  /// One sentence with its full stop, shown by `paceline init`.
  std::string_view meaning = {};
  /// The guide's names for it, "idleTimeoutMillis|idleTimeout:ms": after a colon the unit that
  /// the guide's number counts; otherwise the name says it (…Millis, …Ms, …Seconds), or a
  /// duration counts ms and a size bytes. Used to translate in the error about an unknown key.
  std::string_view guide = {};
  /// For choice: "auto|text|json". Also the words that an integer may be: "auto|io|cpu"; such a
  /// key is read with text(), which gives the word or the number's digits.
  std::string_view choices = {};
  std::int64_t min = 0;          // for integer
  std::int64_t max = INT64_MAX;  // for integer
  bool secret = false;           // masked wherever a person reads it
};

/// Where a value stands, for messages: "app.toml:12:5".
struct ConfigPlace {
  std::string source;  // "default", "--set", "PACELINE_…", or a file name
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string text() const;
};

/// A parsed TOML value with its place.
struct ConfigField;
struct ConfigValue {
  using Table = std::vector<ConfigField>;  // in the file's order
  using Array = std::vector<ConfigValue>;
  std::variant<std::monostate, std::string, std::int64_t, double, bool, Array, Table> data;
  ConfigPlace place;

  // Null when the value is of another type.
  const Table* table() const;
  const Array* array() const;
  const std::string* string() const;
  const std::int64_t* integer() const;
  const bool* boolean() const;
};

/// One `key = value` of a table.
struct ConfigField {
  std::string key;
  ConfigValue value;
  ConfigPlace key_place = {};
};

inline const ConfigValue::Table* ConfigValue::table() const { return std::get_if<Table>(&data); }
inline const ConfigValue::Array* ConfigValue::array() const { return std::get_if<Array>(&data); }
inline const std::string* ConfigValue::string() const { return std::get_if<std::string>(&data); }
inline const std::int64_t* ConfigValue::integer() const { return std::get_if<std::int64_t>(&data); }
inline const bool* ConfigValue::boolean() const { return std::get_if<bool>(&data); }

/// Every key that a program knows. Built by its main: `registry.add(cluster_config_keys())`.
class ConfigRegistry {
 public:
  /// A name that is there already, or has the same environment name as another, is a bug.
  void add(std::span<const ConfigKey> keys);
  /// An array of tables: `[[resource]]` with these keys (names relative to the table).
  void add_table(std::string_view name, std::span<const ConfigKey> keys, std::string_view meaning);
  /// Replaces a default: an application's own, or the embedded one of `paceline serve`. For the
  /// name of an array of tables: a TOML document with such tables, used if no file has any.
  void set_fallback(std::string_view name, std::string fallback);

  struct TableKeys {
    std::string name;
    std::string meaning;
    std::vector<ConfigKey> keys;
  };
  const std::vector<ConfigKey>& keys() const { return keys_; }
  const std::vector<TableKeys>& tables() const { return tables_; }
  const ConfigKey* find(std::string_view name) const;
  std::string_view fallback(const ConfigKey& key) const;
  /// The document given to set_fallback for these tables, or empty.
  std::string_view fallback(const TableKeys& tables) const;

 private:
  std::vector<ConfigKey> keys_;
  std::vector<TableKeys> tables_;
  std::map<std::string, std::string, std::less<>> fallbacks_;
};

struct ConfigEntry;

/// Checked, typed values of one key set: the top level, or one `[[resource]]`. Asking for a key
/// that is not in the registry, or by the wrong kind, is a bug (check()).
class ConfigSection {
 public:
  /// Kinds text, choice, path, and an integer that may be a word.
  const std::string& text(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;
  Duration duration(std::string_view key) const;
  std::uint64_t bytes(std::string_view key) const;
  bool boolean(std::string_view key) const;
  const std::vector<std::string>& list(std::string_view key) const;
  const ConfigValue& value(std::string_view key) const;
  /// True when somebody set it, false when the default stands.
  bool is_set(std::string_view key) const;
  ConfigPlace place(std::string_view key) const;
  /// Where the `[[resource]]` begins; nowhere for the top level.
  const ConfigPlace& place() const { return place_; }

 private:
  friend class Config;
  friend class ConfigLoader;
  const ConfigEntry& entry(std::string_view key) const;
  // Shared, so that copies are cheap; nobody changes an entry.
  std::map<std::string, std::shared_ptr<const ConfigEntry>, std::less<>> entries_;
  ConfigPlace place_;
};

/// What the caller found outside: a file's text, the environment, the flags. A value from the
/// environment or a flag is TOML if that gives the right kind, else the bare text: `30s`, `"30s"`.
struct ConfigSources {
  std::string file_name;  // for messages and relative paths; empty: no file
  std::string file_text;
  std::vector<std::string> environment;  // "PACELINE_CACHE_L1_MAX=500"; names without PACELINE_
                                         // and with PACELINE_INTERNAL_ are ignored
  std::vector<std::string> sets;         // "cache.l1.max=500", later wins
  std::vector<std::string> flags = {};   // "--workers workers=io": of a flag of its own, win over
                                         // sets
};

/// An effective configuration. Immutable; cheap to copy.
class Config {
 public:
  /// All errors at once, one a line, each with place, what was expected and the nearest known key.
  static Result<Config> load(const ConfigRegistry& registry, const ConfigSources& sources);

  const ConfigSection& top() const { return top_; }
  /// The `[[name]]` tables in the file's order; empty if there are none.
  std::span<const ConfigSection> tables(std::string_view name) const;

  /// TOML that loads to the same values with the same registry and working directory: what was
  /// set, and every table. Contains secrets: for a sealed memfd only.
  std::string serialise() const;
  /// One line a key: `cache.l1.max = 500   # app.toml:3:7`. Masked are secret keys and, wherever
  /// they stand, the passwords of URLs and connection strings.
  std::string describe() const;

 private:
  friend class ConfigLoader;
  ConfigSection top_;
  std::map<std::string, std::vector<ConfigSection>, std::less<>> tables_;
};

/// The commented file of `paceline init`: every key with its meaning, kind and guide name, its
/// default commented out as `#max = 500`. Loads unchanged. `preamble` is prose for the top;
/// `document`, TOML with `[section]` headers and `[[table]]`s, stands as settings.
std::string config_template(const ConfigRegistry& registry, std::string_view preamble,
                            std::string_view document);

}  // namespace paceline
