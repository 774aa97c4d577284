// paceline::run: the command line of every application.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "paceline/app/bench.h"
#include "paceline/app/capacity.h"
#include "paceline/app/compat.h"
#include "paceline/app/inside.h"
#include "paceline/app/selftest.h"

namespace paceline {
namespace {

constexpr std::string_view kVersion = "0.1.0";

std::string base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

/// The role that the supervisor started this process for.
int run_role(const Configure& configure) {
  RealKernel kernel;
  Loop loop(kernel);  // before the child, whose link watches it to the end
  Result<std::unique_ptr<ChildProcess>> child = ChildProcess::attach();
  if (!child) {
    std::fprintf(stderr, "paceline: %s\n", child.error().text().c_str());
    return 1;
  }
  if ((*child)->role() == "worker") return app::worker(**child, loop, configure);
  if ((*child)->role() == "keeper") return app::keeper(**child, loop);
  if ((*child)->role() == "monitor") return app::monitor(**child, loop);
  return (*child)->fail_start("unknown role " + (*child)->role());
}

/// The exit code, when the command line is that of wrk, wrk2 or ab.
std::optional<int> run_as_other(int argc, char** argv) {
  std::vector<std::string> words(argv, argv + argc);
  if (words.empty()) return std::nullopt;
  if (const auto manner = app::compat_of(base_name(words[0]))) {
    return app::run_compat(*manner, words);
  }
  if (argc < 2 || words[1] != "bench") return std::nullopt;
  words.erase(words.begin());
  const std::optional<app::Compat> manner = app::take_compat(words);
  if (!manner) return std::nullopt;
  words[0] = base_name(argv[0]) + " bench --compat " + std::string(app::to_string(*manner));
  return app::run_compat(*manner, words);
}

/// The options, bound to the variables they fill.
class CommandLine {
 public:
  CommandLine(std::string name, const Program& program)
      : program_(program), cli_("runs an application as a cluster of worker processes") {
    invocation_.name = std::move(name);
    const char* dir = std::getenv("PACELINE_DIR");
    invocation_.dir = dir != nullptr ? dir : "paceline-data";
    cli_.name(invocation_.name);
    cli_.require_subcommand(1);
    cli_.set_version_flag("--version", std::string(version()));
    add_serve();
    add_control();
    add_top();
    add_files();
    add_bench();
  }

  int run(int argc, char** argv) {
    if (argc > 1 && argv[1][0] != '-') {
      if (const std::string problem = unknown_command(argv[1]); !problem.empty()) {
        std::fprintf(stderr, "%s: %s\n", invocation_.name.c_str(), problem.c_str());
        return 1;
      }
    }
    try {
      cli_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return cli_.exit(error) == 0 ? 0 : 1;
    }
    return command_();
  }

 private:
  /// What to say when `word` is no command, else nothing.
  std::string unknown_command(std::string_view word) const {
    std::vector<std::string> names;
    for (const CLI::App* command : cli_.get_subcommands({})) names.push_back(command->get_name());
    if (std::ranges::find(names, word) != names.end()) return {};
    const std::vector<std::string_view> known(names.begin(), names.end());
    std::string text = "unknown command " + printable(word, 40) + "; ";
    if (const std::string_view near = nearest(word, known); !near.empty()) {
      return text.append("did you mean ").append(near).append("?");
    }
    text += "there are";
    for (const std::string& name : names) text += " " + name;
    return text;
  }

  void add_dir(CLI::App* command) {
    command->add_option("--dir", invocation_.dir, "instance folder")->capture_default_str();
  }
  void add_sets(CLI::App* command) {
    command->add_option("--set", invocation_.sets, "a configuration key: --set cache.l1.max=1000")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
  }

