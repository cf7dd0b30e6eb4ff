"""XEP-0114: a component logs in, talks, and is kept to its own domain."""

import os
import ssl
import unittest

from component_case import SECRET, ComponentCase
from component_client import NS_COMPONENT
from xmpp_client import tls_context

HELLO = "<message from='%s' to='%s' type='chat' id='%s'><body>hello</body></message>"


class Handshake(ComponentCase):
    async def test_the_right_secret_is_answered_with_an_empty_handshake(self):
        bridge = await self.component().connect()
        self.assertEqual(bridge.header.get("from"), "bridge.localhost")
        await bridge.in_step("localhost")

    # REQ 12
    async def test_a_wrong_secret_ends_the_stream_with_not_authorized(self):
        bridge = self.component(secret="another")
        await bridge.open()
        bridge.handshake()
        self.assertEqual(await bridge.stream_error(), "not-authorized")

    async def test_a_handshake_in_capitals_is_wrong(self):
        bridge = self.component()
        await bridge.open()
        bridge.write("<handshake>%s</handshake>" % ("A" * 40))
        self.assertEqual(await bridge.stream_error(), "not-authorized")

    # REQ 4
    async def test_a_stanza_before_the_handshake_ends_the_stream(self):
        bridge = self.component()
        await bridge.open()
        bridge.write(HELLO % ("bridge.localhost", "romeo@localhost", "m"))
        self.assertEqual(await bridge.stream_error(), "not-authorized")

    async def test_a_domain_that_is_no_component_is_host_unknown(self):
        for domain in ("other.localhost", "localhost", "conference.localhost", "romeo@localhost", ""):
            bridge = self.component()
            await bridge.open(to=domain or "@")
            self.assertEqual(await bridge.stream_error(), "host-unknown", domain)

    async def test_a_stream_of_another_kind_is_an_invalid_namespace(self):
        for ns in ("jabber:client", "jabber:component:connect"):
            bridge = self.component()
            await bridge.open(ns=ns)
            self.assertEqual(await bridge.stream_error(), "invalid-namespace")

    # REQ 2
    async def test_what_comes_before_the_handshake_is_small(self):
        bridge = self.component()
        await bridge.open()
        bridge.write("<handshake>%s</handshake>" % ("a" * 9000))
        self.assertEqual(await bridge.stream_error(), "policy-violation")

    # REQ 7
    async def test_the_same_xml_is_refused_as_from_clients(self):
        for markup, condition in (("<!-- -->", "restricted-xml"), ("<message", None)):
            if condition is None:
                continue
            bridge = await self.component().connect()
            bridge.write(markup)
            self.assertEqual(await bridge.stream_error(), condition)

    async def test_the_newest_connection_wins(self):
        first = await self.component().connect()
        second = await self.component().connect()
        self.assertEqual(await first.stream_error(), "conflict")
        romeo = await self.log_in()
        romeo.send("<message to='x@bridge.localhost' id='m1'><body>who?</body></message>")
        self.assertEqual((await second.receive()).get("id"), "m1")

    async def test_a_component_hears_that_the_server_stops(self):
        bridge = await self.component().connect()
        self.server.stop()
        self.assertEqual(await bridge.stream_error(), "system-shutdown")


class SecretFile(ComponentCase):
    config = {}

    def setUp(self):
        file = os.path.join(os.path.dirname(os.path.abspath(__file__)), "secret.example")
        self.components = [{"domain": "bridge.localhost", "secret_file": file}]
        super().setUp()

    async def test_the_secret_may_be_in_a_file(self):
        bridge = await self.component(secret="from a file").connect()
        await bridge.in_step("localhost")


class Tls(ComponentCase):
    config = {"components": {"tls": True}}

    async def test_a_listener_may_want_tls(self):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.assertIsNotNone(tls_context())
        bridge = await self.component().connect(tls=context)
        await bridge.in_step("localhost")


