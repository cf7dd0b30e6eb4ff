"""XEP-0114 in a cluster of two nodes: one connection to any of them serves the accounts of both; 0355 and 0356 likewise."""

import asyncio
import os
import sys
import time
import unittest

from component_case import SECRET, ComponentCase

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from cluster import Cluster  # noqa: E402
from component_client import ComponentClient  # noqa: E402
from server_process import free_ports  # noqa: E402
from xmpp_client import XmppClient, new_id  # noqa: E402

DOMAIN = "bridge.localhost"
DELEGATION, PRIVILEGE = "urn:xmpp:delegation:2", "urn:xmpp:privilege:2"
COMPONENT = {"domain": DOMAIN, "secret": SECRET, "roster": "both", "message": "outgoing", "presence": "managed_entity", "delegate": ["urn:example:all"]}
MESSAGE = ("<message from='bridge.localhost' to='localhost' id='p1'><privilege xmlns='" + PRIVILEGE + "'><forwarded xmlns='urn:xmpp:forward:0'>"
           "<message xmlns='jabber:client' from='%s' to='%s' type='chat' id='inner'><body>%s</body></message></forwarded></privilege></message>")
ANSWER = ("<iq from='bridge.localhost' to='localhost' type='result' id='%s'><delegation xmlns='" + DELEGATION + "'><forwarded xmlns='urn:xmpp:forward:0'>"
          "<iq xmlns='jabber:client' type='result' id='%s' to='%s' from='localhost'><query xmlns='urn:example:all'>yes</query></iq></forwarded></delegation></iq>")


