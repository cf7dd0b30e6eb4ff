#include "xmpp/payloads/upload.h"

#include <algorithm>

#include "xmpp/namespaces.h"

namespace rookery::xmpp {

namespace {

bool is_allowed_header(std::string_view name) {
  constexpr std::string_view allowed[] = {"authorization", "cookie", "expires"};
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::ranges::find(allowed, lower) != std::end(allowed);
}

std::string without_newlines(std::string text) {
  std::erase_if(text, [](char c) { return c == '\r' || c == '\n'; });
  return text;
}

}  // namespace

void UploadRequest::add_to(Element& iq) const {
  iq.add("request", ns::http_upload).set_attr("filename", filename).set_attr("size", std::to_string(size_bytes));
}

std::optional<UploadSlot> UploadSlot::parse(const Element& slot) {
  const auto* put = slot.child("put", ns::http_upload);
  const auto* get = slot.child("get", ns::http_upload);
  if (!put || !get) return std::nullopt;
  UploadSlot parsed{std::string(put->attr("url")), std::string(get->attr("url")), {}};
  if (!parsed.put_url.starts_with("https://") || !parsed.get_url.starts_with("https://")) return std::nullopt;
  for (const auto& header : put->elements()) {
    const std::string name = without_newlines(std::string(header.attr("name")));
    if (header.is("header", ns::http_upload) && is_allowed_header(name))
      parsed.headers.emplace_back(name, without_newlines(header.text()));
  }
  return parsed;
}

}  // namespace rookery::xmpp
