#include <curl/curl.h>

#include <algorithm>
#include <array>

#include "paceline/monitor/delivery.h"

namespace paceline {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAnswerShown = 120;  // of a refusal, for the log

std::size_t keep_start(char* data, std::size_t one, std::size_t count, void* text) {
  auto& start = *static_cast<std::string*>(text);
  start.append(data, std::min(count, kAnswerShown - std::min(kAnswerShown, start.size())));
  return one * count;
}

int check_stop(void* stop, curl_off_t /*down*/, curl_off_t /*now*/, curl_off_t /*up*/,
               curl_off_t /*sent*/) {
  return static_cast<const StopMark*>(stop)->reached() ? 1 : 0;
}

Attempt judge_status(long status, const std::string& answer) {
  if (status >= 200 && status < 300) return {};
  std::string why = "it answered " + std::to_string(status);
  if (!answer.empty()) why += ": " + printable(answer, kAnswerShown);
  const bool later = status == 408 || status == 429 || status >= 500;
  return {.result = later ? Delivery::again : Delivery::refused, .why = std::move(why)};
}

}  // namespace

struct Poster::Inside {
  std::string url;
  CURL* curl = nullptr;
  curl_slist* headers = nullptr;
};

Poster::Poster(std::string url, const std::string& token) : inside_(std::make_unique<Inside>()) {
  check(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "libcurl starts");
  inside_->url = std::move(url);
  inside_->curl = curl_easy_init();
  check(inside_->curl != nullptr, "libcurl makes a handle");
  const auto header = [this](const std::string& line) {
    inside_->headers = curl_slist_append(inside_->headers, line.c_str());
  };
  header("Content-Type: application/json");
  header("Expect:");  // no pause before the body
  if (!token.empty()) header("Authorization: Bearer " + token);
}

Poster::~Poster() {
  curl_slist_free_all(inside_->headers);
  curl_easy_cleanup(inside_->curl);
  curl_global_cleanup();
}

Attempt Poster::post_blocking(const std::string& body, Duration timeout, const StopMark& stop) {
  CURL* curl = inside_->curl;
  curl_easy_reset(curl);  // keeps the connection
  std::string answer;
  std::array<char, CURL_ERROR_SIZE> error{};
  curl_easy_setopt(curl, CURLOPT_URL, inside_->url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, inside_->headers);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "paceline");
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                   std::max(1L, static_cast<long>(timeout / std::chrono::milliseconds(1))));
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &keep_start);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &check_stop);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, const_cast<StopMark*>(&stop));  // NOLINT: only read
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error.data());
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) {
    const std::string why = error[0] != '\0' ? error.data() : curl_easy_strerror(code);
    return {.result = Delivery::again, .why = printable(why)};
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  return judge_status(status, answer);
}

}  // namespace paceline
