// paceline bench in the manner of wrk, wrk2 and ab: their command lines and what they print. Chosen
// by `--compat`, or by the name of a link to the program.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace paceline::app {

/// Other programs' command lines.
enum class Compat { wrk, wrk2, ab };

std::string_view to_string(Compat manner);
/// By the program's name.
std::optional<Compat> compat_of(std::string_view name);
/// What `--compat NAME` or `--compat=NAME` asks for among the words after `bench`, which it removes
/// there. A name that is none of them stays.
std::optional<Compat> take_compat(std::vector<std::string>& words);

/// Runs it: words[0] is the program's name in messages. Answers the exit code.
int run_compat(Compat manner, const std::vector<std::string>& words);

int run_wrk(Compat manner, std::span<char*> words);
int run_ab(std::span<char*> words);

}  // namespace paceline::app
