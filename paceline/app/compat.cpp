#include "paceline/app/compat.h"

#include <algorithm>

namespace paceline::app {

std::string_view to_string(Compat manner) {
  if (manner == Compat::ab) return "ab";
  return manner == Compat::wrk ? "wrk" : "wrk2";
}

std::optional<Compat> compat_of(std::string_view name) {
  if (name == "wrk") return Compat::wrk;
  if (name == "wrk2") return Compat::wrk2;
  if (name == "ab") return Compat::ab;
  return std::nullopt;
}

std::optional<Compat> take_compat(std::vector<std::string>& words) {
  constexpr std::string_view option = "--compat";
  // What follows -- is for a script.
  const auto end = std::ranges::find(words, "--");
  const auto found = std::find_if(words.begin(), end, [&](const std::string& word) {
    return word == option || word.starts_with(std::string(option) + "=");
  });
  if (found == end) return std::nullopt;
  if (*found != option) {
    const std::optional<Compat> manner = compat_of(found->substr(option.size() + 1));
    if (manner) words.erase(found);
    return manner;
  }
  if (found + 1 == end) return std::nullopt;
  const std::optional<Compat> manner = compat_of(*(found + 1));
  if (manner) words.erase(found, found + 2);
  return manner;
}

int run_compat(Compat manner, const std::vector<std::string>& words) {
  std::vector<std::string> owned = words;
  std::vector<char*> pointers;
  pointers.reserve(owned.size() + 1);
  for (std::string& word : owned) pointers.push_back(word.data());
  pointers.push_back(nullptr);  // getopt's end
  const std::span<char*> all(pointers.data(), owned.size());
  return manner == Compat::ab ? run_ab(all) : run_wrk(manner, all);
}

}  // namespace paceline::app
