// XML namespaces, one constant each, named after what the RFC or XEP calls the thing.
#pragma once

#include <string_view>

namespace rookery::xmpp::ns {

using namespace std::string_view_literals;

inline constexpr auto client = "jabber:client"sv;                              // RFC 6120
inline constexpr auto server = "jabber:server"sv;                              // RFC 6120
inline constexpr auto streams = "http://etherx.jabber.org/streams"sv;          // RFC 6120
inline constexpr auto stream_errors = "urn:ietf:params:xml:ns:xmpp-streams"sv; // RFC 6120 §4.9.2
inline constexpr auto stanza_errors = "urn:ietf:params:xml:ns:xmpp-stanzas"sv; // RFC 6120 §8.3.2
inline constexpr auto tls = "urn:ietf:params:xml:ns:xmpp-tls"sv;               // RFC 6120 §5
inline constexpr auto sasl = "urn:ietf:params:xml:ns:xmpp-sasl"sv;             // RFC 6120 §6
inline constexpr auto sasl2 = "urn:xmpp:sasl:2"sv;                             // XEP-0388
inline constexpr auto bind2 = "urn:xmpp:bind:0"sv;                             // XEP-0386
inline constexpr auto sasl_upgrade = "urn:xmpp:sasl:upgrade:0"sv;              // XEP-0480
inline constexpr auto scram_upgrade = "urn:xmpp:scram-upgrade:0"sv;
inline constexpr auto fast = "urn:xmpp:fast:0"sv;                              // XEP-0484
inline constexpr auto client_access = "urn:xmpp:cam:0"sv;                      // XEP-0494
inline constexpr auto config_version = "urn:xmpp:iap:0"sv;                     // XEP-0509
inline constexpr auto bind = "urn:ietf:params:xml:ns:xmpp-bind"sv;             // RFC 6120 §7
inline constexpr auto session = "urn:ietf:params:xml:ns:xmpp-session"sv;       // RFC 3921 §3
inline constexpr auto roster = "jabber:iq:roster"sv;                           // RFC 6121 §2
inline constexpr auto roster_versioning = "urn:xmpp:features:rosterver"sv;     // RFC 6121 §2.6
inline constexpr auto pre_approval = "urn:xmpp:features:pre-approval"sv;       // RFC 6121 §3.4
inline constexpr auto data_forms = "jabber:x:data"sv;                          // XEP-0004
inline constexpr auto last_activity = "jabber:iq:last"sv;                      // XEP-0012
inline constexpr auto disco_info = "http://jabber.org/protocol/disco#info"sv;  // XEP-0030
inline constexpr auto disco_items = "http://jabber.org/protocol/disco#items"sv;
inline constexpr auto private_xml = "jabber:iq:private"sv;                     // XEP-0049
inline constexpr auto vcard_temp = "vcard-temp"sv;                             // XEP-0054
inline constexpr auto rsm = "http://jabber.org/protocol/rsm"sv;                // XEP-0059
inline constexpr auto pubsub = "http://jabber.org/protocol/pubsub"sv;          // XEP-0060
inline constexpr auto pubsub_event = "http://jabber.org/protocol/pubsub#event"sv;
inline constexpr auto pubsub_owner = "http://jabber.org/protocol/pubsub#owner"sv;
inline constexpr auto pubsub_errors = "http://jabber.org/protocol/pubsub#errors"sv;
inline constexpr auto pubsub_publish_options = "http://jabber.org/protocol/pubsub#publish-options"sv;
inline constexpr auto pubsub_node_config = "http://jabber.org/protocol/pubsub#node_config"sv;
inline constexpr auto pubsub_subscribe_options = "http://jabber.org/protocol/pubsub#subscribe_options"sv;
inline constexpr auto pubsub_authorization = "http://jabber.org/protocol/pubsub#subscribe_authorization"sv;
inline constexpr auto addresses = "http://jabber.org/protocol/address"sv;      // XEP-0033
inline constexpr auto bookmarks_legacy = "storage:bookmarks"sv;                // XEP-0048
inline constexpr auto avatar_data = "urn:xmpp:avatar:data"sv;                  // XEP-0084
inline constexpr auto avatar_metadata = "urn:xmpp:avatar:metadata"sv;
inline constexpr auto vcard_update = "vcard-temp:x:update"sv;                  // XEP-0153
inline constexpr auto vcard4 = "urn:ietf:params:xml:ns:vcard-4.0"sv;           // RFC 6351, XEP-0292
inline constexpr auto vcard4_node = "urn:xmpp:vcard4"sv;
inline constexpr auto pep_vcard_conversion = "urn:xmpp:pep-vcard-conversion:0"sv;  // XEP-0398
inline constexpr auto bookmarks = "urn:xmpp:bookmarks:1"sv;                    // XEP-0402
inline constexpr auto bookmarks_conversion = "urn:xmpp:bookmarks-conversion:0"sv;  // XEP-0411
inline constexpr auto mds = "urn:xmpp:mds:displayed:0"sv;                      // XEP-0490
inline constexpr auto mds_assist = "urn:xmpp:mds:server-assist:0"sv;
inline constexpr auto registration = "jabber:iq:register"sv;                   // XEP-0077
inline constexpr auto registration_feature = "http://jabber.org/features/iq-register"sv;
inline constexpr auto component = "jabber:component:accept"sv;                 // XEP-0114
inline constexpr auto delegation = "urn:xmpp:delegation:2"sv;                  // XEP-0355
inline constexpr auto privilege = "urn:xmpp:privilege:2"sv;                    // XEP-0356
inline constexpr auto chat_states = "http://jabber.org/protocol/chatstates"sv; // XEP-0085
inline constexpr auto version = "jabber:iq:version"sv;                         // XEP-0092
inline constexpr auto caps = "http://jabber.org/protocol/caps"sv;              // XEP-0115
inline constexpr auto receipts = "urn:xmpp:receipts"sv;                        // XEP-0184
inline constexpr auto blocking = "urn:xmpp:blocking"sv;                        // XEP-0191
inline constexpr auto blocking_errors = "urn:xmpp:blocking:errors"sv;
inline constexpr auto sm = "urn:xmpp:sm:3"sv;                                  // XEP-0198
inline constexpr auto ping = "urn:xmpp:ping"sv;                                // XEP-0199
inline constexpr auto time = "urn:xmpp:time"sv;                                // XEP-0202
inline constexpr auto delay = "urn:xmpp:delay"sv;                              // XEP-0203
inline constexpr auto carbons = "urn:xmpp:carbons:2"sv;                        // XEP-0280
inline constexpr auto forward = "urn:xmpp:forward:0"sv;                        // XEP-0297
inline constexpr auto external_services = "urn:xmpp:extdisco:2"sv;              // XEP-0215
inline constexpr auto http_upload = "urn:xmpp:http:upload:0"sv;                // XEP-0363
inline constexpr auto framing = "urn:ietf:params:xml:ns:xmpp-framing"sv;       // RFC 7395
inline constexpr auto bosh = "http://jabber.org/protocol/httpbind"sv;          // XEP-0124
inline constexpr auto xbosh = "urn:xmpp:xbosh"sv;                              // XEP-0206
inline constexpr auto mam = "urn:xmpp:mam:2"sv;                                // XEP-0313
inline constexpr auto mam_extended = "urn:xmpp:mam:2#extended"sv;
inline constexpr auto markers = "urn:xmpp:chat-markers:0"sv;                   // XEP-0333
inline constexpr auto hints = "urn:xmpp:hints"sv;                              // XEP-0334
inline constexpr auto csi = "urn:xmpp:csi:0"sv;                                // XEP-0352
inline constexpr auto sid = "urn:xmpp:sid:0"sv;                                // XEP-0359
inline constexpr auto jingle_message = "urn:xmpp:jingle-message:0"sv;         // XEP-0353
inline constexpr auto push = "urn:xmpp:push:0"sv;                              // XEP-0357
inline constexpr auto push_summary = "urn:xmpp:push:summary"sv;
inline constexpr auto reference = "urn:xmpp:reference:0"sv;                    // XEP-0372
inline constexpr auto openpgp = "urn:xmpp:openpgp:0"sv;                        // XEP-0373
inline constexpr auto reply = "urn:xmpp:reply:0"sv;                            // XEP-0461
inline constexpr auto notification_settings = "urn:xmpp:notification-settings:1"sv;  // XEP-0492
inline constexpr auto eme = "urn:xmpp:eme:0"sv;                                // XEP-0380
inline constexpr auto omemo_legacy = "eu.siacs.conversations.axolotl"sv;       // XEP-0384 0.3
inline constexpr auto omemo = "urn:xmpp:omemo:2"sv;                            // XEP-0384 0.8
inline constexpr auto sce = "urn:xmpp:sce:1"sv;                                // XEP-0420
inline constexpr auto sasl_channel_binding = "urn:xmpp:sasl-cb:0"sv;           // XEP-0440
inline constexpr auto stream_limits = "urn:xmpp:stream-limits:0"sv;            // XEP-0478
inline constexpr auto muc = "http://jabber.org/protocol/muc"sv;                // XEP-0045
inline constexpr auto muc_user = "http://jabber.org/protocol/muc#user"sv;
inline constexpr auto muc_admin = "http://jabber.org/protocol/muc#admin"sv;
inline constexpr auto muc_owner = "http://jabber.org/protocol/muc#owner"sv;
inline constexpr auto muc_register = "http://jabber.org/protocol/muc#register"sv;
inline constexpr auto muc_request = "http://jabber.org/protocol/muc#request"sv;
inline constexpr auto muc_roomconfig = "http://jabber.org/protocol/muc#roomconfig"sv;
inline constexpr auto muc_roominfo = "http://jabber.org/protocol/muc#roominfo"sv;
inline constexpr auto muc_stable_id = "http://jabber.org/protocol/muc#stable_id"sv;
inline constexpr auto self_ping = "http://jabber.org/protocol/muc#self-ping-optimization"sv;  // XEP-0410
inline constexpr auto conference = "jabber:x:conference"sv;                    // XEP-0249
inline constexpr auto occupant_id = "urn:xmpp:occupant-id:0"sv;                // XEP-0421
inline constexpr auto retract = "urn:xmpp:message-retract:1"sv;                // XEP-0424
inline constexpr auto retract_tombstone = "urn:xmpp:message-retract:1#tombstone"sv;
inline constexpr auto reporting = "urn:xmpp:reporting:1"sv;                    // XEP-0377
inline constexpr auto affiliations = "urn:xmpp:raa:0"sv;                       // XEP-0489
inline constexpr auto strangers = "urn:rookery:strangers:0"sv;                 // docs/adr/0004-strangers.md
inline constexpr auto moderate = "urn:xmpp:message-moderate:1"sv;              // XEP-0425
inline constexpr auto xml = "http://www.w3.org/XML/1998/namespace"sv;

}  // namespace rookery::xmpp::ns
