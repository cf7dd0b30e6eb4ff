#include <algorithm>
#include <array>
#include <fstream>

#include "server/portability/archive_writer.h"
#include "server/portability/person.h"
#include "xmpp/document_reader.h"
#include "xmpp/namespaces.h"

namespace rookery::server::portability {

namespace {

constexpr size_t bytes_at_once = 64 * 1024;
constexpr size_t deepest_include = 4;
/// Of one vCard, roster, item or message. An avatar may be some megabytes.
constexpr xmpp::ParserLimits limits{
    .stanza_bytes = 16 * 1024 * 1024, .elements = 500'000, .attributes = 256, .depth = 100};

/// Reads one file into the person at hand; the files that it includes are read by others of its kind, at the same
/// place.
class FileReader final : public xmpp::DocumentReader::Handler {
 public:
  enum class Place { outside, data, host, user, waiting, archive, nodes, items_of_nodes, items };
  /// What all files of one import share.
  struct Shared {
    storage::Stores& stores;
    storage::MessageLog& log;
    const ImportOptions& options;
    Counts counts;
    std::string host;      ///< as the file calls it
    bool is_ours = false;  ///< …and whether it is one of our domains
    std::optional<Person> person;
    std::optional<ArchiveWriter> archive;
  };

  FileReader(Shared& shared, std::filesystem::path file, Place place, size_t depth)
      : shared_(shared), file_(std::move(file)), depth_(depth), places_{place}, reader_(limits, *this) {}

  Status read() {
    std::ifstream input(file_, std::ios::binary);
    if (!input) return fail(Failure::not_found, "cannot open " + file_.string());
    std::string buffer(bytes_at_once, '\0');
    while (input.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || input.gcount() > 0) {
      if (auto fed = reader_.feed(std::string_view(buffer.data(), static_cast<size_t>(input.gcount()))); !fed)
        return named(fed);
    }
    if (input.bad()) return fail(Failure::io, "cannot read " + file_.string());
    return named(reader_.finish());
  }

  bool enter(const xmpp::Element& tag) override {
    const auto next = inside(tag);
    if (!next) return false;
    if (*next == Place::host) begin_host(tag);
    if (*next == Place::user) begin_user(tag);
    if (*next == Place::items) node_ = tag.attr("node");
    places_.push_back(*next);
    return true;
  }

  Status leave() override {
    const Place place = places_.back();
    places_.pop_back();
    return place == Place::user ? end_user() : Status();
  }

  Status take(xmpp::ElementPtr element) override {
    if (element->is("include", ns::include) && places_.back() <= Place::user) return include(*element);
    if (places_.back() == Place::outside) return refuse("this is no file of XEP-0227");
    if (places_.back() <= Place::host) return warn("<" + std::string(element->name()) + "/> is not known"), Status();
    if (!shared_.person) return {};
    for (const auto& sentence : read(std::move(element))) warn(sentence);
    if (!failed_) return {};
    return fail(failed_->failure, "line " + std::to_string(reader_.line()) + ": " + failed_->message);
  }

 private:
  Status named(const Status& status) const {
    if (status || is_named_) return status;
    is_named_ = true;
    return fail(status.error().failure, file_.string() + ": " + status.error().message);
  }
  Status refuse(const std::string& why) const {
    return fail(Failure::invalid, "line " + std::to_string(reader_.line()) + ": " + why);
  }
  void warn(const std::string& what) const {
    const std::string who = shared_.person ? shared_.person->jid.text() + ": " : "";
    shared_.options.warn(file_.string() + ":" + std::to_string(reader_.line()) + ": " + who + what);
  }

  std::optional<Place> inside(const xmpp::Element& tag) const {
    switch (places_.back()) {
      case Place::outside:
        return tag.is("server-data", ns::pie) ? std::optional(Place::data) : std::nullopt;
      case Place::data:
        return tag.is("host", ns::pie) ? std::optional(Place::host) : std::nullopt;
      case Place::host:
        return tag.is("user", ns::pie) ? std::optional(Place::user) : std::nullopt;
      case Place::user:
        if (tag.is("offline-messages", ns::pie)) return Place::waiting;
        if (tag.is("archive", ns::archive)) return Place::archive;
        if (tag.is("pubsub", xmpp::ns::pubsub_owner)) return Place::nodes;
        if (tag.is("pubsub", xmpp::ns::pubsub)) return Place::items_of_nodes;
        return std::nullopt;
      case Place::items_of_nodes:
        return tag.is("items", xmpp::ns::pubsub) ? std::optional(Place::items) : std::nullopt;
      default:
        return std::nullopt;
    }
  }

  void begin_host(const xmpp::Element& tag) {
    shared_.host = tag.attr("jid");
    const auto jid = xmpp::Jid::parse(shared_.host);
    shared_.is_ours = jid && jid->is_domain() &&
                      std::ranges::find(shared_.options.domains, jid->domain()) != shared_.options.domains.end();
    if (!shared_.is_ours) warn("\"" + shared_.host + "\" is not in server.domains: its accounts are passed over");
  }

  void begin_user(const xmpp::Element& tag) {
    shared_.person.reset();
    shared_.archive.reset();
    if (!shared_.is_ours) return;
    const auto host = xmpp::Jid::parse(shared_.host);
    auto jid = xmpp::Jid::make(tag.attr("name"), host->domain());
    if (!jid || !jid->has_local())
      return warn("\"" + std::string(tag.attr("name")) + "\" is no name of an account: it is passed over");
    shared_.person.emplace();
    shared_.person->jid = std::move(*jid);
    shared_.person->password = tag.attr("password");
    shared_.archive.emplace(shared_.log, shared_.person->jid, shared_.options, shared_.counts);
  }

  std::vector<std::string> read(xmpp::ElementPtr element) {
    Person& person = *shared_.person;
    switch (places_.back()) {
      case Place::waiting:
        return read_waiting(person, std::move(element));
      case Place::nodes:
        return read_node_part(person, *element);
      case Place::items:
        return read_item(person, node_, *element);
      case Place::archive: {
        auto added = shared_.archive->add(*element);
        if (!added) failed_ = added.error();
        return added && *added ? std::vector{**added} : std::vector<std::string>();
      }
      case Place::items_of_nodes:
        return {"<" + std::string(element->name()) + "/> is no list of items"};
      default:
        return read_part(person, *element);
    }
  }

  Status end_user() {
    if (!shared_.person) return {};
    Person person = std::move(*shared_.person);
    shared_.person.reset();
    Counts counts = shared_.counts;
    const auto write = [&] { return write_person(shared_.stores, person, shared_.options, counts); };
    if (auto written = shared_.options.dry_run ? write() : shared_.stores.transaction(write); !written)
      return at_line(written.error(), person);
    shared_.counts = counts;
    if (auto done = shared_.archive->finish(std::move(person.waiting)); !done) return at_line(done.error(), person);
    shared_.archive.reset();
    return {};
  }

  Status at_line(const Error& error, const Person& person) const {
    return fail(error.failure,
                "line " + std::to_string(reader_.line()) + ": " + person.jid.text() + ": " + error.message);
  }

  // XEP-0227 §5: relative, without parse and xpointer. What climbs out of the folder is not followed: the file may be a
  // stranger's.
  Status include(const xmpp::Element& element) {
    const std::string href(element.attr("href"));
    const std::filesystem::path relative(href);
    const bool climbs = std::ranges::any_of(relative, [](const auto& part) { return part == ".."; });
    const bool is_local = !href.empty() && !relative.is_absolute() && href.find("://") == std::string::npos &&
                          href.find('\\') == std::string::npos;
    if (!is_local || climbs || element.has_attr("parse") || element.has_attr("xpointer"))
      return refuse("cannot include \"" + href + "\"");
    if (depth_ == deepest_include) return refuse("too many files include one another");
    FileReader included(shared_, file_.parent_path() / relative, places_.back(), depth_ + 1);
    const Status read = included.read();
    if (!read) is_named_ = true;
    return read;
  }

  Shared& shared_;
  const std::filesystem::path file_;
  const size_t depth_;
  std::vector<Place> places_;
  std::string node_;
  std::optional<Error> failed_;
  mutable bool is_named_ = false;  ///< the error that ended it says where
  xmpp::DocumentReader reader_;
};

/// A file that others include is none of its own.
bool is_whole(const std::filesystem::path& file) {
  std::ifstream input(file, std::ios::binary);
  std::string beginning(1024, '\0');
  input.read(beginning.data(), static_cast<std::streamsize>(beginning.size()));
  return beginning.find("<server-data") != std::string::npos;
}

Result<std::vector<std::filesystem::path>> files_of(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return std::vector{path};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path, error)) {
    if (entry.is_regular_file() && entry.path().extension() == ".xml" && is_whole(entry.path()))
      files.push_back(entry.path());
  }
  if (error) return fail(Failure::io, "cannot list " + path.string() + ": " + error.message());
  if (files.empty()) return fail(Failure::not_found, "there is no file with <server-data> in " + path.string());
  std::ranges::sort(files);
  return files;
}

}  // namespace

Result<Counts> import_accounts(storage::Stores& stores, storage::MessageLog& log, const std::filesystem::path& path,
                               const ImportOptions& options) {
  const auto files = files_of(path);
  if (!files) return std::unexpected<Error>(files.error());
  FileReader::Shared shared{stores, log, options, {}, {}, false, {}, {}};
  for (const auto& file : *files) {
    if (auto done = FileReader(shared, file, FileReader::Place::outside, 0).read(); !done)
      return std::unexpected<Error>(done.error());
  }
  return shared.counts;
}

}  // namespace rookery::server::portability
