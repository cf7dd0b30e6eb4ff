"""One network in two data centres, east and west, and a small third place, as docs/OPERATING.md describes it.

Each data centre has two NATS servers (a cluster; gateways join the two), its rookeryd nodes and a PostgreSQL; the third place, the
witness, has the third PostgreSQL. The primary commits when one of its two standbys has the commit on disk (`ANY 1`), so it needs the
company of one other place. Who stands alone commits nothing, and what was committed is known to one of any two. Regions.elect() is what
Patroni would do where two of the three places see one another.

    with Regions(nodes_each=2) as regions:
        regions.network.cut("east")         # the primary begins there
        regions.elect("west")
"""

import os
import time

from cluster import Nats, node_config, wait_until_owned
from namespaces import Network
from postgres_server import PostgresServer
from rookery_server import RookeryServer
from server_process import ServerFailed

CENTRES = ("east", "west")
PLACES = (*CENTRES, "witness")
POSTGRES_PORT = 5432
TIMELY = ("wal_sender_timeout=3s", "wal_receiver_timeout=3s", "wal_retrieve_retry_interval=500ms")


class GatewayNats(Nats):
    """One of a data centre's servers; its configuration is that of deploy/nats, less TLS."""

    def __init__(self, network, place, number, each, keep=False):
        super().__init__(keep)
        self.address, self.port, self.namespace = network.inner(place), 4222 + number, network.namespace(place)
        routes = ["nats://%s:%d" % (self.address, 6222 + other) for other in range(each) if other != number]
        gateways = ["{ name: %s, urls: [%s] }" % (centre, ", ".join('"nats://%s:%d"' % (network.inner(centre), 7222 + n) for n in range(each)))
                    for centre in CENTRES]
        self.config_path = os.path.join(self.folder, "nats.conf")
        with open(self.config_path, "w") as file:
            file.write('server_name: %s-%d\nlisten: "%s:%d"\nping_interval: "2s"\nping_max: 2\nwrite_deadline: "5s"\n'
                       % (place, number, self.address, self.port))
            file.write('cluster { name: %s, listen: "%s:%d", routes: [%s] }\n'
                       % (place, self.address, 6222 + number, ", ".join('"%s"' % route for route in routes)))
            file.write('gateway { name: %s, listen: "%s:%d", reject_unknown_cluster: true, gateways: [%s] }\n'
                       % (place, self.address, 7222 + number, ", ".join(gateways)))

    @property
    def url(self):
        return "nats://%s:%d" % (self.address, self.port)

    def command(self):
        return ["nats-server", "-c", self.config_path]


class Regions:
    def __init__(self, nodes_each=2, nats_each=2, config=None, keep=False):
        self.network = Network(*PLACES)
        self.keep, self.config, self.nodes_each, self.nats_each = keep, config, nodes_each, nats_each
        self.databases, self.primary_place = {}, "east"
        self.nats, self.nodes, self.place_of = [], [], {}

    def __enter__(self):
        try:
            self.network.__enter__()
            self._start_databases()
            self.nats = {place: [GatewayNats(self.network, place, number, self.nats_each, self.keep) for number in range(self.nats_each)]
                         for place in CENTRES}
            for server in self._nats_servers():
                server.start()
            # The places in turn, so that neighbours in `nodes` are far apart.
            for number in range(self.nodes_each):
                for place in CENTRES:
                    self._start_node(place, number)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for process in [*self.nodes, *(self._nats_servers() if self.nats else []), *self.databases.values()]:
            process.close()
        self.network.close()

    def _nats_servers(self):
        return [server for servers in self.nats.values() for server in servers]

    def _database_options(self, place):
        others = ", ".join(other for other in PLACES if other != place)
        return {"addresses": [self.network.inner(place)], "namespace": self.network.namespace(place),
                "settings": ["cluster_name=" + place, "synchronous_standby_names=ANY 1 (%s)" % others, *TIMELY]}

    def _start_databases(self):
        primary = PostgresServer(sync=True, port=POSTGRES_PORT, **self._database_options("east"))
        self.databases["east"] = primary
        # It needs the others for each commit, but they are made from it.
        first_settings, primary.settings = primary.settings, ["cluster_name=east"]
        primary.__enter__()
        self.database_name = primary.create_database().split("dbname=")[-1]
        for place in PLACES[1:]:
            self.databases[place] = primary.clone(**self._database_options(place))
            self.databases[place].follow(primary)
        primary.kill()
        primary.settings = first_settings
        primary.start()
        self.wait_until_streaming()

    def _start_node(self, place, number):
        host, ports = self.network.access(place), [5200 + 10 * number + n for n in range(5)]
        local = {"metrics": {"listen": ["127.0.0.1:%d" % ports[4]]}, "http": {"plain": ["127.0.0.1:%d" % ports[3]]}}
        connection = "host=%s port=%s user=rookery dbname=%s" % (
            ",".join(self.network.inner(each) for each in PLACES), ",".join([str(POSTGRES_PORT)] * len(PLACES)), self.database_name)
        node = RookeryServer(node_config(connection, self.nats[place], "%s-%d" % (place, number + 1), self.config, local), self.keep, None, host, ports)
        node.namespace = self.network.namespace(place)
        self.nodes.append(node)
        self.place_of[node] = place
        node.start()

    # ---- what a test asks and does

    @property
    def primary(self):
        return self.databases[self.primary_place]

    def nodes_in(self, place):
        return [node for node in self.nodes if self.place_of[node] == place]

    def nodes_alive(self):
        return self.nodes

    def names(self, place=None):
        return ["%s-%d" % (each, number + 1) for each in ([place] if place else CENTRES) for number in range(self.nodes_each)]

    def wait_until_owned(self, place, timeout=30.0, by=None):
        """As cluster.wait_until_owned; a node in `place` is asked."""
        return wait_until_owned(lambda: self.nodes_in(place)[0], timeout, by or self.names())

    def wait_until_streaming(self, timeout=30.0):
        """Until the primary has both standbys; the seconds it took."""
        began = time.monotonic()
        while self.primary.query("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") != "2":
            if time.monotonic() - began > timeout:
                raise ServerFailed("the primary has no two standbys after %g s" % timeout)
            time.sleep(0.05)  # polling for the event
        return time.monotonic() - began

    def elect(self, place):
        """`place` and the witness are two of three: neither listens to the old primary any more, `place` gets what only the witness has,
        and is the primary."""
        winner, witness = self.databases[place], self.databases["witness"]
        for standby in (winner, witness):
            standby.follow(None)
        for standby in (winner, witness):
            while standby.query("SELECT count(*) FROM pg_stat_wal_receiver") != "0":
                time.sleep(0.02)
        end = witness.query("SELECT pg_last_wal_receive_lsn()")
        if winner.query("SELECT pg_last_wal_receive_lsn() < '%s'" % end) == "t":
            winner.follow(witness)
            while winner.query("SELECT pg_last_wal_receive_lsn() < '%s'" % end) == "t":
                time.sleep(0.02)
        winner.query("SELECT pg_promote(true, 30)")
        winner.query("CHECKPOINT")  # pg_rewind asks the control file for the timeline
        witness.follow(winner)
        self.primary_place = place
