#include "crypto/certificate.h"

#include <gtest/gtest.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/unit/crypto/tls_fixture.h"

using namespace rookery;
using namespace rookery::crypto;
using rookery::test::TemporaryFolder;

namespace {

using CertificatePtr = OpensslPtr<X509, X509_free>;

/// Only the names matter here: the certificate is not signed.
CertificatePtr named(const std::string& subject_alt_name, const char* common_name = nullptr) {
  CertificatePtr certificate(X509_new());
  if (!subject_alt_name.empty()) {
    const OpensslPtr<X509_EXTENSION, X509_EXTENSION_free> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, subject_alt_name.c_str()));
    EXPECT_TRUE(extension) << subject_alt_name;
    if (extension) X509_add_ext(certificate.get(), extension.get(), -1);
  }
  if (common_name) {
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common_name), -1, -1, 0);
  }
  return certificate;
}

bool covers(const std::string& names, std::string_view domain, std::string_view service = "xmpp-client") {
  return certificate_covers(named(names).get(), domain, service);
}

}  // namespace

TEST(CertificateNames, MatchDnsNamesWithoutRegardToCase) {
  EXPECT_TRUE(covers("DNS:example.org", "example.org"));
  EXPECT_TRUE(covers("DNS:Example.ORG", "example.org"));
  EXPECT_TRUE(covers("DNS:a.example,DNS:example.org", "example.org"));
  EXPECT_FALSE(covers("DNS:example.org", "chat.example.org"));
  EXPECT_FALSE(covers("DNS:example.org", "example.or"));
  EXPECT_FALSE(covers("DNS:example.org", ""));
}

TEST(CertificateNames, TakeAWildcardForTheWholeLeftMostLabelOnly) {
  EXPECT_TRUE(covers("DNS:*.example.org", "chat.example.org"));
  EXPECT_FALSE(covers("DNS:*.example.org", "example.org"));
  EXPECT_FALSE(covers("DNS:*.example.org", "a.b.example.org"));
  EXPECT_FALSE(covers("DNS:*.example.org", ".example.org"));
  EXPECT_FALSE(covers("DNS:c*.example.org", "chat.example.org"));
  EXPECT_FALSE(covers("DNS:*t.example.org", "chat.example.org"));
  EXPECT_FALSE(covers("DNS:chat.*.org", "chat.example.org"));
  EXPECT_FALSE(covers("DNS:*.*.org", "chat.example.org"));
  EXPECT_FALSE(covers("DNS:*.org", "example.org"));
  EXPECT_FALSE(covers("DNS:*", "org"));
}

TEST(CertificateNames, TakeAServiceNameForItsServiceOnly) {
  const std::string names = "otherName:1.3.6.1.5.5.7.8.7;IA5STRING:_xmpp-server.example.org";
  EXPECT_TRUE(covers(names, "example.org", "xmpp-server"));
  EXPECT_FALSE(covers(names, "example.org", "xmpp-client"));
  EXPECT_FALSE(covers(names, "example.com", "xmpp-server"));
}

TEST(CertificateNames, TakeAnXmppAddressThatIsTheDomain) {
  EXPECT_TRUE(covers("otherName:1.3.6.1.5.5.7.8.5;UTF8:example.org", "example.org"));
  EXPECT_FALSE(covers("otherName:1.3.6.1.5.5.7.8.5;UTF8:user@example.org", "example.org"));
  EXPECT_EQ(certificate_xmpp_addresses(named("otherName:1.3.6.1.5.5.7.8.5;UTF8:user@example.org").get()),
            std::vector<std::string>{"user@example.org"});
}

// REQ 10
TEST(CertificateNames, IgnoreTheCommonName) {
  EXPECT_FALSE(certificate_covers(named("", "example.org").get(), "example.org", "xmpp-client"));
  EXPECT_FALSE(certificate_covers(named("email:a@example.org", "example.org").get(), "example.org", "xmpp-client"));
  EXPECT_FALSE(certificate_covers(nullptr, "example.org", "xmpp-client"));
}

// REQ 9, REQ 12
TEST(Certificate, IsMadeWithPrivateFilesAndPassesTheCheck) {
  const TemporaryFolder folder;
  const auto files = folder.make("a", {"example.org", "*.example.org"});
  const Status status = check_certificate(files, {"example.org", "conference.example.org"});
  EXPECT_TRUE(status) << status.error().message;
  for (const std::string& path : {files.key, files.certificate}) {
    struct stat info{};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
  }
  EXPECT_EQ(certificate_fingerprint(files.certificate).value().size(), 64u);
  const auto left = certificate_expiry(files.certificate).value() - std::chrono::system_clock::now();
  EXPECT_GT(left, std::chrono::hours{24 * 9});
  EXPECT_LE(left, std::chrono::hours{24 * 10});
}

TEST(Certificate, IsReplacedAndLeavesNoTemporaryFiles) {
  const TemporaryFolder folder;
  const auto files = folder.make("a", {"example.org"});
  const std::string before = certificate_fingerprint(files.certificate).value();
  folder.make("a", {"example.org"});
  EXPECT_NE(certificate_fingerprint(files.certificate).value(), before);
  EXPECT_TRUE(check_certificate(files, {"example.org"}));
  const auto parent = std::filesystem::path(files.key).parent_path();
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(parent), {}), 2);
}

// REQ 9
TEST(Certificate, IsRefusedWithASentenceWhenStaged) {
  const TemporaryFolder folder;
  const auto good = folder.make("good", {"example.org"});
  const auto other = folder.make("other", {"example.org"});
  const auto expired = folder.make("expired", {"example.org"}, std::chrono::days{0});
  const auto message = [](const Status& status) { return status ? "no error" : status.error().message; };
  EXPECT_NE(message(check_certificate({good.certificate, other.key}, {})).find("does not belong"), std::string::npos);
  EXPECT_NE(message(check_certificate(expired, {})).find("has expired"), std::string::npos);
  EXPECT_NE(message(check_certificate(good, {"example.org", "example.com"})).find("domain example.com"),
            std::string::npos);
  EXPECT_NE(message(check_certificate({"/nonexistent", good.key}, {})).find("cannot open"), std::string::npos);
  EXPECT_NE(message(check_certificate({good.key, good.key}, {})).find("does not hold certificates"), std::string::npos);
  EXPECT_NE(message(check_certificate({good.certificate, good.certificate}, {})).find("private key"),
            std::string::npos);
  ASSERT_EQ(::chmod(good.key.c_str(), 0644), 0);
  EXPECT_NE(message(check_certificate(good, {})).find("open to everybody"), std::string::npos);
}

TEST(Certificate, IsRefusedWhenTheFileWasCutShort) {
  const TemporaryFolder folder;
  const auto files = folder.make("a", {"example.org"});
  std::ifstream in(files.certificate);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  std::ofstream(files.certificate, std::ios::trunc) << text << text.substr(0, text.size() / 2);
  EXPECT_EQ(check_certificate(files, {}).error().failure, Failure::invalid);
}

TEST(Certificate, IsNotMadeForNamesThatWouldBreakTheExtension) {
  const TemporaryFolder folder;
  EXPECT_FALSE(make_self_signed(folder.files("a"), {}));
  EXPECT_FALSE(make_self_signed(folder.files("a"), {"a.example,IP:127.0.0.1"}));
  EXPECT_FALSE(make_self_signed({"/nonexistent/a.pem", "/nonexistent/a.key"}, {"a.example"}));
}
