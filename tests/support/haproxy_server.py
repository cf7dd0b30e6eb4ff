"""HAProxy in front of servers under test, with the configuration that deploy/ has for everybody."""

import csv
import os
import shutil
import urllib.request

from server_process import ServerFailed, ServerProcess, free_ports
from xmpp_client import Endpoint

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONFIG = os.path.join(ROOT, "deploy", "haproxy", "haproxy.cfg")


def find_haproxy():
    path = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        raise ServerFailed("haproxy is not installed (Debian: haproxy)")
    return path


class HaproxyServer(ServerProcess):
    """`hosts` of up to three nodes, which all have the same `ports` (those of RookeryServer)."""

    def __init__(self, hosts, ports, keep=False):
        super().__init__(keep)
        c2s, tls, https, self.stats_port = free_ports(4)
        self.endpoint = Endpoint("127.0.0.1", c2s, tls, self.domain, https)
        node_c2s, node_tls, node_https, _, node_metrics = ports
        self.environment = {"ROOKERY_C2S": "127.0.0.1:%d" % c2s, "ROOKERY_TLS": "127.0.0.1:%d" % tls,
                            "ROOKERY_HTTPS": "127.0.0.1:%d" % https, "ROOKERY_STATS": "127.0.0.1:%d" % self.stats_port,
                            "ROOKERY_NODE_C2S": str(node_c2s), "ROOKERY_NODE_TLS": str(node_tls),
                            "ROOKERY_NODE_HTTPS": str(node_https), "ROOKERY_NODE_CHECK": str(node_metrics)}
        for number in range(3):
            self.environment["ROOKERY_%d" % (number + 1)] = hosts[number % len(hosts)]

    def command(self):
        return [find_haproxy(), "-db", "-f", CONFIG]

    def is_ready(self):
        try:
            self.states()
        except OSError:
            return False
        return True

    def states(self):
        """{server: "UP", "DOWN", …} of the c2s backend."""
        with urllib.request.urlopen("http://127.0.0.1:%d/stats;csv" % self.stats_port, timeout=10) as answer:
            rows = csv.DictReader(answer.read().decode().lstrip("# ").splitlines())
        return {row["svname"]: row["status"].split()[0] for row in rows if row["pxname"] == "c2s" and row["svname"].startswith("rookery-")}
