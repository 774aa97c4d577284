#include "paceline/service/link_codec.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

KeeperCommand full_command() {
  KeeperCommand command;
  command.sql = "UPDATE t SET a = :a";
  command.parameters = {{"a", std::string("x\0y", 3)},
                        {"b", std::int64_t{-1}},
                        {"c", 0.5},
                        {"d", std::monostate{}},
                        {"e", SqlBlob{"\xff"}}};
  command.raises = {1, UINT64_MAX};
  command.derived = {{"prefix", {"tenant", "id"}}};
  command.guard = WriteGuard{.sql = "SELECT 1",
                             .parameters = {{"id", std::string("42")}},
                             .json = {"body"},
                             .demand = GuardDemand::one_of,
                             .hashes = {7}};
  return command;
}

std::string frame_of(const KeeperCommand& command) {
  std::string bytes;
  EXPECT_TRUE(append_command(bytes, 9, command));
  return bytes;
}

TEST(LinkCodec, GivesBackEveryPartOfACommand) {
  const std::string bytes = frame_of(full_command());
  const auto frame = next_frame(bytes);
  ASSERT_TRUE(frame && *frame);
  EXPECT_EQ((*frame)->id, 9u);
  EXPECT_EQ((*frame)->bytes, bytes.size());
  const Result<KeeperCommand> parsed = parse_command((*frame)->payload);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, full_command());
}

TEST(LinkCodec, GivesBackEveryKindOfAnswer) {
  KeeperAnswer done{.kind = AnswerKind::done};
  done.result = {.columns = {{"id", "TEXT"}, {"n", ""}},
                 .cells = {std::string("1"), std::int64_t{2}, std::monostate{}, 1.5},
                 .changes = 2};
  std::string bytes;
  ASSERT_TRUE(append_answer(bytes, 1, done));
  KeeperAnswer failed{.kind = AnswerKind::failed, .code = Code::conflict, .message = "UNIQUE"};
  ASSERT_TRUE(append_answer(bytes, 2, failed));

  auto frame = next_frame(bytes);
  ASSERT_TRUE(frame && *frame);
  const Result<KeeperAnswer> first = parse_answer((*frame)->payload);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->result.columns, done.result.columns);
  EXPECT_EQ(first->result.cells, done.result.cells);
  EXPECT_EQ(first->result.changes, 2);

  frame = next_frame(std::string_view(bytes).substr((*frame)->bytes));
  ASSERT_TRUE(frame && *frame);
  const Result<KeeperAnswer> second = parse_answer((*frame)->payload);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->code, Code::conflict);
  EXPECT_EQ(second->message, "UNIQUE");
}

TEST(LinkCodec, AsksForMoreUntilAFrameIsWhole) {
  const std::string bytes = frame_of(full_command());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto frame = next_frame(std::string_view(bytes).substr(0, size));
    ASSERT_TRUE(frame);
    EXPECT_FALSE(*frame) << size;
  }
}

TEST(LinkCodec, RefusesEveryTruncatedOrPaddedPayload) {
  const std::string bytes = frame_of(full_command());
  const std::string_view payload = std::string_view(bytes).substr(frame_head_bytes);
  for (std::size_t size = 0; size < payload.size(); ++size) {
    EXPECT_FALSE(parse_command(payload.substr(0, size))) << size;
  }
  EXPECT_FALSE(parse_command(std::string(payload) + "x"));
}

TEST(LinkCodec, BelievesNoCountThatTheBytesCannotHold) {
  std::string payload = "\x01";
  payload.append(3, '\0').append("x").append("\xff\xff\xff\xff");
  EXPECT_FALSE(parse_command(payload));
  std::string length(frame_head_bytes, '\xff');
  EXPECT_EQ(next_frame(length).error().code, Code::corrupt);
  EXPECT_EQ(next_frame(std::string(frame_head_bytes, '\0')).error().code, Code::corrupt);
}

TEST(LinkCodec, LeavesTheBufferAloneWhenAMessageIsTooLarge) {
  KeeperCommand command = full_command();
  command.parameters[0].value = std::string(frame_bytes_max, 'x');
  std::string bytes = "before";
  EXPECT_EQ(append_command(bytes, 1, command).error().code, Code::exhausted);
  EXPECT_EQ(bytes, "before");
}

}  // namespace
}  // namespace paceline
