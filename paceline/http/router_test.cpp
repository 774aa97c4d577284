#include "paceline/http/router.h"

#include <gtest/gtest.h>

#include <string>

namespace paceline {
namespace {

/// "7 /data/{id} id", "405 GET, HEAD" or "404".
std::string route(const Router& router, Method method, std::string_view path) {
  RouteMatch match;
  switch (router.match(method, path, match)) {
    case RouteMatch::Kind::not_found:
      return "404";
    case RouteMatch::Kind::method_not_allowed:
      return "405 " + allow_header(match.allowed);
    case RouteMatch::Kind::found:
      break;
  }
  std::string out = std::to_string(match.route) + " " + std::string(match.pattern);
  for (std::size_t i = 0; i < match.param_count; ++i) {
    out.append(" ").append(std::string_view(match.params[i]));
  }
  return out;
}

void add(Router& router, Method method, std::string_view pattern, std::uint32_t index) {
  const Result<void> added = router.add(method, pattern, index);
  ASSERT_TRUE(added) << added.error().text();
}

TEST(Router, MatchesLiteralsAndParameters) {
  Router router;
  add(router, Method::get, "/", 0);
  add(router, Method::get, "/data", 1);
  add(router, Method::get, "/data/{id}", 2);
  add(router, Method::put, "/data/{id}", 3);
  add(router, Method::get, "/data/{id}/items/{item}", 4);
  add(router, Method::get, "/a-segment-of-more-than-8-bytes", 5);
  EXPECT_EQ(route(router, Method::get, "/"), "0 /");
  EXPECT_EQ(route(router, Method::get, "/data"), "1 /data");
  EXPECT_EQ(route(router, Method::get, "/data/42"), "2 /data/{id} 42");
  EXPECT_EQ(route(router, Method::put, "/data/42"), "3 /data/{id} 42");
  EXPECT_EQ(route(router, Method::get, "/data/a/items/b"), "4 /data/{id}/items/{item} a b");
  EXPECT_EQ(route(router, Method::get, "/a-segment-of-more-than-8-bytes"),
            "5 /a-segment-of-more-than-8-bytes");
  for (const std::string_view path :
       {"/dat", "/dataa", "/Data", "/data/", "/data//", "//", "//data", "/data/a/items",
        "/data/a/items/", "/data/a/other/b", "/a-segment-of-more-than-8-bytez", "*", ""}) {
    EXPECT_EQ(route(router, Method::get, path), "404") << path;
  }
}

TEST(Router, TellsTextsOfTheSameSizeApart) {
  Router router;
  const std::string_view paths[] = {
      "/a",      "/b",      "/ab",     "/ba",       "/abc",      "/acb",       "/abcd",     "/abce",
      "/abcdef", "/abcfed", "/bbcdef", "/abcdefgh", "/abcdefgi", "/abcdefghi", "/abcdefghj"};
  for (std::uint32_t i = 0; i < std::size(paths); ++i) add(router, Method::get, paths[i], i);
  for (std::uint32_t i = 0; i < std::size(paths); ++i) {
    EXPECT_EQ(route(router, Method::get, paths[i]),
              std::to_string(i) + " " + std::string(paths[i]));
  }
}

TEST(Router, TellsWhichMethodsAreAllowed) {
  Router router;
  add(router, Method::get, "/data/{id}", 1);
  add(router, Method::del, "/data/{id}", 2);
  add(router, Method::post, "/data", 3);
  EXPECT_EQ(route(router, Method::post, "/data/1"), "405 GET, HEAD, DELETE");
  EXPECT_EQ(route(router, Method::get, "/data"), "405 POST");
  EXPECT_EQ(route(router, Method::unknown, "/data"), "405 POST");
  EXPECT_EQ(route(router, Method::unknown, "/other"), "404");
}

TEST(Router, AnswersHeadByGetUnlessHeadHasItsOwn) {
  Router router;
  add(router, Method::get, "/a", 1);
  add(router, Method::head, "/b", 2);
  add(router, Method::get, "/b", 3);
  add(router, Method::get, "/c", 4);
  add(router, Method::head, "/c", 5);
  EXPECT_EQ(route(router, Method::head, "/a"), "1 /a");
  EXPECT_EQ(route(router, Method::head, "/b"), "2 /b");
  EXPECT_EQ(route(router, Method::head, "/c"), "5 /c");
}

TEST(Router, PrefersALiteralAndComesBackToTheParameter) {
  Router router;
  add(router, Method::get, "/data/new", 1);
  add(router, Method::get, "/data/{id}", 2);
  add(router, Method::del, "/data/{id}", 3);
  add(router, Method::get, "/data/new/form", 4);
  add(router, Method::get, "/data/{id}/items", 5);
  EXPECT_EQ(route(router, Method::get, "/data/new"), "1 /data/new");
  EXPECT_EQ(route(router, Method::del, "/data/new"), "3 /data/{id} new");
  EXPECT_EQ(route(router, Method::put, "/data/new"), "405 GET, HEAD, DELETE");
  EXPECT_EQ(route(router, Method::get, "/data/new/items"), "5 /data/{id}/items new");
  EXPECT_EQ(route(router, Method::get, "/data/new/other"), "404");
}

TEST(Router, TakesATrailingSlashForAnotherPath) {
  Router router;
  add(router, Method::get, "/data/", 1);
  add(router, Method::get, "/x/{id}/", 2);
  EXPECT_EQ(route(router, Method::get, "/data/"), "1 /data/");
  EXPECT_EQ(route(router, Method::get, "/data"), "404");
  EXPECT_EQ(route(router, Method::get, "/x/1/"), "2 /x/{id}/ 1");
  EXPECT_EQ(route(router, Method::get, "/x/1"), "404");
}

TEST(Router, SeesThroughEncodingButNotThroughEncodedSlashes) {
  Router router;
  add(router, Method::get, "/data/{id}", 1);
  EXPECT_EQ(route(router, Method::get, "/d%61ta/a%2Fb"), "1 /data/{id} a%2Fb");
  EXPECT_EQ(route(router, Method::get, "/data%2Fa"), "404");
}

TEST(Router, TakesEightParameters) {
  Router router;
  add(router, Method::get, "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}", 1);
  EXPECT_EQ(route(router, Method::get, "/1/2/3/4/5/6/7/8"),
            "1 /{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h} 1 2 3 4 5 6 7 8");
  EXPECT_EQ(route(router, Method::get, "/1/2/3/4/5/6/7/8/9"), "404");
  EXPECT_EQ(router.add(Method::get, "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", 2).error().code,
            Code::invalid);
}

TEST(Router, RefusesMalformedPatterns) {
  Router router;
  for (const std::string_view pattern :
       {"", "data", "/a//b", "//", "/{", "/{}", "/{a", "/a}", "/{a}b", "/a{b}", "/{a-b}", "/{1}",
        "/{a}/{a}", "/a b", "/a?b", "/%61", "/../a", "/\xc3\xa4"}) {
    const Result<void> added = router.add(Method::get, pattern, 0);
    ASSERT_FALSE(added) << pattern;
    EXPECT_EQ(added.error().code, Code::invalid) << pattern;
  }
}

TEST(Router, RefusesConflicts) {
  Router router;
  add(router, Method::get, "/data/{id}", 1);
  add(router, Method::get, "/data/{user}/items", 2);
  EXPECT_EQ(router.add(Method::get, "/data/{id}", 3).error().code, Code::conflict);
  EXPECT_EQ(router.add(Method::put, "/data/{key}", 3).error().code, Code::conflict);
  EXPECT_EQ(route(router, Method::get, "/data/1"), "1 /data/{id} 1");
}

TEST(Router, NamesTheParametersOfAPattern) {
  EXPECT_EQ(Router::param_names("/data/{id}/items/{item}"),
            (std::vector<std::string_view>{"id", "item"}));
  EXPECT_TRUE(Router::param_names("/").empty());
}

}  // namespace
}  // namespace paceline
