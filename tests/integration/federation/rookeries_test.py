"""Two rookeryd: messages, presence, IQ and rooms both ways, with dialback and with certificates. REQ 17"""

import asyncio
import unittest

from federation_case import FederationCase, introduce
from push_app_server import PushAppServer

MESSAGE = "<message to='%s' type='chat' id='%s'><body>%s</body></message>"
NS_DISCO = "http://jabber.org/protocol/disco#info"
NS_MUC = "http://jabber.org/protocol/muc"


class Talk:
    """Run once over dialback, once over certificates."""

    method = None

    def servers(self):
        raise NotImplementedError

    async def asyncSetUp(self):
        self.a, self.b = self.servers()
        for server, user in ((self.a, "juliet"), (self.b, "romeo")):
            server.start()
            server.add_account(user, "secret")
        self.juliet, self.romeo = await self.log_in(self.a, "juliet"), await self.log_in(self.b, "romeo")

    async def test_a_message_goes_there_and_back(self):
        self.juliet.send(MESSAGE % ("romeo@b.example", "m1", "hello"))
        heard = await self.receive_body(self.romeo, "hello")
        self.assertEqual(heard.get("from"), self.juliet.jid)
        self.romeo.send(MESSAGE % (self.juliet.jid, "m2", "hello yourself"))
        await self.receive_body(self.juliet, "hello yourself")
        for server in (self.a, self.b):
            links = server.ctl("s2s")
            self.assertIn("by=" + self.method, links)
            self.assertIn("acks=xep-0198", links)

    async def test_errors_come_back_by_the_same_road(self):
        self.juliet.send(MESSAGE % ("nobody@b.example", "m1", "is there anybody?"))
        self.assert_error(await self.juliet.receive_where(lambda e: e.get("id") == "m1", 20), "service-unavailable")

    async def test_the_other_server_tells_what_it_is(self):
        info = await self.juliet.iq("get", "<query xmlns='%s'/>" % NS_DISCO, to="b.example", timeout=20)
        self.assertEqual(info.get("type"), "result", info.to_xml())
        self.assertEqual(info.find("query", NS_DISCO).find("identity").get("category"), "server")

    async def test_people_subscribe_to_each_other_and_see_presence(self):
        self.juliet.send("<presence to='romeo@b.example' type='subscribe'/>")
        asked = await self.romeo.receive_where(lambda e: e.name == "presence" and e.get("type") == "subscribe", 20)
        self.assertEqual(asked.get("from"), "juliet@a.example")
        self.romeo.send("<presence to='juliet@a.example' type='subscribed'/>")
        await self.juliet.receive_where(lambda e: e.name == "presence" and e.get("type") == "subscribed", 20)
        seen = await self.juliet.receive_where(lambda e: e.name == "presence" and e.get("from") == self.romeo.jid, 20)
        self.assertIsNone(seen.get("type"))
        # RFC 6121 §4.3: who comes later asks by a probe.
        late = await self.log_in(self.a, "juliet", "phone")
        await late.receive_where(lambda e: e.name == "presence" and e.get("from") == self.romeo.jid, 20)
        await self.romeo.close()
        await late.receive_where(lambda e: e.get("from") == self.romeo.jid and e.get("type") == "unavailable", 20)

    async def test_a_deleted_account_ends_its_subscriptions(self):
        """XEP-0077 §3.2"""
        self.juliet.send("<presence to='romeo@b.example' type='subscribe'/>")
        await self.romeo.receive_where(lambda e: e.name == "presence" and e.get("type") == "subscribe", 20)
        self.romeo.send("<presence to='juliet@a.example' type='subscribed'/>")
        await self.juliet.receive_where(lambda e: e.name == "presence" and e.get("type") == "subscribed", 20)
        self.a.ctl("account", "delete", "juliet@a.example")
        told = await self.romeo.receive_where(lambda e: e.name == "presence" and e.get("type") == "unsubscribe", 20)
        self.assertEqual(told.get("from"), "juliet@a.example")

    async def test_a_room_has_occupants_from_both_servers(self):
        room = "balcony@conference.b.example"
        join = "<presence to='%s/%s'><x xmlns='%s'/></presence>"
        self.romeo.send(join % (room, "romeo", NS_MUC))
        await self.romeo.receive_where(lambda e: e.name == "message" and e.find("subject") is not None, 20)
        await self.romeo.iq("set", "<query xmlns='%s#owner'><x xmlns='jabber:x:data' type='submit'/></query>" % NS_MUC, to=room)
        self.juliet.send(join % (room, "juliet", NS_MUC))
        await self.juliet.receive_where(lambda e: e.name == "message" and e.find("subject") is not None, 20)
        self.juliet.send("<message to='%s' type='groupchat' id='g1'><body>good night</body></message>" % room)
        await self.receive_body(self.romeo, "good night")
        await self.receive_body(self.juliet, "good night")
        self.juliet.cut()
        await self.romeo.receive_where(lambda e: e.get("from") == room + "/juliet" and e.get("type") == "unavailable", 20)


