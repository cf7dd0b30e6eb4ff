#include "crypto/tls_context.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "crypto/hash.h"
#include "tests/unit/crypto/tls_fixture.h"

using namespace rookery;
using namespace rookery::crypto;
using rookery::test::TemporaryFolder;
using rookery::test::TlsPair;

namespace {

class Tls : public testing::Test {
 protected:
  TlsContext server(std::vector<std::string> alpn = {}) const {
    return TlsContext::server({.certificate_file = files.certificate, .key_file = files.key, .alpn = std::move(alpn)})
        .value();
  }
  TlsContext client(std::vector<std::string> alpn = {}) const {
    return TlsContext::client({.alpn = std::move(alpn), .ca_file = files.certificate}).value();
  }

  TemporaryFolder folder;
  CertificateFiles files = folder.make("server", {"example.org", "*.example.org"});
};

}  // namespace

TEST_F(Tls, AgreesOnTls13) {
  const TlsPair pair(server(), client());
  ASSERT_TRUE(pair.handshake()) << handshake_failure(pair.client.get());
  EXPECT_EQ(SSL_version(pair.client.get()), TLS1_3_VERSION);
  EXPECT_TRUE(acceptable(pair.server.get()));
  EXPECT_TRUE(acceptable(pair.client.get()));
  EXPECT_EQ(agreed_protocol(pair.server.get()), "");
}

// REQ 9
TEST_F(Tls, AgreesOnTls12WithExtendedMasterSecretAndAead) {
  const TlsContext old = client();
  SSL_CTX_set_max_proto_version(old.native(), TLS1_2_VERSION);
  const TlsPair pair(server(), old);
  ASSERT_TRUE(pair.handshake()) << handshake_failure(pair.client.get());
  EXPECT_EQ(SSL_version(pair.server.get()), TLS1_2_VERSION);
  EXPECT_TRUE(acceptable(pair.server.get()));
  EXPECT_TRUE(SSL_CIPHER_is_aead(SSL_get_current_cipher(pair.server.get())));
}

// REQ 9
TEST_F(Tls, RefusesTls12WithoutExtendedMasterSecret) {
  const TlsContext old = client();
  SSL_CTX_set_max_proto_version(old.native(), TLS1_2_VERSION);
  SSL_CTX_set_options(old.native(), SSL_OP_NO_EXTENDED_MASTER_SECRET);
  const TlsPair pair(server(), old);
  ASSERT_TRUE(pair.handshake());
  EXPECT_EQ(acceptable(pair.server.get()).error().failure, Failure::denied);
  EXPECT_EQ(channel_bindings(pair.server.get()).tls_exporter, "");
}

// REQ 9
TEST_F(Tls, RefusesTls11) {
  const TlsContext old = client();
  SSL_CTX_set_min_proto_version(old.native(), TLS1_1_VERSION);
  SSL_CTX_set_max_proto_version(old.native(), TLS1_1_VERSION);
  // At level 0 the client does send its hello: the refusal is the server's.
  SSL_CTX_set_cipher_list(old.native(), "ALL:@SECLEVEL=0");
  const TlsPair pair(server(), old);
  EXPECT_FALSE(pair.handshake());
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_error()), SSL_R_UNSUPPORTED_PROTOCOL);
  ERR_clear_error();
}

// REQ 9
TEST_F(Tls, RefusesTls12CiphersWithoutAead) {
  const TlsContext old = client();
  SSL_CTX_set_max_proto_version(old.native(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(old.native(), "ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA");
  const TlsPair pair(server(), old);
  EXPECT_FALSE(pair.handshake());
  EXPECT_EQ(handshake_failure(pair.server.get()), "no shared cipher");
}

// REQ 9
TEST_F(Tls, AgreesOnAnAlpnProtocolOrEndsTheHandshake) {
  const TlsPair pair(server({"xmpp-client"}), client({"http/1.1", "xmpp-client"}));
  ASSERT_TRUE(pair.handshake());
  EXPECT_EQ(agreed_protocol(pair.client.get()), "xmpp-client");
  EXPECT_EQ(agreed_protocol(pair.server.get()), "xmpp-client");
  const TlsPair mismatch(server({"xmpp-server"}), client({"xmpp-client"}));
  EXPECT_FALSE(mismatch.handshake());
  ERR_clear_error();
  const TlsPair silent(server({"xmpp-client"}), client());
  EXPECT_TRUE(silent.handshake());
  EXPECT_EQ(agreed_protocol(silent.server.get()), "");
}

TEST_F(Tls, SeesTheSameChannelBindingsOnBothEnds) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const TlsContext some = client();
    SSL_CTX_set_max_proto_version(some.native(), version);
    const TlsPair pair(server(), some);
    ASSERT_TRUE(pair.handshake());
    const ChannelBindingData ours = channel_bindings(pair.server.get());
    const ChannelBindingData theirs = channel_bindings(pair.client.get());
    EXPECT_EQ(ours.tls_exporter.size(), 32u);
    EXPECT_EQ(ours.tls_exporter, theirs.tls_exporter);
    EXPECT_EQ(ours.tls_server_end_point, theirs.tls_server_end_point);
    // Signed with SHA-256, so RFC 5929 asks for the SHA-256 of the certificate.
    EXPECT_EQ(hex_encode(ours.tls_server_end_point), certificate_fingerprint(files.certificate).value());
    const TlsPair other(server(), some);
    ASSERT_TRUE(other.handshake());
    EXPECT_NE(channel_bindings(other.server.get()).tls_exporter, ours.tls_exporter);
    // 12 bytes in TLS 1.2 (RFC 5246 §7.4.9), a whole HMAC in TLS 1.3 (RFC 8446 §4.4.4).
    EXPECT_EQ(ours.tls_unique, theirs.tls_unique);
    if (version == TLS1_2_VERSION)
      EXPECT_EQ(ours.tls_unique.size(), 12u);
    else
      EXPECT_GE(ours.tls_unique.size(), 32u);
    EXPECT_NE(channel_bindings(other.server.get()).tls_unique, ours.tls_unique);
  }
}

