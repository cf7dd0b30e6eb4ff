"""A lease that a node holds by the database and does not know of is given back: nobody would serve its shard else.

So it is after a commit whose answer was lost: the database took the shard for the node, and the node has heard that it did not.

    cluster_leases.py [--binary PATH/rookeryd]
"""

import asyncio
import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
from cluster import Cluster, run_tests, shard_of  # noqa: E402
from xmpp_client import XmppClient, XmppError  # noqa: E402

PATIENCE = 30.0


class Leases(unittest.IsolatedAsyncioTestCase):
    async def test_a_shard_that_its_owner_does_not_know_of_is_served_again(self):
        with Cluster(2, 1, {"cluster": {"lease": 3}}) as cluster:
            cluster.wait_until_owned(by=["node-1", "node-2"])
            # The second node has the lower half; of what it has too much it gives the lowest away.
            account = cluster.account_at("node-1") + "@localhost"
            cluster.postgres.query("UPDATE shard_leases SET node = 'node-2', epoch = epoch + 1 WHERE shard = %d" % shard_of(account), "rookery1")
            began = time.monotonic()
            while "lease_lost" not in cluster.nodes[0].log(whole=True):
                self.assertLess(time.monotonic() - began, PATIENCE)
                await asyncio.sleep(0.05)  # polling for the event
            while True:
                client = XmppClient(cluster.nodes[1].endpoint, account, "secret")
                try:
                    await asyncio.wait_for(client.connect(), 3)
                    await asyncio.wait_for(client.go_online(), 3)
                    break
                except (TimeoutError, asyncio.TimeoutError, XmppError, OSError) as error:
                    client.cut()
                    self.assertLess(time.monotonic() - began, PATIENCE, "nobody serves the account: %r" % error)
                    await asyncio.sleep(0.2)  # polling for the event
            await client.close()
            self.assertIn("leases_not_served", cluster.nodes[1].log(whole=True))
            cluster.wait_until_owned(by=["node-1", "node-2"])


if __name__ == "__main__":
    run_tests()
