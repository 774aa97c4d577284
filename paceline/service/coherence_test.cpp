// Reads after writes through two workers and one keeper, and what happens without the keeper.
#include <gtest/gtest.h>

#include "paceline/service/service_testing.h"

namespace paceline {
namespace {

using service_testing::Cluster;
using service_testing::Seen;
using service_testing::Worker;

bool is_hit(const Seen& seen) { return seen.header("Cache-Status").starts_with("paceline; hit"); }

TEST(Coherence, NoWorkerAnswersOlderThanAnAcknowledgedWrite) {
  Cluster cluster;
  Worker& writer = cluster.add_worker();
  Worker& reader = cluster.add_worker();
  for (int value = 0; value < 50; ++value) {
    const Seen put = cluster.ask(writer, "PUT /data/1", std::to_string(value));
    ASSERT_EQ(put.status, 200u);
    const Seen read = cluster.ask(reader, "GET /data/1");
    EXPECT_EQ(read.body, put.body);
    EXPECT_TRUE(is_hit(cluster.ask(reader, "GET /data/1")));
    EXPECT_EQ(cluster.ask(writer, "GET /data/1").body, put.body);
  }
}

TEST(Coherence, WritesMakeTaggedListsInvalidEverywhere) {
  Cluster cluster;
  Worker& writer = cluster.add_worker();
  Worker& reader = cluster.add_worker();
  EXPECT_EQ(cluster.ask(reader, "GET /data?limit=5").body, "[]");
  EXPECT_TRUE(is_hit(cluster.ask(reader, "GET /data?limit=5")));
  cluster.ask(writer, "PUT /data/1", "1");
  EXPECT_NE(cluster.ask(reader, "GET /data?limit=5").body, "[]");
  cluster.ask(writer, "DELETE /data/1");
  EXPECT_EQ(cluster.ask(reader, "GET /data?limit=5").body, "[]");
  cluster.ask(writer, "POST /data", "1");
  EXPECT_NE(cluster.ask(reader, "GET /data?limit=5").body, "[]");
}

TEST(Coherence, ARowThatWasAbsentIsSeenAsSoonAsItIsThere) {
  Cluster cluster;
  Worker& writer = cluster.add_worker();
  Worker& reader = cluster.add_worker();
  EXPECT_EQ(cluster.ask(reader, "GET /data/1").status, 404u);
  const Seen again = cluster.ask(reader, "GET /data/1");
  EXPECT_EQ(again.status, 404u);
  EXPECT_TRUE(is_hit(again)) << again.head;
  cluster.ask(writer, "PUT /data/1", "1");
  EXPECT_EQ(cluster.ask(reader, "GET /data/1").status, 200u);
}

TEST(Coherence, WithoutAKeeperReadsGoOnAndItsReturnEndsTheOutage) {
  Cluster cluster(std::string(default_config()), {.link_wait_max = 50ms});
  Worker& worker = cluster.add_worker();
  ASSERT_EQ(cluster.ask(worker, "PUT /data/1", "1").status, 200u);
  cluster.keeper.reset();
  cluster.versions.raise_epoch();  // as the supervisor does
  const Seen refused = cluster.ask(worker, "PUT /data/1", "2");
  EXPECT_EQ(refused.status, 503u);
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_NE(refused.body.find(R"("code":"unavailable")"), std::string::npos) << refused.body;
  EXPECT_EQ(cluster.ask(worker, "GET /data/1").status, 200u);
  EXPECT_TRUE(is_hit(cluster.ask(worker, "GET /data/1")));
  cluster.start();
  Seen put;
  for (int attempt = 0; attempt < 100 && put.status != 200; ++attempt) {
    put = cluster.ask(worker, "PUT /data/1", "3");
  }
  EXPECT_EQ(put.status, 200u);
  EXPECT_EQ(cluster.ask(worker, "GET /data/1").body, put.body);
}

TEST(Coherence, AKeeperThatStopsAnswersWhatItTook) {
  Cluster cluster;
  Worker& worker = cluster.add_worker();
  ASSERT_EQ(cluster.ask(worker, "PUT /data/1", "1").status, 200u);
  const bool complete =
      cluster.loop.run_until_done(cluster.keeper->drain(Deadline::after(cluster.loop.now(), 5s)));
  EXPECT_TRUE(complete);
  EXPECT_EQ(cluster.keeper->stats().commands, 1u);
  cluster.keeper.reset();
  cluster.start();
  EXPECT_EQ(cluster.ask(worker, "PUT /data/1", "2").status, 200u);
}

}  // namespace
}  // namespace paceline
