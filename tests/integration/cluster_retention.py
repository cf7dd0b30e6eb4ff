"""[archive] keep_days in a cluster: each archive is swept by the node that owns it, once, and what waits stays.

    cluster_retention.py [--binary PATH/rookeryd]
"""

import os
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
from cluster import Cluster, run_tests  # noqa: E402

ACCOUNTS = 20
OLD_ENTRIES = 1500  # of each: more than one commit deletes
PATIENCE = 60.0
NODES = ["node-1", "node-2", "node-3"]
# What waits comes in the midst of what may go. In a cluster nobody can import, so the rows come by SQL.
FILL = """
INSERT INTO log_entries SELECT ?, ?::bigint + g, CASE g WHEN 700 THEN 3 ELSE 1 END, 'nurse@localhost/x', '<message/>'::bytea
  FROM generate_series(0, %d) g;
INSERT INTO log_entries VALUES (?, ?::bigint, 1, 'nurse@localhost/x', '<message/>'::bytea);
""" % OLD_ENTRIES


def days_ago(days):
    return int((time.time() - days * 86400) * 1_000_000)


class Retention(unittest.TestCase):
    def rows(self):
        """How many there are, and how many of them wait."""
        query = "SELECT count(*), count(*) FILTER (WHERE flags = 3) FROM log_entries"
        connection = self.cluster.nodes[0].config["storage"]["postgres"]
        result = subprocess.run(["psql", "-XqAt", connection, "-c", query], capture_output=True, text=True, check=True, timeout=30)
        return [int(number) for number in result.stdout.strip().split("|")]

    def expired(self):
        return [node.metrics().value("rookery_archive_expired_total") for node in self.cluster.nodes]

    def test_every_node_sweeps_what_it_owns(self):
        self.cluster = Cluster(3, 1, {"cluster": {"lease": 3}, "archive": {"keep_days": 30}}).__enter__()
        self.addCleanup(self.cluster.close)
        for number in range(ACCOUNTS):
            self.cluster.add_account("user%d" % number, "secret")
            owner = "user%d@localhost" % number
            self.cluster.nodes[0].change_database(FILL, owner, days_ago(40), owner, days_ago(4))
        self.assertEqual(self.rows(), [ACCOUNTS * (OLD_ENTRIES + 2), ACCOUNTS])
        for node in self.cluster.nodes:
            node.stop()
        for node in self.cluster.nodes:
            node.start()  # a sweep follows
        self.cluster.wait_until_owned(by=NODES)
        deadline = time.monotonic() + PATIENCE
        while sum(self.expired()) < ACCOUNTS * OLD_ENTRIES:
            self.assertLess(time.monotonic(), deadline, self.expired())
            time.sleep(0.1)  # polling for the event
        self.assertEqual(sum(self.expired()), ACCOUNTS * OLD_ENTRIES, "something was counted twice")
        self.assertEqual(self.rows(), [ACCOUNTS * 2, ACCOUNTS])
        print("entries by node: %s" % self.expired(), flush=True)


if __name__ == "__main__":
    run_tests()