class Dialback(Talk, FederationCase):
    method = "dialback"

    def servers(self):
        return self.pair()  # each with a certificate that it signed itself


    async def test_what_is_true_among_our_own_is_true_for_others(self):
        """Carbons (XEP-0280), archive (XEP-0313), blocking (XEP-0191)."""
        phone = await self.log_in(self.a, "juliet", "phone")
        await phone.iq("set", "<enable xmlns='urn:xmpp:carbons:2'/>")
        self.juliet.send(MESSAGE % ("romeo@b.example", "m1", "to all devices"))
        await self.receive_body(self.romeo, "to all devices")
        await phone.receive_where(lambda e: e.find("sent", "urn:xmpp:carbons:2") is not None, 20)
        for client in (self.juliet, self.romeo):
            await client.iq("set", "<query xmlns='urn:xmpp:mam:2'/>")
            self.assertEqual(len([e for e in client.inbox if e.find("result", "urn:xmpp:mam:2") is not None]), 1)
        await self.romeo.iq("set", "<block xmlns='urn:xmpp:blocking'><item jid='juliet@a.example'/></block>")
        self.juliet.send(MESSAGE % ("romeo@b.example", "m2", "are you angry?"))
        self.assert_error(await self.juliet.receive_where(lambda e: e.get("id") == "m2", 20), "service-unavailable")

    async def test_an_app_server_of_another_domain_wakes_devices(self):
        """XEP-0357 §7: what it refuses for good ends that device, what it refuses for now does not."""
        self.b.add_account("push", "secret")
        app = PushAppServer(await self.log_in(self.b, "push", "app"))
        app.nodes.update(("phone", "tablet"))
        for node in ("phone", "tablet", "unknown"):
            enabled = await self.juliet.iq("set", "<enable xmlns='urn:xmpp:push:0' jid='%s' node='%s'/>" % (app.client.jid, node))
            self.assertEqual(enabled.get("type"), "result", enabled.to_xml())
        await self.juliet.close()

        async def write(number):
            self.romeo.send(MESSAGE % ("juliet@a.example", "p%d" % number, "message %d" % number))
        await write(1)
        told = [await app.notification(20), await app.notification(20)]
        self.assertEqual({(each.account, each.node, each.count) for each in told},
                         {("juliet@a.example", "phone", 1), ("juliet@a.example", "tablet", 1)})
        await self.until_disabled(1)  # item-not-found for the node that it does not know
        app.refuses_with = "resource-constraint"
        await write(2)
        await app.client.wait_for(lambda: sorted(app.refused) == ["phone", "tablet"], 20)
        app.refuses_with = None
        await app.client.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to="a.example", timeout=20)  # behind the errors
        await write(3)
        told = [await app.notification(20), await app.notification(20)]
        self.assertEqual({(each.node, each.count) for each in told}, {("phone", 3), ("tablet", 3)})
        app.nodes.remove("tablet")
        await write(4)
        self.assertEqual((await app.notification(20)).node, "phone")
        await self.until_disabled(2)
        await write(5)
        self.assertEqual((await app.notification(20)).count, 5)
        self.assertEqual([each.node for each in app.told].count("tablet"), 2)

    async def until_disabled(self, devices):
        for _ in range(200):
            if self.a.log().count("push_disabled") >= devices:
                return
            await asyncio.sleep(0.1)
        self.fail("no device was disabled")


    async def test_a_guest_sends_so_many_invitations_in_an_hour(self):
        """REQ 29, XEP-0045 §7.8.2: what the home of an account limits, the room limits for accounts of others."""
        b = self.server("b.example", config={"strangers": {"per_account_and_hour": 2}})
        a = self.server("a.example")
        introduce(a, b)
        for server, user in ((a, "juliet"), (b, "romeo")):
            server.start()
            server.add_account(user, "secret")
        juliet, romeo = await self.log_in(a, "juliet"), await self.log_in(b, "romeo")
        room = "balcony@conference.b.example"
        join = "<presence to='%s/%s'><x xmlns='%s'/></presence>"
        romeo.send(join % (room, "romeo", NS_MUC))
        await romeo.receive_where(lambda e: e.name == "message" and e.find("subject") is not None, 20)
        await romeo.iq("set", "<query xmlns='%s#owner'><x xmlns='jabber:x:data' type='submit'/></query>" % NS_MUC, to=room)
        juliet.send(join % (room, "juliet", NS_MUC))
        await juliet.receive_where(lambda e: e.name == "message" and e.find("subject") is not None, 20)
        for number in (1, 2, 3):
            juliet.send("<message to='%s' id='i%d'><x xmlns='%s#user'><invite to='romeo@b.example'/></x></message>" % (room, number, NS_MUC))
        self.assert_error(await juliet.receive_where(lambda e: e.get("id") == "i3", 20), "policy-violation")
        for number in (1, 2):
            await romeo.receive_where(lambda e: e.get("id") == "i%d" % number, 20)