class Stanzas(ComponentCase):
    async def test_messages_go_both_ways(self):
        bridge, romeo = await self.component().connect(), await self.log_in()
        romeo.send("<message to='capulet@bridge.localhost/x' type='chat' id='m1'><body>ho!</body></message>")
        heard = await bridge.receive()
        self.assertEqual((heard.ns, heard.get("from"), heard.get("to")), (NS_COMPONENT, romeo.jid, "capulet@bridge.localhost/x"))
        self.assertEqual(heard.find("body", NS_COMPONENT).text, "ho!")
        bridge.write(HELLO % ("capulet@bridge.localhost/x", romeo.jid, "m2"))
        heard = await romeo.receive()
        self.assertEqual((heard.ns, heard.get("from"), heard.get("id")), ("jabber:client", "capulet@bridge.localhost/x", "m2"))
        self.assertEqual(heard.find("body", "jabber:client").text, "hello")

    async def test_a_message_for_one_who_is_away_waits(self):
        bridge = await self.component().connect()
        bridge.write(HELLO % ("capulet@bridge.localhost", "juliet@localhost", "m1"))
        await bridge.in_step("juliet@localhost")
        juliet = await self.log_in("juliet")
        heard = await juliet.receive_where(lambda e: e.name == "message")
        self.assertEqual(heard.get("id"), "m1")

    async def test_iqs_and_disco_are_the_components_to_answer(self):
        bridge, romeo = await self.component().connect(), await self.log_in()
        romeo.send("<iq to='bridge.localhost' type='get' id='d1'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
        asked = await bridge.receive()
        self.assertEqual((asked.get("from"), asked.get("id")), (romeo.jid, "d1"))
        bridge.write("<iq from='bridge.localhost' to='%s' type='result' id='d1'>"
                     "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>" % romeo.jid)
        self.assertEqual((await romeo.receive()).get("type"), "result")

    async def test_it_is_among_the_items_of_the_server(self):
        romeo = await self.log_in()
        answer = await romeo.iq("get", "<query xmlns='http://jabber.org/protocol/disco#items'/>", to="localhost")
        self.assertIn("bridge.localhost", [item.get("jid") for item in answer.children[0].children])

    async def test_a_user_subscribes_to_a_contact_behind_it(self):
        bridge, romeo = await self.component().connect(), await self.log_in()
        romeo.send("<presence to='capulet@bridge.localhost' type='subscribe'/>")
        asked = await bridge.receive()
        self.assertEqual((asked.get("type"), asked.get("from")), ("subscribe", "romeo@localhost"))
        bridge.write("<presence from='capulet@bridge.localhost' to='romeo@localhost' type='subscribed'/>"
                     "<presence from='capulet@bridge.localhost/x' to='romeo@localhost'/>")
        seen = await romeo.receive_where(lambda e: e.name == "presence" and e.get("from") == "capulet@bridge.localhost/x")
        self.assertIsNone(seen.get("type"))

    # REQ 15
    async def test_another_domain_in_from_ends_the_stream(self):
        for sender in ("romeo@localhost/orchard", "localhost", "x@evil.bridge.localhost", "conference.localhost", "@"):
            bridge = await self.component().connect()
            bridge.write(HELLO % (sender, "romeo@localhost", "m"))
            self.assertEqual(await bridge.stream_error(), "invalid-from", sender)

    async def test_both_addresses_are_needed(self):
        for addresses in ("from='bridge.localhost'", "to='romeo@localhost'"):
            bridge = await self.component().connect()
            bridge.write("<message %s><body>?</body></message>" % addresses)
            self.assertEqual(await bridge.stream_error(), "improper-addressing")

    async def test_what_is_no_stanza_ends_the_stream(self):
        for element in ("<r xmlns='urn:xmpp:sm:3'/>", "<handshake/>", "<message xmlns='jabber:client' from='bridge.localhost' to='localhost'/>"):
            bridge = await self.component().connect()
            bridge.write(element)
            self.assertEqual(await bridge.stream_error(), "unsupported-stanza-type")

    # REQ 15
    async def test_forged_carbons_results_ids_and_roster_pushes_do_not_pass(self):
        bridge, romeo = await self.component().connect(), await self.log_in()
        forged = "<message from='bridge.localhost' to='%s'>%s</message>"
        bridge.write(forged % (romeo.jid, "<received xmlns='urn:xmpp:carbons:2'/>"))
        bridge.write(forged % (romeo.jid, "<result xmlns='urn:xmpp:mam:2' id='1'/>"))
        bridge.write("<iq from='bridge.localhost' to='%s' type='set' id='r1'><query xmlns='jabber:iq:roster'/></iq>" % romeo.jid)
        self.assert_error(await bridge.receive(), "service-unavailable")
        bridge.write(forged % (romeo.jid, "<body>real</body><stanza-id xmlns='urn:xmpp:sid:0' id='00' by='romeo@localhost'/>"
                                          "<stanza-id xmlns='urn:xmpp:sid:0' id='7' by='bridge.localhost'/>"))
        heard = await romeo.receive()
        self.assertEqual(heard.find("body").text, "real")
        ids = {each.get("by"): each.get("id") for each in heard.find_all("stanza-id")}
        self.assertEqual(ids["bridge.localhost"], "7")
        self.assertNotEqual(ids["romeo@localhost"], "00")

    async def test_malformed_iqs_and_presence_are_answered(self):
        bridge = await self.component().connect()
        for stanza in ("<iq from='bridge.localhost' to='localhost' type='get' id='1'/>",
                       "<iq from='bridge.localhost' to='localhost' type='what' id='1'><a xmlns='b'/></iq>",
                       "<iq from='bridge.localhost' to='localhost' type='get'><a xmlns='b'/></iq>",
                       "<presence from='bridge.localhost' to='localhost' type='what'/>"):
            bridge.write(stanza)
            self.assert_error(await bridge.receive(), "bad-request")
        bridge.write(HELLO % ("bridge.localhost", "@localhost", "m"))
        self.assert_error(await bridge.receive(), "jid-malformed")

    async def test_an_unknown_account_bounces_to_the_component(self):
        bridge = await self.component().connect()
        bridge.write(HELLO % ("capulet@bridge.localhost", "nobody@localhost", "m1"))
        bounced = await bridge.receive()
        self.assertEqual((bounced.get("to"), bounced.get("id")), ("capulet@bridge.localhost", "m1"))
        self.assert_error(bounced, "service-unavailable")

    async def test_without_a_connection_messages_and_iqs_bounce_and_presence_does_not(self):
        romeo = await self.log_in()
        romeo.send("<presence to='x@bridge.localhost'/>")
        romeo.send("<message to='x@bridge.localhost' id='m1'><body>?</body></message>")
        self.assert_error(await romeo.receive(), "remote-server-timeout", "wait")
        answer = await romeo.iq("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to="bridge.localhost")
        self.assert_error(answer, "remote-server-timeout")
        bridge = await self.component().connect()
        await bridge.close()
        answer = await romeo.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to="bridge.localhost")
        self.assert_error(answer, "remote-server-timeout")

    # REQ 19
    async def test_the_archive_has_both_sides_of_the_conversation(self):
        bridge, romeo = await self.component().connect(), await self.log_in()
        romeo.send("<message to='x@bridge.localhost' type='chat' id='m1'><body>one</body></message>")
        await bridge.receive()
        bridge.write(HELLO % ("x@bridge.localhost", "romeo@localhost", "m2"))
        await romeo.receive()
        romeo.send("<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>")
        ids = [(await romeo.receive()).find("result").find("forwarded").find("message").get("id") for _ in range(2)]
        self.assertEqual(ids, ["m1", "m2"])


if __name__ == "__main__":
    unittest.main()
