#!/usr/bin/python3
"""What N nodes hold, calculated from what bench/cluster measured: docs/SCALING.md says how far to believe it.

    bench/scale_model.py [--accounts 10000000] [--messages-a-day 50] [--nodes 10,30,100]

Each constant below is a measurement; its comment says which. The rest is arithmetic, in functions that tests/unit/bench checks."""

import argparse
import math
import random
from dataclasses import dataclass

SHARDS = 1024

# bench/cluster hops, 500 messages/s on two nodes, CPU us a message (2026-11-30, quiet machine); "local" is without any hop.
ROOKERYD_LOCAL_US = 140.0
ROOKERYD_EDGE_HOP_US = 84.0   # (remote edge - local) / 2: a message passes two edges
ROOKERYD_HOME_HOP_US = 140.0  # remote home - local
NATS_EDGE_HOP_US = 80.0
NATS_HOME_HOP_US = 102.0
# Ten rows of that day's hops and spread, least squares: us = POSTGRES_TRANSACTION_US * transactions a message + POSTGRES_MESSAGE_US.
POSTGRES_TRANSACTION_US = 228.0
POSTGRES_MESSAGE_US = 28.0
COMMIT_MS = 0.43             # what a batch waits, others included
WAL_KB = 1.7                 # a message, both archives, 200 bytes of text
STORED_KB = 1.1
# bench/cluster idle: PostgreSQL's CPU for the leases, ms a second and node
LEASES_MS = 3.0
# bench/cluster login 2, us a login; the first time, which loads the home from PostgreSQL
LOGIN_ROOKERYD_US = 1094.0
LOGIN_POSTGRES_US = 258.0
POSTGRES_CONNECTIONS = 4     # of a node with one loop
# bench/cluster memory 2: a quiet TLS connection with its session, on all nodes together
CONNECTION_KIB = 22.3

# What was measured with bench/cluster spread, 500 messages/s: rookeryd, NATS, PostgreSQL us a message, transactions a message.
MEASURED = {1: (124.0, 0.0, 226.0, 1.06), 2: (272.0, 118.0, 266.0, 1.03), 3: (358.0, 154.0, 308.0, 1.01)}


@dataclass(frozen=True)
class Load:
    accounts: int              # online
    messages_a_day: float      # that each sends
    peak: float = 3.0          # the busiest second beside the average one

    @property
    def messages_per_s(self):
        return self.accounts * self.messages_a_day / 86400 * self.peak


def remote_share(nodes):
    """How many of the clients have their home on another node, and of the messages their receiver's."""
    return (nodes - 1) / nodes


def rookeryd_us(nodes):
    return ROOKERYD_LOCAL_US + remote_share(nodes) * (2 * ROOKERYD_EDGE_HOP_US + ROOKERYD_HOME_HOP_US)


def nats_us(nodes):
    return remote_share(nodes) * (2 * NATS_EDGE_HOP_US + NATS_HOME_HOP_US)


def messages_per_transaction(messages_per_s_of_a_node):
    """A node has one transaction under way; what comes meanwhile is the next one."""
    return max(1.0, messages_per_s_of_a_node * COMMIT_MS / 1000)


def postgres_us(transactions_per_message):
    return POSTGRES_TRANSACTION_US * transactions_per_message + POSTGRES_MESSAGE_US


def interests(nodes, loops):
    """Subjects that somebody listens to: the shards, each loop, and one for components at each node. Accounts are in none of them."""
    return SHARDS + nodes * loops + nodes


def streams_of_a_node(nodes, loops):
    """Numbered streams that a node keeps, (to shards and loops of others, from them), when everybody has talked to everybody."""
    others = (nodes - 1) * loops
    out = loops * (round(SHARDS * remote_share(nodes)) + others)
    return out, math.ceil(SHARDS / nodes) * others + loops * others


def shard_imbalance(nodes):
    """The fullest node's shards beside the average."""
    return math.ceil(SHARDS / nodes) / (SHARDS / nodes)


def loop_imbalance(nodes, loops, tries=200, seed=1):
    """The same for loops, whose shards are those of the node by number modulo loops; the node's shards are any, as after some moves."""
    chance = random.Random(seed)
    mine = SHARDS // nodes
    worst = 0.0
    for _ in range(tries):
        counts = [0] * loops
        for shard in chance.sample(range(SHARDS), mine):
            counts[shard % loops] += 1
        worst += max(counts) / (mine / loops) / tries
    return worst


def account_imbalance(accounts, nodes):
    """By chance alone: four standard deviations of a node's accounts, in parts of them."""
    return 4 / math.sqrt(accounts / nodes)


@dataclass(frozen=True)
class Failover:
    logins: float              # clients that have to log in anew
    login_cores_s: float       # CPU seconds of all nodes together
    postgres_cores_s: float
    extra: float               # what each remaining node has more, in parts


def failover(load, nodes):
    """One node dies: its clients lose their edge, and the clients of its accounts their home, (N-1)/N of them through other nodes."""
    logins = load.accounts / nodes * (1 + remote_share(nodes))
    return Failover(logins, logins * LOGIN_ROOKERYD_US / 1e6, logins * LOGIN_POSTGRES_US / 1e6, 1 / (nodes - 1))


