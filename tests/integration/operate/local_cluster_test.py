"""deploy/local-cluster does what it says: three nodes behind HAProxy, a chat that survives a node, drain, and an end without leftovers.

Its scrape also has every metric there is, so the names in the dashboard and in the alerts are compared with it here.
"""

from operate_case import ROOT, unittest  # first: it says where the others are

import glob
import importlib.machinery
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

PROGRAM = os.path.join(ROOT, "deploy", "local-cluster")


def load_program():
    loader = importlib.machinery.SourceFileLoader("local_cluster", PROGRAM)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("local_cluster", loader))
    loader.exec_module(module)
    return module


local_cluster = load_program()


def metric_names(query):
    """What a PromQL expression asks for: words that are no functions, keywords or labels."""
    query = re.sub(r'"[^"]*"', '""', query)
    query = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", query)
    query = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", query)
    words = re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\()\b", query)
    return {word for word in words if "_" in word and not re.search(r"\b%s\s*\(" % word, query)} - {"up"}


class LocalClusterTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.parent = tempfile.mkdtemp(prefix="rookery-local-")
        os.chmod(cls.parent, 0o711)
        cls.folder = os.path.join(cls.parent, "cluster")
        cls.addClassCleanup(shutil.rmtree, cls.parent, True)
        cls.call("up")
        cls.addClassCleanup(cls.end)
        cls.running = local_cluster.Running(cls.folder)

    @classmethod
    def call(cls, command, status=0):
        result = subprocess.run([sys.executable, "-W", "ignore", PROGRAM, command, "--folder", cls.folder], capture_output=True, text=True, timeout=180)
        if result.returncode != status:
            raise AssertionError("%s: %s%s" % (command, result.stdout, result.stderr))
        return result.stdout

    @classmethod
    def end(cls):
        # Also a test: nothing of it runs on, and nothing is left.
        cls.call("down")
        alive = [name for name in cls.running.processes if cls.running.is_alive(name)]
        assert not alive and not os.path.exists(cls.folder), "still there: %s" % alive
        assert "Nothing runs" in cls.call("status", 1)

    def test_1_status_names_every_process(self):
        text = self.call("status")
        for name in ("haproxy", "rookery-1", "rookery-2", "rookery-3", "nats-1", "nats-2", "nats-3", "postgres"):
            self.assertRegex(text, r"(?m)^%s +pid \d+" % name)
        self.assertEqual(text.count("ready, "), 3)
        self.assertEqual(sum(map(self.running.owned, self.running.nodes)), 1024)

    def test_2_up_twice_starts_nothing_twice(self):
        self.assertIn("It runs already", self.call("up"))
        self.assertEqual(local_cluster.Running(self.folder).processes, self.running.processes)

    def test_3_every_metric_of_the_dashboard_and_the_alerts_exists(self):
        scraped = self.running.metrics("rookery-1").names()
        queries = []
        with open(os.path.join(ROOT, "deploy", "grafana", "rookery.json")) as file:
            for panel in json.load(file)["panels"]:
                queries += [target["expr"] for target in panel.get("targets", [])]
        self.assertGreater(len(queries), 20)
        for path in glob.glob(os.path.join(ROOT, "deploy", "prometheus", "*.rules.yml")):
            with open(path) as file:
                queries += [rule["expr"] for group in yaml.safe_load(file)["groups"] for rule in group["rules"]]
        for query in queries:
            names = metric_names(query)
            self.assertTrue(names or "up{" in query, "no metric is found in " + query)
            self.assertLessEqual(names, scraped, query)

    def test_4_a_drained_node_is_not_ready_and_haproxy_sends_it_nobody(self):
        self.running.ctl("rookery-3", "drain")
        def handed_over():
            return self.running.metrics("rookery-3").value("rookery_shards_moved_total", how="handed_over")
        local_cluster.wait_until(lambda: self.running.owned("rookery-3") == 0 and handed_over() >= 341, "its shards are handed over")
        status, _, text = local_cluster.exposition.get("http://%s/readyz" % self.running.nodes["rookery-3"]["metrics"])
        self.assertEqual((status, text), (503, "draining\n"))
        metrics = self.running.metrics("rookery-3")
        self.assertEqual(metrics.value("rookery_cluster_draining"), 1)
        self.assertEqual(metrics.value("rookery_shards_moved_total", how="lost"), 0)
        states = self.running.stats + ";csv"
        local_cluster.wait_until(lambda: re.search(r"(?m)^c2s,rookery-3,.*,DOWN,", local_cluster.exposition.get(states)[2]), "HAProxy knows")
        self.running.ctl("rookery-3", "undrain")
        local_cluster.wait_until(lambda: self.running.owned("rookery-3") > 300, "it has its share again")
        local_cluster.wait_until(lambda: re.search(r"(?m)^c2s,rookery-3,.*,UP,", local_cluster.exposition.get(states)[2]), "HAProxy knows")

    def test_5_the_demo_goes_on_when_a_node_is_killed(self):
        text = self.call("demo")
        for line in ("romeo hears: Wherefore art thou Romeo?", "juliet hears: Shall I hear more?", "kill -9 rookery-",
                     "romeo comes back through HAProxy", ": Art thou not Romeo?", "juliet hears: Neither, fair saint.", "have new owners"):
            self.assertIn(line, text)
        self.assertEqual(len(self.running.alive_nodes()), 2)
        self.assertGreater(sum(self.running.metrics(name).value("rookery_cluster_packets_total", direction="out")
                               for name in self.running.alive_nodes()), 0)


if __name__ == "__main__":
    unittest.main()