  void add_serve() {
    CLI::App* serve = cli_.add_subcommand("serve", "run the cluster in the foreground");
    serve->add_option("file", invocation_.file, "configuration (default: built in)");
    serve->add_option("--workers", workers_, "auto, io, cpu or a number");
    serve->add_option("--listen", listen_, "127.0.0.1:8000, [::1]:8000 or unix:PATH; repeatable")
        ->allow_extra_args(false);
    CLI::Option* dir = serve->add_option("--dir", invocation_.dir, "instance folder");
    dir->capture_default_str();
    add_sets(serve);
    serve->callback([this, dir] {
      if (!workers_.empty()) invocation_.flags.push_back("--workers workers=" + workers_);
      if (!listen_.empty())
        invocation_.flags.push_back("--listen server.listen=" + toml_list(listen_));
      if (dir->count() > 0) invocation_.flags.push_back("--dir dir=" + invocation_.dir);
      command_ = [this] { return app::serve(invocation_, program_); };
    });
  }

  void add_control() {
    CLI::App* status = cli_.add_subcommand("status", "what runs, and why so many workers");
    add_dir(status);
    status->add_flag("--json", invocation_.json, "for machines");
    status->callback([this] { command_ = [this] { return app::status(invocation_); }; });
    CLI::App* stop = cli_.add_subcommand("stop", "drain and stop; returns when all is gone");
    add_dir(stop);
    stop->add_flag("--json", invocation_.json, "for machines");
    stop->callback([this] { command_ = [this] { return app::stop(invocation_); }; });
  }

  void add_top() {
    CLI::App* top = cli_.add_subcommand("top", "the key metrics and every worker, live");
    add_dir(top);
    CLI::Option* once = top->add_flag("--once", invocation_.once, "print one frame and leave");
    top->add_flag("--json", invocation_.json, "with --once: the whole snapshot")->needs(once);
    top->callback([this] { command_ = [this] { return app::top(invocation_); }; });
  }

  void add_files() {
    CLI::App* init = cli_.add_subcommand("init", "write a commented configuration");
    init->add_option("file", invocation_.file, "default: paceline.toml");
    init->add_flag("--force", invocation_.force, "replace an existing file");
    init->callback([this] { command_ = [this] { return app::init(invocation_, program_); }; });
    CLI::App* config = cli_.add_subcommand("config", "check a configuration and print every value");
    config->add_option("file", invocation_.file, "default: built in");
    add_sets(config);
    CLI::App* rules = config->add_subcommand("rules", "print the goals as rules for Prometheus");
    rules->add_option("file", invocation_.file, "default: built in");
    add_sets(rules);
    config->callback([this, rules] {
      const auto command = rules->parsed() ? app::config_rules : app::config;
      command_ = [this, command] { return command(invocation_, program_); };
    });
  }

  void add_bench() {
    CLI::App* bench = cli_.add_subcommand("bench", "load test a server: closed or open loop");
    app::add_bench_options(*bench, bench_);
    bench->callback([this] {
      command_ = [this] { return bench_.url == "selftest" ? app::selftest() : app::bench(bench_); };
    });
    CLI::App* capacity =
        cli_.add_subcommand("capacity", "find the highest rate at which a server keeps its goals");
    app::add_capacity_options(*capacity, capacity_);
    capacity->callback([this] { command_ = [this] { return app::capacity(capacity_); }; });
  }

  static std::string toml_list(const std::vector<std::string>& values) {
    std::string list = "[";
    for (const std::string& value : values) {
      if (list.size() > 1) list += ", ";
      append_json_string(list, value);  // a TOML basic string has the same escapes
    }
    return list + "]";
  }

  const Program& program_;
  app::Invocation invocation_;
  app::BenchInvocation bench_;
  app::CapacityInvocation capacity_;
  std::string workers_;
  std::vector<std::string> listen_;
  std::function<int()> command_;
  CLI::App cli_;
};

}  // namespace

std::string_view version() { return kVersion; }

int run(int argc, char** argv, const Configure& configure, const Program& program) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its size limit fails a write, not the process
  if (ChildProcess::requested()) return run_role(configure);
  if (const std::optional<int> code = run_as_other(argc, argv)) return *code;
  CommandLine line(base_name(argc > 0 ? argv[0] : "paceline"), program);
  return line.run(argc, argv);
}

}  // namespace paceline
