// paceline top: the monitor's snapshot in a terminal, once a second.
#include <langinfo.h>
#include <ncurses.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <string_view>

#include "paceline/app/inside.h"
#include "paceline/app/snapshot_client.h"
#include "paceline/app/top_view.h"

namespace paceline::app {
namespace {

constexpr Duration kInterval = std::chrono::seconds(1);
constexpr Duration kStaleAfter = std::chrono::seconds(3);  // as the dashboard
constexpr std::size_t kOnceColumns = 80;                   // where the output is no terminal

/// The terminal while it is ours. Its descriptors tell of a key and of a signal to leave.
class Terminal {
 public:
  static Result<std::unique_ptr<Terminal>> open() {
    if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) {
      return fail(Code::invalid, "top needs a terminal; `paceline top --once` prints one frame");
    }
    std::setlocale(LC_ALL, "");
    sigset_t leave;
    sigemptyset(&leave);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&leave, signal);
    sigprocmask(SIG_BLOCK, &leave, nullptr);
    std::unique_ptr<Terminal> terminal(new Terminal);
    terminal->signals_.reset(::signalfd(-1, &leave, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!terminal->signals_) return fail_errno("watch for signals");
    terminal->screen_ = ::newterm(nullptr, stdout, stdin);
    if (terminal->screen_ == nullptr) {
      return fail(Code::invalid,
                  "this terminal is unknown (TERM); `paceline top --once` prints one "
                  "frame");
    }
    terminal->prepare();
    return terminal;
  }
  ~Terminal() {
    if (screen_ == nullptr) return;
    ::endwin();
    ::delscreen(screen_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  std::array<int, 2> fds() const { return {STDIN_FILENO, signals_.get()}; }
  /// A key, or ERR when none waits.
  static int key() { return ::getch(); }
  bool told_to_leave() const {
    signalfd_siginfo info{};
    return ::read(signals_.get(), &info, sizeof info) > 0;
  }
  static TopSize size() {
    return {.columns = static_cast<std::size_t>(std::max(COLS, 1)),
            .rows = static_cast<std::size_t>(std::max(LINES, 1))};
  }
  static Glyphs glyphs() {
    return std::string_view(::nl_langinfo(CODESET)) == "UTF-8" ? Glyphs::unicode : Glyphs::ascii;
  }

  void draw(const std::vector<TopLine>& lines) const {
    ::erase();
    for (std::size_t row = 0; row < lines.size() && row < size().rows; ++row) {
      ::move(static_cast<int>(row), 0);
      for (const TopSpan& span : lines[row]) {
        ::attrset(static_cast<int>(attribute(span.style)));
        ::addnstr(span.text.data(), static_cast<int>(span.text.size()));
      }
    }
    ::refresh();
  }

 private:
  enum Pair : short { kGood = 1, kWarn, kBad };

  Terminal() = default;

  void prepare() {
    ::cbreak();
    ::noecho();
    ::nodelay(stdscr, TRUE);
    ::keypad(stdscr, TRUE);
    ::set_escdelay(25);
    ::curs_set(0);
    if (!::has_colors()) return;
    ::start_color();
    const short background = ::use_default_colors() == OK ? short{-1} : short{COLOR_BLACK};
    colors_ = ::init_pair(kGood, COLOR_GREEN, background) == OK &&
              ::init_pair(kWarn, COLOR_YELLOW, background) == OK &&
              ::init_pair(kBad, COLOR_RED, background) == OK;
  }

  attr_t attribute(TopStyle style) const {
    switch (style) {
      case TopStyle::plain:
        return A_NORMAL;
      case TopStyle::dim:
        return A_DIM;
      case TopStyle::bold:
        return A_BOLD;
      case TopStyle::title:
        return A_REVERSE;
      case TopStyle::good:
        return colors_ ? COLOR_PAIR(kGood) : A_NORMAL;
      case TopStyle::warn:
        return colors_ ? COLOR_PAIR(kWarn) : A_BOLD;
      case TopStyle::bad:
        return (colors_ ? COLOR_PAIR(kBad) : A_REVERSE) | A_BOLD;
    }
    return A_NORMAL;
  }

  SCREEN* screen_ = nullptr;
  Fd signals_;
  bool colors_ = false;
};

class Top {
 public:
  Top(std::string dir, TopSnapshot first, std::unique_ptr<Terminal> terminal)
      : client_(dir),
        dir_(std::move(dir)),
        snapshot_(std::move(first)),
        terminal_(std::move(terminal)) {
    state_.glyphs = Terminal::glyphs();
    history_.add(snapshot_);
    taken_ = Clock::now();
  }

  void run_blocking() {
    Time next = taken_ + kInterval;
    draw();
    while (true) {
      const Time now = Clock::now();
      if (now >= next && !client_.asking()) {
        client_.ask();
        next = now + kInterval;
      }
      const auto wait =
          std::chrono::ceil<std::chrono::milliseconds>(client_.asking() ? kInterval : next - now);
      const auto fds = terminal_->fds();
      client_.wait_blocking(fds, std::max(wait, std::chrono::milliseconds(0)));
      if (terminal_->told_to_leave() || !take_keys()) return;
      if (std::optional<Result<std::string>> answer = client_.take()) take(*std::move(answer));
      draw();
    }
  }

 private:
  void take(Result<std::string> answer) {
    if (!answer) {
      problem_ = explain_silence(dir_, answer.error()).text();
      return;
    }
    Result<TopSnapshot> snapshot = parse_top_snapshot(*answer);
    if (!snapshot) {
      problem_ = snapshot.error().text();
    } else if (snapshot->time == snapshot_.time) {
      problem_ = "the monitor has taken no newer snapshot";
    } else {
      snapshot_ = *std::move(snapshot);
      history_.add(snapshot_);
      taken_ = Clock::now();
      problem_.clear();
    }
  }

  /// False: to leave.
  bool take_keys() {
    for (int key = Terminal::key(); key != ERR; key = Terminal::key()) {
      const std::size_t columns = Terminal::size().columns;
      if (key == 'q' || key == 'Q') return false;
      if (key == 's' || key == KEY_RIGHT) {
        state_.sort.column = next_column(state_.sort.column, 1, columns);
      } else if (key == 'S' || key == KEY_LEFT) {
        state_.sort.column = next_column(state_.sort.column, -1, columns);
      } else if (key == 'r') {
        state_.sort.reverse = !state_.sort.reverse;
      } else if (key == KEY_DOWN || key == KEY_NPAGE) {
        const std::size_t step = key == KEY_DOWN ? 1 : 10;
        const std::size_t workers = snapshot_.workers.size();
        state_.scroll = std::min(state_.scroll + step, workers - std::min<std::size_t>(1, workers));
      } else if (key == KEY_UP || key == KEY_PPAGE) {
        state_.scroll -= std::min<std::size_t>(state_.scroll, key == KEY_UP ? 1 : 10);
      }
    }
    return true;
  }

  void draw() {
    const Duration age = Clock::now() - taken_;
    state_.stale =
        age >= kStaleAfter ? (problem_.empty() ? "the monitor is silent" : problem_) : "";
    state_.stale_seconds = std::chrono::duration<double>(age).count();
    terminal_->draw(top_frame(snapshot_, history_, state_, Terminal::size()));
  }

  SnapshotClient client_;
  std::string dir_;
  TopSnapshot snapshot_;
  TopHistory history_;
  TopState state_;
  Time taken_;           // when snapshot_ came
  std::string problem_;  // why the last request gave none
  std::unique_ptr<Terminal> terminal_;
};

int print_once(const TopSnapshot& snapshot) {
  winsize size{};
  std::size_t columns = kOnceColumns;
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) columns = size.ws_col;
  for (const TopLine& line : top_once(snapshot, columns)) {
    std::string text;
    for (const TopSpan& span : line) text += span.text;
    text.erase(text.find_last_not_of(' ') + 1);
    std::printf("%s\n", text.c_str());
  }
  return 0;
}

}  // namespace

int top(const Invocation& invocation) {
  const auto hint = [&](const Error& error) {
    return error.code == Code::not_found
               ? "start one: " + invocation.name + " serve --dir " + invocation.dir
               : std::string();
  };
  const Result<std::string> answer = fetch_snapshot_blocking(invocation.dir);
  if (!answer) return report(invocation, answer.error(), hint(answer.error()));
  if (invocation.json) {
    std::printf("%s\n", answer->c_str());
    return 0;
  }
  Result<TopSnapshot> snapshot = parse_top_snapshot(*answer);
  if (!snapshot) return report(invocation, snapshot.error());
  if (invocation.once) return print_once(*snapshot);
  Result<std::unique_ptr<Terminal>> terminal = Terminal::open();
  if (!terminal) return report(invocation, terminal.error());
  Top(invocation.dir, *std::move(snapshot), *std::move(terminal)).run_blocking();
  return 0;
}

}  // namespace paceline::app
