"""Version N of the wire between nodes talks to N+1: during an upgrade both run.

Two nodes of this version with a proxy between one of them and NATS, which makes what one of them says look newer: unknown tags behind
every packet and body, and packets of an unknown topic in between that must be counted and acknowledged (support/nats_proxy.py).

    cluster_versions.py node|others [--clients 8] [--messages 800] [--seed N] [--binary PATH/rookeryd]

node: that node is newer, the other one reads it. others: the other one is newer. Clients chat and lose their sockets: each resumes, numbered
messages come once and in order (nothing_lost.py); occupants of rooms on both nodes hear each other; then the newer node is drained, and all
goes on at the other.
"""

import argparse
import asyncio
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
from cluster import Cluster, use_binary  # noqa: E402
from cluster_failures import ClusterTest  # noqa: E402
from nats_proxy import UNKNOWN  # noqa: E402
from xmpp_client import XmppClient  # noqa: E402

NS_MUC = "http://jabber.org/protocol/muc"
ENVELOPE, ATTACH, ATTACHED, LINK_INPUT, LINK_LOST, LINK_OUTPUT = 1, 2, 3, 4, 5, 6
PATIENCE = 30.0


class VersionsTest(ClusterTest):
    """Sockets are cut in the middle, as often as `--kills` says, and every session has to be resumed."""

    def __init__(self, cluster, arguments):
        super().__init__(cluster, "versions", arguments)
        self.kills_left = 0
        for chatter in self.chatters:
            chatter.client.endpoint = self.endpoint(chatter)


class Guest:
    def __init__(self, user, edge, room):
        self.nick, self.room, self.heard = user, room, []
        self.client = XmppClient(edge.endpoint, user + "@localhost", "secret", resource="desk")
        self.client.intercept = self.take

    def take(self, element):
        if element.name == "message" and element.get("type") == "groupchat" and element.find("body") is not None:
            self.heard.append(element.find("body").text)
            return True
        return element.name == "presence"

    async def enter(self):
        await self.client.connect()
        self.client.send("<presence to='%s/%s'><x xmlns='%s'><history maxstanzas='0'/></x></presence>" % (self.room, self.nick, NS_MUC))
        await self.client.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to="%s/%s" % (self.room, self.nick))

    async def talk(self, count):
        for number in range(count):
            self.client.send("<message to='%s' type='groupchat'><body>%s:%d</body></message>" % (self.room, self.nick, number))
            await asyncio.sleep(0.01)


async def talk_in_rooms(cluster, violations):
    """A room on each node, and occupants whose accounts and edges are on both."""
    for node in ("node-1", "node-2"):
        room = next(bare for bare in ("room%d@conference.localhost" % n for n in range(100)) if cluster.owner(bare) == node)
        guests = [Guest(cluster.account_at(home, node + "-guest"), edge, room) for home, edge in zip(("node-1", "node-2"), reversed(cluster.nodes))]
        for guest in guests:
            await guest.enter()
            if guest is guests[0]:
                await guest.client.iq("set", "<query xmlns='%s#owner'><x xmlns='jabber:x:data' type='submit'/></query>" % NS_MUC, to=room)
        await asyncio.gather(*(guest.talk(30) for guest in guests))
        for guest in guests:
            await guest.client.wait_for(lambda guest=guest: len(guest.heard) >= 60, PATIENCE)
            for other in guests:
                if [body for body in guest.heard if body.startswith(other.nick + ":")] != ["%s:%d" % (other.nick, n) for n in range(30)]:
                    violations.add("%s heard in %s: %s", guest.nick, room, guest.heard)
        if guests[0].heard != guests[1].heard:
            violations.add("%s has no one order", room)
        for guest in guests:
            await guest.client.close()


def judge(cluster, violations):
    proxy, = cluster.proxies.values()
    counts = proxy.rewriter.counts
    print("made newer, by topic: %s; of %d packets of an unknown topic %d were acknowledged in one stream at most"
          % ({topic: n for topic, n in sorted(counts.items(), key=str) if topic not in (UNKNOWN, "acknowledged")}, counts[UNKNOWN], counts["acknowledged"]))
    for topic in (ENVELOPE, ATTACH, ATTACHED, LINK_INPUT, LINK_LOST, LINK_OUTPUT):
        if not counts[topic]:
            violations.add("nothing of topic %d went through the proxy", topic)
    if not counts["acknowledged"] or not any("event=topic_not_understood topic=%d" % UNKNOWN in node.log(whole=True) for node in cluster.nodes):
        violations.add("no packet of an unknown topic was seen and acknowledged")
    for problem in proxy.problems:
        violations.add("the proxy: %s", problem)
    for node in cluster.nodes:
        for event in ("packet_not_understood", "envelope_not_understood", "level=error"):
            if event in node.log(whole=True):
                violations.add("%s in the log of %s", event, node.config["cluster"]["node"])


async def upgrade(cluster, test):
    await test.run()
    await talk_in_rooms(cluster, test.violations)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, cluster.nodes[1].ctl, "drain")
    await loop.run_in_executor(None, cluster.wait_until_owned, 30.0, ["node-1"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("who", choices=("node", "others"))
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--messages", type=int, default=800)
    parser.add_argument("--kills", type=int, default=2, help="of each client's socket")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--pace", type=float, default=0.03, help="mean seconds between two messages of a client")
    parser.add_argument("--binary", help="rookeryd; rookeryctl lies beside it")
    parser.set_defaults(cut=True, pause=False, part=None, pause_time=0)
    arguments = parser.parse_args()
    use_binary(arguments.binary)
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1 << 32)
    print("seed %d" % arguments.seed, flush=True)
    with Cluster(2, 1, newer={1: arguments.who}) as cluster:
        cluster.wait_until_owned(by=["node-1", "node-2"])
        test = VersionsTest(cluster, arguments)
        asyncio.run(upgrade(cluster, test))
        judge(cluster, test.violations)
        if test.violations.found:
            for number, node in enumerate(cluster.nodes, 1):
                print("---- node-%d\n%s" % (number, node.log(whole=True)[-1500:]))
    for line in test.violations.found[:40]:
        print("VIOLATION " + line)
    print("%d violations" % len(test.violations.found))
    return 1 if test.violations.found else 0


if __name__ == "__main__":
    sys.exit(main())
