#include "server/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

namespace rookery::server {
namespace {

using ::testing::HasSubstr;

constexpr auto kExample = ROOKERY_SOURCE_DIR "/deploy/rookery.toml.example";

class TomlFile {
 public:
  explicit TomlFile(const std::string& text) {
    path_ = std::filesystem::temp_directory_path() / "rookery-config-XXXXXX";
    std::string name = path_.string();
    const int file = mkstemp(name.data());
    path_ = name;
    close(file);
    std::ofstream(path_) << text;
  }
  ~TomlFile() { std::filesystem::remove(path_); }
  TomlFile(const TomlFile&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

Result<Config> load(const std::string& text) { return load_config(TomlFile(text).path()); }

std::string refusal(const std::string& text) {
  const auto config = load(text);
  if (config) return "accepted";
  EXPECT_EQ(config.error().failure, Failure::invalid);
  return config.error().message;
}

TEST(Config, TheExampleLoadsAndEqualsTheDefaults) {
  const auto config = load_config(kExample);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(*config, Config{});
}

TEST(Config, TheExampleListsEveryKey) {
  std::ifstream file(kExample);
  std::string section;
  std::vector<std::string> listed;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('[')) section = line.substr(1, line.find(']') - 1);
    if (line.empty() || line.starts_with('#') || line.starts_with('[')) continue;
    listed.push_back(section + "." + line.substr(0, line.find(' ')));
  }
  EXPECT_THAT(config_keys(), ::testing::UnorderedElementsAreArray(listed));
}

TEST(Config, AnEmptyFileIsTheDefaults) {
  const auto config = load("");
  ASSERT_TRUE(config);
  EXPECT_EQ(*config, Config{});
}

TEST(Config, ReadsEachKindOfValue) {
  const auto config = load(R"(
[server]
domains = ["Example.ORG", "b.example"]
data_dir = "/tmp/rookery"
log_level = "debug"
[listen]
c2s = ["[::]:5222", "192.0.2.1:15222"]
c2s_plain = ["127.0.0.1:0", "[::1]:5224"]
[auth]
mechanisms = ["SCRAM-SHA-256", "PLAIN"]
allow_plain = true
[archive]
enabled = false
[limits]
resume_timeout = 7
)");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->domains, (std::vector<std::string>{"example.org", "b.example"}));
  EXPECT_EQ(config->data_dir, "/tmp/rookery");
  EXPECT_EQ(config->log_level, "debug");
  EXPECT_EQ(config->c2s.size(), 2u);
  EXPECT_EQ(config->c2s_plain.size(), 2u);
  EXPECT_EQ(config->mechanisms, (std::vector{xmpp::Mechanism::scram_sha_256, xmpp::Mechanism::plain}));
  EXPECT_FALSE(config->archive);
  EXPECT_EQ(config->resume_timeout, std::chrono::seconds(7));
}

TEST(Config, AnUnknownKeyNamesTheLineAndTheNearestKey) {
  const auto message = refusal("[limits]\nstanza_byte = 10000\n");
  EXPECT_THAT(message, HasSubstr(":2: unknown key limits.stanza_byte; did you mean limits.stanza_bytes?"));
}

TEST(Config, AKeyInTheWrongSectionNamesTheRightOne) {
  EXPECT_THAT(refusal("[server]\nscram_iterations = 20000\n"), HasSubstr("did you mean auth.scram_iterations?"));
  EXPECT_THAT(refusal("data_dir = \"/tmp\"\n"), HasSubstr("did you mean server.data_dir?"));
  EXPECT_THAT(refusal("[limit]\nauth_timeout = 5\n"), HasSubstr("did you mean limits.auth_timeout?"));
}

TEST(Config, ASectionWrittenAsAValueIsRefused) {
  EXPECT_THAT(refusal("archive = true\n"), HasSubstr("archive must be a section: [archive]"));
}

TEST(Config, AWrongTypeIsRefused) {
  EXPECT_THAT(refusal("[server]\nthreads = \"2\"\n"), HasSubstr("server.threads must be a whole number"));
  EXPECT_THAT(refusal("[server]\nthreads = 2.0\n"), HasSubstr("server.threads must be a whole number"));
  EXPECT_THAT(refusal("[archive]\nenabled = 1\n"), HasSubstr("archive.enabled must be true or false"));
  EXPECT_THAT(refusal("[server]\ndomains = \"localhost\"\n"), HasSubstr("server.domains must be a list"));
  EXPECT_THAT(refusal("[server]\nlog_level = \"loud\"\n"), HasSubstr("\"warning\""));
}

TEST(Config, ArchivesAreKeptForEverUnlessItSaysForHowManyDays) {
  const auto silent = load("");
  ASSERT_TRUE(silent);
  EXPECT_EQ(silent->archive_keep, std::chrono::days(0));
  EXPECT_EQ(silent->archive_rooms_keep, std::chrono::days(0));
  const auto config = load("[archive]\nkeep_days = 365\nrooms_keep_days = 30\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->archive_keep, std::chrono::days(365));
  EXPECT_EQ(config->archive_rooms_keep, std::chrono::days(30));
  EXPECT_THAT(refusal("[archive]\nkeep_days = -1\n"),
              HasSubstr("archive.keep_days must be a whole number from 0 to 36500"));
  EXPECT_THAT(refusal("[archive]\nrooms_keep_days = 36501\n"),
              HasSubstr("archive.rooms_keep_days must be a whole number from 0 to 36500"));
  EXPECT_THAT(refusal("[archive]\nkeep_days = \"30 days\"\n"), HasSubstr("must be a whole number"));
}

TEST(Config, ScramIterationsBelowTenThousandAreRefused) {
  EXPECT_THAT(refusal("[auth]\nscram_iterations = 9999\n"), HasSubstr("from 10000"));
  EXPECT_TRUE(load("[auth]\nscram_iterations = 10000\n"));
}

TEST(Config, PlainTextListenersAreForLoopbackOnly) {
  EXPECT_THAT(refusal("[listen]\nc2s_plain = [\"0.0.0.0:5222\"]\n"), HasSubstr("only on loopback"));
  EXPECT_THAT(refusal("[listen]\nc2s_plain = [\"[::]:5222\"]\n"), HasSubstr("only on loopback"));
}

TEST(Config, AListenerWithoutAPortOrWithAHostNameIsRefused) {
  for (const auto* listener :
       {"127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:5x", "::1:5222", "localhost:5222"}) {
    EXPECT_THAT(refusal("[listen]\nc2s = [\"" + std::string(listener) + "\"]\n"), HasSubstr("address:port"))
        << listener;
  }
}

TEST(Config, AServicesSubdomainIsOneLabelOrNothing) {
  for (const auto* wrong : {"\"a.b\"", "\"a@b\"", "\"a b\"", "7"}) {
    EXPECT_THAT(refusal("[pubsub]\nsubdomain = " + std::string(wrong) + "\n"),
                HasSubstr("pubsub.subdomain must be one label"))
        << wrong;
  }
  EXPECT_THAT(refusal("[pubsub]\ncreate = \"everyone\"\n"), HasSubstr("\"anyone\""));
}

TEST(Config, DomainsMustBeDomainsAndDifferent) {
  EXPECT_THAT(refusal("[server]\ndomains = [\"juliet@localhost\"]\n"), HasSubstr("no domain"));
  EXPECT_THAT(refusal("[server]\ndomains = []\n"), HasSubstr("at least one"));
  EXPECT_THAT(refusal("[server]\ndomains = [\"a.example\", \"A.example\"]\n"), HasSubstr("twice"));
}

TEST(Config, PlainNeedsItsOwnPermission) {
  EXPECT_THAT(refusal("[auth]\nmechanisms = [\"PLAIN\"]\n"), HasSubstr("allow_plain"));
}

TEST(Config, ABackoffThatOutlastsTheTimeToLogInIsRefused) {
  EXPECT_THAT(refusal("[limits]\nauth_timeout = 15\n"), HasSubstr("auth.backoff_most_ms must be below"));
  EXPECT_TRUE(load("[limits]\nauth_timeout = 16\n"));
}

TEST(Config, ACertificateWithoutItsKeyIsRefused) {
  EXPECT_THAT(refusal("[tls]\ncertificate = \"/etc/ssl/a.pem\"\n"), HasSubstr("belong together"));
}

TEST(Config, PostgresNeedsAConnectionAndAConnectionNeedsPostgres) {
  EXPECT_THAT(refusal("[storage]\nkind = \"postgres\"\n"), HasSubstr("storage.postgres"));
  EXPECT_THAT(refusal("[storage]\npostgres = \"dbname=rookery\"\n"), HasSubstr("storage.kind"));
  EXPECT_THAT(refusal("[storage]\nkind = \"mysql\"\n"), HasSubstr("embedded"));
}

TEST(Config, AnObjectStoreNeedsAllThatLeadsToIt) {
  const std::string whole =
      "[upload]\nstore = 's3'\ns3_endpoint = 'https://s3.example.org'\ns3_bucket = 'b'\n"
      "s3_access_key_file = '/a'\ns3_secret_key_file = '/s'\n";
  EXPECT_TRUE(load(whole));
  for (const std::string key : {"s3_endpoint", "s3_bucket", "s3_access_key_file", "s3_secret_key_file"}) {
    std::string less = whole;
    less.insert(less.find(key), "# ");
    EXPECT_THAT(refusal(less), HasSubstr("needs s3_endpoint, s3_bucket, s3_access_key_file and s3_secret_key_file"))
        << key;
  }
  EXPECT_THAT(refusal(whole + "file_bytes = 5368709121"), HasSubstr("must not be above 5368709120"));
  EXPECT_THAT(refusal(whole + "s3_public_endpoint = 'http://s3.example.org'"), HasSubstr("must begin with https://"));
  EXPECT_TRUE(load(whole + "s3_public_endpoint = 'http://127.0.0.1:9000'"));
  EXPECT_THAT(refusal("[upload]\nstore = 'ftp'"), HasSubstr("upload.store must be"));
  EXPECT_THAT(refusal("[upload]\ns3_endpoint = 's3.example.org'"), HasSubstr(":2: upload.s3_endpoint must be a URL"));
  EXPECT_THAT(refusal("[upload]\ns3_bucket = 'a/b'"), HasSubstr("must be a bucket's name"));
}

TEST(Config, BrokenTomlNamesTheLine) { EXPECT_THAT(refusal("[server]\n\nthreads = = 2\n"), HasSubstr(":3: ")); }

TEST(Config, AMissingFileIsNotFound) {
  const auto config = load_config("/nonexistent/rookery.toml");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().failure, Failure::not_found);
}

// REQ 27
TEST(Config, MetricsBeyondLoopbackNeedAToken) {
  EXPECT_THAT(refusal("[metrics]\nlisten = [\"0.0.0.0:9551\"]"), HasSubstr("metrics.token_file is needed"));
  EXPECT_TRUE(load("[metrics]\nlisten = [\"0.0.0.0:9551\"]\ntoken_file = \"/etc/rookery/token\""));
  EXPECT_TRUE(load("[metrics]\nlisten = [\"127.0.0.1:1\", \"[::1]:1\"]"));
}

TEST(Config, ProxiesAndTheListenersTheyReachBelongTogether) {
  EXPECT_TRUE(
      load("[listen]\nproxy_protocol = [\"0.0.0.0:5222\", \"0.0.0.0:5443\"]\nproxies = [\"10.0.0.0/8\", \"::1\"]"));
  EXPECT_THAT(refusal("[listen]\nproxy_protocol = [\"0.0.0.0:5222\"]"), HasSubstr("belong together"));
  EXPECT_THAT(refusal("[listen]\nproxies = [\"10.0.0.1\"]"), HasSubstr("belong together"));
  EXPECT_THAT(refusal("[listen]\nproxy_protocol = [\"0.0.0.0:1\"]\nproxies = [\"10.0.0.1\"]"),
              HasSubstr("no address of [listen] or [http]"));
  EXPECT_THAT(refusal("[listen]\nproxies = [\"10.0.0.0/40\"]"), HasSubstr("addresses or networks"));
}

TEST(Config, ReadsComponents) {
  const auto config = load(R"(
[components]
listen = ["[::1]:5347"]
[[component]]
domain = "Bridge.Localhost"
secret = "s"
[[component]]
domain = "bot.localhost"
secret_file = "/etc/rookery/bot.secret"
roster = "both"
iq = { "urn:a" = "get" }
delegate = ["urn:b node"]
)");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->components.size(), 2u);
  EXPECT_EQ(config->components[0].domain, "bridge.localhost");
  EXPECT_EQ(config->components[0].secret, "s");
  EXPECT_EQ(config->components[1].secret_file, "/etc/rookery/bot.secret");
  EXPECT_EQ(config->components[0].roster, "none");
  EXPECT_EQ(config->components[1].roster, "both");
  EXPECT_EQ(config->components[1].iq, (std::vector<std::pair<std::string, std::string>>{{"urn:a", "get"}}));
  ASSERT_EQ(config->components[1].delegated.size(), 1u);
  EXPECT_EQ(config->components[1].delegated[0].ns, "urn:b");
  EXPECT_EQ(config->components[1].delegated[0].attributes, (std::vector<std::string>{"node"}));
}

TEST(Config, RefusesComponentsThatCannotBe) {
  const auto component = [](const std::string& keys) { return "[[component]]\n" + keys; };
  EXPECT_THAT(refusal(component("secret = 's'")), HasSubstr("component.domain is needed"));
  EXPECT_THAT(refusal(component("domain = 'a@b'\nsecret = 's'")), HasSubstr(":2: component.domain must be a domain"));
  EXPECT_THAT(refusal(component("domain = 'a.b'")), HasSubstr("needs secret or secret_file"));
  EXPECT_THAT(refusal(component("domain = 'a.b'\nsecret = 's'\nsecret_file = 'f'")), HasSubstr("and not both"));
  EXPECT_THAT(refusal(component("domain = 'a.b'\nsecret = ''")), HasSubstr("component.secret must be"));
  EXPECT_THAT(refusal(component("domain = 'a.b'\nsecrets = 's'")),
              HasSubstr(":3: unknown key component.secrets; a component has domain, secret"));
  for (const std::string wrong :
       {"roster = 'all'", "roster_push = 1", "message = 'both'", "presence = 'roster'", "iq = ['a']",
        "iq = { a = 'none' }", "delegate = 'a'", "delegate = ['']", "delegate = [1]"}) {
    EXPECT_THAT(refusal(component("domain = 'a.b'\nsecret = 's'\n" + wrong)),
                HasSubstr(":4: component." + wrong.substr(0, wrong.find(' ')) + " must be"));
  }
  EXPECT_THAT(refusal(component("domain = 'a.b'\nsecret = 's'\ndelegate = ['a', 'a']")),
              HasSubstr("is given away twice"));
  for (const std::string taken : {"localhost", "conference.localhost", "pubsub.localhost", "upload.localhost"}) {
    EXPECT_THAT(refusal(component("domain = '" + taken + "'\nsecret = 's'")), HasSubstr("is taken already"));
  }
  EXPECT_THAT(refusal(component("domain = 'a.b'\nsecret = 's'\n") + component("domain = 'A.B'\nsecret = 's'")),
              HasSubstr("is taken already"));
}

}  // namespace
}  // namespace rookery::server
