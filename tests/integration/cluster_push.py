"""XEP-0357 in a cluster: a room's member whose account is on another node than the room is told of what concerns him.

    cluster_push.py [--binary PATH/rookeryd]
"""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
from cluster import Cluster, run_tests  # noqa: E402
from push_app_server import PushAppServer  # noqa: E402
from xmpp_client import XmppClient  # noqa: E402

ROOM = "coven@conference.localhost"
NS_MUC = "http://jabber.org/protocol/muc"


class PushInACluster(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.cluster = Cluster(2, 1, {"cluster": {"lease": 3}}).__enter__()
        self.addCleanup(self.cluster.close)
        self.cluster.wait_until_owned(by=["node-1", "node-2"])

    async def log_in(self, user, resource):
        self.cluster.add_account(user, "secret")
        client = XmppClient(self.cluster.nodes[0].endpoint, user + "@localhost", "secret", resource=resource)
        await client.connect()
        await client.go_online()
        self.addCleanup(client.cut)
        return client

    async def test_a_member_elsewhere_who_is_away_is_woken_by_his_name(self):
        member = next(user for user in ("user%d" % n for n in range(60)) if self.cluster.owner(user + "@localhost") != self.cluster.owner(ROOM))
        app = PushAppServer(await self.log_in("app", "push"))
        app.nodes.add("n1")
        romeo, juliet = await self.log_in(member, "orchard"), await self.log_in("juliet", "balcony")
        enabled = await romeo.iq("set", "<enable xmlns='urn:xmpp:push:0' jid='%s' node='n1'/>" % app.client.jid)
        self.assertEqual(enabled.get("type"), "result")
        juliet.send("<presence to='%s/jules'><x xmlns='%s'/></presence>" % (ROOM, NS_MUC))
        await juliet.receive_where(lambda e: e.name == "presence" and e.get("from") == ROOM + "/jules")
        for payload in ("<query xmlns='%s#owner'><x xmlns='jabber:x:data' type='submit'/></query>" % NS_MUC,
                        "<query xmlns='%s#admin'><item affiliation='member' jid='%s'/></query>" % (NS_MUC, romeo.bare)):
            self.assertEqual((await juliet.iq("set", payload, to=ROOM)).get("type"), "result")
        await romeo.close()
        for body in ("Good night", "%s: parting is such sweet sorrow" % member):
            juliet.send("<message to='%s' type='groupchat'><body>%s</body></message>" % (ROOM, body))
        told = await app.notification()
        self.assertEqual((told.account, told.node, told.count), (romeo.bare, "n1", 1))


if __name__ == "__main__":
    run_tests()
