#include "xmpp/sasl/sasl_server.h"

#include <gtest/gtest.h>

#include "xmpp/sasl/sasl_client.h"
#include "xmpp/sasl/scram_messages.h"

using namespace rookery;
using namespace rookery::xmpp;
using Kind = SaslStep::Kind;

namespace {

const SaslOptions with_binding{
    .mechanisms = {Mechanism::scram_sha_256, Mechanism::scram_sha_1, Mechanism::plain, Mechanism::external},
    .bindings = {.tls_exporter = "exporter", .tls_server_end_point = ""},
    .domain = "example.org"};
const SaslOptions without_binding{.mechanisms = {Mechanism::scram_sha_256, Mechanism::plain}, .domain = "example.org"};

SaslError error_of(const SaslOptions& options, std::string_view mechanism, std::string initial) {
  SaslServer server(options);
  const SaslStep step = server.start(mechanism, std::move(initial));
  EXPECT_EQ(step.kind, Kind::failure);
  return step.error;
}

struct Example {
  Mechanism mechanism;
  const char* name;
  crypto::Hash hash;
  const char* salt;
  const char* client_nonce;
  const char* server_nonce;
  const char* proof;
  const char* verifier;
};

// RFC 5802 §5 and RFC 7677 §3.
const Example examples[] = {
    {Mechanism::scram_sha_1, "SCRAM-SHA-1", crypto::Hash::sha1, "QSXCR+Q6sek8bf92", "fyko+d2lbbFgONRv9qkxdawL",
     "3rfcNHYJY1ZVvWVs7j", "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
    {Mechanism::scram_sha_256, "SCRAM-SHA-256", crypto::Hash::sha256,
     "W22ZaJ0SNY7soEsUEjb6gQ==", "rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
     "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="}};

}  // namespace

TEST(SaslClient, SpeaksTheExamplesOfTheRfcs) {
  for (const Example& example : examples) {
    SaslClient client({.username = "user", .password = "pencil", .nonce_for_tests = example.client_nonce},
                      {example.name}, {});
    ASSERT_EQ(client.choose().value(), example.name);
    EXPECT_EQ(client.initial_response(), std::string("n,,n=user,r=") + example.client_nonce);
    const std::string nonce = std::string(example.client_nonce) + example.server_nonce;
    EXPECT_EQ(client.respond("r=" + nonce + ",s=" + example.salt + ",i=4096").value(),
              "c=biws,r=" + nonce + ",p=" + example.proof);
    EXPECT_TRUE(client.finish(example.verifier));
  }
}

TEST(SaslServer, SpeaksTheExamplesOfTheRfcsWithADowngradeHash) {
  for (const Example& example : examples) {
    SaslServer server({.mechanisms = {example.mechanism}, .nonce_for_tests = example.server_nonce});
    ASSERT_EQ(server.start(example.name, std::string("n,,n=user,r=") + example.client_nonce).kind,
              Kind::need_credentials);
    EXPECT_EQ(server.username(), "user");
    const auto keys =
        crypto::derive_scram_keys(example.hash, "pencil", crypto::base64_decode(example.salt).value(), 4096);
    const SaslStep first = server.credentials({.keys = {keys}});
    EXPECT_EQ(first.data, std::string("r=") + example.client_nonce + example.server_nonce + ",s=" + example.salt +
                              ",i=4096,h=" + crypto::base64_encode(crypto::digest(example.hash, example.name)));
    // The RFCs' proofs do not cover "h", so theirs has to fail here.
    EXPECT_EQ(
        server.respond(std::string("c=biws,r=") + example.client_nonce + example.server_nonce + ",p=" + example.proof)
            .kind,
        Kind::failure);
  }
}

TEST(DowngradeHash, KnowsTheExampleOfXep0474) {
  EXPECT_EQ(scram::downgrade_hash(crypto::Hash::sha1, {"SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"},
                                  {"tls-server-end-point", "tls-exporter"}),
            "G6k/rBLDqgOhRRaCuuatSDFkJ08=");
}

TEST(SaslServer, OffersPlusOnlyWithABindingAndExternalOnlyWithAnIdentity) {
  using testing_list = std::vector<std::string_view>;
  EXPECT_EQ(SaslServer::offered(with_binding),
            (testing_list{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN"}));
  EXPECT_EQ(SaslServer::offered_bindings(with_binding), testing_list{"tls-exporter"});
  EXPECT_EQ(SaslServer::offered(without_binding), (testing_list{"SCRAM-SHA-256", "PLAIN"}));
  EXPECT_TRUE(SaslServer::offered_bindings(without_binding).empty());
  EXPECT_EQ(SaslServer::offered({.mechanisms = {Mechanism::external}, .external_identity = "a.example"}),
            testing_list{"EXTERNAL"});
}

TEST(SaslServer, RefusesWhatItDidNotOffer) {
  for (const char* name : {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-512", "EXTERNAL", "scram-sha-256", "DIGEST-MD5", ""}) {
    EXPECT_EQ(error_of(without_binding, name, "n,,n=user,r=abc"), SaslError::invalid_mechanism) << name;
  }
}

TEST(SaslServer, FollowsTheRulesOfTheGs2Header) {
  EXPECT_EQ(error_of(with_binding, "SCRAM-SHA-256", "y,,n=user,r=abc"), SaslError::not_authorized);
  EXPECT_EQ(error_of(with_binding, "SCRAM-SHA-256", "p=tls-exporter,,n=user,r=abc"), SaslError::malformed_request);
  EXPECT_EQ(error_of(with_binding, "SCRAM-SHA-256-PLUS", "n,,n=user,r=abc"), SaslError::malformed_request);
  EXPECT_EQ(error_of(with_binding, "SCRAM-SHA-256-PLUS", "p=tls-unique,,n=user,r=abc"), SaslError::not_authorized);
  EXPECT_EQ(error_of(with_binding, "SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,n=user,r=abc"),
            SaslError::not_authorized);
  SaslServer server(without_binding);
  EXPECT_EQ(server.start("SCRAM-SHA-256", "y,,n=user,r=abc").kind, Kind::need_credentials);
}

TEST(SaslServer, RefusesMalformedFirstMessages) {
  for (const char* text :
       {"", "n", "n,", "n,,", "x,,n=user,r=abc", "n,a=,n=user,r=abc", "n,b=x,n=user,r=abc", "n,,n=,r=abc",
        "n,,n=user,r=", "n,,n=user", "n,,r=abc,n=user", "n,,m=x,n=user,r=abc", "n,,n=user,r=abc,m=x",
        "n,,n=us=er,r=abc", "n,,n=us=2c,r=abc", "n,,n=user,r=a\x01", "n,,n=user,r=abc,", "p=,,n=user,r=abc"}) {
    EXPECT_EQ(error_of(without_binding, "SCRAM-SHA-256", text), SaslError::malformed_request) << text;
  }
}

TEST(SaslServer, RefusesMalformedFinalMessages) {
  for (const char* text : {"", "c=biws", "c=biws,r=abcdef", "c=!,r=abcdef,p=AAAA", "c=biws,r=abcdef,p=AAAA",
                           "r=abcdef,c=biws,p=AAAA", "p=AAAA,c=biws,r=abcdef"}) {
    SaslServer server({.mechanisms = {Mechanism::scram_sha_1}, .nonce_for_tests = "def"});
    server.start("SCRAM-SHA-1", "n,,n=user,r=abc");
    server.credentials({.keys = {crypto::derive_scram_keys(crypto::Hash::sha1, "pencil", "salt", 4096)}});
    EXPECT_EQ(server.respond(text).error, SaslError::malformed_request) << text;
    EXPECT_EQ(server.respond(text).kind, Kind::failure);
  }
}

TEST(SaslServer, RefusesMalformedPlain) {
  using namespace std::string_literals;
  for (const std::string& text : {""s, "user"s, "\0user"s, "\0\0pencil"s, "\0user\0"s, "\0user\0pen\0cil"s}) {
    EXPECT_EQ(error_of(without_binding, "PLAIN", text), SaslError::malformed_request) << text;
  }
}

TEST(SaslServer, AsksForTheFirstMessageWhenItIsMissing) {
  SaslServer server(without_binding);
  const SaslStep step = server.start("SCRAM-SHA-256", std::nullopt);
  EXPECT_EQ(step.kind, Kind::challenge);
  EXPECT_EQ(step.data, "");
  EXPECT_EQ(server.respond("n,,n=user,r=abc").kind, Kind::need_credentials);
  EXPECT_FALSE(server.is_costly());
}

TEST(SaslServer, RefusesAnAccountWithoutKeysOfThisHash) {
  SaslServer server(without_binding);
  server.start("SCRAM-SHA-256", "n,,n=user,r=abc");
  EXPECT_EQ(server.credentials({.keys = {crypto::derive_scram_keys(crypto::Hash::sha1, "x", "salt", 4096)}}).kind,
            Kind::failure);
}

TEST(SaslServer, UsesANewNonceEachTime) {
  const SaslCredentials credentials{.keys = {crypto::derive_scram_keys(crypto::Hash::sha256, "x", "salt", 4096)}};
  std::string seen;
  for (int i = 0; i < 2; ++i) {
    SaslServer server(without_binding);
    server.start("SCRAM-SHA-256", "n,,n=user,r=abc");
    const auto first = scram::parse_server_first(server.credentials(credentials).data);
    ASSERT_TRUE(first);
    EXPECT_GE(first->nonce.size(), 3u + 22u);
    EXPECT_NE(first->nonce, seen);
    seen = first->nonce;
  }
}

TEST(SaslErrors, KeepTheirNames) {
  for (const SaslError error : {SaslError::aborted, SaslError::not_authorized, SaslError::temporary_auth_failure}) {
    EXPECT_EQ(parse_sasl_error(to_string(error)), error);
  }
  EXPECT_EQ(parse_sasl_error("bad-protocol"), std::nullopt);
}

// A library that knows only tls-unique chooses -PLUS without asking which bindings there are: the data must still be
// right. REQ 11
TEST(SaslServer, TakesTlsUniqueThoughItDoesNotAnnounceIt) {
  SaslOptions options = with_binding;
  options.bindings.tls_unique = "finished";
  options.nonce_for_tests = "def";
  EXPECT_EQ(SaslServer::offered_bindings(options), std::vector<std::string_view>{"tls-exporter"});
  constexpr auto hash = crypto::Hash::sha256;
  const std::string salted = crypto::scram_salted_password(hash, "pencil", "salt", 4096);
  const std::string client_key = crypto::hmac(hash, salted, "Client Key");
  for (const std::string finished : {"finished", "of another connection"}) {
    SaslServer server(options);
    ASSERT_EQ(server.start("SCRAM-SHA-256-PLUS", "p=tls-unique,,n=user,r=abc").kind, Kind::need_credentials);
    const SaslStep first = server.credentials({.keys = {crypto::derive_scram_keys(hash, "pencil", "salt", 4096)}});
    const std::string without_proof = "c=" + crypto::base64_encode("p=tls-unique,," + finished) + ",r=abcdef";
    const std::string signed_text = "n=user,r=abc," + first.data + "," + without_proof;
    const std::string proof =
        scram::exclusive_or(client_key, crypto::hmac(hash, crypto::digest(hash, client_key), signed_text));
    const SaslStep last = server.respond(without_proof + ",p=" + crypto::base64_encode(proof));
    EXPECT_EQ(last.kind, finished == "finished" ? Kind::success : Kind::failure);
  }
}
