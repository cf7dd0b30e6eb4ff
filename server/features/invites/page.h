// The page behind an invitation's link: one HTML document without scripts and without anything from elsewhere.
#pragma once

#include <optional>
#include <string>

#include "server/http/response.h"
#include "storage/invites.h"

namespace rookery::server::invites {

struct Page {
  std::string domain;
  std::string uri;         ///< xmpp:…; empty: the invitation cannot be used any more
  storage::Invite invite;  ///< meaningful only with a uri
  std::string address;     ///< of this page, for the QR code
  /// What was sent in vain.
  struct Form {
    std::string username, problem;
  };
  Form form;
};

HttpResponse page(const Page& page, int status = 200);
/// After the account was made here.
HttpResponse welcome_page(const std::string& account, const storage::Invite& invite);
/// For an invitation that nobody knows, or that is used up or too old: all look alike to strangers.
HttpResponse gone_page(const std::string& domain);

/// The text as a QR code in SVG, dark on light whatever the colours of the page; empty when it is too long for one.
std::string qr_svg(const std::string& text);

}  // namespace rookery::server::invites
