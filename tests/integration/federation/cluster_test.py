"""A cluster among other servers: one node owns the way to another domain; when it dies, another one goes on with what waits. REQ 24"""

import os
import sys
import unittest

from federation_case import FederationCase

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from cluster import Cluster  # noqa: E402
from cluster import shard_of  # noqa: E402
from server_process import free_ports  # noqa: E402
from xmpp_client import XmppClient  # noqa: E402

COUNT = 50
MESSAGE = "<message to='%s' type='chat' id='m%d'><body>%d</body><origin-id xmlns='urn:xmpp:sid:0' id='o%d'/></message>"


class InACluster(FederationCase):
    def setUp(self):
        super().setUp()
        self.ports = free_ports(2)
        configs = {n: {"listen": {"s2s": ["127.0.0.1:%d" % port], "s2s_tls": []}} for n, port in enumerate(self.ports)}
        self.hosts = {}
        s2s = {"enabled": "on", "retry_most": 1, "hosts": self.hosts}
        self.others = {"b%d.example" % n: free_ports(1)[0] for n in range(40)}
        self.hosts.update({domain: "127.0.0.1:%d" % port for domain, port in self.others.items()})
        self.cluster = Cluster(2, 1, {"s2s": s2s, "cluster": {"lease": 3}}, configs).__enter__()
        self.addCleanup(self.cluster.close)
        self.cluster.wait_until_owned(by=["node-1", "node-2"])

    def node_of(self, name):
        return int(self.cluster.postgres.query("SELECT node FROM shard_leases WHERE shard = %d" % shard_of(name), "rookery1")[-1]) - 1

    def owned_by(self, node, names):
        return next(name for name in names if self.node_of(name) == node)

    async def test_the_node_that_owns_the_way_dies_and_the_other_goes_on(self):
        domain = self.owned_by(1, self.others)
        other = self.server(domain, config={"listen": {"s2s": ["127.0.0.1:%d" % self.others[domain]]}})
        other.find_at("localhost", self.ports[0])
        user = self.owned_by(0, ["user%d@localhost" % n for n in range(60)]).partition("@")[0]
        self.cluster.add_account(user, "secret")
        sender = XmppClient(self.cluster.nodes[0].endpoint, user + "@localhost", "secret", resource="home")
        self.people.append(sender)
        await sender.connect()
        await sender.enable_sm()
        await sender.go_online()

        other.start()
        other.add_account("romeo", "secret")
        romeo = await self.log_in(other, "romeo")
        sender.send(MESSAGE % ("romeo@" + domain, 1000, 1000, 1000))
        heard = await self.receive_body(romeo, "1000")
        self.assertIn("-> %s open" % domain, self.cluster.nodes[1].ctl("s2s"))
        romeo.send("<message to='%s' type='chat' id='back'><body>and back</body></message>" % heard.get("from"))
        await self.receive_body(sender, "and back")

        await romeo.close()
        other.kill()
        for n in range(COUNT):
            sender.send(MESSAGE % ("romeo@" + domain, n, n, n))
        await sender.settled(20)
        self.cluster.nodes[1].kill()
        self.cluster.wait_until_owned(by=["node-1"])
        other.start()
        romeo = await self.log_in(other, "romeo")
        got = []
        while len(set(got) - {1000}) < COUNT:  # the first one may come again: its server was killed before it noted that it was read
            got.append(int((await romeo.receive_where(lambda e: e.name == "message" and e.find("body") is not None, 60)).find("body").text))
        self.assertEqual([n for n in got if n != 1000], list(range(COUNT)))
        self.assertFalse([e for e in romeo.inbox if e.name == "message"], "twice")


if __name__ == "__main__":
    unittest.main()
