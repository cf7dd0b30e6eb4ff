"""Two data centres, and one of them is cut off: clients of both go on through the other one. Issue 3, REQ 23, REQ 25.

East and west are network namespaces with two NATS servers each (clusters, joined by gateways), two nodes and a PostgreSQL; a third
PostgreSQL stands in a third place, the witness (support/regions.py). Who has quorum: of the three places the two that see each other.
The primary, in the east, commits when the west or the witness has the commit on disk. Alone it can commit nothing, so nothing can be
acknowledged; and any two places together know of all that was acknowledged. The test plays Patroni's part and promotes.

    cluster_regions.py standby    the west is cut off: the east goes on with the witness's standby
    cluster_regions.py primary    the east is cut off: the west is promoted. The old primary lives on alone, and even crashes and comes
                                  back as a primary with what it had on its own disk
    cluster_regions.py nats       in both at once a NATS server is killed, comes back, and the other one is killed: what crosses finds
                                  another gateway, and no client loses its connection

Clients reach the nodes that are cut off all the time, and write to them: nothing of it may be acknowledged. Then they connect through
the other data centre. After healing no message is lost, none has two stanza-ids, and each sender's order was kept.
"""

import argparse
import asyncio
import os
import random
import sys
import time

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support")]
import namespaces  # noqa: E402
import nothing_lost  # noqa: E402
from cluster import use_binary  # noqa: E402
from cluster_failures import LEASE, ClusterTest, Roamer  # noqa: E402
from regions import Regions  # noqa: E402
from xmpp_client import StreamClosed, XmppClient, XmppError  # noqa: E402

SKIPPED = 77
OTHER = {"east": "west", "west": "east"}
COPIES = "SELECT count(*) FROM (SELECT FROM log_entries WHERE flags & 4 = 0 GROUP BY owner, xml HAVING count(*) %s 1) AS copies"


class Traveller(Roamer):
    async def come_back(self):
        try:
            await super().come_back()
        except XmppError as error:
            if "<temporary-auth-failure" not in str(error):
                raise
            raise StreamClosed("RFC 6120 §6.5.11: the database is being looked for, an app tries again") from error


class RegionsTest(ClusterTest):
    chatter = Traveller

    def __init__(self, regions, case, arguments):
        super().__init__(regions, case, arguments)
        self.regions = regions

    async def kill_in_the_middle(self):
        try:
            await super().kill_in_the_middle()
        except Exception:
            self.gave_up = True  # or the chatters would wait for ever
            raise

    async def when_standby(self):
        await self.cut_off("west", None)

    async def when_primary(self):
        await self.cut_off("east", "west")

    async def when_nats(self):
        for number in range(len(self.regions.nats["east"])):
            gone = [servers[number] for servers in self.regions.nats.values()]
            for server in gone:
                server.kill()
            self.began, received = time.monotonic(), [len(c.stanza_ids) for c in self.chatters]
            while not all(len(c.stanza_ids) > before or len(c.stanza_ids) == c.peer.count for c, before in zip(self.chatters, received)):
                await asyncio.sleep(0.02)  # polling for the event
                if self.gave_up:
                    return
            self.report("NATS server %d of both is dead, and everybody has heard something new" % (number + 1))
            for server in gone:
                server.start()  # on this thread: it ends with the thread that started it

    async def cut_off(self, place, promoted):
        gone = self.regions.nodes_in(place)
        self.away.update(gone)
        endpoints = [node.endpoint for node in gone]
        here = [c for c in self.chatters if c.client.endpoint in endpoints]
        self.regions.network.cut(place)
        self.began = time.monotonic()
        silence = asyncio.create_task(self.without_acknowledgements(3 * LEASE, here, "by the side without quorum"))
        await asyncio.sleep(0)  # so that it has begun
        if promoted:
            await self.off_loop(self.regions.elect, promoted)
            self.report("the %s has the primary" % promoted)
        await self.off_loop(self.regions.wait_until_owned, OTHER[place], 40.0, self.regions.names(OTHER[place]))
        self.report("all accounts live in the %s" % OTHER[place])
        if promoted:
            old = self.regions.databases[place]
            await self.off_loop(old.kill)
            old.start()  # on this thread: the server ends with the thread that started it
            self.report("the old primary has crashed and is back, alone")
        print("written to those who are cut off: %d messages" % await silence, flush=True)
        received = self.received
        for chatter in here:
            chatter.client.cut()  # an app that hears nothing connects anew, and HAProxy knows another node
        while self.received < received + len(self.chatters) or not all(c.online for c in self.chatters):
            await asyncio.sleep(0.02)
            if self.gave_up:
                return
        self.report("clients of both chat through the %s" % OTHER[place])
        for node in gone:
            if "event=suspended" not in node.log(whole=True):
                self.violations.add("a node that was cut off did not say that it is suspended")
        if promoted:
            await self.off_loop(old.kill)  # Patroni has done so long ago
        self.regions.network.mend(place)
        self.began = time.monotonic()
        if promoted:
            old.rewind(self.regions.primary)
        await self.off_loop(self.regions.wait_until_owned, OTHER[place], 60.0)
        self.report("after healing: both own accounts again")
        await self.off_loop(self.regions.wait_until_streaming)
        self.report("after healing: PostgreSQL has both standbys again")
        self.away.clear()

    def report(self, what):
        print("%s: %.2f s" % (what, time.monotonic() - self.began), flush=True)

    def judge(self, took):
        super().judge(took)
        once, twice = (int(self.regions.primary.query(COPIES % how, self.regions.database_name)) for how in ("=", ">"))
        print("in the archives of the receivers: %d once, %d more than once" % (once, twice))
        if twice or once != self.total:
            self.violations.add("the archives hold %d messages once and %d more than once, not %d once", once, twice, self.total)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=("standby", "primary", "nats"))
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--messages", type=int, default=1800)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--pace", type=float, default=0.2, help="mean seconds between two messages of a client")
    parser.add_argument("--binary", help="rookeryd; rookeryctl lies beside it")
    parser.add_argument("--log", action="store_true", help="print the end of the nodes' logs")
    parser.set_defaults(cut=False, pause=False, part=None, kills=1, pause_time=0)
    arguments = parser.parse_args()
    use_binary(arguments.binary)
    reason = namespaces.why_not()
    if reason:
        print("skipped: no network namespaces here: " + reason)
        return SKIPPED
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1 << 32)
    print("seed %d" % arguments.seed, flush=True)
    nothing_lost.PATIENCE += 10
    # A connection to PostgreSQL that was cut is given up after 4 s, and the first host that is tried then is the one that is away.
    XmppClient.patience = 30.0
    began = time.monotonic()
    with Regions(config={"cluster": {"lease": LEASE}}) as regions:
        regions.wait_until_owned("east")
        print("started after %.2f s" % (time.monotonic() - began), flush=True)
        test = RegionsTest(regions, arguments.case, arguments)
        asyncio.run(test.run())
        if arguments.log or test.violations.found:
            for node in regions.nodes:
                print("---- %s\n%s" % (node.config["cluster"]["node"], node.log(whole=True)[-2500:]))
    print("in all %.2f s" % (time.monotonic() - began))
    for line in test.violations.found[:40]:
        print("VIOLATION " + line)
    print("%d violations" % len(test.violations.found))
    return 1 if test.violations.found else 0


if __name__ == "__main__":
    sys.exit(main())
