#include "paceline/load/script.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "paceline/load/engine.h"
#include "paceline/load/request_split.h"
#include "paceline/load/test_peer.h"

namespace paceline {
namespace {

using testing::PeerConnection;
using testing::TestPeer;

const std::string kHello =
    "HTTP/1.1 200 OK\r\nX-Token: t\r\nX-Token: u\r\nContent-Length: 5\r\n\r\nhello";

/// Runs scripts against a server that says hello.
class ScriptTest : public ::testing::Test {
 protected:
  ScriptTest()
      : peer_([this](PeerConnection& connection) {
          while (connection.read_request()) {
            ++served_;
            connection.send(kHello);
          }
        }) {
    std::string pattern = ::testing::TempDir() + "script-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    options_.target = peer_.target();
    options_.connections = options_.threads = 1;
    options_.requests = 4;
  }
  ~ScriptTest() override { std::filesystem::remove_all(folder_); }

  /// What went wrong, or nothing.
  std::string run(const std::string& text, LoadScript::Sizes sizes = LoadScript::Sizes::distinct) {
    const std::string file = folder_ + "/test.lua";
    EXPECT_TRUE(write_file(file, text));
    const std::string url = "http://" + options_.target.host_header + "/path?query";
    options_.target.path = "/path?query";
    options_.hooks.clear();
    options_.pipeline = 1;
    Result<std::unique_ptr<LoadScript>> script = LoadScript::load_blocking(
        {.file = file, .url = url, .args = {"one", "2"}, .sizes = sizes}, options_);
    if (!script) return script.error().message;
    Result<LoadResult> result = run_load_blocking(options_);
    if (!result) return result.error().message;
    if (const Result<void> ran = (*script)->outcome(); !ran) return ran.error().message;
    const LoadSummary summary(*result, (*script)->meters());
    const Result<void> done = (*script)->done(summary, summary.response);
    result_ = std::move(*result);
    return done ? "" : done.error().message;
  }

