"""What is longer than NATS takes at once (max_payload, 1 MiB by default) goes between nodes all the same, and holds nobody up.

A client on node-1 whose account is on node-2 asks for a roster, and for a page of the archive, of more than 1 MiB; one account writes to another,
on another node, a message that is short for its parser (limits.stanza_bytes) and long once it is written twice and escaped.

    cluster_large.py [--binary PATH/rookeryd]
"""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
from cluster import Cluster, Nats, run_tests  # noqa: E402
from server_process import ServerFailed  # noqa: E402
from xmpp_client import XmppClient  # noqa: E402

NS_MAM = "urn:xmpp:mam:2"
NS_ROSTER = "jabber:iq:roster"
MAX_PAYLOAD = 1 << 20
PATIENCE = 30.0


class Large(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.cluster = Cluster(2, 1, {"limits": {"bytes_per_second": 0}}).__enter__()
        self.addCleanup(self.cluster.close)
        self.cluster.wait_until_owned(by=["node-1", "node-2"])
        self.one, self.other = [await self.log_in(self.cluster.account_at("node-2", prefix), 0) for prefix in ("one", "other")]

    async def log_in(self, user, node):
        client = XmppClient(self.cluster.nodes[node].endpoint, user + "@localhost", "secret", resource="desk")
        self.addCleanup(client.cut)
        await client.connect()
        await client.go_online()
        return client

    async def goes_on(self):
        for client in (self.one, self.other):
            self.assertEqual((await client.iq("get", "<query xmlns='jabber:iq:version'/>", to="localhost", timeout=PATIENCE)).get("type"), "result")
            await client.iq("get", "<query xmlns='%s'/>" % NS_ROSTER, timeout=PATIENCE)

    async def test_a_roster(self):
        for number in range(1100):
            self.one.send("<iq type='set' id='r%d'><query xmlns='%s'><item jid='contact%d@localhost' name='%s'/></query></iq>" % (number, NS_ROSTER, number, "n" * 1000))
        for number in range(1100):
            await self.one.receive_where(lambda e, number=number: e.get("id") == "r%d" % number, PATIENCE)
        roster = await self.one.iq("get", "<query xmlns='%s'/>" % NS_ROSTER, timeout=PATIENCE)
        self.assertGreater(len(roster.to_xml()), MAX_PAYLOAD)
        self.assertEqual(len(roster.find("query").children), 1100)
        await self.goes_on()

    async def test_a_page_of_the_archive(self):
        body = "x" * 30_000
        for number in range(60):
            self.other.send("<message to='%s' type='chat'><body>%d%s</body></message>" % (self.one.bare, number, body))
        for _ in range(60):
            await self.one.receive_where(lambda e: e.name == "message" and e.find("body") is not None, PATIENCE)
        await self.one.iq("set", "<query xmlns='%s' queryid='q'><set xmlns='http://jabber.org/protocol/rsm'><max>100</max></set></query>" % NS_MAM, timeout=PATIENCE)
        results = [e for e in self.one.inbox if e.name == "message" and e.find("result", NS_MAM) is not None]
        self.assertGreater(sum(len(e.to_xml()) for e in results), 1_000_000)  # what one answer may hold
        await self.goes_on()

    async def test_a_message_between_nodes(self):
        far = await self.log_in(self.cluster.account_at("node-1", "far"), 0)
        body = ">" * 200_000  # &gt; when it is written
        far.send("<message to='%s' type='chat'><body>%s</body></message>" % (self.one.bare, body))
        far.send("<message to='%s' type='chat'><body>behind it</body></message>" % self.one.bare)
        for expected in (body, "behind it"):
            message = await self.one.receive_where(lambda e: e.name == "message", PATIENCE)
            self.assertEqual(len(message.find("body").text), len(expected))
        await self.goes_on()

    async def test_a_message_in_a_room(self):
        far = await self.log_in(self.cluster.account_at("node-1", "far"), 1)
        room = next(bare for bare in ("room%d@conference.localhost" % n for n in range(1000)) if self.cluster.owner(bare) == "node-1")
        for client in (far, self.one):
            client.send("<presence to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>" % (room, client.user))
            await client.iq("set", "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>", to=room, timeout=PATIENCE)
        body = ">" * 200_000
        far.send("<message to='%s' type='groupchat'><body>%s</body></message>" % (room, body))
        for client in (far, self.one):
            message = await client.receive_where(lambda e: e.name == "message" and e.find("body") is not None, PATIENCE)
            self.assertEqual(len(message.find("body").text), len(body))
        await self.goes_on()


class SmallNats(Nats):
    def command(self):
        config = os.path.join(self.folder, "nats.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write("max_payload: 20000\n")
        return [*super().command(), "-c", config]


class TooSmall(unittest.TestCase):
    def test_a_server_that_takes_too_little_is_named_at_the_start(self):
        cluster = Cluster(1)
        cluster.nats = [SmallNats()]
        self.addCleanup(cluster.close)
        with self.assertRaises(ServerFailed) as failed:
            cluster.__enter__()
        self.assertIn("max_payload is 20000 bytes", str(failed.exception))


if __name__ == "__main__":
    run_tests()