class Certificates(Talk, FederationCase):
    method = "EXTERNAL"

    def servers(self):
        return self.pair(authority=self.authority)  # without dialback


class TooLong(FederationCase):
    """A peer that ends the stream because of one stanza must not be given that one again and again, with all behind it."""

    async def send_one_that_is_too_long(self, **options):
        a, b = self.server("a.example", **options), self.server("b.example", config={"s2s": {"stanza_bytes": 20000}}, **options)
        introduce(a, b)
        for server, user in ((a, "juliet"), (b, "romeo")):
            server.start()
            server.add_account(user, "secret")
        juliet, romeo = await self.log_in(a, "juliet", sm=True), await self.log_in(b, "romeo")
        for number, body in enumerate(("first", "long" * 10000, "second", "third")):
            juliet.send(MESSAGE % ("romeo@b.example", "m%d" % number, body))
        self.assert_error(await juliet.receive_where(lambda e: e.get("id") == "m1", 30), "not-acceptable")
        for body in ("first", "second", "third"):
            await self.receive_body(romeo, body)
        self.assertIn("waiting=0", a.ctl("s2s"))

    async def test_who_says_how_long_is_never_given_it(self):
        await self.send_one_that_is_too_long(authority=self.authority)  # XEP-0478, in the features behind EXTERNAL

    async def test_who_ends_the_stream_is_not_given_it_for_ever(self):
        await self.send_one_that_is_too_long()  # dialback: no features follow it


class DirectTls(FederationCase):
    async def test_what_dns_says_is_followed(self):
        """XEP-0368 and RFC 2782: targets in their order, also past one that does not answer."""
        from dns_server import DnsServer
        with DnsServer() as dns:
            a = self.server("a.example", config={"s2s": {"resolver": dns.address, "allow_private": ["127.0.0.0/8"]}}, authority=self.authority)
            b = self.server("b.example", config={"s2s": {"resolver": dns.address, "allow_private": ["127.0.0.0/8"]}}, authority=self.authority)
            dns.add("_xmpp-server._tcp.a.example", "SRV", (1, 0, a.s2s_port, "xmpp.a.example"))
            dns.add("_xmpps-server._tcp.b.example", "SRV", (10, 0, b.s2s_tls_port, "xmpp.b.example"), (1, 0, 1, "dead.b.example"))
            dns.add("_xmpp-server._tcp.b.example", "SRV", (20, 0, b.s2s_port, "xmpp.b.example"))
            for name in ("xmpp.a.example", "xmpp.b.example", "dead.b.example"):
                dns.add(name, "A", "127.0.0.1")
            for server, user in ((a, "juliet"), (b, "romeo")):
                server.start()
                server.add_account(user, "secret")
            juliet, romeo = await self.log_in(a, "juliet"), await self.log_in(b, "romeo")
            juliet.send(MESSAGE % ("romeo@b.example", "m1", "by name"))
            await self.receive_body(romeo, "by name")
            self.assertIn("127.0.0.1:%d" % b.s2s_tls_port, a.ctl("s2s"))
            romeo.send(MESSAGE % ("juliet@a.example", "m2", "and back"))
            await self.receive_body(juliet, "and back")
            juliet.send(MESSAGE % ("romeo@nowhere.example", "m3", "anybody?"))
            self.assert_error(await juliet.receive_where(lambda e: e.get("id") == "m3", 20), "remote-server-not-found")


if __name__ == "__main__":
    unittest.main()
