#include <gtest/gtest.h>

#include <algorithm>

#include "paceline/app/top_view.h"

namespace paceline::app {
namespace {

constexpr std::string_view kSnapshot = R"({"schema":1,"time":1763930000.5,
 "instance":{"version":"0.1.0","dir":"/srv","generation":1,"uptime_s":7260,
             "listen":["127.0.0.1:8000"],"phase":"running"},
 "state":"amber","reasons":["p95 0.31 s, goal 0.2 s"],
 "key":{"throughput":{"rate":12345.6,"received_bytes_rate":1258291,"sent_bytes_rate":3565158},
        "latency":{"p50":0.0012,"p95":0.31,"p99":0.48},
        "utilization":{"cpu":0.45,"memory":0.12,"memory_limit_bytes":8589934592,"loop_max":0.6},
        "errors":{"ratio":0.0005,"rate":6.2,"rejected_total":17},
        "concurrency":{"average":3.21,"in_flight":4,"connections":120},"headroom":0.4},
 "goals":[{"name":"p95","state":"missed"},{"name":"cpu","state":"met"},
          {"name":"headroom","state":"unknown"}],
 "availability":{"ratio":0.99991,"goal":0.999,"period_s":2592000,"budget_left":0.93},
 "alerts":[{"name":"p95","severity":"page","state":"firing","since":1763929940.5,
            "summary":"p95 0.31 s, goal 0.2 s"},
           {"name":"old","state":"resolved","since":1,"summary":"gone"}],
 "workers":[
  {"slot":0,"pid":4244,"state":"ready","rate":6000,"in_flight":2,"p95":0.2,"utilization":0.4,
   "cpu":0.3,"lag_max":0.0004,"rss":52428800,"connections":60,"restarts":0,"age_s":7200},
  {"slot":1,"pid":4245,"state":"blocked","rate":0,"blocked_s":3.2,"doing":"GET /slow",
   "restarts":1,"connections":60,"lag_max":3.2},
  {"slot":2,"pid":null,"state":"backoff","rate":null,"restarts":7}],
 "routes":[{"method":"GET","route":"/data/{id}","rate":12000,"p95":0.31,"error_ratio":0},
           {"method":"PUT","route":"/data/{id}","rate":345.6,"p95":0.012,"error_ratio":0.018}]})";

TopSnapshot parsed(std::string_view json = kSnapshot) {
  Result<TopSnapshot> snapshot = parse_top_snapshot(json);
  EXPECT_TRUE(snapshot);
  return snapshot.value_or(TopSnapshot{});
}

