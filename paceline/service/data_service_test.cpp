#include "paceline/service/data_service.h"

#include <gtest/gtest.h>

#include "paceline/service/service_testing.h"

namespace paceline {
namespace {

using service_testing::Cluster;
using service_testing::Seen;
using service_testing::Worker;

TEST(DataService, ServesTheDefaultFromPutToDelete) {
  Cluster cluster;
  Worker& worker = cluster.add_worker();
  const Seen put = cluster.ask(worker, "PUT /data/42", R"({"name":"Ada"})");
  EXPECT_EQ(put.status, 200u) << put.body;
  EXPECT_TRUE(put.body.starts_with(R"({"id":"42","body":{"name":"Ada"},"updated_at":"20)"))
      << put.body;
  EXPECT_TRUE(put.body.ends_with("Z\"}")) << put.body;

  const Seen first = cluster.ask(worker, "GET /data/42");
  EXPECT_EQ(first.status, 200u);
  EXPECT_EQ(first.body, put.body);
  EXPECT_EQ(first.header("ETag"), put.header("ETag"));
  EXPECT_EQ(first.header("Content-Type"), "application/json");
  EXPECT_EQ(first.header("Cache-Control"), "no-cache");
  EXPECT_EQ(first.header("Cache-Status"), "paceline; fwd=uri-miss; stored; detail=source");
  const Seen second = cluster.ask(worker, "GET /data/42");
  EXPECT_EQ(second.body, put.body);
  EXPECT_EQ(second.header("ETag"), put.header("ETag"));
  EXPECT_TRUE(second.header("Cache-Status").starts_with("paceline; hit; ttl=35")) << second.head;
  EXPECT_TRUE(second.header("Cache-Status").ends_with("; detail=l1")) << second.head;

  EXPECT_EQ(cluster.ask(worker, "DELETE /data/42").status, 204u);
  EXPECT_EQ(cluster.ask(worker, "DELETE /data/42").status, 404u);
  EXPECT_EQ(cluster.ask(worker, "GET /data/42").status, 404u);
}

TEST(DataService, CreatesWithLocationAndListsInPages) {
  Cluster cluster;
  Worker& worker = cluster.add_worker();
  EXPECT_EQ(cluster.ask(worker, "GET /data").body, "[]");
  const Seen created = cluster.ask(worker, "POST /data", R"({"name":"Grace"})");
  EXPECT_EQ(created.status, 201u) << created.body;
  const std::string location = created.header("Location");
  ASSERT_TRUE(location.starts_with("/data/")) << created.head;
  EXPECT_EQ(cluster.ask(worker, "GET " + location).body, created.body);
  for (const char* id : {"x1", "x2", "x3"}) {
    EXPECT_EQ(cluster.ask(worker, "PUT /data/" + std::string(id), "1").status, 200u);
  }
  const Seen page = cluster.ask(worker, "GET /data?limit=2&after=x1&ignored=1");
  EXPECT_EQ(page.status, 200u);
  EXPECT_NE(page.body.find(R"("id":"x2")"), std::string::npos) << page.body;
  EXPECT_NE(page.body.find(R"("id":"x3")"), std::string::npos) << page.body;
  EXPECT_EQ(page.body.find(R"("id":"x1")"), std::string::npos) << page.body;
  EXPECT_TRUE(cluster.ask(worker, "GET /data?limit=2&after=x1")
                  .header("Cache-Status")
                  .starts_with("paceline; hit"))
      << "what is not declared is no part of the key";
}

TEST(DataService, TheIndexNamesResourcesAndMethods) {
  Cluster cluster;
  const Seen index = cluster.ask(cluster.add_worker(), "GET /");
  EXPECT_EQ(index.status, 200u);
  EXPECT_EQ(index.body,
            R"({"resources":[{"path":"/data/{id}","rows":"one","methods":["GET","HEAD","PUT",)"
            R"("DELETE"]},{"path":"/data","rows":"many","methods":["GET","HEAD","POST"]}]})"
            "\n");
  EXPECT_EQ(cluster.ask(*cluster.workers[0], "PUT /data", "1").status, 405u);
}

TEST(DataService, RefusesWhatClientsGetWrongAndNamesIt) {
  Cluster cluster;
  Worker& worker = cluster.add_worker();
  const auto detail = [&](std::string_view line, std::string_view body = {}) {
    const Seen seen = cluster.ask(worker, line, body);
    EXPECT_EQ(seen.status, 400u) << line << seen.body;
    return seen.body;
  };
  EXPECT_NE(detail("GET /data?limit=1001").find("limit: expected an integer from 0 to 1000"),
            std::string::npos);
  EXPECT_NE(detail("GET /data?limit=ten").find("limit: "), std::string::npos);
  EXPECT_NE(detail("GET /data?limit=-1").find("limit: "), std::string::npos);
  EXPECT_NE(detail("GET /data?limit=1&limit=2").find("limit: "), std::string::npos);
  EXPECT_NE(detail("GET /data?after=%ff").find("after: "), std::string::npos);
  EXPECT_NE(detail("PUT /data/1", "{\"a\":\n x}").find("line 2, column 2"), std::string::npos);
  EXPECT_NE(detail("PUT /data/1").find("the body is empty"), std::string::npos);
  EXPECT_NE(detail("POST /data", std::string(65, '[')).find("deeper than 64"), std::string::npos);
}

TEST(DataService, AnswersConditionalRequests) {
  Cluster cluster;
  Worker& worker = cluster.add_worker();
  const std::string tag = cluster.ask(worker, "PUT /data/1", "1").header("ETag");
  ASSERT_EQ(tag.size(), 18u);
  for (int turn = 0; turn < 2; ++turn) {
    const Seen same =
        cluster.ask(worker, "GET /data/1", {}, "If-None-Match: \"x\", W/" + tag + "\r\n");
    EXPECT_EQ(same.status, 304u);
    EXPECT_EQ(same.header("ETag"), tag);
    EXPECT_EQ(same.body, "");
  }
  EXPECT_EQ(cluster.ask(worker, "GET /data/1", {}, "If-None-Match: \"x\"\r\n").status, 200u);

  const std::string match = "If-Match: " + tag + "\r\n";
  EXPECT_EQ(cluster.ask(worker, "PUT /data/1", "2", "If-Match: \"0000000000000000\"\r\n").status,
            412u);
  EXPECT_EQ(cluster.ask(worker, "PUT /data/1", "2", match).status, 200u);
  EXPECT_EQ(cluster.ask(worker, "PUT /data/1", "3", match).status, 412u) << "the row has changed";
  EXPECT_EQ(cluster.ask(worker, "DELETE /data/1", {}, match).status, 412u);
  EXPECT_EQ(cluster.ask(worker, "PUT /data/2", "1", "If-Match: *\r\n").status, 412u);
  EXPECT_EQ(cluster.ask(worker, "PUT /data/1", "1", "If-None-Match: *\r\n").status, 412u);
  EXPECT_EQ(cluster.ask(worker, "PUT /data/2", "1", "If-None-Match: *\r\n").status, 200u);
  EXPECT_EQ(cluster.ask(worker, "DELETE /data/1", {}, "If-Match: *\r\n").status, 204u);
}

TEST(DataService, HeadHasTheHeadersOfGetAndNoBody) {
  Cluster cluster;
  Worker& worker = cluster.add_worker();
  const Seen put = cluster.ask(worker, "PUT /data/1", "1");
  for (int turn = 0; turn < 2; ++turn) {
    const Seen head = cluster.ask(worker, "HEAD /data/1");
    EXPECT_EQ(head.status, 200u);
    EXPECT_EQ(head.header("ETag"), put.header("ETag"));
    EXPECT_EQ(head.header("Content-Length"), std::to_string(put.body.size()));
    EXPECT_EQ(head.body, "");
  }
}

constexpr std::string_view kTyped = R"toml(
[database]
schema = """
CREATE TABLE item(id INTEGER PRIMARY KEY, body TEXT CHECK (body LIKE '{%')) STRICT;
CREATE TABLE name(id TEXT PRIMARY KEY COLLATE NOCASE, body JSON);
"""
[[resource]]
path = "/items/{id}"
read = "SELECT id, body FROM item WHERE id = :id"
write = """INSERT INTO item VALUES(:id, :body)
ON CONFLICT DO UPDATE SET body = excluded.body RETURNING id, body"""
remove = "DELETE FROM item WHERE id = :id"
[[resource]]
path = "/items"
create = "INSERT INTO item(id, body) VALUES(json_extract(:body, '$.id'), :body) RETURNING id, body"
[[resource]]
path = "/names/{id}"
read = "SELECT id, body FROM name WHERE id = :id"
write = """INSERT INTO name VALUES(:id, :body)
ON CONFLICT DO UPDATE SET body = excluded.body RETURNING id, body"""
remove = "DELETE FROM name WHERE id = :id"
[[resource]]
path = "/fresh/{id}"
read = "SELECT id, body FROM name WHERE id = :id"
ttl = "0"
cache_control = "no-store"
)toml";

TEST(DataService, ParametersOfIntegerColumnsHaveOneSpelling) {
  Cluster cluster{std::string(kTyped)};
  Worker& worker = cluster.add_worker();
  EXPECT_EQ(cluster.ask(worker, "PUT /items/7", "{}").status, 200u);
  EXPECT_EQ(cluster.ask(worker, "GET /items/7").status, 200u);
  for (const char* id : {"07", "seven", "+7", "7.0", "99999999999999999999", "-0"}) {
    const Seen seen = cluster.ask(worker, "GET /items/" + std::string(id));
    EXPECT_EQ(seen.status, 400u) << id;
    EXPECT_NE(seen.body.find("id: expected an integer"), std::string::npos) << seen.body;
  }
}

TEST(DataService, ConstraintsAnswer409AndLeakNothing) {
  Cluster cluster{std::string(kTyped)};
  Worker& worker = cluster.add_worker();
  EXPECT_EQ(cluster.ask(worker, "POST /items", R"({"id":1})").status, 201u);
  const Seen twice = cluster.ask(worker, "POST /items", R"({"id":1})");
  EXPECT_EQ(twice.status, 409u);
  EXPECT_EQ(twice.body.find("UNIQUE"), std::string::npos) << twice.body;
  EXPECT_EQ(cluster.ask(worker, "PUT /items/1", "[]").status, 409u);
  const Seen wrong = cluster.ask(worker, "POST /items", R"({"id":"x"})");
  EXPECT_EQ(wrong.status, 400u) << wrong.body;
}

TEST(DataService, ARowWithTwoSpellingsIsNeverServedStale) {
  Cluster cluster{std::string(kTyped)};
  Worker& worker = cluster.add_worker();
  EXPECT_EQ(cluster.ask(worker, "GET /names/ADA").status, 404u);
  EXPECT_EQ(cluster.ask(worker, "PUT /names/ada", "1").status, 200u);
  EXPECT_EQ(cluster.ask(worker, "GET /names/ADA").body, R"({"id":"ada","body":1})");
  EXPECT_EQ(cluster.ask(worker, "GET /names/ada").body, R"({"id":"ada","body":1})");
  EXPECT_EQ(cluster.ask(worker, "PUT /names/ADA", "2").status, 200u);
  EXPECT_EQ(cluster.ask(worker, "GET /names/ada").body, R"({"id":"ada","body":2})");
  EXPECT_EQ(cluster.ask(worker, "DELETE /names/Ada").status, 204u);
  EXPECT_EQ(cluster.ask(worker, "GET /names/ada").status, 404u);
}

TEST(DataService, TtlZeroReadsEveryTime) {
  Cluster cluster{std::string(kTyped)};
  Worker& worker = cluster.add_worker();
  cluster.ask(worker, "PUT /names/a", "1");
  for (int turn = 0; turn < 2; ++turn) {
    const Seen seen = cluster.ask(worker, "GET /fresh/a");
    EXPECT_EQ(seen.header("Cache-Status"), "paceline; fwd=bypass; detail=source");
    EXPECT_EQ(seen.header("Cache-Control"), "no-store");
  }
  EXPECT_EQ(cluster.ask(worker, "GET /fresh/b").status, 404u);
}

TEST(DataService, EncodedParametersAreDecodedAndEncodedAgain) {
  Cluster cluster;
  Worker& worker = cluster.add_worker();
  EXPECT_EQ(cluster.ask(worker, "PUT /data/a%2Fb%20c", "1").status, 200u);
  EXPECT_NE(cluster.ask(worker, "GET /data/a%2fb%20c").body.find(R"("id":"a/b c")"),
            std::string::npos);
  EXPECT_TRUE(cluster.ask(worker, "GET /data/a%2Fb%20c")
                  .header("Cache-Status")
                  .starts_with("paceline; hit"));
}

}  // namespace
}  // namespace paceline
