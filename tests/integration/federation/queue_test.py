"""What waits for another server is neither lost nor doubled: numbered messages while one server, then the other, is killed or away. REQ 24"""

import asyncio
import re
import time
import unittest

from federation_case import FederationCase
from xmpp_client import XmppClient

COUNT = 200


def number(text):
    return int(re.search(r"<body>(\d+)</body>", text).group(1))


class Queue(FederationCase):
    async def start_pair(self, **config):
        self.a, self.b = self.pair(config=config or None)
        for server, user in ((self.a, "juliet"), (self.b, "romeo")):
            server.start()
            server.add_account(user, "secret")

    def message(self, n):
        return ("<message to='romeo@b.example' type='chat' id='m%d'><body>%d</body><origin-id xmlns='urn:xmpp:sid:0' id='o%d'/></message>" % (n, n, n))

    async def send_all(self, client, numbers):
        for n in numbers:
            client.send(self.message(n))
        await client.settled(20)

    async def collect(self, client, count, timeout=60):
        """The numbers that came, in their order, until there are `count` different ones."""
        got = []
        deadline = time.monotonic() + timeout
        while len(set(got)) < count:
            stanza = await client.receive(max(0.1, deadline - time.monotonic()))
            body = stanza.find("body") if stanza.name == "message" else None
            if body is not None:
                got.append(int(body.text))
        return got

    def waiting(self, server):
        match = re.findall(r"waiting=(\d+)", server.ctl("s2s"))
        return sum(map(int, match))

    async def test_what_was_acknowledged_survives_a_kill_while_the_other_server_is_away(self):
        await self.start_pair()
        self.b.kill()
        juliet = await self.log_in(self.a, "juliet", sm=True)
        await self.send_all(juliet, range(COUNT))
        juliet.cut()
        self.a.kill()
        self.a.start()
        self.b.start()
        romeo = await self.log_in(self.b, "romeo")
        self.assertEqual(await self.collect(romeo, COUNT), list(range(COUNT)))
        archive = await romeo.iq("set", "<query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>250</max></set></query>")
        self.assertEqual(archive.get("type"), "result")
        kept = [e for e in romeo.inbox if e.find("result", "urn:xmpp:mam:2") is not None]
        self.assertEqual(len(kept), COUNT, "stored once")

    async def test_killed_again_and_again_nothing_is_lost_and_nothing_comes_twice(self):
        await self.start_pair()
        romeo = await self.log_in(self.b, "romeo", sm=True)
        juliet = await self.log_in(self.a, "juliet", sm=True)
        got = []

        def take(stanza):
            body = stanza.find("body") if stanza.name == "message" else None
            if body is None:
                return False
            ids = [s.get("id") for s in stanza.find_all("stanza-id", "urn:xmpp:sid:0")]
            got.append((int(body.text), ids[0]))
            return True

        romeo.intercept = take
        for round_number in range(4):
            first = round_number * COUNT
            for n in range(first, first + COUNT):
                juliet.send(self.message(n))
            # Somewhere in the middle of it.
            await romeo.wait_for(lambda: len(set(n for n, _ in got)) > first + COUNT // 10, 30)
            victim, client = (self.a, juliet) if round_number % 2 == 0 else (self.b, romeo)
            victim.kill()
            victim.start()
            if client is juliet:
                left = list(juliet.sm.unacked)
                juliet.cut()
                juliet = await self.log_in(self.a, "juliet", sm=True)
                for text in left:
                    juliet.send(text)
                await juliet.settled(20)
            else:
                await juliet.settled(20)
                romeo.cut()
                romeo = XmppClient(self.b.endpoint, "romeo@b.example", "secret", resource="home%d" % round_number)
                self.people.append(romeo)
                romeo.intercept = take
                await romeo.connect()
                await romeo.enable_sm()
                await romeo.go_online()
            await romeo.wait_for(lambda: len(set(n for n, _ in got)) >= first + COUNT, 60)
        numbers = [n for n, _ in got]
        self.assertEqual(sorted(set(numbers)), list(range(4 * COUNT)), "lost")
        stored = {}
        for n, stanza_id in got:
            # The same entry may be delivered again to a client that had not acknowledged it; two entries would be two messages.
            self.assertEqual(stored.setdefault(n, stanza_id), stanza_id, "number %d is there twice" % n)
        firsts = list(dict.fromkeys(numbers))
        self.assertEqual(firsts, sorted(firsts), "order")

    async def test_after_its_time_a_message_comes_back(self):
        await self.start_pair(s2s={"keep": 2})
        self.b.kill()
        juliet = await self.log_in(self.a, "juliet", sm=True)
        juliet.send(self.message(1))
        back = await juliet.receive_where(lambda e: e.get("id") == "m1" and e.get("type") == "error", 30)
        self.assert_error(back, "remote-server-timeout")
        self.assertEqual(self.waiting(self.a), 0)

    async def test_an_iq_comes_back_at_once_and_presence_is_dropped(self):
        await self.start_pair()
        self.b.kill()
        juliet = await self.log_in(self.a, "juliet")
        juliet.send("<presence to='romeo@b.example/x'/>")
        self.assert_error(await juliet.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to="b.example", timeout=20), "remote-server-timeout")

    async def test_a_full_memory_is_no_loss(self):
        """REQ 22: more than the queue keeps in memory."""
        await self.start_pair()
        self.b.kill()
        juliet = await self.log_in(self.a, "juliet", sm=True)
        count, filler = 120, "x" * 60000
        for n in range(count):
            juliet.send(self.message(n).replace("<body>", "<subject>%s</subject><body>" % filler))
        await juliet.settled(60)
        self.assertLess(self.waiting(self.a), count)
        self.b.start()
        romeo = await self.log_in(self.b, "romeo")
        self.assertEqual(await self.collect(romeo, count), list(range(count)))


if __name__ == "__main__":
    unittest.main()
