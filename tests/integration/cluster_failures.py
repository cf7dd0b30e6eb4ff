"""The failure table of docs/DESIGN §6: clients in pairs chat over a cluster while a part of it dies. REQ 23, REQ 25.

Every message that was acknowledged arrives, none is stored twice, each sender's order is kept; recovery times are printed.

    cluster_failures.py CASE [--pause-time SECONDS] [--clients 20] [--messages 3000] [--seed N] [--binary PATH/rookeryd]

Cases:
    edge      a node that owns no accounts is killed: every session is resumed through another node
    home      a node that owns accounts is killed: they move within the lease time
    nats      one of three NATS servers is killed
    postgres  PostgreSQL is killed and started again at once: writes wait, then go on
    outage    the same for three times as long as a lease lasts: nothing is acknowledged meanwhile, and nothing moves afterwards
    paused    a node stands still for longer than its lease lasts (SIGSTOP), and comes back: it is fenced
    partition a node is cut off from PostgreSQL and NATS while its clients still reach it: it acknowledges nothing; then it comes back
    drain     a node gives its accounts away and is stopped, while everybody chats
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import time

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support")]
import nothing_lost  # noqa: E402
from cluster import Cluster, use_binary  # noqa: E402
from nothing_lost import Chatter, Test  # noqa: E402
from xmpp_client import StreamClosed, XmppError  # noqa: E402

LEASE = 4
CASES = {
    #           nodes, NATS servers, config of single nodes
    "edge": (3, 1, {2: {"cluster": {"edge_only": True}}}),
    "home": (3, 1, {}),
    "nats": (2, 3, {}),
    "postgres": (2, 1, {}),
    "outage": (2, 1, {}),
    "paused": (3, 1, {}),
    "partition": (3, 1, {}),
    "drain": (3, 1, {}),
}


class Roamer(Chatter):
    """Connects to whichever node takes it."""

    async def come_back(self):
        self.client.endpoint = self.test.endpoint(self)
        try:
            await super().come_back()
        except XmppError as error:
            if "<stream:error" not in str(error):
                raise
            raise StreamClosed("the account moves just now: an app comes again") from error


class ClusterTest(Test):
    chatter = Roamer

    def __init__(self, cluster, case, arguments):
        nothing_lost.Chatter = self.chatter
        super().__init__(cluster.nodes[0], arguments)
        self.cluster, self.case = cluster, case
        self.dice = random.Random(arguments.seed)
        self.pause_time = arguments.pause_time
        self.away = set()  # nodes that take no connections now
        for number, chatter in enumerate(self.chatters):
            chatter.client.endpoint = cluster.nodes[number % len(cluster.nodes)].endpoint

    def endpoint(self, chatter):
        # As HAProxy does it: a node that does not answer gets nobody.
        nodes = [node for node in self.cluster.nodes_alive() if node not in self.away]
        return chatter.random.choice(nodes).endpoint

    async def off_loop(self, function, *arguments):
        return await asyncio.get_running_loop().run_in_executor(None, function, *arguments)

    async def kill_in_the_middle(self):
        while self.received < self.total // 3 or not all(c.online for c in self.chatters):
            await asyncio.sleep(0.02)  # polling: this is when, not how long
            if self.gave_up:
                return
        began = time.monotonic()
        await getattr(self, "when_" + self.case)()
        print("%s: over after %.2f s, at %d received" % (self.case, time.monotonic() - began, self.received), flush=True)
        self.kills_left = 0

    async def when_edge(self):
        self.cluster.nodes[2].kill()

    async def when_home(self):
        self.cluster.nodes[1].kill()
        took = await self.off_loop(self.cluster.wait_until_owned, 30.0, ["node-1", "node-3"])
        print("the dead node's shards have new owners after %.2f s" % took, flush=True)

    async def when_nats(self):
        self.cluster.nats[self.dice.randrange(3)].kill()

    async def without_acknowledgements(self, seconds, chatters, where):
        """Nothing that is sent from now on is acknowledged, over the connections of now; the acknowledgements of what was sent before may
        still be on their way. How many were sent."""
        before = [(c, c.sent, c.outages) for c in chatters]
        await asyncio.sleep(seconds)
        still = [(c, sent) for c, sent, outages in before if c.outages == outages]
        count = sum(max(0, c.sent - len(c.unacked_messages()) - sent) for c, sent in still)
        if count:
            self.violations.add("%d messages were acknowledged %s", count, where)
        return sum(c.sent - sent for c, sent in still)

    async def without_postgres(self, seconds):
        await self.off_loop(self.cluster.postgres.kill)
        await self.without_acknowledgements(seconds, self.chatters, "without a database")
        self.cluster.postgres.start()  # on this thread: the server ends with the thread that started it
        back, received = time.monotonic(), self.received
        while self.received == received and not self.gave_up:
            await asyncio.sleep(0.01)
        print("the next message came %.2f s after PostgreSQL's return" % (time.monotonic() - back), flush=True)

    async def when_postgres(self):
        await self.without_postgres(1)

    async def when_outage(self):
        await self.without_postgres(3 * LEASE)

    async def when_partition(self):
        node = self.cluster.nodes[1]
        self.away.add(node)
        here = [c for c in self.chatters if c.client.endpoint == node.endpoint]
        self.cluster.cut(1)
        silence = asyncio.create_task(self.without_acknowledgements(2 * LEASE, here, "by the side without quorum"))
        await asyncio.sleep(0)  # so that it has begun
        took = await self.off_loop(self.cluster.wait_until_owned, 30.0, ["node-1", "node-3"])
        print("the shards of the node that was cut off have new owners after %.2f s" % took, flush=True)
        await silence
        for chatter in here:
            chatter.client.cut()  # an app that hears nothing connects anew, and HAProxy knows another node
        await asyncio.sleep(1)
        self.cluster.mend(1)
        took = await self.off_loop(self.cluster.wait_until_owned, 60.0, ["node-1", "node-2", "node-3"])
        print("after healing it owns shards again after %.2f s" % took, flush=True)
        self.away.discard(node)

    async def when_paused(self):
        node = self.cluster.nodes[1]
        self.away.add(node)
        node.process.send_signal(signal.SIGSTOP)
        took = await self.off_loop(self.cluster.wait_until_owned, 30.0, ["node-1", "node-3"])
        print("the paused node's shards have new owners after %.2f s" % took, flush=True)
        await asyncio.sleep(self.pause_time)
        node.process.send_signal(signal.SIGCONT)
        await self.off_loop(self.cluster.wait_until_owned, 30.0, ["node-1", "node-2", "node-3"])
        self.away.discard(node)

    async def when_drain(self):
        node = self.cluster.nodes[1]
        self.away.add(node)
        await self.off_loop(node.ctl, "drain")
        took = await self.off_loop(self.cluster.wait_until_owned, 30.0, ["node-1", "node-3"])
        print("drained after %.2f s" % took, flush=True)
        status = await self.off_loop(node.stop)
        if status != 0:
            self.violations.add("the drained node ended with status %s", status)

    def judge(self, took):
        super().judge(took)
        if self.case == "edge" and sum(c.failed for c in self.chatters):
            self.violations.add("%d sessions were not resumed though their homes live", sum(c.failed for c in self.chatters))
        if self.case in ("postgres", "outage") and sum(c.outages for c in self.chatters):
            self.violations.add("%d clients lost their connection though every node lives", sum(c.outages for c in self.chatters))
        if self.case == "nats" and sum(c.outages for c in self.chatters):
            self.violations.add("%d clients lost their connection to a NATS server's death", sum(c.outages for c in self.chatters))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=sorted(CASES))
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--pace", type=float, default=0.05, help="mean seconds between two messages of a client")
    parser.add_argument("--pause-time", type=float, default=2, help="paused: how long the node stands still after it has lost its leases")
    parser.add_argument("--binary", help="rookeryd; rookeryctl lies beside it")
    parser.add_argument("--log", action="store_true", help="print the end of the nodes' logs")
    parser.set_defaults(cut=False, pause=False, part=None, kills=1)
    arguments = parser.parse_args()
    use_binary(arguments.binary)
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1 << 32)
    print("seed %d" % arguments.seed, flush=True)
    nothing_lost.PATIENCE += arguments.pause_time
    nodes, nats, configs = CASES[arguments.case]
    with Cluster(nodes, nats, {"cluster": {"lease": LEASE}}, configs, cabled={1} if arguments.case == "partition" else ()) as cluster:
        cluster.wait_until_owned(by=["node-%d" % (n + 1) for n in range(nodes) if n not in configs])
        test = ClusterTest(cluster, arguments.case, arguments)
        asyncio.run(test.run())
        if arguments.log or test.violations.found:
            for number, node in enumerate(cluster.nodes, 1):
                print("---- node-%d\n%s" % (number, node.log(whole=True)[-1500:]))
    for line in test.violations.found[:40]:
        print("VIOLATION " + line)
    print("%d violations" % len(test.violations.found))
    return 1 if test.violations.found else 0


if __name__ == "__main__":
    sys.exit(main())