def upgrade_logins(load, nodes):
    """All nodes one after the other: each gives its shards away and takes as many back, and closes its clients' connections once."""
    return load.accounts * (1 + 2 * remote_share(nodes))


@dataclass(frozen=True)
class Network:
    cores: float               # of one node, busiest second
    memory_gib: float          # of one node, connections and their sessions alone
    nats_cores: float          # in all
    postgres_cores: float
    lease_cores: float         # of PostgreSQL's
    transactions_per_s: float
    wal_mb_per_s: float
    stored_tb_per_year: float
    postgres_connections: int


def network(load, nodes):
    rate = load.messages_per_s
    transactions = 1 / messages_per_transaction(rate / nodes)
    lease_cores = nodes * LEASES_MS / 1000
    return Network(cores=rate / nodes * rookeryd_us(nodes) / 1e6, memory_gib=load.accounts / nodes * CONNECTION_KIB / 1024 / 1024,
                   nats_cores=rate * nats_us(nodes) / 1e6, postgres_cores=rate * postgres_us(transactions) / 1e6 + lease_cores,
                   lease_cores=lease_cores, transactions_per_s=rate * transactions, wal_mb_per_s=rate * WAL_KB / 1000,
                   stored_tb_per_year=load.accounts * load.messages_a_day * 365 * STORED_KB / 1e9,
                   postgres_connections=nodes * POSTGRES_CONNECTIONS)


def most_messages_per_s(postgres_cores):
    """Where one PostgreSQL of so many cores is full, when no two messages share a transaction."""
    return postgres_cores * 1e6 / postgres_us(1.0)


def errors():
    """{nodes: (rookeryd, NATS, PostgreSQL)}: the model's error in parts, where there is a measurement."""
    return {nodes: tuple(model / measured - 1 if measured > 1 else 0.0
                         for model, measured in zip((rookeryd_us(nodes), nats_us(nodes), postgres_us(transactions)), figures))
            for nodes, (*figures, transactions) in MEASURED.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=10_000_000)
    parser.add_argument("--messages-a-day", type=float, default=50)
    parser.add_argument("--nodes", default="10,30,100,200")
    parser.add_argument("--loops", type=int, default=8, help="of a node")
    arguments = parser.parse_args()
    load, numbers = Load(arguments.accounts, arguments.messages_a_day), [int(n) for n in arguments.nodes.split(",")]
    print("model against measurement (rookeryd, NATS, PostgreSQL):")
    for nodes, parts in errors().items():
        print("  %d nodes: %s" % (nodes, ", ".join("%+.0f %%" % (100 * part) for part in parts)))
    print("\n%d accounts online, %.0f messages/s in the busiest second" % (load.accounts, load.messages_per_s))
    rows = [("accounts a node", lambda n: "%d" % (load.accounts / n)),
            ("memory for connections, GiB a node", lambda n: "%.1f" % network(load, n).memory_gib),
            ("rookeryd, us a message", lambda n: "%.0f" % rookeryd_us(n)),
            ("rookeryd, cores a node", lambda n: "%.2f" % network(load, n).cores),
            ("NATS, cores in all", lambda n: "%.1f" % network(load, n).nats_cores),
            ("PostgreSQL, cores", lambda n: "%.1f" % network(load, n).postgres_cores),
            ("  of these for leases", lambda n: "%.2f" % network(load, n).lease_cores),
            ("transactions/s", lambda n: "%.0f" % network(load, n).transactions_per_s),
            ("connections to PostgreSQL", lambda n: "%d" % network(load, n).postgres_connections),
            ("NATS interests", lambda n: "%d" % interests(n, arguments.loops)),
            ("streams of a node, out + in", lambda n: "%d + %d" % streams_of_a_node(n, arguments.loops)),
            ("fullest node / average, shards", lambda n: "%.2f" % shard_imbalance(n)),
            ("fullest loop / average", lambda n: "%.2f" % loop_imbalance(n, arguments.loops)),
            ("one dies: logins", lambda n: "%.0f" % failover(load, n).logins),
            ("  CPU seconds of nodes / PostgreSQL", lambda n: "%.0f / %.0f" % (failover(load, n).login_cores_s, failover(load, n).postgres_cores_s)),
            ("  the others have more, %", lambda n: "%.1f" % (100 * failover(load, n).extra)),
            ("an upgrade of all: logins", lambda n: "%.0f" % upgrade_logins(load, n)),
            ("  hours, if logins may use 4 PostgreSQL cores", lambda n: "%.1f" % (upgrade_logins(load, n) * LOGIN_POSTGRES_US / 4e6 / 3600))]
    print("\n| nodes | %s |\n|---|%s" % (" | ".join(map(str, numbers)), "---:|" * len(numbers)))
    for title, cell in rows:
        print("| %s | %s |" % (title, " | ".join(map(cell, numbers))))
    whole = network(load, numbers[-1])
    print("\nWAL %.0f MB/s, archive %.0f TB a year; a PostgreSQL of 64 cores is full at %.0f messages/s" % (
        whole.wal_mb_per_s, whole.stored_tb_per_year, most_messages_per_s(64)))


if __name__ == "__main__":
    main()