class InACluster(unittest.IsolatedAsyncioTestCase):
    assert_error = ComponentCase.assert_error

    async def asyncSetUp(self):
        self.ports = free_ports(2)
        configs = {n: {"components": {"listen": ["127.0.0.1:%d" % port]}} for n, port in enumerate(self.ports)}
        self.cluster = Cluster(2, 1, {"component": [COMPONENT], "cluster": {"lease": 3}}, configs).__enter__()
        self.addCleanup(self.cluster.close)
        self.cluster.wait_until_owned(by=["node-1", "node-2"])
        self.open = []
        # One account on each node, each connected to the other one.
        self.users = [self.cluster.account_at(node) for node in ("node-1", "node-2")]
        self.people = [await self.log_in(user, 1 - n) for n, user in enumerate(self.users)]

    async def asyncTearDown(self):
        for each in self.open:
            each.cut()

    async def log_in(self, user, node):
        client = XmppClient(self.cluster.nodes[node].endpoint, user + "@localhost", "secret", resource="desk")
        self.open.append(client)
        await client.connect()
        await client.go_online()
        return client

    async def bridge(self, node):
        client = ComponentClient(self.ports[node], DOMAIN, SECRET)
        self.open.append(client)
        return await client.connect()

    async def until_it_hears(self, bridge, person):
        """The news that a component is there takes a moment to go round; until then it is not connected."""
        began = time.monotonic()
        while True:
            number = new_id("h")
            person.send("<message to='anybody@%s' id='%s'><body>?</body></message>" % (DOMAIN, number))

            async def heard():
                await bridge.receive_where(lambda e: e.get("id") == number, 10)
                return True

            async def refused():
                self.assert_error(await person.receive_where(lambda e: e.get("id") == number, 10), "remote-server-timeout", "wait")
                return False
            tasks = [asyncio.create_task(heard()), asyncio.create_task(refused())]
            done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in rest:
                task.cancel()
            if done.pop().result():
                return
            self.assertLess(time.monotonic() - began, 15)

    async def until_refused(self, person):
        """It has gone, and the person's node knows it."""
        while True:
            answer = asyncio.create_task(person.iq("get", "<query xmlns='urn:example:any'/>", to=DOMAIN, timeout=15))
            done, _ = await asyncio.wait([answer], timeout=1)
            if done:
                return self.assert_error(answer.result(), "remote-server-timeout", "wait")
            answer.cancel()

    async def test_one_connection_serves_the_accounts_of_both_nodes(self):
        bridge = await self.bridge(0)
        for person in self.people:
            await self.until_it_hears(bridge, person)
            for number in range(20):
                person.send("<message to='x@%s' id='m%d'><body>%d</body></message>" % (DOMAIN, number, number))
            bodies = [(await bridge.receive_where(lambda e: e.name == "message" and e.find("body") is not None)).find("body").text for _ in range(20)]
            self.assertEqual(bodies, [str(number) for number in range(20)])
            bridge.write("<message from='x@%s' to='%s' id='back'><body>heard</body></message>" % (DOMAIN, person.jid))
            self.assertEqual((await person.receive_where(lambda e: e.get("id") == "back")).get("from"), "x@" + DOMAIN)
            asked = asyncio.create_task(person.iq("get", "<query xmlns='urn:example:any'/>", to=DOMAIN))
            request = await bridge.receive_where(lambda e: e.name == "iq")
            bridge.write("<iq type='result' from='%s' to='%s' id='%s'/>" % (DOMAIN, request.get("from"), request.get("id")))
            self.assertEqual((await asked).get("type"), "result")
        bridge.cut()
        for person in self.people:
            await self.until_refused(person)

    async def test_the_newest_connection_wins_on_whichever_node(self):
        first = await self.bridge(0)
        for person in self.people:
            await self.until_it_hears(first, person)
        second = await self.bridge(1)
        error = await first.receive_where(lambda e: e.name == "error", 10)
        self.assertEqual(error.children[0].name, "conflict")
        for person in self.people:
            await self.until_it_hears(second, person)

    async def test_its_node_dies_and_it_comes_back_through_the_other(self):
        bridge = await self.bridge(1)
        person = await self.log_in(self.users[0], 0)
        await self.until_it_hears(bridge, person)
        self.cluster.nodes[1].kill()
        await self.until_refused(person)
        await self.until_it_hears(await self.bridge(0), person)

    # XEP-0355 §4.3
    async def test_what_is_delegated_finds_its_way_and_back(self):
        bridge = await self.bridge(0)
        for person in self.people:
            await self.until_it_hears(bridge, person)
            asked = asyncio.create_task(person.iq("get", "<query xmlns='urn:example:all'/>", to="localhost"))
            request = await bridge.receive_where(lambda e: e.name == "iq" and e.find("delegation", DELEGATION) is not None)
            inner = request.find("delegation").find("forwarded").find("iq", "jabber:client")
            self.assertEqual(inner.get("from"), person.jid)
            bridge.write(ANSWER % (request.get("id"), inner.get("id"), person.jid))
            answer = await asked
            self.assertEqual((answer.get("type"), answer.find("query").text), ("result", "yes"))

    # XEP-0356 §3.3, §4.3, §6
    async def test_it_acts_in_the_name_of_accounts_of_both_nodes(self):
        bridge = await self.bridge(0)
        for n, person in enumerate(self.people):
            await self.until_it_hears(bridge, person)
            online = await bridge.receive_where(lambda e: e.name == "presence" and e.get("from") == person.jid)
            self.assertEqual(online.get("type"), None)
            bridge.write("<iq from='%s' to='%s' type='set' id='r%d'><query xmlns='jabber:iq:roster'><item jid='friend@x.example' name='F'/></query></iq>"
                         % (DOMAIN, person.bare, n))
            self.assertEqual((await bridge.receive_where(lambda e: e.get("id") == "r%d" % n)).get("type"), "result")
            roster = await person.iq("get", "<query xmlns='jabber:iq:roster'/>")
            self.assertEqual([item.get("jid") for item in roster.find("query").children], ["friend@x.example"])
            other = self.people[1 - n]
            bridge.write(MESSAGE % (person.bare, other.bare, "from the bridge"))
            heard = await other.receive_where(lambda e: e.name == "message" and e.get("id") == "inner")
            self.assertEqual(heard.get("from"), person.bare)
            person.send("<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2' queryid='mam'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>"
                        "<field var='with'><value>%s</value></field></x></query></iq>" % other.bare)
            kept = await person.receive_where(lambda e: e.name == "message" and e.find("result") is not None)
            self.assertEqual(kept.find("result").find("forwarded").find("message").get("id"), "inner")
            await person.receive_where(lambda e: e.name == "iq" and e.get("id") == "q")


if __name__ == "__main__":
    unittest.main()
