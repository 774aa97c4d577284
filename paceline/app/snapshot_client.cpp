#include "paceline/app/snapshot_client.h"

#include <curl/curl.h>
#include <fcntl.h>

#include <array>
#include <nlohmann/json.hpp>

#include "paceline/cluster.h"

namespace paceline::app {

struct SnapshotClient::Inside {
  std::string dir;
  Fd folder;  // the socket's path may be longer than a socket's name: it is reached by this
  std::string socket;  // "/proc/self/fd/3/monitor.sock"
  CURLM* multi = ::curl_multi_init();
  CURL* easy = ::curl_easy_init();
  bool asking = false;
  std::string body;
  std::optional<Result<std::string>> answer;

  explicit Inside(std::string folder_path) : dir(std::move(folder_path)) {
    check(multi != nullptr && easy != nullptr, "libcurl could not start");
    const auto text = [this](CURLoption option, const char* value) {
      ::curl_easy_setopt(easy, option, value);
    };
    text(CURLOPT_URL, "http://localhost/api/v1/snapshot");
    text(CURLOPT_PROXY, "");  // whatever the environment says
    text(CURLOPT_PROTOCOLS_STR, "http");
    ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    ::curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    ::curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(kTimeout.count()));
    ::curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Inside::take_bytes);
    ::curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  }
  ~Inside() {
    if (asking) ::curl_multi_remove_handle(multi, easy);
    ::curl_easy_cleanup(easy);
    ::curl_multi_cleanup(multi);
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

  static std::size_t take_bytes(const char* bytes, std::size_t, std::size_t count, void* self) {
    std::string& body = static_cast<Inside*>(self)->body;
    if (body.size() + count > kAnswerMax) return 0;  // ends the transfer
    body.append(bytes, count);
    return count;
  }

  /// The folder is opened for each request: it may have been made anew.
  bool open_folder() {
    folder.reset(::open(dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return false;
    socket = "/proc/self/fd/" + std::to_string(folder.get()) + "/monitor.sock";
    ::curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
    return true;
  }

  Result<std::string> result(CURLcode code) {
    if (code == CURLE_COULDNT_CONNECT) {
      return fail(Code::not_found, "no monitor answers in " + dir);
    }
    if (code == CURLE_OPERATION_TIMEDOUT) return fail(Code::timeout, "the monitor is silent");
    if (code == CURLE_WRITE_ERROR) return fail(Code::exhausted, "the snapshot is too long");
    if (code != CURLE_OK) return fail(Code::io, ::curl_easy_strerror(code));
    long status = 0;
    ::curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200) return std::move(body);
    return fail(Code::corrupt, "the monitor answered " + std::to_string(status));
  }
};

SnapshotClient::SnapshotClient(const std::string& dir) : inside_(std::make_unique<Inside>(dir)) {}

SnapshotClient::~SnapshotClient() = default;

bool SnapshotClient::asking() const { return inside_->asking; }

void SnapshotClient::ask() {
  check(!inside_->asking, "one snapshot at a time");
  inside_->body.clear();
  if (!inside_->open_folder()) {
    inside_->answer = fail(Code::not_found, "there is no folder " + inside_->dir);
    return;
  }
  inside_->asking = ::curl_multi_add_handle(inside_->multi, inside_->easy) == CURLM_OK;
  check(inside_->asking, "libcurl takes its own handle");
}

void SnapshotClient::wait_blocking(std::span<const int> fds, std::chrono::milliseconds timeout) {
  std::array<curl_waitfd, 4> waits{};
  check(fds.size() <= waits.size(), "too many descriptors to wait for");
  for (std::size_t i = 0; i < fds.size(); ++i) waits[i] = {fds[i], CURL_WAIT_POLLIN, 0};
  int running = 0;
  ::curl_multi_perform(inside_->multi, &running);
  if (!inside_->answer && (running > 0 || !inside_->asking)) {
    ::curl_multi_poll(inside_->multi, waits.data(), static_cast<unsigned>(fds.size()),
                      static_cast<int>(timeout.count()), nullptr);
    ::curl_multi_perform(inside_->multi, &running);
  }
  int left = 0;
  while (const CURLMsg* message = ::curl_multi_info_read(inside_->multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    ::curl_multi_remove_handle(inside_->multi, inside_->easy);
    inside_->asking = false;
    inside_->answer = inside_->result(code);
  }
}

std::optional<Result<std::string>> SnapshotClient::take() {
  return std::exchange(inside_->answer, std::nullopt);
}

Error explain_silence(const std::string& dir, const Error& error) {
  const Result<std::string> status =
      control_request_blocking(dir, "status", std::chrono::seconds(1));
  if (!status) return status.error();
  if (error.code != Code::not_found) return error;
  const nlohmann::json json = nlohmann::json::parse(*status, nullptr, false);
  if (json.is_object() && json.contains("monitor") && json["monitor"].is_null()) {
    return fail(Code::unavailable, "the instance in " + dir +
                                       " runs without a monitor: it is off (monitor.listen) or "
                                       "starts anew just now; see `paceline status`")
        .error();
  }
  return fail(Code::unavailable, "the monitor of " + dir + " does not answer; see its log").error();
}

Result<std::string> fetch_snapshot_blocking(const std::string& dir) {
  SnapshotClient client(dir);
  client.ask();
  while (true) {
    client.wait_blocking({}, SnapshotClient::kTimeout);
    std::optional<Result<std::string>> answer = client.take();
    if (!answer) continue;
    if (!*answer) return std::unexpected(explain_silence(dir, answer->error()));
    return *std::move(answer);
  }
}

}  // namespace paceline::app