  TestPeer peer_;
  std::atomic<int> served_ = 0;
  std::string folder_;
  LoadOptions options_;
  LoadResult result_;
};

TEST_F(ScriptTest, KnowsTheTest) {
  options_.headers = {"X-Name: value"};
  EXPECT_EQ(run(R"(
    assert(wrk.scheme == "http" and wrk.host == "127.0.0.1" and type(wrk.port) == "string")
    assert(wrk.method == "GET" and wrk.path == "/path?query" and wrk.body == nil)
    assert(wrk.headers["X-Name"] == "value" and wrk.thread == nil)
    function init(args)
      assert(args[0]:find("^http://127.0.0.1:%d+/path.query$") and args[1] == "one")
      assert(args[2] == "2" and #args == 2)
      assert(wrk.headers.Host == "127.0.0.1:" .. wrk.port)
      assert(tostring(wrk.thread.addr) == "127.0.0.1:" .. wrk.port)
    end
  )"),
            "");
  EXPECT_EQ(served_, 4);
}

TEST_F(ScriptTest, FormatsRequests) {
  EXPECT_EQ(run(R"(
    function init(args)
      wrk.headers = { Host = "h" }
      assert(wrk.format() == "GET /path?query HTTP/1.1\r\nHost: h\r\n\r\n")
      assert(wrk.format("HEAD", "/x") == "HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n")
      local own = { A = 1 }
      local made = wrk.format("POST", nil, own, "body")
      assert(own["Content-Length"] == 4 and own.Host == "h")
      assert(made:find("\r\nA: 1\r\n") and made:find("\r\n\r\nbody$"))
      wrk.format(nil, nil, own)
      assert(own["Content-Length"] == nil)
    end
  )"),
            "");
}

TEST_F(ScriptTest, CallsTheFunctionsInTheirStates) {
  EXPECT_EQ(run(R"(
    local threads = {}
    loaded = (loaded or 0) + 1
    function setup(thread)
      thread:set("id", 7)
      thread:set("list", { 1, { deep = "x\0y" }, [true] = false })
      assert(thread:get("id") == 7 and thread:get("nothing") == nil and thread:get("loaded") == 1)
      threads[#threads + 1] = thread
    end
    function init() assert(id == 7 and list[2].deep == "x\0y" and list[true] == false) end
    asked, answers = 0, {}
    function request() asked = asked + 1; return wrk.request() end
    function response(status, headers, body)
      answers[#answers + 1] = { status, headers["X-Token"], body }
      assert(wrk.thread:get("answers")[#answers][1] == 200)
    end
    function done(summary, latency, requests)
      assert(#threads == 1 and threads[1]:get("asked") == 5)
      local answers = threads[1]:get("answers")
      assert(#answers == 4 and answers[4][1] == 200 and answers[4][2] == "u")
      assert(answers[4][3] == "hello")
      assert(summary.requests == 4 and summary.bytes == 4 * 67)
      assert(summary.duration > 0 and summary.errors.connect == 0)
      assert(summary.errors.read + summary.errors.write == 0)
      assert(summary.errors.status + summary.errors.timeout == 0)
      local total = 0
      for i = 1, #latency do
        local value, count = latency(i)
        assert(value >= latency.min and value <= latency.max)
        total = total + count
      end
      assert(total == 4 and latency(#latency + 1) == 0 and latency.nothing == nil)
      assert(latency:percentile(50) <= latency:percentile(100))
      assert(latency:percentile(100) == latency.max and latency.stdev >= 0 and latency.mean > 0)
      assert(latency[#latency] == latency.max and #requests >= 0)
    end
  )"),
            "");
}

TEST_F(ScriptTest, CountsAllValuesInTheMannerOfWrk2) {
  EXPECT_EQ(run("function done(s, latency) assert(#latency == 4 and latency[4] == latency.max) end",
                LoadScript::Sizes::all),
            "");
}

TEST_F(ScriptTest, PipelinesWhatRequestReturns) {
  const std::string script = R"(
    function init() r = wrk.format(nil, "/1") .. wrk.format("HEAD", "/2") .. wrk.format() end
    function request() return r end)";
  options_.requests = 6;
  options_.timeout = std::chrono::seconds(1);
  // The server sends a body after HEAD, too, which is wrong: that is how we know who is asked.
  EXPECT_EQ(run(script), "");
  EXPECT_EQ(options_.pipeline, 3U);
  EXPECT_GT(result_.tally.failed(), 0U);
  EXPECT_EQ(run("function init() r = wrk.format() .. wrk.format() end\n"
                "function request() return r end"),
            "");
  EXPECT_EQ(options_.pipeline, 2U);
  EXPECT_EQ(result_.tally.completed, 6U);
}

TEST_F(ScriptTest, SendsPartsOfABatchInAnOpenLoop) {
  options_.plan = ArrivalPlan({{.length = std::chrono::milliseconds(70), .from = 100, .to = 100}});
  options_.requests = 0;
  EXPECT_EQ(run("n = 0; function request() n = n + 1\n"
                "return wrk.format(nil, '/' .. n) .. wrk.format() .. wrk.format() end"),
            "");
  EXPECT_EQ(result_.tally.completed, 7U);
}

TEST_F(ScriptTest, DelaysAndStops) {
  options_.requests = 0;
  options_.duration = std::chrono::minutes(5);
  EXPECT_EQ(run("n = 0; function delay() return 2 end\n"
                "function response() n = n + 1; if n == 5 then wrk.thread:stop() end end"),
            "");
  EXPECT_EQ(result_.tally.completed, 5U);
  EXPECT_GE(result_.duration, std::chrono::milliseconds(10));
  EXPECT_LT(result_.duration, std::chrono::minutes(5));
}

TEST_F(ScriptTest, LooksUpAndConnects) {
  EXPECT_EQ(run(R"(
    function setup(thread)
      local all = wrk.lookup("127.0.0.1", wrk.port)
      assert(#all >= 1 and wrk.connect(all[1]) == true)
      assert(wrk.connect(wrk.lookup("127.0.0.1", "1")[1]) == false)
      thread.addr = all[1]
      assert(tostring(thread.addr) == tostring(all[1]))
    end)"),
            "");
  EXPECT_NE(run("wrk.lookup('no.invalid', 'http')").find("unable to resolve no.invalid:http "),
            std::string::npos);
}

TEST_F(ScriptTest, AThreadConnectsToItsOwnAddress) {
  std::atomic<int> answered = 0;
  const TestPeer other([&](PeerConnection& connection) {
    while (connection.read_request()) {
      ++answered;
      connection.send(kHello);
    }
  });
  EXPECT_EQ(run("function setup(thread) thread.addr = wrk.lookup('127.0.0.1', " +
                std::to_string(other.target().port) + ")[1] end"),
            "");
  EXPECT_EQ(answered, 4);
  EXPECT_EQ(served_, 0);
}

TEST_F(ScriptTest, TellsErrorsWithTheirTrace) {
  const auto expect = [&](const std::string& script, const std::string& text, bool traced = true) {
    const std::string error = run(script);
    EXPECT_NE(error.find(text), std::string::npos) << script << ": " << error;
    EXPECT_EQ(error.find("stack traceback:") != std::string::npos, traced) << error;
  };
  expect("function", "test.lua:1: ", false);
  expect("error('top')", "test.lua:1: top");
  expect("function setup() error('in setup') end", "in setup");
  expect("function init() local x = nil; x() end", "attempt to call local 'x'");
  expect(
      "local n = 0; function request() n = n + 1; if n > 2 then error('late') end\n"
      "return wrk.request() end",
      "late");
  expect("function response() error({}) end", "an error that is no text");
  expect("function delay() error('in delay') end", "in delay");
  expect("function done() error('in done') end", "in done");
  expect("function request() return nil end", "must return the request's bytes, not nil", false);
  expect("function request() return 'x' end", "no empty line ends the headers", false);
  expect("function setup(t) t:set('f', print) end", "cannot transfer 'function' to thread");
  expect("function setup(t) local a = {}; a.a = a; t:set('f', a) end", "without end");
  expect("function setup(t) t.other = 1 end", "cannot set 'other' on thread");
  expect("function setup(t) t.addr = 1 end", "wrk.addr expected, got number");
  expect("wrk = nil", "the table wrk", false);
  expect(
      "setmetatable(_G, { __index = function() error('strict') end })\n"
      "function done() return undefined end",
      "strict");
}

TEST(SplitRequests, FindsWhereEachEnds) {
  const auto sizes = [](std::string_view bytes) {
    std::vector<std::size_t> found;
    const auto all = split_requests(bytes);
    for (std::size_t i = 0; all && i < all->size(); ++i) found.push_back((*all)[i].size());
    return found;
  };
  using Sizes = std::vector<std::size_t>;
  const std::string get = "GET / HTTP/1.1\r\n\r\n";
  const std::string post = "POST / HTTP/1.1\r\ncontent-LENGTH:  3 \r\n\r\nabc";
  const std::string chunked =
      "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
  EXPECT_EQ(sizes(get), Sizes{get.size()});
  EXPECT_EQ(sizes(post + get + chunked + post),
            (Sizes{post.size(), get.size(), chunked.size(), post.size()}));
  for (const std::string& bad :
       {std::string(), get + "x", post.substr(0, post.size() - 1), std::string("GET /\r\n\r\n"),
        chunked.substr(0, chunked.size() - 2), std::string("\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n")}) {
    EXPECT_EQ(sizes(bad), Sizes{}) << bad;
  }
}

}  // namespace
}  // namespace paceline
