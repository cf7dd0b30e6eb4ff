// Writes Prometheus' text format, version 0.0.4. Ours, because the library (prometheus-cpp) brings an HTTP server with
// threads of its own and counters that all cores share; what we need of it is this file.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "server/counters.h"

namespace rookery::server {

class Exposition {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;
  enum class Unit { seconds, count };  ///< of a histogram, whose values are microseconds or whole numbers

  /// Begins a metric; its samples follow. Names of counters end with _total.
  Exposition& counter(std::string_view name, std::string_view help) { return begin(name, "counter", help); }
  Exposition& gauge(std::string_view name, std::string_view help) { return begin(name, "gauge", help); }
  template <typename Number>
    requires std::integral<Number> || std::floating_point<Number>
  Exposition& sample(Number value, Labels labels = {}) {
    return line({}, labels, number(value));
  }
  /// Buckets from below 2^first to below 2^last.
  void histogram(std::string_view name, std::string_view help, const Histogram& values, Unit unit, size_t first,
                 size_t last);

  std::string take() { return std::move(out_); }

 private:
  Exposition& begin(std::string_view name, std::string_view type, std::string_view help);
  Exposition& line(std::string_view suffix, Labels labels, const std::string& value);
  template <std::integral Number>
  static std::string number(Number value) {
    return std::to_string(value);
  }
  static std::string number(double value);

  std::string name_;
  std::string out_;
};

}  // namespace rookery::server
