#!/usr/bin/python3
"""XEP-0133 in a cluster: who is online is counted, listed and told of the homes of all nodes, and an announcement reaches all of them;
a node that does not answer is said to be missing. A shutdown is that of one node."""

import os
import sys
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

from cluster import Cluster  # noqa: E402
from server_process import ServerFailed  # noqa: E402
from xmpp_client import XmppClient  # noqa: E402

COMMANDS, FORMS, ADMIN = "http://jabber.org/protocol/commands", "jabber:x:data", "http://jabber.org/protocol/admin"
PATIENCE = 30.0  # until something that has to come counts as missing
LEASE = 15  # longer than the server waits for answers: a node that has just died is asked, too
MISSING = "1 of 2 nodes have answered"


class WholeClusterTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.cluster = Cluster(2, 1, {"admin": {"accounts": ["boss@localhost"]}, "cluster": {"lease": LEASE}}).__enter__()
        self.addCleanup(self.cluster.close)
        self.cluster.wait_until_owned(by=["node-1", "node-2"])
        self.cluster.add_account("boss", "secret")
        # Commands are run where the administrator's home is.
        self.here = self.cluster.owner("boss@localhost")
        self.there = "node-2" if self.here == "node-1" else "node-1"
        self.boss = await self.log_in("boss", self.here, "desk")
        # One account on each node, each connected to the other one; the second has another client at home.
        self.near = await self.log_in(self.cluster.account_at(self.here, "near"), self.there, "phone")
        self.far = await self.log_in(self.cluster.account_at(self.there, "far"), self.here, "phone")
        self.far_at_home = await self.log_in(self.far.user, self.there, "desk")
        self.all = [self.boss, self.near, self.far, self.far_at_home]

    async def log_in(self, user, node, resource):
        client = XmppClient(self.cluster.node(node).endpoint, user + "@localhost", "secret", resource=resource)
        self.addCleanup(client.cut)
        await client.connect()
        await client.go_online()
        return client

    async def step(self, name, attributes, form=""):
        answer = await self.boss.iq("set", "<command xmlns='%s' node='%s#%s' %s>%s</command>" % (COMMANDS, ADMIN, name, attributes, form),
                                    to="localhost", timeout=PATIENCE)
        self.assertEqual(answer.get("type"), "result", str(answer))
        return answer.find("command", COMMANDS)

    async def run_command(self, name, *fields):
        """({field: values} of the result, its note)"""
        command = await self.step(name, "action='execute'")
        if fields:
            lines = "".join("<field var='%s'><value>%s</value></field>" % field for field in (("FORM_TYPE", ADMIN), *fields))
            command = await self.step(name, "sessionid='%s'" % command.get("sessionid"), "<x xmlns='%s' type='submit'>%s</x>" % (FORMS, lines))
        self.assertEqual(command.get("status"), "completed")
        x, note = command.find("x", FORMS), command.find("note")
        values = {field.get("var"): [value.text for value in field.find_all("value")] for field in x.find_all("field")} if x is not None else {}
        return values, note.text if note is not None else ""

    async def counted(self, group):
        values, note = await self.run_command("get-%s-users-num" % group)
        return int(values[group + "usersnum"][0]), note

    async def listed(self, command, field, limit="none"):
        values, note = await self.run_command(command, ("max_items", limit))
        return values.get(field, []), note

    async def headlines(self, client, last):
        """All that have come up to the one with this text."""
        heard = []
        while last not in heard:
            message = await client.receive_where(lambda e: e.name == "message" and e.get("type") == "headline", PATIENCE)
            self.assertEqual((message.get("from"), message.get("to")), ("localhost", client.jid))
            heard.append(message.find("body").text)
        return heard

    async def test_rookeryctl_finds_the_sessions_of_an_account_wherever_they_are(self):
        # At once: the first node may not have heard yet that it gave the others' shards away.
        here, there = self.cluster.node(self.here), self.cluster.node(self.there)
        for node in (here, there):
            for accounts_clients in ([self.near], [self.far, self.far_at_home]):
                lines = node.ctl("sessions", accounts_clients[0].bare).splitlines()
                self.assertEqual(sorted(line.split()[0] for line in lines), sorted(client.jid for client in accounts_clients))
                self.assertTrue(all(" presence=available " in line for line in lines), lines)
        with self.assertRaisesRegex(ServerFailed, "nobody is connected"):
            here.ctl("kick", self.far.bare + "/nowhere")
        here.ctl("kick", self.far_at_home.jid)
        await self.far_at_home.wait_for(lambda: self.far_at_home.stream_ended, PATIENCE)
        self.assertEqual([line.split()[0] for line in here.ctl("sessions", self.far.bare).splitlines()], [self.far.jid])
        there.kill()
        with self.assertRaisesRegex(ServerFailed, "does not answer"):
            here.ctl("sessions", self.far.bare)

    async def test_who_is_online_on_either_node_is_counted_and_named_once(self):
        names = sorted({client.bare for client in self.all})
        self.assertEqual(await self.counted("online"), (3, ""))
        self.assertEqual(await self.listed("get-online-users-list", "onlineuserjids"), (names, ""))
        self.assertEqual(await self.listed("get-online-users-list", "onlineuserjids", "2"), (names[:2], "The first of 3"))

        # RFC 6121 §4.7.2.1: away with all its clients.
        self.far.send("<presence><show>away</show></presence>")
        self.far_at_home.send("<presence><show>xa</show></presence>")
        for client in (self.far, self.far_at_home):
            await client.receive_where(lambda e, client=client: e.get("from") == client.jid and e.find("show") is not None, PATIENCE)
        self.assertEqual([await self.counted(group) for group in ("online", "active", "idle")], [(3, ""), (2, ""), (1, "")])
        self.assertEqual(await self.listed("get-idle-users", "idleuserjids"), ([self.far.bare], ""))
        self.assertEqual(await self.listed("get-active-users", "activeuserjids"), (sorted([self.boss.bare, self.near.bare]), ""))

        for account, resources in ((self.far.bare, ["desk", "phone"]), (self.near.bare, ["phone"])):
            values, note = await self.run_command("user-stats", ("accountjid", account))
            self.assertEqual((values["accountjid"], sorted(values["onlineresources"]), note), ([account], resources, ""))
            self.assertEqual(values["ipaddresses"], ["127.0.0.1"] * len(resources))
            values, note = await self.run_command("get-user-lastlogin", ("accountjids", account))
            self.assertEqual((len(values["lastlogin"]), note), (1, ""))

        # Who goes is not counted any more.
        await self.far.close()
        await self.far_at_home.close()
        self.assertEqual(await self.counted("online"), (2, ""))
        values, note = await self.run_command("user-stats", ("accountjid", self.far.bare))
        self.assertEqual(("onlineresources" in values, note), (False, ""))

    async def test_an_announcement_reaches_each_session_of_both_nodes_once(self):
        for text in ("first", "second"):
            self.assertEqual(await self.run_command("announce", ("announcement", text)), ({}, "Sent to 4 sessions"))
        for client in self.all:
            self.assertEqual(await self.headlines(client, "second"), ["first", "second"], client.jid)

    async def test_a_dead_node_is_missing_until_its_accounts_have_a_home_again(self):
        self.cluster.node(self.there).kill()
        began = time.monotonic()
        # The client of the near account was connected to it, which nobody has noticed yet.
        self.assertEqual(await self.counted("online"), (2, MISSING))
        values, note = await self.run_command("user-stats", ("accountjid", self.far.bare))
        self.assertEqual(("onlineresources" in values, note), (False, MISSING))
        self.assertLess(time.monotonic() - began, 10, "the server was to wait for three seconds, twice")
        # What this node knows by itself needs nobody.
        values, note = await self.run_command("user-stats", ("accountjid", self.near.bare))
        self.assertEqual((values["onlineresources"], note), (["phone"], ""))

        self.cluster.wait_until_owned(timeout=LEASE + PATIENCE, by=[self.here])
        self.near = await self.log_in(self.near.user, self.here, "tablet")
        self.far = await self.log_in(self.far.user, self.here, "tablet")
        self.assertEqual(await self.counted("online"), (3, ""))
        self.assertEqual(await self.listed("get-online-users-list", "onlineuserjids"), (sorted([self.boss.bare, self.near.bare, self.far.bare]), ""))
        values, note = await self.run_command("user-stats", ("accountjid", self.far.bare))
        self.assertEqual((values["onlineresources"], note), (["tablet"], ""))

    async def test_a_shutdown_is_announced_at_the_node_that_stops(self):
        await self.run_command("shutdown", ("delay", "0"), ("announcement", "We stop"))
        self.assertEqual(await self.headlines(self.near, "We stop"), ["We stop"])
        self.assertEqual(self.cluster.node(self.here).process.wait(PATIENCE), 0)
        answer = await self.far_at_home.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to="localhost")
        self.assertEqual(answer.get("type"), "result")
        self.assertEqual([e.to_xml() for e in self.far_at_home.inbox if e.name == "message"], [])


if __name__ == "__main__":
    unittest.main()
