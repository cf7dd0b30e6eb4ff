"""A rolling restart of three nodes while everybody works: drained, stopped, started again, one after the other. Users see no error.

    cluster_rolling.py [--clients 10] [--messages 2000] [--seed N] [--binary PATH/rookeryd]

Chatters say numbered messages (nothing_lost.py): none is lost or stored twice, orders hold, no message comes back as an error. Askers send IQs
to their account, to the server and to each other, all the time; visitors enter and leave rooms. Every one of these gets its result, or its
connection ends with a stream error that says why (the account moves), and then the same question gets its result after the client has come
back. No login is refused.
"""

import argparse
import asyncio
import collections
import os
import random
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import nothing_lost  # noqa: E402
from cluster import Cluster, use_binary  # noqa: E402
from cluster_failures import LEASE, ClusterTest  # noqa: E402
from xmpp_client import NS_SM, StreamClosed, XmppClient, XmppError  # noqa: E402

NS_MUC = "http://jabber.org/protocol/muc"
PATIENCE = 30.0
# What a client is told when its account goes elsewhere, or its node ends (RFC 6120 §4.9.3).
SAID_WHY = {"reset", "see-other-host", "system-shutdown"}


def condition_of(error):
    return next((child.name for child in error.children if child.name != "text"), None)


class Restless:
    """Does one thing after the other; what a broken connection has interrupted is done again after coming back."""

    def __init__(self, test, user):
        self.test, self.user, self.done, self.outages = test, user, 0, 0
        self.random = random.Random(test.dice.random())
        self.client = XmppClient(None, user + "@localhost", nothing_lost.PASSWORD, resource="busy")
        self.ended_with = collections.Counter()

    async def run(self):
        await self.come_back(first=True)
        while not self.test.rolled:
            try:
                await self.step()
                self.done += 1
            except (OSError, StreamClosed) as error:
                if isinstance(error, TimeoutError):
                    self.test.violations.add("%s: no answer to %s", self.user, self.asked)
                    return
                await self.on_lost()
        await self.client.close()

    async def on_lost(self):
        self.outages += 1
        errors = [e for e in self.client.inbox if e.name == "error" and "streams" in e.ns]
        self.ended_with[condition_of(errors[0]) if errors else "nothing"] += 1
        self.client.cut()
        began = time.monotonic()
        while True:
            try:
                return await self.come_back()
            except (OSError, StreamClosed) as error:
                if time.monotonic() - began > PATIENCE:
                    self.test.violations.add("%s could not come back: %s", self.user, error)
                    raise
                await asyncio.sleep(0.05 + 0.1 * self.random.random())  # a client's back-off

    async def come_back(self, first=False):
        self.client.endpoint = self.test.endpoint(self)
        try:
            answer = None if first else await self.client.resume()
            if answer is not None and answer.name == "error":
                raise XmppError("the stream ended instead of <resumed/>", answer)
            if answer is None or answer.name == "failed" and answer.ns == NS_SM:
                if first:
                    await self.client.connect()
                else:
                    await self.client.bind()
                await self.client.enable_sm()
                self.client.resumable = None
                await self.client.go_online()
        except StreamClosed:
            raise
        except XmppError as error:
            if error.element is not None and error.element.name == "error" and condition_of(error.element) in SAID_WHY:
                raise StreamClosed("the account moves just now") from error
            self.test.violations.add("%s: refused at login: %s", self.user, error)
            raise

    def check(self, answer):
        if answer.get("type") == "error":
            self.test.violations.add("%s: %s was answered with %s", self.user, self.asked, answer)


class Asker(Restless):
    QUESTIONS = (("", "<query xmlns='jabber:iq:roster'/>"), ("localhost", "<query xmlns='http://jabber.org/protocol/disco#info'/>"),
                 ("", "<query xmlns='jabber:iq:private'><x xmlns='urn:example:x'/></query>"), ("", "<prefs xmlns='urn:xmpp:mam:2'/>"),
                 ("pubsub.localhost", "<query xmlns='http://jabber.org/protocol/disco#items'/>"))

    async def step(self):
        to, payload = self.asked = self.random.choice(self.QUESTIONS)
        self.check(await self.client.iq("get", payload, to=to or None, timeout=PATIENCE))
        await asyncio.sleep(0.02 * self.random.random())


