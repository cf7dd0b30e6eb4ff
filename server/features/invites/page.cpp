#include "server/features/invites/page.h"

#include <qrencode.h>

#include <memory>

#include "xmpp/element.h"

namespace rookery::server::invites {

namespace {

// Colours of the page itself by prefers-color-scheme; the QR code stays dark on light, or cameras do not read it.
constexpr std::string_view style = R"css(
:root{color-scheme:light dark;--page:#eef1f5;--card:#fff;--text:#1b2430;--soft:#566273;--line:#dde3ea;--accent:#2456c8;--on:#fff;--bad:#a3241b}
@media(prefers-color-scheme:dark){:root{--page:#10151c;--card:#19212b;--text:#e8edf3;--soft:#a3b0bf;--line:#2b3643;--accent:#7ea6ff;--on:#0c1423;--bad:#ff9d92}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:flex;align-items:center;justify-content:center;padding:24px 16px;background:var(--page);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{width:100%;max-width:860px;background:var(--card);border:1px solid var(--line);border-radius:20px;padding:32px 24px;box-shadow:0 12px 40px rgba(15,25,45,.08)}
.mark{display:inline-flex;width:48px;height:48px;border-radius:14px;background:var(--accent);color:var(--on);align-items:center;justify-content:center}
h1{font-size:1.65rem;line-height:1.25;margin:16px 0 8px;overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:28px 0 8px}
p{margin:0 0 12px}
.soft{color:var(--soft)}
.button{display:block;text-align:center;margin:20px 0 8px;padding:15px 20px;border-radius:13px;background:var(--accent);color:var(--on);font-weight:600;text-decoration:none}
.button:hover{filter:brightness(1.08)}
.button:focus-visible,a:focus-visible{outline:3px solid var(--accent);outline-offset:3px}
a{color:var(--accent)}
ul{list-style:none;padding:0;margin:0;display:grid;grid-template-columns:1fr 1fr;gap:10px}
li a{display:block;height:100%;padding:11px 14px;border:1px solid var(--line);border-radius:12px;text-decoration:none;color:inherit}
li a:hover{border-color:var(--accent)}
li b{display:block}
li span{color:var(--soft);font-size:.88rem}
details{margin:28px 0 0;border:1px solid var(--line);border-radius:13px;padding:0 16px}
summary{padding:13px 0;font-weight:600;cursor:pointer}
form{display:grid;gap:12px;margin:0 0 18px}
label{display:grid;gap:4px;font-size:.92rem;color:var(--soft)}
input{width:100%;padding:11px 12px;border:1px solid var(--line);border-radius:10px;background:var(--page);color:var(--text);font:inherit}
button{margin:4px 0 0;border:0;font:inherit;font-weight:600;cursor:pointer}
summary:focus-visible,input:focus-visible,button:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.problem{margin:0 0 12px;padding:10px 14px;border-radius:10px;border:1px solid var(--bad);color:var(--bad)}
.address{font-size:1.25rem;font-weight:600;overflow-wrap:anywhere}
figure{margin:28px 0 0;text-align:center}
figure svg{display:block;margin:0 auto 10px;width:100%;max-width:236px;height:auto;border-radius:14px}
figcaption{color:var(--soft);font-size:.9rem}
footer{margin-top:28px;padding-top:16px;border-top:1px solid var(--line);color:var(--soft);font-size:.88rem}
@media(min-width:760px){main{padding:44px}.both{display:grid;grid-template-columns:1fr 252px;gap:44px;align-items:start}figure{margin:0}}
)css";

constexpr std::string_view mark =
    R"(<span class="mark" aria-hidden="true"><svg width="26" height="26" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"><path d="M21 12a8 8 0 0 1-8 8H4l2-3a8 8 0 1 1 15-5z"/><path d="M9 12h.01M13 12h.01M17 12h.01"/></svg></span>)";

std::string escaped(std::string_view text) {
  std::string out;
  xmpp::append_escaped(out, text);
  return out;
}

HttpResponse document(int status, const std::string& title, const std::string& body) {
  HttpResponse response{.status = status, .headers = {}, .body = {}};
  response.with("Content-Type", "text/html; charset=utf-8")
      .with(
          "Content-Security-Policy",
          "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
      .with("X-Content-Type-Options", "nosniff")
      // The link is a secret: it goes to no other site and into no cache.
      .with("Referrer-Policy", "no-referrer")
      .with("Cache-Control", "no-store");
  response.body =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"robots\" "
      "content=\"noindex\">\n<title>" +
      escaped(title) + "</title>\n<style>" + std::string(style) + "</style>\n</head>\n<body>\n<main>\n" + body +
      "\n</main>\n</body>\n</html>\n";
  return response;
}

std::string client(std::string_view name, std::string_view systems, std::string_view url) {
  return "<li><a rel=\"noreferrer\" href=\"" + std::string(url) + "\"><b>" + std::string(name) + "</b><span>" +
         std::string(systems) + "</span></a></li>";
}

std::string clients() {
  return "<ul>" + client("Conversations", "Android", "https://conversations.im/") +
         client("Monal", "iPhone, iPad, Mac", "https://monal-im.org/") +
         client("Dino", "Linux, Windows", "https://dino.im/") +
         client("Gajim", "Windows, Linux, Mac", "https://gajim.org/") + "</ul>";
}

std::string localpart(std::string_view bare) { return std::string(bare.substr(0, bare.find('@'))); }

/// Until which day, in UTC: seconds would only frighten.
std::string day_of(storage::TimePoint time) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(time));
  constexpr const char* months[] = {"January", "February", "March",     "April",   "May",      "June",
                                    "July",    "August",   "September", "October", "November", "December"};
  return std::to_string(static_cast<unsigned>(day.day())) + " " + months[static_cast<unsigned>(day.month()) - 1] + " " +
         std::to_string(static_cast<int>(day.year()));
}

std::string headline(const Page& page) {
  if (page.invite.contact.empty()) return "You are invited to chat on " + page.domain;
  return localpart(page.invite.contact) + " invites you to chat";
}

std::string explanation(const Page& page) {
  const std::string domain = "<b>" + escaped(page.domain) + "</b>";
  const std::string& contact = page.invite.contact;
  std::string out = "<p>";
  if (!contact.empty()) out += "This is an invitation from <b>" + escaped(contact) + "</b>. ";
  if (!page.invite.username.empty()) {
    out += "The address <b>" + escaped(page.invite.username + "@" + page.domain) +
           "</b> is kept for you; you choose the password.";
  } else if (page.invite.registers && contact.empty()) {
    out += "It lets you make an account on " + domain + ", with a name and a password of your choice.";
  } else if (page.invite.registers) {
    out += "If you have no chat address yet, it also lets you make one on " + domain + ".";
  }
  return out + "</p>";
}

/// For whoever has no app that can make accounts, or none at all yet.
std::string sign_up_form(const Page& page) {
  const auto input = [](std::string_view label, std::string_view attributes) {
    return "<label>" + std::string(label) + "<input required " + std::string(attributes) + "></label>\n";
  };
  std::string out = "<form method=\"post\">\n";
  if (page.invite.username.empty()) {
    out += input("Name, the part before @" + escaped(page.domain),
                 "name=\"username\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" "
                 "maxlength=\"64\" value=\"" +
                     escaped(page.form.username) + "\"");
  }
  constexpr std::string_view secret =
      "type=\"password\" autocomplete=\"new-password\" minlength=\"8\" maxlength=\"256\" name=\"";
  out += input("Password, at least eight characters", std::string(secret) + "password\"") +
         input("The password again", std::string(secret) + "again\"");
  return out + "<button class=\"button\">Make the account</button>\n</form>\n";
}

std::string form_below(const Page& page) {
  return "<details>\n<summary>Make the account here instead</summary>\n"
         "<p class=\"soft\">Some apps can only use an account that is there already. Make it here, and log in with the "
         "app afterwards.</p>\n" +
         sign_up_form(page) + "</details>\n";
}

/// What was sent cannot be used: nothing but the form, or nobody would see why.
std::string form_again(const Page& page) {
  return std::string(mark) + "\n<h1>Make your account</h1>\n<p class=\"problem\" role=\"alert\">" +
         escaped(page.form.problem) + "</p>\n" + sign_up_form(page) + "<p><a href=\"\">Back to the invitation</a></p>";
}

}  // namespace

std::string qr_svg(const std::string& text) {
  const std::unique_ptr<QRcode, void (*)(QRcode*)> code(QRcode_encodeString8bit(text.c_str(), 0, QR_ECLEVEL_M),
                                                        QRcode_free);
  if (!code) return {};
  constexpr int quiet = 4;  // ISO/IEC 18004 §6.3.8
  const int width = code->width;
  const std::string size = std::to_string(width + 2 * quiet);
  std::string path;
  for (int y = 0; y < width; ++y) {
    for (int x = 0; x < width; ++x) {
      if ((code->data[y * width + x] & 1) == 0) continue;
      int end = x + 1;
      while (end < width && (code->data[y * width + end] & 1) != 0) ++end;
      path += "M" + std::to_string(x + quiet) + " " + std::to_string(y + quiet) + "h" + std::to_string(end - x) +
              "v1h-" + std::to_string(end - x) + "z";
      x = end;
    }
  }
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + size + " " + size +
         "\" role=\"img\" aria-label=\"QR code of this invitation\" "
         "shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h" +
         size + "v" + size + "H0z\"/><path fill=\"#000\" d=\"" + path + "\"/></svg>";
}

HttpResponse page(const Page& page, int status) {
  if (!page.form.problem.empty()) return document(status, "Make your account", form_again(page));
  const std::string title = headline(page);
  std::string body =
      "<div class=\"both\">\n<div>\n" + std::string(mark) + "\n<h1>" + escaped(title) + "</h1>\n" + explanation(page) +
      "\n<a class=\"button\" href=\"" + escaped(page.uri) +
      "\">Accept the invitation</a>\n"
      "<p class=\"soft\">The button opens your chat app. If nothing happens, you need to install one first.</p>\n"
      "<h2>Get a chat app</h2>\n<p class=\"soft\">Install one of these, come back to this page, and press the "
      "button.</p>\n" +
      clients() + "\n";
  if (page.invite.registers) body += form_below(page);
  body += "</div>\n";
  const std::string code = qr_svg(page.address.empty() ? page.uri : page.address);
  if (!code.empty())
    body +=
        "<figure>\n" + code + "\n<figcaption>Scan this to open the invitation on your phone.</figcaption>\n</figure>\n";
  body += "</div>\n<footer>Good until " + day_of(page.invite.expires) +
          (page.invite.uses == 1 ? ", for one person. " : ". ") +
          "If you do not know who sent you this link, you can ignore it.</footer>";
  return document(status, title, body);
}

HttpResponse welcome_page(const std::string& account, const storage::Invite& invite) {
  std::string body =
      std::string(mark) + "\n<h1>Your account is ready</h1>\n<p>This is your address:</p>\n<p class=\"address\">" +
      escaped(account) + "</p>\n" +
      "<p>Open your chat app, say that you have an account already, and log in with this address and your password.";
  if (!invite.contact.empty()) body += " <b>" + escaped(invite.contact) + "</b> is in your contacts.";
  return document(201, "Your account is ready", body + "</p>\n<h2>Get a chat app</h2>\n" + clients());
}

HttpResponse gone_page(const std::string& domain) {
  return document(410, "This invitation cannot be used",
                  std::string(mark) +
                      "\n<h1>This invitation cannot be used</h1>\n<p>It has been used already, it is too old, or the "
                      "link is not complete.</p>\n"
                      "<p class=\"soft\">Ask whoever sent it to you for a new one. If you have used it yourself, open "
                      "your chat app: your account on <b>" +
                      escaped(domain) + "</b> is there.</p>");
}

}  // namespace rookery::server::invites
