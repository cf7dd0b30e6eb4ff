"""A whole network for a test: PostgreSQL, NATS servers and several rookeryd, on loopback and in temporary folders.

    with Cluster(nodes=3) as cluster:
        cluster.add_account("romeo", "secret")
        client = XmppClient(cluster.nodes[0].endpoint, "romeo@localhost", "secret")
        cluster.nodes[1].kill()
"""

import os
import subprocess
import time

from rookery_server import RookeryServer
from server_process import ServerFailed, ServerProcess, free_ports

POSTGRES = "/usr/lib/postgresql/15/bin/"
SHARDS = 1024


class Postgres(ServerProcess):
    """A private PostgreSQL with fsync on; as root it runs as the user postgres."""

    def __init__(self, keep=False):
        super().__init__(keep)
        self.data = os.path.join(self.folder, "data")
        self.port, = free_ports(1)
        self._as_user = []
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "postgres", self.folder], check=True)
            os.chmod(self.folder, 0o755)
            self._as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        subprocess.run([*self._as_user, POSTGRES + "initdb", "-D", self.data, "-U", "rookery", "-A", "trust", "--no-sync"],
                       check=True, capture_output=True, cwd=self.folder)

    @property
    def connection(self):
        return "host=127.0.0.1 port=%d user=rookery dbname=postgres" % self.port

    def command(self):
        return [*self._as_user, POSTGRES + "postgres", "-D", self.data, "-p", str(self.port), "-c", "listen_addresses=127.0.0.1",
                "-c", "unix_socket_directories=" + self.folder, "-c", "max_connections=200"]

    def is_ready(self):
        return subprocess.run([POSTGRES + "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode == 0

    def query(self, sql):
        return subprocess.run([POSTGRES + "psql", self.connection, "-Atc", sql], check=True, capture_output=True, text=True).stdout.strip()


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


class Cluster:
    """`nodes` rookeryd on one PostgreSQL and `nats` NATS servers. `configs` changes single nodes' configuration."""

    def __init__(self, nodes=2, nats=1, config=None, configs=None, keep=False, wait=True):
        self.keep, self._wait = keep, wait
        self.postgres = Postgres(keep)
        self.nats = [Nats(keep) for _ in range(nats)]
        for server in self.nats:
            server.peers = [peer for peer in self.nats if peer is not server] if nats > 1 else []
        self._certificate = None
        self.nodes = []
        for number in range(nodes):
            merged = {
                "storage": {"kind": "postgres", "postgres": self.postgres.connection},
                "cluster": {"nats": [server.url for server in self.nats], "node": "node-%d" % (number + 1)},
            }
            for extra in (config or {}, (configs or {}).get(number, {})):
                for section, keys in extra.items():
                    merged.setdefault(section, {}).update(keys)
            self.nodes.append(RookeryServer(merged, keep))

    def __enter__(self):
        try:
            self.postgres.start()
            for server in self.nats:
                server.start()
            # The first one makes the schema; the others come to what is there.
            for node in self.nodes:
                node.start()
            if self._wait:
                self.wait_until_owned()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for process in [*self.nodes, *self.nats, self.postgres]:
            process.close()

    @property
    def domain(self):
        return self.nodes[0].domain

    def add_account(self, user, password, node=0):
        self.nodes[node].add_account(user, password)

    def shards(self):
        """{node: how many shards it owns}, by the database."""
        lines = self.nodes_alive()[0].ctl("cluster").splitlines()
        return {line.split()[0]: int(field.partition("=")[2])
                for line in lines if " shards=" in line for field in line.split() if field.startswith("shards=")}

    def nodes_alive(self):
        return [node for node in self.nodes if node.process and node.process.poll() is None]

    def wait_until_owned(self, timeout=20.0, by=None):
        """Until every shard has an owner that lives (one of the node names `by`), evenly spread; returns the seconds it took."""
        began = time.monotonic()
        while True:
            try:
                owned = {name: count for name, count in self.shards().items() if count and (by is None or name in by)}
            except ServerFailed:
                owned = {}
            if sum(owned.values()) == SHARDS and (by is None or len(owned) == len(by)):
                return time.monotonic() - began
            if time.monotonic() - began > timeout:
                raise ServerFailed("the shards are %s after %g s" % (owned, timeout))
            time.sleep(0.02)  # polling for the event
