#!/usr/bin/env python3
"""The arithmetic of bench/scale_model.py, not its constants."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "bench"))
import scale_model as model  # noqa: E402


class ScaleModel(unittest.TestCase):
    def test_one_node_has_no_hops(self):
        self.assertEqual(model.remote_share(1), 0)
        self.assertEqual(model.rookeryd_us(1), model.ROOKERYD_LOCAL_US)
        self.assertEqual(model.nats_us(1), 0)

    def test_a_message_passes_two_edges_and_two_homes(self):
        self.assertAlmostEqual(model.rookeryd_us(4) - model.rookeryd_us(1),
                               0.75 * (2 * model.ROOKERYD_EDGE_HOP_US + model.ROOKERYD_HOME_HOP_US))

    def test_a_quiet_node_commits_each_message_alone(self):
        self.assertEqual(model.messages_per_transaction(1), 1)
        self.assertGreater(model.messages_per_transaction(100_000), 10)

    def test_interest_does_not_grow_with_accounts(self):
        self.assertEqual(model.interests(10, 8), 1024 + 80 + 10)

    def test_shards_that_divide_evenly_are_balanced(self):
        self.assertEqual(model.shard_imbalance(4), 1)
        self.assertAlmostEqual(model.shard_imbalance(1000), 2 / 1.024)
        self.assertGreaterEqual(model.loop_imbalance(100, 8), 1)

    def test_a_dead_node_costs_its_edges_and_its_homes_a_login(self):
        load = model.Load(accounts=1000, messages_a_day=10)
        self.assertAlmostEqual(model.failover(load, 10).logins, 100 + 90)
        self.assertAlmostEqual(model.failover(load, 10).extra, 1 / 9)

    def test_the_model_is_near_what_was_measured_on_more_than_one_node(self):
        # One node does more in one turn and one transaction than a share of it would: docs/SCALING.md.
        for nodes, parts in model.errors().items():
            if nodes > 1:
                self.assertLess(max(map(abs, parts)), 0.25, "%d nodes" % nodes)


unittest.main()