std::string text_of(const std::vector<TopLine>& lines) {
  std::string text;
  for (const TopLine& line : lines) {
    for (const TopSpan& span : line) text += span.text;
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

TEST(Top, NumbersAreShortAndHaveUnits) {
  EXPECT_EQ(show_rate(0.26), "0.3");
  EXPECT_EQ(show_rate(999), "999");
  EXPECT_EQ(show_rate(12345.6), "12.3k");
  EXPECT_EQ(show_count(9999), "9999");
  EXPECT_EQ(show_count(123456), "123k");
  EXPECT_EQ(show_seconds(0.00031), "310us");
  EXPECT_EQ(show_seconds(0.0123), "12.3ms");
  EXPECT_EQ(show_seconds(1.25), "1.25s");
  EXPECT_EQ(show_bytes(512), "512");
  EXPECT_EQ(show_bytes(1258291), "1.2M");
  EXPECT_EQ(show_ratio(0.0005), "0.05%");
  EXPECT_EQ(show_ratio(0.421), "42%");
  EXPECT_EQ(show_age(7260), "2h");
  for (const auto show :
       {&show_rate, &show_count, &show_seconds, &show_bytes, &show_ratio, &show_age}) {
    EXPECT_EQ(show(std::nullopt), "-");
  }
}

TEST(Top, ASparklineEndsWithTheNewestAndLeavesGapsForWhatIsUnknown) {
  const std::deque<TopValue> values = {0.0, 4.0, std::nullopt, 8.0};
  EXPECT_EQ(sparkline(values, 6, 0, Glyphs::ascii), "  _= #");
  EXPECT_EQ(sparkline(values, 2, 16, Glyphs::unicode), " ▄");
  EXPECT_EQ(sparkline({}, 3, 0, Glyphs::ascii), "   ");
}

TEST(Top, OneFrameHasAllOfASnapshot) {
  EXPECT_EQ(text_of(top_once(parsed(), 80)),
            R"(paceline 0.1.0  127.0.0.1:8000  up 2h                                      AMBER
 p95 0.31 s, goal 0.2 s
throughput   12.3k/s  in 1.2M/s  out 3.4M/s
latency      p50 1.2ms  p95 310ms  p99 480ms
utilization  cpu 45%  loop 60%  mem 12% of 8G
errors       0.05%  6.2/s  rejected 17
concurrency  3.2 on average  4 now  120 connections
goals        p95 missed  cpu met  headroom ?
availability 99.991% in 30d, error budget left 93%  headroom 40%
alerts       p95 firing 1m  p95 0.31 s, goal 0.2 s

   #     PID STATE       REQ/S   ACT     P95  LOOP   CPU     LAG   RSS  CONN RST
   0    4244 ready          6k     2   200ms   40%   30%   400us   50M    60   0
   1    4245 blocked         0  blocked 3.2s in GET /slow
   2       - backoff         -     -       -     -     -       -     -     -   7

   REQ/S     P95  FAIL  ROUTE
     12k   310ms    0%  GET /data/{id}
     346    12ms  1.8%  PUT /data/{id}
)");
}

TEST(Top, AFrameFillsTheTerminalAndNeverMore) {
  const TopSnapshot snapshot = parsed();
  TopHistory history;
  TopSnapshot next = snapshot;
  for (int i = 0; i < 300; ++i) {
    next.time += 1;
    next.rate = i;
    history.add(next);
    history.add(next);
  }
  EXPECT_EQ(history.rate.size(), TopHistory::kMax) << "each snapshot counts once";
  for (const TopSize size : {TopSize{80, 24}, TopSize{120, 40}, TopSize{300, 60}, TopSize{40, 10},
                             TopSize{3, 2}, TopSize{1, 1}}) {
    const std::vector<TopLine> lines = top_frame(snapshot, history, {}, size);
    EXPECT_EQ(lines.size(), size.rows);
    for (const TopLine& line : lines) {
      std::size_t width = 0;
      for (const TopSpan& span : line) width += width_of(span.text);
      EXPECT_LE(width, size.columns);
    }
  }
  const auto shown = [&](std::size_t rows) {
    return text_of(top_frame(snapshot, history, {}, {80, rows}));
  };
  EXPECT_NE(shown(24).find("GET /data"), std::string::npos);
  EXPECT_NE(shown(19).find("GET /data"), std::string::npos);  // room for one
  EXPECT_EQ(shown(19).find("PUT /data"), std::string::npos);
  EXPECT_EQ(shown(18).find("ROUTE"), std::string::npos);
  const std::string wide = text_of(top_frame(snapshot, history, {}, {120, 40}));
  EXPECT_NE(wide.find("AGE"), std::string::npos);
  EXPECT_NE(wide.find("█"), std::string::npos);
  EXPECT_NE(wide.find("q quit"), std::string::npos);
}

TEST(Top, WhatComesFromOutsideCannotMoveTheCursor) {
  const std::string json =
      R"({"schema":1,"state":"\u001b[2J","reasons":["\u001b]0;x\u0007 \r\n\u009b1m ümlaut"],)"
      R"("instance":{"version":"\u0008\u0008","listen":["unix:/tmp/\u001b[31m"]},)"
      R"("goals":[{"name":"\t"}],"alerts":[{"name":"\u0000","state":"firing","summary":"\n"}],)"
      R"("workers":[{"slot":0,"state":"\u001bc","doing":"\u001b[H","blocked_s":1}]})";
  for (const char c : text_of(top_once(parsed(json), 80))) {
    EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << static_cast<int>(c);
  }
}

TEST(Top, ShowsWhatItIsGivenWhateverIsMissing) {
  for (const char* json :
       {R"({"schema":1})", R"({"schema":1,"workers":[null,1,"x",[],{}],"key":null,"goals":{}})",
        R"({"schema":1,"key":{"latency":[],"errors":"x"},"state":7,"reasons":[3]})"}) {
    EXPECT_NE(text_of(top_once(parsed(json), 80)).find("throughput   -/s"), std::string::npos);
    EXPECT_EQ(top_frame(parsed(json), {}, {}, {80, 24}).size(), 24U);
  }
  for (const char* json : {"", "[]", "{}", R"({"schema":2})", "<html>"}) {
    EXPECT_FALSE(parse_top_snapshot(json)) << json;
  }
}

TEST(Top, SortsByAnyColumnWithTheUnknownLast) {
  const auto order = [](TopSort sort) {
    std::string slots;
    for (const TopWorker& worker : sorted_workers(parsed().workers, sort)) {
      slots += show_count(worker.value(TopColumn::slot));
    }
    return slots;
  };
  EXPECT_EQ(order({TopColumn::slot, false}), "012");
  EXPECT_EQ(order({TopColumn::slot, true}), "210");
  EXPECT_EQ(order({TopColumn::rate, false}), "012");
  EXPECT_EQ(order({TopColumn::rate, true}), "102");
  EXPECT_EQ(order({TopColumn::restarts, false}), "210");
  EXPECT_EQ(order({TopColumn::state, false}), "210");
  TopColumn column = TopColumn::slot;
  const std::size_t shown = table_columns(80).size();
  EXPECT_EQ(table_columns(80).back().id, TopColumn::restarts);
  for (std::size_t i = 0; i < shown; ++i) column = next_column(column, 1, 80);
  EXPECT_EQ(column, TopColumn::slot);
  EXPECT_EQ(next_column(column, -1, 80), TopColumn::restarts);
}

TEST(Top, ScrollsAndSaysWhere) {
  TopSnapshot snapshot = parsed();
  for (int i = 3; i < 40; ++i) {
    snapshot.workers.push_back(snapshot.workers[0]);
    snapshot.workers.back().values[0] = i;
  }
  EXPECT_NE(text_of(top_frame(snapshot, {}, {}, {100, 24})).find("1-11 of 40"), std::string::npos);
  const std::string end = text_of(top_frame(snapshot, {}, {.scroll = 39}, {100, 24}));
  EXPECT_NE(end.find("30-40 of 40"), std::string::npos) << end;
}

TEST(Top, SaysWhenWhatItShowsIsStale) {
  const std::string text = text_of(top_frame(
      parsed(), {}, {.stale = "no monitor answers in /srv", .stale_seconds = 5.4}, {80, 24}));
  EXPECT_NE(text.find("STALE 5s\n no monitor answers in /srv\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("AMBER"), std::string::npos);
}

}  // namespace
}  // namespace paceline::app
