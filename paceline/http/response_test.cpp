#include "paceline/http/response.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace paceline {
namespace {

TEST(Response, BorrowsOrOwnsItsBody) {
  const std::string bytes = "borrowed";
  Response borrowed = Response::text(std::string_view(bytes));
  EXPECT_EQ(borrowed.body().data(), bytes.data());
  Response owned = Response::text(std::string("owned"));
  EXPECT_EQ(owned.body(), "owned");
  owned.borrowed_body(bytes);
  EXPECT_EQ(owned.body().data(), bytes.data());
  borrowed.body("own after all");
  EXPECT_EQ(borrowed.body(), "own after all");
}

TEST(Response, MovesShortAndLongBodies) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{3}, std::size_t{1000}}) {
    Response first = Response::json(std::string(size, 'j'), 201);
    first.header("A", "b");
    Response second = std::move(first);
    EXPECT_EQ(second.body(), std::string(size, 'j'));
    EXPECT_EQ(second.status(), 201U);
    EXPECT_EQ(second.header_lines(), "A: b\r\n");
    Response third(404);
    third.body(std::string(50, 'x'));
    third = std::move(second);
    EXPECT_EQ(third.body(), std::string(size, 'j'));
    EXPECT_EQ(third.content_type(), "application/json");
  }
}

TEST(Response, TakesAnyNumberOfHeaders) {
  Response response;
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string name = "Name-" + std::to_string(i);
    response.header(name, "value");
    expected += name + ": value\r\n";
    ASSERT_EQ(response.header_lines(), expected);
  }
  Response moved = std::move(response);
  EXPECT_EQ(moved.header_lines(), expected);
  moved.reset();
  EXPECT_EQ(moved.header_lines(), "");
  moved.header("A", std::string(300, 'v'));
  EXPECT_EQ(moved.header_lines().size(), 305U);
}

TEST(Response, AHeaderCannotSmuggleAnotherNorFrameTheAnswer) {
  using namespace std::string_view_literals;
  const std::pair<std::string_view, std::string_view> refused[] = {{"A", "b\r\nSet-Cookie: c"},
                                                                   {"A\n", "b"},
                                                                   {"A:", "b"},
                                                                   {"A b", "c"},
                                                                   {"", "b"},
                                                                   {"A", "b\0c"sv},
                                                                   {"A", "\x7f"},
                                                                   {"Content-Length", "1"},
                                                                   {"connection", "close"},
                                                                   {"TRANSFER-ENCODING", "chunked"},
                                                                   {"Date", "today"}};
  for (const auto& [name, value] : refused) {
    Response response;
    response.header(name, value);
    EXPECT_TRUE(response.is_faulty()) << name << value;
    EXPECT_EQ(response.header_lines(), "");
  }
  Response response;
  response.header("Content-Language", "\xc3\xa9, tabs\tand spaces");
  EXPECT_TRUE(response.is_usual());
}

TEST(Response, LetsGoOfWhatItHeldOnce) {
  int released = 0;
  const auto count = [](void* object) { ++*static_cast<int*>(object); };
  {
    Response response;
    response.keep(Hold(&released, count));
    Response moved = std::move(response);
    EXPECT_EQ(released, 0);
    Response other;
    other = std::move(moved);
    EXPECT_EQ(released, 0);
    other.reset();
    EXPECT_EQ(released, 1);
    other.keep(Hold(&released, count));
    other = Response();
    EXPECT_EQ(released, 2);
    other.keep(Hold(&released, count));
  }
  EXPECT_EQ(released, 3);
}

TEST(Response, ResetForgetsEverything) {
  Response response = Response::problem(503, "why", "word");
  response.header("A", "b").prepared_headers("C: d\r\n").cache_level("l1");
  EXPECT_TRUE(response.is_problem());
  EXPECT_EQ(response.problem_code(), "word");
  response.reset();
  EXPECT_EQ(response.status(), 200U);
  EXPECT_FALSE(response.is_problem());
  EXPECT_EQ(response.body(), "");
  EXPECT_EQ(response.header_lines(), "");
  EXPECT_EQ(response.prepared_headers(), "");
  EXPECT_EQ(response.content_type(), "");
  EXPECT_EQ(response.problem_code(), "");
  EXPECT_EQ(response.cache_level(), "");
}

Task<Result<void>> write_nothing(std::shared_ptr<int>) { co_return Result<void>{}; }

TEST(Response, AStreamKeepsItsProducerUntilItIsTaken) {
  const auto alive = std::make_shared<int>(1);
  Response response =
      Response::stream("text/plain", [alive](BodyWriter&) { return write_nothing(alive); });
  EXPECT_EQ(alive.use_count(), 2);
  Response moved = std::move(response);
  EXPECT_EQ(alive.use_count(), 2);
  {
    const BodyProducer taken = moved.take_producer();
  }
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_FALSE(moved.producer());
}

}  // namespace
}  // namespace paceline