class Visitor(Restless):
    """Enters a room that is there for good, says something and leaves."""

    async def step(self):
        room = self.asked = "%s@conference.localhost" % self.random.choice(self.test.rooms)
        me = "%s/%s" % (room, self.user)
        self.client.send("<presence to='%s'><x xmlns='%s'><history maxstanzas='0'/></x></presence>" % (me, NS_MUC))
        self.check(await self.mine(me, lambda kind: kind != "unavailable"))
        self.client.send("<presence type='unavailable' to='%s'/>" % me)
        self.check(await self.mine(me, lambda kind: kind in ("unavailable", "error")))
        # The stream's end may have come with the answer.
        self.client.inbox = collections.deque(element for element in self.client.inbox if element.name == "error")

    async def mine(self, me, is_kind):
        return await self.client.receive_where(lambda e: e.name == "error" or e.name == "presence" and e.get("from") == me and is_kind(e.get("type")), PATIENCE)

    def check(self, answer):
        if answer.name == "error":
            self.client.inbox.append(answer)
            raise StreamClosed("the stream ended")
        super().check(answer)


class RollingTest(ClusterTest):
    def __init__(self, cluster, arguments):
        super().__init__(cluster, "rolling", arguments)
        self.rolled = False
        self.rooms = ["room%d" % n for n in range(6)]
        self.restless = [Asker(self, "asker%d" % n) for n in range(4)] + [Visitor(self, "visitor%d" % n) for n in range(4)]

    async def make_rooms(self):
        self.cluster.add_account("host", nothing_lost.PASSWORD)
        host = XmppClient(self.cluster.nodes[0].endpoint, "host@localhost", nothing_lost.PASSWORD)
        await host.connect()
        form = ("<query xmlns='%s#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>%s#roomconfig</value></field>"
                "<field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query>" % (NS_MUC, NS_MUC))
        for room in self.rooms:
            bare = room + "@conference.localhost"
            host.send("<presence to='%s/host'><x xmlns='%s'/></presence>" % (bare, NS_MUC))
            answer = await host.iq("set", form, to=bare)
            if answer.get("type") != "result":
                raise RuntimeError("no room: %s" % answer)
        await host.close()

    async def when_rolling(self):
        for number, node in enumerate(self.cluster.nodes, 1):
            others = ["node-%d" % n for n in range(1, len(self.cluster.nodes) + 1) if n != number]
            began = time.monotonic()
            self.away.add(node)
            await self.off_loop(node.ctl, "drain")
            await self.off_loop(self.cluster.wait_until_owned, 60.0, others)
            drained = time.monotonic() - began
            status = await self.off_loop(node.stop)
            if status != 0:
                self.violations.add("node-%d ended with status %s", number, status)
            errors = re.findall(r".*level=error.*", node.log())
            if errors:
                self.violations.add("node-%d: %s", number, errors[:3])
            node.start()  # on this thread: a process ends with the thread that started it
            self.away.discard(node)
            await self.off_loop(self.cluster.wait_until_owned, 60.0, [*others, "node-%d" % number])
            print("node-%d: drained after %.2f s, back with its share after %.2f s, at %d received"
                  % (number, drained, time.monotonic() - began, self.received), flush=True)

    async def kill_in_the_middle(self):
        try:
            await super().kill_in_the_middle()
        except Exception:
            self.gave_up = True  # or the chatters would wait for ever
            raise
        finally:
            self.rolled = True

    async def run(self):
        await self.make_rooms()
        for one in self.restless:
            self.cluster.add_account(one.user, nothing_lost.PASSWORD)
        await asyncio.gather(super().run(), *(one.run() for one in self.restless))

    def judge(self, took):
        super().judge(took)
        for kind in (Asker, Visitor):
            them = [one for one in self.restless if isinstance(one, kind)]
            print("%ss: %d done, connections lost %d" % (kind.__name__, sum(one.done for one in them), sum(one.outages for one in them)))
        ended = sum((one.ended_with for one in self.restless), collections.Counter())
        print("how their connections ended: %s" % dict(ended))
        for how in set(ended) - SAID_WHY:
            self.violations.add("%d connections ended with %s", ended[how], how)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--pace", type=float, default=0.1, help="mean seconds between two messages of a client")
    parser.add_argument("--binary", help="rookeryd; rookeryctl lies beside it")
    parser.set_defaults(cut=False, pause=False, part=None, kills=1, pause_time=0)
    arguments = parser.parse_args()
    use_binary(arguments.binary)
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1 << 32)
    print("seed %d" % arguments.seed, flush=True)
    with Cluster(3, 1, {"cluster": {"lease": LEASE}}) as cluster:
        cluster.wait_until_owned(by=["node-1", "node-2", "node-3"])
        test = RollingTest(cluster, arguments)
        asyncio.run(test.run())
        if test.violations.found:
            for number, node in enumerate(cluster.nodes, 1):
                print("---- node-%d\n%s" % (number, node.log(whole=True)[-1500:]))
    for line in test.violations.found[:40]:
        print("VIOLATION " + line)
    print("%d violations" % len(test.violations.found))
    return 1 if test.violations.found else 0


if __name__ == "__main__":
    sys.exit(main())
