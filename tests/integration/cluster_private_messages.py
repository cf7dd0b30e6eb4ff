"""XEP-0045 §7.5 in a cluster: what one occupant writes to another goes account → room → account, and each of the three may be on another node.

A room on each of three nodes, accounts of each node in every room, connected to any node. Everybody writes to everybody else in every room, with
and without XEP-0198, what is kept and what is not; and an occupant from a component (XEP-0114) takes part. Everything comes once, nobody is
disconnected, and no packet between the nodes stays without an acknowledgement.

    cluster_private_messages.py [--binary PATH/rookeryd]
"""
# REQ 20: in rooms of a cluster.

import asyncio
import collections
import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
from cluster import Cluster, run_tests  # noqa: E402
from component_client import ComponentClient  # noqa: E402
from server_process import free_ports  # noqa: E402
from xmpp_client import XmppClient  # noqa: E402

NS_MUC = "http://jabber.org/protocol/muc"
NS_STATES = "http://jabber.org/protocol/chatstates"
NODES = ("node-1", "node-2", "node-3")
BRIDGE = "bridge.localhost"
PATIENCE = 30.0
TALK = ["<message to='%s' type='chat'><active xmlns='" + NS_STATES + "'/></message>", "<message to='%s' type='chat'><body>%s</body></message>"]


class Person:
    """An account with one client; `managed`: the client uses XEP-0198."""

    def __init__(self, case, cluster, home, edge, managed):
        self.user = cluster.account_at(home, home + ("-managed" if managed else "-plain"))
        self.managed, self.heard, self.states = managed, collections.Counter(), collections.Counter()
        self.client = XmppClient(cluster.node(edge).endpoint, self.user + "@localhost", "secret", resource="desk")
        case.addCleanup(self.client.cut)

    def take(self, element):
        if element.name != "message" or element.get("type") != "chat":
            return element.name == "presence" and element.get("type") != "error"
        if element.find("body") is not None:
            self.heard[element.find("body").text] += 1
        else:
            self.states[element.get("from")] += 1
        return True

    async def enter(self, rooms):
        await self.client.connect()
        if self.managed:
            await self.client.enable_sm()
        await self.client.go_online()
        self.client.intercept = self.take
        for room in rooms:
            self.client.send("<presence to='%s/%s'><x xmlns='%s'><history maxstanzas='0'/></x></presence>" % (room, self.user, NS_MUC))
            await self.client.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to="%s/%s" % (room, self.user), timeout=PATIENCE)
            await self.client.iq("set", "<query xmlns='%s#owner'><x xmlns='jabber:x:data' type='submit'/></query>" % NS_MUC, to=room, timeout=PATIENCE)


class PrivateMessages(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.ports = free_ports(3)
        configs = {n: {"components": {"listen": ["127.0.0.1:%d" % port]}} for n, port in enumerate(self.ports)}
        component = [{"domain": BRIDGE, "secret": "secret"}]
        self.cluster = Cluster(3, 1, {"component": component, "strangers": {"policy": "deliver"}}, configs).__enter__()
        self.addCleanup(self.cluster.close)
        self.cluster.wait_until_owned(by=list(NODES))
        self.rooms = [next(bare for bare in ("room%d@conference.localhost" % n for n in range(1000)) if self.cluster.owner(bare) == node) for node in NODES]
        self.people = [Person(self, self.cluster, home, NODES[(n + managed) % 3], managed) for n, home in enumerate(NODES) for managed in (False, True)]
        for person in self.people:
            await person.enter(self.rooms)

    async def all_acknowledged(self):
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        while True:
            said = await loop.run_in_executor(None, self.cluster.nodes[0].ctl, "cluster")
            said += "".join([await loop.run_in_executor(None, node.ctl, "cluster") for node in self.cluster.nodes[1:]])
            if all(field == "waiting=0" for field in said.split() if field.startswith("waiting=")):
                return
            self.assertLess(time.monotonic() - began, PATIENCE, said)
            await asyncio.sleep(0.1)  # polling for the event

    def check_logs(self):
        for node in self.cluster.nodes:
            for event in ("sender_fenced", "commit_refused", "level=error"):
                self.assertNotIn(event, node.log(whole=True))

    async def wait_and_check(self, expected):
        for person in self.people:
            try:
                await person.client.wait_for(lambda person=person: len(person.heard) >= len(expected[person.user]), PATIENCE)
            except TimeoutError:
                pass  # said below, with what is missing
            self.assertEqual(sorted(expected[person.user] - set(person.heard)), [], "missing at " + person.user)
        await self.all_acknowledged()
        for person in self.people:
            self.assertFalse(person.client.closed, person.user + " was disconnected")
            self.assertEqual({body: count for body, count in person.heard.items() if count != 1}, {}, "twice at " + person.user)
        self.check_logs()

    async def test_all_come_once_wherever_the_three_are(self):
        expected = {person.user: set() for person in self.people}
        for sender in self.people:
            for room in self.rooms:
                for receiver in self.people:
                    if sender is receiver:
                        continue
                    body = "%s in %s to %s" % (sender.user, room, receiver.user)
                    expected[receiver.user].add(body)
                    sender.client.send(TALK[0] % ("%s/%s" % (room, receiver.user)))
                    sender.client.send(TALK[1] % ("%s/%s" % (room, receiver.user), body))
        await self.wait_and_check(expected)
        for sender in self.people:
            if sender.managed:
                await sender.client.settled(PATIENCE)
                self.assertFalse(sender.client.sm.unacked, "not acknowledged: %s" % sender.client.sm.unacked)

    async def test_an_occupant_from_a_component_takes_part(self):
        bridge = await ComponentClient(self.ports[0], BRIDGE, "secret").connect()
        self.addCleanup(bridge.cut)
        heard = collections.Counter()
        guest = "guest@%s/desk" % BRIDGE
        for room in self.rooms:
            bridge.write("<presence from='%s' to='%s/guest'><x xmlns='%s'><history maxstanzas='0'/></x></presence>" % (guest, room, NS_MUC))
            await bridge.receive_where(lambda e, room=room: e.name == "presence" and e.get("from") == room + "/guest", PATIENCE)
        expected = {person.user: set() for person in self.people}
        for room in self.rooms:
            for person in self.people:
                body = "guest in %s to %s" % (room, person.user)
                expected[person.user].add(body)
                bridge.write("<message from='%s' to='%s/%s' type='chat'><body>%s</body></message>" % (guest, room, person.user, body))
                person.client.send(TALK[1] % (room + "/guest", "%s in %s to guest" % (person.user, room)))
        await self.wait_and_check(expected)
        for _ in range(len(self.rooms) * len(self.people)):
            message = await bridge.receive_where(lambda e: e.name == "message" and e.find("body") is not None, PATIENCE)
            heard[message.find("body").text] += 1
        self.assertEqual(set(heard.values()), {1}, heard)


if __name__ == "__main__":
    run_tests()
