"""Resumption in a cluster (XEP-0198 §5), by itself and with the login (XEP-0388). REQ 23.

The client's edge is killed: any other node gives a true <resumed/>. The node of its home is killed: <failed h='…'/> says
exactly what was acknowledged, and what the client sends again then is neither lost nor doubled. The node of its home is
drained: the same, with everything counted.

    cluster_resume.py [--binary PATH/rookeryd]
"""

import asyncio
import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import sasl2  # noqa: E402
from cluster import Cluster, run_tests  # noqa: E402
from xmpp_client import StreamClosed, XmppClient, new_id  # noqa: E402

NS_SID = "urn:xmpp:sid:0"
LEASE = 3


class Resumption(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        # node-1 owns nothing: it is the edge that dies first.
        self.cluster = Cluster(3, 1, {"cluster": {"lease": LEASE}}, {0: {"cluster": {"edge_only": True}}}).__enter__()
        self.addCleanup(self.cluster.close)
        self.cluster.wait_until_owned(by=["node-2", "node-3"])
        homes = {n: self.account_at("node-%d" % n, n) for n in (2, 3)}
        self.here, self.there = homes[2], homes[3]

    def account_at(self, node, number):
        return self.cluster.account_at(node, "u%d-" % number) + "@localhost"

    async def client(self, bare, node, resource="desk"):
        client = XmppClient(self.cluster.nodes[node].endpoint, bare, "secret", resource=resource)
        await client.connect()
        await client.enable_sm()
        await client.go_online()
        return client

    def send(self, client, to, number):
        client.send("<message to='%s' type='chat' id='%s'><body>%d</body><origin-id xmlns='%s' id='o%d'/></message>" % (to, new_id("m"), number, NS_SID, number))

    async def lose(self, client):
        try:
            await client.wait_for(lambda: client.stream_ended, 10)
        except StreamClosed:
            pass
        client.cut()

    async def bodies(self, client, count):
        found = []
        while len(found) < count:
            message = await client.receive_where(lambda e: e.name == "message" and e.find("body") is not None)
            found.append(int(message.find("body").text))
        return found

    async def archived(self, client):
        client.send("<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>")
        await client.receive_where(lambda e: e.name == "iq" and e.get("id") == "q")
        return [int(e.find("result", "urn:xmpp:mam:2").find("forwarded", "urn:xmpp:forward:0").find("message").find("body").text)
                for e in client.inbox if e.find("result", "urn:xmpp:mam:2") is not None]

    async def resume(self, client):
        return await client.resume()

    async def test_the_edge_dies_and_any_other_node_resumes(self):
        romeo, juliet = await self.client(self.here, 0), await self.client(self.there, 2)
        for number in range(5):
            self.send(romeo, self.there, number)
        await romeo.settled()
        self.cluster.nodes[0].kill()
        await self.lose(romeo)
        self.send(juliet, self.here, 7)  # while he is away
        await juliet.settled()
        for node in (2, 1):  # not the home's own node first
            romeo.endpoint = self.cluster.nodes[node].endpoint
            answer = await self.resume(romeo)
            self.assertEqual(("resumed", "5"), (answer.name, str(int(answer.get("h")) - 1)))  # and his presence
            if node == 2:
                self.assertEqual([7], await self.bodies(romeo, 1))
                romeo.cut()
        self.send(romeo, self.there, 5)
        await romeo.settled()
        self.assertEqual([0, 1, 2, 3, 4, 5], await self.bodies(juliet, 6))

    async def test_the_home_dies_and_h_is_exact(self):
        for other, edge in ((self.there, 2), (self.here, 0)):  # the receiver's home lives, and dies with the sender's
            with self.subTest(to=other):
                await self.home_dies(other, edge)

    async def home_dies(self, to, edge):
        romeo = await self.client(self.here, edge, resource=new_id("r"))
        first = int(new_id("n")[1:]) * 100
        for number in range(first, first + 4):
            self.send(romeo, to, number)
        await romeo.settled()
        acknowledged = romeo.sm.acked
        home = self.cluster.node(self.cluster.owner(self.here))
        home.process.send_signal(signal.SIGSTOP)
        for number in range(first + 4, first + 7):  # nobody has them
            self.send(romeo, to, number)
        await asyncio.sleep(0.1)
        home.kill()
        await self.lose(romeo)
        romeo.endpoint = self.cluster.nodes[0].endpoint
        answer = await self.resume(romeo)
        self.assertEqual(("failed", str(acknowledged)), (answer.name, answer.get("h")))
        await self.start_over(romeo)
        reader = await self.client(to, 0, resource=new_id("r"))
        self.assertEqual(list(range(first, first + 7)), [n for n in await self.archived(reader) if n >= first])
        home.start()
        self.cluster.wait_until_owned(by=["node-2", "node-3"])
        self.here = self.account_at("node-2", new_number())
        self.there = self.account_at("node-3", new_number())

    async def start_over(self, client):
        left = [text for text in client.resumable.unacked if text.startswith("<message")]
        await client.bind()
        await client.enable_sm()
        client.resumable = None
        for text in left:
            client.send(text)
        await client.settled()

    async def test_the_home_moves_and_h_is_exact(self):
        romeo, juliet = await self.client(self.here, 0), await self.client(self.there, 2)
        for number in range(20):
            self.send(romeo, self.there, number)
        self.cluster.nodes[1].ctl("drain")
        await self.lose(romeo)
        answer = await self.resume(romeo)
        # Presence, and what has arrived of the twenty: what h does not count is not there, what it counts is.
        self.assertEqual("failed", answer.name)
        counted = int(answer.get("h")) - 1
        self.assertEqual(list(range(counted)), await self.bodies(juliet, counted))
        await self.start_over(romeo)
        self.assertEqual(list(range(counted, 20)), await self.bodies(juliet, 20 - counted))
        self.assertEqual(list(range(20)), await self.archived(juliet))


class ResumptionWithTheLogin(Resumption):
    """SASL2: <resume/> travels inside <authenticate/>."""

    async def resume(self, client):
        return await sasl2.resume(client)


def new_number():
    return int(new_id("n")[1:])


if __name__ == "__main__":
    run_tests()
