"""What rookeryd and another program's server must do together, over dialback and over certificates. REQ 17, REQ 24"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration", "federation"))

from federation_case import FederationCase  # noqa: E402
from dns_server import DnsServer  # noqa: E402
from federation import MOST_BYTES  # noqa: E402

MESSAGE = "<message to='%s' type='chat' id='%s'><body>%s</body></message>"
NS_DISCO = "http://jabber.org/protocol/disco#info"
NS_MUC = "http://jabber.org/protocol/muc"


class InteropCase(FederationCase):
    dialback = True

    def other_server(self, domain, dns):
        raise NotImplementedError

    async def asyncSetUp(self):
        dns = DnsServer()
        self.enterContext(dns)
        self.ours = self.server("a.example", authority=None if self.dialback else self.authority,
                                config={"s2s": {"resolver": dns.address, "allow_private": ["127.0.0.0/8", "::1"]}})
        self.other = self.other_server("b.example", dns)
        self.addCleanup(self.other.close)
        for server in (self.ours, self.other):
            for name in (server.domain, "conference." + server.domain):
                dns.add("_xmpp-server._tcp." + name, "SRV", (1, 0, server.s2s_port, "localhost"))
        for server, user in ((self.ours, "juliet"), (self.other, "romeo")):
            server.start(60)
            server.add_account(user, "secret")
        self.juliet, self.romeo = await self.log_in(self.ours, "juliet"), await self.log_in(self.other, "romeo")

    def check_links(self, method):
        links = self.ours.ctl("s2s")
        self.assertRegex(links, r"a\.example -> b\.example open .*by=" + method)
        self.assertRegex(links, r"a\.example <- b\.example open .*by=" + method)


class Talk:
    async def test_messages_both_ways(self):
        self.juliet.send(MESSAGE % ("romeo@b.example", "m1", "hello"))
        self.assertEqual((await self.receive_body(self.romeo, "hello")).get("from"), self.juliet.jid)
        self.romeo.send(MESSAGE % (self.juliet.jid, "m2", "hello yourself"))
        await self.receive_body(self.juliet, "hello yourself")
        self.check_links(self.method)

    async def test_an_iq_is_answered_both_ways(self):
        for client, domain in ((self.juliet, "b.example"), (self.romeo, "a.example")):
            info = await client.iq("get", "<query xmlns='%s'/>" % NS_DISCO, to=domain, timeout=20)
            self.assertEqual(info.get("type"), "result", info.to_xml())

    async def test_a_subscription_shows_presence(self):
        self.juliet.send("<presence to='romeo@b.example' type='subscribe'/>")
        await self.romeo.receive_where(lambda e: e.get("type") == "subscribe", 20)
        self.romeo.send("<presence to='juliet@a.example' type='subscribed'/>")
        await self.juliet.receive_where(lambda e: e.name == "presence" and e.get("from") == self.romeo.jid, 20)
        await self.romeo.close()
        await self.juliet.receive_where(lambda e: e.get("from") == self.romeo.jid and e.get("type") == "unavailable", 20)

    async def test_rooms_on_either_side_take_the_others(self):
        for host, guest, room in ((self.romeo, self.juliet, "b@conference.b.example"), (self.juliet, self.romeo, "a@conference.a.example")):
            for client, nick in ((host, "host"), (guest, "guest")):
                client.send("<presence to='%s/%s'><x xmlns='%s'/></presence>" % (room, nick, NS_MUC))
                await client.receive_where(lambda e: e.name == "message" and e.find("subject") is not None, 20)
                if client is host:
                    await host.iq("set", "<query xmlns='%s#owner'><x xmlns='jabber:x:data' type='submit'/></query>" % NS_MUC, to=room)
            guest.send("<message to='%s' type='groupchat' id='g'><body>to %s</body></message>" % (room, room))
            await self.receive_body(host, "to " + room)
            await self.receive_body(guest, "to " + room)

    async def test_what_the_other_does_not_take_comes_back_and_nothing_waits_behind_it(self):
        for number, body in enumerate(("first", "long" * (MOST_BYTES // 3), "second")):
            self.juliet.send(MESSAGE % ("romeo@b.example", "t%d" % number, body))
        self.assert_error(await self.juliet.receive_where(lambda e: e.get("id") == "t1", 60), "not-acceptable")
        for body in ("first", "second"):
            await self.receive_body(self.romeo, body, 60)

    async def test_what_is_sent_while_the_other_is_away_arrives_later(self):
        await self.romeo.close()
        self.other.stop(30)
        sender = await self.log_in(self.ours, "juliet", "phone", sm=True)
        for n in range(50):
            sender.send(MESSAGE % ("romeo@b.example", "q%d" % n, "number %d" % n))
        await sender.settled(20)
        sender.cut()
        self.ours.kill()
        self.other.start(60)
        romeo = await self.log_in(self.other, "romeo")
        # Not before: ejabberd may store what comes while he logs in, and give it to him at his next login only.
        self.ours.start()
        for n in range(50):
            await self.receive_body(romeo, "number %d" % n, 60)
        self.assertFalse([e for e in romeo.inbox if e.name == "message" and e.find("body") is not None], "twice")
