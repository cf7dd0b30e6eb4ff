#include "server/metrics/exposition.h"

#include <array>
#include <charconv>

namespace rookery::server {

namespace {

constexpr double microseconds = 1e6;

// A label's value escapes \ " and the line's end; a help text \ and the line's end.
void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || (quotes && c == '"')) out += '\\';
    out += c;
  }
}

}  // namespace

std::string Exposition::number(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

Exposition& Exposition::begin(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  out_.append("# HELP ").append(name).append(" ");
  append_escaped(out_, help, false);
  out_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
  return *this;
}

Exposition& Exposition::line(std::string_view suffix, Labels labels, const std::string& value) {
  out_.append(name_).append(suffix);
  char before = '{';
  for (const auto& [label, text] : labels) {
    out_ += before;
    out_.append(label).append("=\"");
    append_escaped(out_, text, true);
    out_ += '"';
    before = ',';
  }
  if (before == ',') out_ += '}';
  out_.append(" ").append(value).append("\n");
  return *this;
}

void Exposition::histogram(std::string_view name, std::string_view help, const Histogram& values, Unit unit,
                           size_t first, size_t last) {
  begin(name, "histogram", help);
  for (size_t power = first; power <= last; ++power) {
    const uint64_t bound = uint64_t{1} << power;
    // "le" includes its bound. Whole numbers below 2^k are at most 2^k - 1; a time is never exactly 2^k us.
    const std::string le =
        unit == Unit::seconds ? number(static_cast<double>(bound) / microseconds) : number(bound - 1);
    line("_bucket", {{"le", le}}, number(values.below(power)));
  }
  line("_bucket", {{"le", "+Inf"}}, number(values.count()));
  line("_sum", {},
       unit == Unit::seconds ? number(static_cast<double>(values.sum()) / microseconds) : number(values.sum()));
  line("_count", {}, number(values.count()));
}

}  // namespace rookery::server
