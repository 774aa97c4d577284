#include "paceline/monitor/dashboard.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace paceline {
namespace {

TEST(Dashboard, ThePageComesFirstAndNamesEveryFileItNeeds) {
  auto files = dashboard_files();
  if (files.empty()) return;  // built without npm
  ASSERT_EQ(files[0].path, "/");
  EXPECT_TRUE(files[0].bytes.starts_with("<!doctype html>"));
  std::set<std::string_view> paths;
  for (const DashboardFile& file : files) paths.insert(file.path);
  EXPECT_EQ(paths.size(), files.size());
  for (std::string_view path : {"/assets/app.js", "/assets/style.css", "/assets/uplot.js"}) {
    EXPECT_TRUE(paths.contains(path)) << path;
    EXPECT_NE(files[0].bytes.find(path), std::string_view::npos) << path;
  }
}

TEST(Dashboard, FilesHaveATypeAndATagOfTheirOwn) {
  std::set<std::string_view> tags;
  for (const DashboardFile& file : dashboard_files()) {
    EXPECT_FALSE(file.bytes.empty()) << file.path;
    EXPECT_NE(file.content_type.find('/'), std::string_view::npos) << file.path;
    ASSERT_EQ(file.etag.size(), 18u) << file.path;
    EXPECT_TRUE(file.etag.starts_with('"') && file.etag.ends_with('"')) << file.etag;
    EXPECT_TRUE(tags.insert(file.etag).second) << file.path;
  }
}

TEST(Dashboard, NothingIsFetchedFromElsewhere) {
  for (const DashboardFile& file : dashboard_files()) {
    if (file.path != "/" && !file.path.ends_with(".css")) continue;
    for (std::string_view outside : {"http:", "https:", "src=\"//", "@import"}) {
      EXPECT_EQ(file.bytes.find(outside), std::string_view::npos) << file.path << outside;
    }
  }
}

TEST(Dashboard, WithoutItThePageSaysHowToGetIt) {
  DashboardFile page = dashboard_missing();
  EXPECT_NE(page.bytes.find("apt-get install nodejs npm"), std::string_view::npos);
  EXPECT_NE(page.bytes.find("./dev build release"), std::string_view::npos);
}

}  // namespace
}  // namespace paceline
