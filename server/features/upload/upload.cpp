// XEP-0363: HTTP File Upload: the service's address, its slots, and where the files are served.
#include <charconv>
#include <ctime>

#include "crypto/hash.h"
#include "crypto/random.h"
#include "server/features/features.h"
#include "server/features/upload/service.h"
#include "server/http/http_server.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/disco.h"

namespace rookery::server {

namespace {

constexpr std::string_view ns = xmpp::ns::http_upload;
constexpr int64_t slot_seconds = 300;  // XEP-0363 §8

void answer_disco(IqRequest request, const IqTable& table, uint64_t file_bytes) {
  if (!request.payload().attr("node").empty()) return request.fail(xmpp::Condition::item_not_found);
  xmpp::DiscoInfo info;
  for (const auto& [category, type, name] : table.identities()) info.identities.push_back({category, type, name, {}});
  info.features = table.features();
  xmpp::DataForm form{.type = xmpp::DataForm::Type::result};
  form.fields.push_back({.var = "FORM_TYPE", .type = "hidden", .values = {std::string(ns)}});
  form.fields.push_back({.var = "max-file-size", .values = {std::to_string(file_bytes)}});
  info.forms.push_back(std::move(form));
  auto result = request.make_result();
  info.add_to(*result);
  request.reply(std::move(result));
}

void refuse_size(IqRequest& request, uint64_t most) {
  auto reply = xmpp::error_reply(request.stanza(), {.condition = xmpp::Condition::not_acceptable,
                                                    .text = "The largest file is " + std::to_string(most) + " bytes.",
                                                    .application_name = "file-too-large",
                                                    .application_ns = std::string(ns),
                                                    .type = xmpp::ErrorType::modify});
  auto* error = reply->child("error", xmpp::ns::client);
  error->child("file-too-large", ns)->add_text_child("max-file-size", std::to_string(most));
  request.reply(std::move(reply));
}

void grant(IqRequest& request, const UploadService& service, const UploadSlot& slot) {
  const std::string base =
      service.node.http().public_url(std::string(slot.account.domain())) + std::string(upload_path);
  auto result = request.make_result();
  auto& element = result->add("slot", ns);
  element.add("put").set_attr("url", base + slot.put_path(service.key));
  element.add("get").set_attr("url", base + slot.get_path());
  request.reply(std::move(result));
}

void request_slot(std::shared_ptr<UploadService> service, IqRequest request) {
  Node& node = service->node;
  if (!request.from().has_local() || !node.router().is_local_domain(request.from().domain())) {
    return request.fail({.condition = xmpp::Condition::forbidden,
                         .text = "Only for accounts of this server.",
                         .type = xmpp::ErrorType::auth});
  }
  const auto& asked = request.payload();
  const auto size_text = asked.attr("size");
  UploadSlot slot{
      .id = crypto::random_token(), .name = safe_file_name(asked.attr("filename")), .account = request.from().bare()};
  const auto [end, error] = std::from_chars(size_text.data(), size_text.data() + size_text.size(), slot.size_bytes);
  const bool is_number = error == std::errc() && end == size_text.data() + size_text.size();
  if (asked.attr("filename").empty() || !is_number || slot.size_bytes == 0)
    return request.fail(xmpp::Condition::bad_request);
  if (const auto type = asked.attr("content-type"); !type.empty()) {
    const auto read = media_type(type);
    if (!read) return request.fail(xmpp::Condition::bad_request, "This is no media type.");
    slot.type = *read;
  }
  if (slot.size_bytes > node.config().upload_file_bytes) return refuse_size(request, node.config().upload_file_bytes);
  slot.until = std::time(nullptr) + slot_seconds;
  auto read = [account = slot.account](storage::Stores& stores) { return stores.uploads().used_bytes(account); };
  node.stores().run(read, [service, slot, request = std::move(request)](Result<uint64_t> used) mutable {
    if (!used) return request.fail(used.error());
    if (*used + slot.size_bytes <= service->node.config().upload_quota_bytes) return grant(request, *service, slot);
    request.fail({.condition = xmpp::Condition::resource_constraint,
                  .text = "There is no space left for your files until older ones expire.",
                  .type = xmpp::ErrorType::wait});
  });
}

void serve(const std::shared_ptr<UploadService>& service, const std::shared_ptr<HttpConnection>& connection) {
  const auto& method = connection->request().method;
  if (method == "PUT") return receive_upload(service, connection);
  if (method == "GET" || method == "HEAD") return deliver_upload(service, connection);
  if (method == "OPTIONS") {  // XEP-0363 §8: web clients ask before they put
    HttpResponse response{.status = 204, .headers = {}, .body = {}};
    add_upload_headers(response);
    response.with("Access-Control-Max-Age", "86400");
    return connection->respond(std::move(response));
  }
  auto response = upload_response(405, "Files are put and got.");
  response.with("Allow", "OPTIONS, HEAD, GET, PUT");
  connection->respond(std::move(response));
}

}  // namespace

HttpResponse upload_response(int status, std::string_view sentence) {
  auto response = HttpResponse::text(status, sentence);
  add_upload_headers(response);
  return response;
}

void add_upload_headers(HttpResponse& response) {
  response.with("Access-Control-Allow-Origin", "*")
      .with("Access-Control-Allow-Methods", "OPTIONS, HEAD, GET, PUT")
      .with("Access-Control-Allow-Headers", "Authorization, Content-Type, Range")
      .with("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
      .with("X-Content-Type-Options", "nosniff");
}

int status_of(Failure failure) {
  switch (failure) {
    case Failure::not_found:
      return 404;
    case Failure::unavailable:
    case Failure::denied:
      return 503;
    case Failure::full:
      return 507;
    default:
      return 500;
  }
}

std::optional<UploadPath> parse_upload_path(std::string_view path) {
  if (!path.starts_with(upload_path)) return std::nullopt;
  path.remove_prefix(upload_path.size() + 1);
  const auto slash = path.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  auto name = percent_decode(path.substr(slash + 1));
  UploadPath found{std::string(path.substr(0, slash)), name.value_or("")};
  // A name that we gave is one that we would give: so nothing that climbs, hides or lists gets further.
  if (!storage::is_blob_key(found.id) || found.name.empty() || safe_file_name(found.name) != found.name)
    return std::nullopt;
  return found;
}

void install_upload(Node& node, FeatureRegistry& registry) {
  if (!node.config().upload || !node.http().is_open()) return;
  auto service = std::make_shared<UploadService>(
      UploadService{node, crypto::hmac(crypto::Hash::sha256, node.decoy_secret(), "upload slots")});
  Service hosted{.domain = node.config().upload_domain, .name = "HTTP File Upload", .iq = {}, .receive = {}};
  hosted.iq.identity({.category = "store", .type = "file", .name = "HTTP File Upload"});
  hosted.iq.advertise(ns);
  hosted.iq.on_iq("get", "request", ns, [service](IqRequest request) { request_slot(service, std::move(request)); });
  hosted.iq.on_iq("get", "query", xmpp::ns::disco_info, [&node](IqRequest request) {
    const Service* self = node.features().service(node.config().upload_domain);
    answer_disco(std::move(request), self->iq, node.config().upload_file_bytes);
  });
  hosted.receive = [&node](Envelope envelope) {  // there is nobody here to talk to
    if (envelope.stanza->name() == "presence") return node.router().accept(envelope);
    node.router().refuse(std::move(envelope), {.condition = xmpp::Condition::service_unavailable});
  };
  registry.host(std::move(hosted));
  node.http().serve(std::string(upload_path) + "/",
                    [service](const std::shared_ptr<HttpConnection>& connection) { serve(service, connection); });
  registry.started.push_back([service] { sweep_uploads(service); });
  registry.implements({.number = 363,
                       .name = "HTTP File Upload",
                       .version = "1.2.0",
                       .left_out = "purposes other than message (§5)",
                       .tests = "golden/upload, integration/web/upload_test.py, integration/web/upload_s3_test.py, "
                                "unit/server/features/upload"});
}

}  // namespace rookery::server
