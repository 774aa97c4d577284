#include "paceline/service/write_effects.h"

#include <gtest/gtest.h>

#include <new>

#include "paceline/service/render.h"

namespace paceline {
namespace {

class WriteEffects : public testing::Test {
 protected:
  WriteEffects() : versions_(*Versions::create({table_.get(), Versions::bytes()})) {}
  std::uint32_t version(std::string_view key) const {
    return versions_.version(versions_.hash(key));
  }
  struct Free {
    void operator()(std::byte* bytes) const { ::operator delete[](bytes, std::align_val_t{64}); }
  };
  std::unique_ptr<std::byte[], Free> table_{new (std::align_val_t{64})
                                                std::byte[Versions::bytes()]()};
  Versions versions_;
};

SqlResult row(std::string id) {
  return {.columns = {{"id", "TEXT"}, {"n", ""}}, .cells = {std::move(id), std::int64_t{5}}};
}

KeeperCommand command_of(const Versions& versions) {
  KeeperCommand command;
  command.sql = "x";
  command.raises = {versions.hash("key").value};
  command.derived = {{.prefix = "p", .columns = {"id", "n"}}};
  return command;
}

TEST_F(WriteEffects, RaisesNamedKeysAndThoseOfReturnedRows) {
  WriteCommand write = writer_command(3, command_of(versions_), versions_);
  const std::vector<WriteCompletion> done = [&] {
    std::vector<WriteCompletion> list;
    list.push_back({.id = 3, .result = row("a"), .invalidates = write.invalidates});
    return list;
  }();
  raise_versions(versions_, done);
  EXPECT_EQ(version("key"), 1u);
  EXPECT_EQ(version(std::string_view("p\0a\0005", 5)), 1u);
  EXPECT_EQ(versions_.epoch(), Versions(versions_).epoch());
}

TEST_F(WriteEffects, AFailedCommandRaisesNothingAndAnUnknownOneEverything) {
  WriteCommand write = writer_command(3, command_of(versions_), versions_);
  const std::uint64_t epoch = versions_.epoch();
  std::vector<WriteCompletion> done;
  done.push_back({.id = 1, .result = fail(Code::conflict, "no"), .invalidates = write.invalidates});
  raise_versions(versions_, done);
  EXPECT_EQ(version("key"), 0u);
  done[0].result = fail(Code::outcome_unknown, "disk");
  raise_versions(versions_, done);
  EXPECT_EQ(version("key"), 1u);
  EXPECT_EQ(versions_.epoch(), epoch + 1);
}

TEST_F(WriteEffects, AGuardsRowNamesItsKeysToo) {
  KeeperCommand command = command_of(versions_);
  command.guard = WriteGuard{.sql = "SELECT", .parameters = {}, .json = {}, .hashes = {}};
  WriteCommand write = writer_command(3, std::move(command), versions_);
  ASSERT_TRUE(write.precondition);
  std::vector<std::string> invalidates;
  EXPECT_TRUE(write.precondition->accept(row("b"), invalidates));
  ASSERT_EQ(invalidates.size(), 1u);
  std::vector<WriteCompletion> done;
  done.push_back({.id = 3, .result = SqlResult{}, .invalidates = invalidates});
  raise_versions(versions_, done);
  EXPECT_EQ(version(std::string_view("p\0b\0005", 5)), 1u);
}

TEST_F(WriteEffects, GuardsDecideByExistenceAndHash) {
  const SqlResult found = row("a");
  const SqlResult none{.columns = found.columns, .cells = {}};
  const std::uint64_t hash = body_hash(render_one(found, {}));
  const auto holds = [](GuardDemand demand, std::vector<std::uint64_t> hashes,
                        const SqlResult& result) {
    return guard_holds(
        {.sql = {}, .parameters = {}, .json = {}, .demand = demand, .hashes = std::move(hashes)},
        result);
  };
  EXPECT_TRUE(holds(GuardDemand::nothing, {}, none));
  EXPECT_TRUE(holds(GuardDemand::exists, {}, found) && !holds(GuardDemand::exists, {}, none));
  EXPECT_TRUE(holds(GuardDemand::absent, {}, none) && !holds(GuardDemand::absent, {}, found));
  EXPECT_TRUE(holds(GuardDemand::one_of, {1, hash}, found));
  EXPECT_FALSE(holds(GuardDemand::one_of, {1}, found) || holds(GuardDemand::one_of, {hash}, none));
  EXPECT_TRUE(holds(GuardDemand::none_of, {1}, found) && holds(GuardDemand::none_of, {hash}, none));
  EXPECT_FALSE(holds(GuardDemand::none_of, {hash}, found));
}

}  // namespace
}  // namespace paceline