// REQ 31
TEST_F(Tls, LetsTheClientRefuseAnotherDomain) {
  const TlsPair sub(server(), client(), "chat.example.org");
  EXPECT_TRUE(sub.handshake());
  for (const char* domain : {"example.com", "a.b.example.org", ""}) {
    const TlsPair pair(server(), client(), domain);
    EXPECT_FALSE(pair.handshake()) << domain;
    EXPECT_NE(handshake_failure(pair.client.get()).find("ostname"), std::string::npos);
  }
}

// REQ 31
TEST_F(Tls, LetsTheClientRefuseAnUnknownAuthority) {
  const TlsPair pair(server(), TlsContext::client({}).value());
  EXPECT_FALSE(pair.handshake());
  EXPECT_NE(handshake_failure(pair.client.get()).find("self"), std::string::npos);
}

TEST_F(Tls, TakesExactlyThePinnedCertificate) {
  const std::string fingerprint = certificate_fingerprint(files.certificate).value();
  const TlsPair pair(server(), TlsContext::client({.pinned_fingerprint = fingerprint}).value(), "elsewhere.example");
  EXPECT_TRUE(pair.handshake());
  const auto other = folder.make("other", {"example.org"});
  const auto other_server = TlsContext::server({.certificate_file = other.certificate, .key_file = other.key}).value();
  const TlsPair wrong(other_server,
                      TlsContext::client({.ca_file = other.certificate, .pinned_fingerprint = fingerprint}).value());
  EXPECT_FALSE(wrong.handshake());
  ERR_clear_error();
}

TEST_F(Tls, RecordsThePeersCertificateBetweenServers) {
  const auto peer = folder.make("peer", {"peer.example"});
  const auto accepting = TlsContext::server({.certificate_file = files.certificate,
                                             .key_file = files.key,
                                             .asks_for_certificate = true,
                                             .ca_file = peer.certificate})
                             .value();
  const auto connecting =
      TlsContext::client(
          {.verify = ClientTlsOptions::Verify::recorded, .certificate_file = peer.certificate, .key_file = peer.key})
          .value();
  const TlsPair pair(accepting, connecting);
  ASSERT_TRUE(pair.handshake()) << handshake_failure(pair.client.get());
  EXPECT_TRUE(verified_peer(pair.server.get(), "peer.example", "xmpp-server"));
  EXPECT_FALSE(verified_peer(pair.server.get(), "example.org", "xmpp-server"));
  // The connecting side trusts nobody here: the handshake went on, the verdict is no.
  EXPECT_EQ(verified_peer(pair.client.get(), "example.org", "xmpp-server").error().failure, Failure::denied);
  const TlsPair nameless(accepting, client());
  ASSERT_TRUE(nameless.handshake());
  EXPECT_FALSE(verified_peer(nameless.server.get(), "peer.example", "xmpp-server"));
}

// REQ 8
TEST_F(Tls, GivesNoTicketsAndRefusesRenegotiation) {
  const TlsContext old = client();
  SSL_CTX_set_max_proto_version(old.native(), TLS1_2_VERSION);
  const TlsPair pair(server(), old);
  ASSERT_TRUE(pair.handshake());
  EXPECT_EQ(SSL_SESSION_has_ticket(SSL_get0_session(pair.client.get())), 0);
  EXPECT_NE(SSL_renegotiate(pair.server.get()), 1);
  ERR_clear_error();
  const TlsPair modern(server(), client());
  ASSERT_TRUE(modern.handshake());
  char byte = 0;
  EXPECT_LE(SSL_read(modern.client.get(), &byte, 1), 0);
  EXPECT_EQ(SSL_SESSION_is_resumable(SSL_get0_session(modern.client.get())), 0);
}

// REQ 8
TEST_F(Tls, NeitherCompressesNorTakesEarlyData) {
  const auto options = SSL_CTX_get_options(server().native());
  EXPECT_NE(options & SSL_OP_NO_COMPRESSION, 0u);
  EXPECT_NE(options & SSL_OP_NO_RENEGOTIATION, 0u);
  EXPECT_EQ(SSL_CTX_get_max_early_data(server().native()), 0u);
}

TEST_F(Tls, OutlivesItsContext) {
  auto first = std::make_unique<TlsContext>(server({"xmpp-client"}));
  auto second = std::make_unique<TlsContext>(client({"xmpp-client"}));
  const TlsPair pair(*first, *second);
  first.reset();
  second.reset();
  EXPECT_TRUE(pair.handshake());
}

TEST_F(Tls, RefusesFilesThatDoNotFit) {
  const auto other = folder.make("other", {"example.org"});
  EXPECT_FALSE(TlsContext::server({.certificate_file = files.certificate, .key_file = other.key}));
  EXPECT_FALSE(TlsContext::server({.certificate_file = "/nonexistent", .key_file = files.key}));
  EXPECT_FALSE(TlsContext::client({.ca_file = files.key}));
}
