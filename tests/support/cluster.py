"""A whole network for a test: PostgreSQL, NATS servers and several rookeryd, on loopback and in temporary folders.

    with Cluster(nodes=3) as cluster:
        cluster.add_account("romeo", "secret")
        client = XmppClient(cluster.nodes[0].endpoint, "romeo@localhost", "secret")
        cluster.nodes[1].kill()
"""

import argparse
import os
import sys
import time
import unittest

from haproxy_server import HaproxyServer
from nats_proxy import NewerVersion
from postgres_server import PostgresServer
from rookery_server import RookeryServer
from server_process import ServerFailed, ServerProcess, free_ports
from tcp_cable import Cable

SHARDS = 1024


def use_binary(rookeryd):
    """The programs of all servers to come; with none given, those of the release build."""
    if rookeryd:
        os.environ["ROOKERY_BIN"] = os.path.dirname(os.path.abspath(rookeryd))


def run_tests():
    """unittest.main() for a file that is called with --binary."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", help="rookeryd; rookeryctl lies beside it")
    arguments, rest = parser.parse_known_args()
    use_binary(arguments.binary)
    unittest.main(argv=[sys.argv[0], *rest])


def shard_of(bare):
    """As server/routing/router.cpp: FNV-1a, folded."""
    number = 14695981039346656037
    for byte in bare.encode():
        number = (number ^ byte) * 1099511628211 % (1 << 64)
    return (number ^ (number >> 32)) % SHARDS


class Nats(ServerProcess):
    """One nats-server; with `peers` (others of this class that were made with it) a cluster."""

    def __init__(self, keep=False):
        super().__init__(keep)
        self.port, self.route_port = free_ports(2)
        self.peers = []

    @property
    def url(self):
        return "nats://127.0.0.1:%d" % self.port

    def command(self):
        command = ["nats-server", "-a", "127.0.0.1", "-p", str(self.port), "-m", "0"]
        if self.peers:
            routes = ",".join("nats://127.0.0.1:%d" % peer.route_port for peer in self.peers)
            command += ["--cluster_name", "test", "--cluster", "nats://127.0.0.1:%d" % self.route_port, "--routes", routes]
        return command

    def is_ready(self):
        return "Server is ready" in self.log()


def node_config(connection, nats, name, *extras):
    config = {"storage": {"kind": "postgres", "postgres": connection}, "cluster": {"nats": [server.url for server in nats], "node": name}}
    for extra in extras:
        for section, keys in (extra or {}).items():
            if isinstance(keys, list):  # [[section]]
                config[section] = keys
            else:
                config.setdefault(section, {}).update(keys)
    return config


def owned_shards(node):
    """{node: how many shards it owns}, by the database."""
    return {line.split()[0]: int(field.partition("=")[2])
            for line in node.ctl("cluster").splitlines() for field in line.split() if field.startswith("shards=")}


def wait_until_owned(node, timeout=20.0, by=None):
    """Until every shard has an owner that lives, one of the node names `by`, each of which has some; the seconds it took."""
    began = time.monotonic()
    while True:
        try:
            owned = {name: count for name, count in owned_shards(node()).items() if count and (by is None or name in by)}
        except ServerFailed:
            owned = {}
        if sum(owned.values()) == SHARDS and (by is None or len(owned) == len(by)):
            return time.monotonic() - began
        if time.monotonic() - began > timeout:
            raise ServerFailed("the shards are %s after %g s" % (owned, timeout))
        time.sleep(0.02)  # polling for the event


class Cluster:
    """`nodes` rookeryd on one PostgreSQL and `nats` NATS servers. `configs` changes single nodes' configuration.

    `haproxy`: the nodes stand behind one, on 127.0.0.11, 127.0.0.12, …, and are reached through it alone (`endpoint`).
    Between the nodes whose numbers (from 0) are in `cabled` and the servers lie cables: cut(number), mend(number). `newer`: {number:
    NewerVersion's who}, a proxy between that node and NATS; it is in `proxies` then."""

    def __init__(self, nodes=2, nats=1, config=None, configs=None, keep=False, haproxy=False, cabled=(), newer=None):
        self.postgres = PostgresServer(sync=True, addresses=["127.0.0.1"] if cabled else ())
        self.cabled, self.cables = cabled, {}
        self.newer, self.proxies = newer or {}, {}
        self.nats = [Nats(keep) for _ in range(nats)]
        for server in self.nats:
            server.peers = [peer for peer in self.nats if peer is not server]
        hosts = ["127.0.0.%d" % (11 + number) if haproxy else "127.0.0.1" for number in range(nodes)]
        ports = free_ports(5) if haproxy else None
        self._make = lambda connection, number: RookeryServer(
            node_config(connection, self.nats, "node-%d" % (number + 1), config, self._wiring(connection, number), (configs or {}).get(number)),
            keep, None, hosts[number], ports)
        self._count, self.nodes = nodes, []
        self.haproxy = HaproxyServer(hosts, ports, keep) if haproxy else None

    def __enter__(self):
        try:
            self.postgres.__enter__()
            connection = self.postgres.create_database()
            for server in self.nats:
                server.start()
            self.nodes = [self._make(connection, number) for number in range(self._count)]
            # The first one makes the schema; the others come to what is there.
            for node in self.nodes:
                if self.haproxy:
                    node.expect_proxies("127.0.0.0/8")
                node.start()
            if self.haproxy:
                self.haproxy.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _wiring(self, connection, number):
        if number in self.newer:
            self.proxies[number] = NewerVersion(self.nats[0].port, self.newer[number]).__enter__()
            return {"cluster": {"nats": ["nats://127.0.0.1:%d" % self.proxies[number].port]}}
        if number not in self.cabled:
            return {}
        to_nats = [Cable(("127.0.0.1", server.port)).__enter__() for server in self.nats]
        to_postgres = Cable(("127.0.0.1", self.postgres.port)).__enter__()
        self.cables[number] = [to_postgres, *to_nats]
        parts = [part for part in connection.split() if not part.startswith(("host=", "port="))]
        return {"storage": {"postgres": " ".join(["host=127.0.0.1", "port=%d" % to_postgres.port, *parts])},
                "cluster": {"nats": ["nats://127.0.0.1:%d" % cable.port for cable in to_nats]}}

    def cut(self, number):
        for cable in self.cables[number]:
            cable.cut()

    def mend(self, number):
        for cable in self.cables[number]:
            cable.mend()

    def close(self):
        wires = [*(cable for cables in self.cables.values() for cable in cables), *self.proxies.values()]
        for process in [*wires, *self.processes()]:
            process.close()

    def processes(self):
        """In the order in which they should end."""
        return [*([self.haproxy] if self.haproxy else []), *self.nodes, *self.nats, self.postgres]

    @property
    def endpoint(self):
        """Where clients connect: some node, chosen by HAProxy."""
        return self.haproxy.endpoint

    @property
    def domain(self):
        return self.nodes[0].domain

    def add_account(self, user, password):
        self.nodes_alive()[0].add_account(user, password)

    def owner(self, bare):
        """The name of the node that owns an account or room; empty while nobody does."""
        return self.postgres.query("SELECT node FROM shard_leases WHERE shard = %d" % shard_of(bare), "rookery1")

    def node(self, name):
        return self.nodes[int(name.rpartition("-")[2]) - 1]

    def account_at(self, node, prefix="user"):
        """A new account (its user) whose home is on the node of that name."""
        user = next(user for user in ("%s%d" % (prefix, number) for number in range(1000)) if self.owner("%s@%s" % (user, self.domain)) == node)
        self.add_account(user, "secret")
        return user

    def nodes_alive(self):
        return [node for node in self.nodes if node.process and node.process.poll() is None]

    def wait_until_owned(self, timeout=20.0, by=None):
        return wait_until_owned(lambda: self.nodes_alive()[0], timeout, by)


class RemoteEdge(RookeryServer):
    """A server whose clients' homes are always on another node, `home`: it takes connections and owns nothing."""

    def __init__(self, postgres, nats, config=None, keep=False, binaries=None):
        connection = postgres.create_database()
        name = {"cluster": {"name": connection.split("dbname=")[-1]}}  # one network for each such server, on the same NATS
        super().__init__(node_config(connection, [nats], "edge", config, name, {"cluster": {"edge_only": True}}), keep, binaries)
        # The home gives out the addresses of the edge, and listens for nobody.
        for_home = {section: keys for section, keys in (config or {}).items() if section != "components"}
        public = {"http": {"public_url": "https://%s:%d" % (self.domain, self.https_port)}}
        self.home = RookeryServer(node_config(connection, [nats], "home", public, for_home, name), keep, binaries)

    def start(self, timeout=20.0):
        """Those of the two that do not run."""
        if not self.home.is_running():
            self.home.start(timeout)
            wait_until_owned(lambda: self.home, by=["home"])
        if not self.is_running():
            super().start(timeout)

    def ctl(self, *arguments, stdin=None):
        # Sessions are where the accounts are.
        return self.home.ctl(*arguments, stdin=stdin) if arguments[0] == "sessions" else super().ctl(*arguments, stdin=stdin)

    def restart(self, hard=False):
        for node in (self.home, self):
            node.kill() if hard else node.stop()
        self.start()

    def close(self):
        super().close()
        self.home.close()
