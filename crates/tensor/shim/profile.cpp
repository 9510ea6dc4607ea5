// Times of operators, as libtorch reports them while a profile runs. One profile belongs to the whole process.
#include "guard.h"
#include "json.h"
#include <ATen/record_function.h>
#include <chrono>
#include <mutex>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

struct Span {
  uint32_t name;
  uint64_t thread;
  int64_t start, end; // nanoseconds of the monotonic clock
};

// Keeps a forgotten profile from filling memory: 160 MB at most.
constexpr size_t MOST_SPANS = 5'000'000;

struct Profile {
  std::mutex mutex;
  at::CallbackHandle callback = at::INVALID_CALLBACK_HANDLE;
  std::unordered_map<std::string, uint32_t> indices;
  std::vector<std::string> names;
  std::vector<Span> spans;
  size_t dropped = 0;
};

// Never destroyed: a thread of libtorch may end an operator while the process ends.
Profile& profile() {
  static Profile* one = new Profile;
  return *one;
}

struct Started : at::ObserverContext {
  int64_t at;
  explicit Started(int64_t at) : at(at) {}
};

int64_t now() {
  auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction&) { return std::make_unique<Started>(now()); }

void end(const at::RecordFunction& function, at::ObserverContext* context) {
  int64_t at = now();
  auto& p = profile();
  std::lock_guard<std::mutex> lock(p.mutex);
  if (p.callback == at::INVALID_CALLBACK_HANDLE) return; // ended after the profile did
  if (p.spans.size() == MOST_SPANS) {
    p.dropped++;
    return;
  }
  auto [entry, fresh] = p.indices.try_emplace(function.name(), static_cast<uint32_t>(p.names.size()));
  if (fresh) p.names.push_back(entry->first);
  p.spans.push_back({entry->second, function.threadId(), static_cast<Started*>(context)->at, at});
}

} // namespace

extern "C" {

int32_t vissl_profile_start(Error* error) {
  return guarded(error, [&] {
    auto& p = profile();
    std::lock_guard<std::mutex> lock(p.mutex);
    if (p.callback != at::INVALID_CALLBACK_HANDLE) throw BadArgument(KIND_RUNTIME, "a profile is running already");
    p.spans.clear();
    p.names.clear();
    p.indices.clear();
    p.dropped = 0;
    p.callback = at::addGlobalCallback(at::RecordFunctionCallback(begin, end).scopes(
        {at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
    return 0;
  });
}

// A JSON object, malloc'ed: names, and four numbers a span (name, thread, start and duration in nanoseconds).
char* vissl_profile_stop(Error* error) {
  char* text = nullptr;
  guarded(error, [&] {
    auto& p = profile();
    std::lock_guard<std::mutex> lock(p.mutex);
    if (p.callback == at::INVALID_CALLBACK_HANDLE) throw BadArgument(KIND_RUNTIME, "no profile is running");
    at::removeCallback(p.callback);
    p.callback = at::INVALID_CALLBACK_HANDLE;
    std::ostringstream out;
    out << "{\"dropped\":" << p.dropped << ",\"names\":[";
    for (size_t k = 0; k < p.names.size(); k++) out << (k ? "," : "") << quoted(p.names[k]);
    out << "],\"spans\":[";
    for (size_t k = 0; k < p.spans.size(); k++) {
      const auto& span = p.spans[k];
      out << (k ? "," : "") << span.name << ',' << span.thread << ',' << span.start << ',' << span.end - span.start;
    }
    out << "]}";
    p.spans = {};
    text = strdup(out.str().c_str());
    return 0;
  });
  return text;
}
}
