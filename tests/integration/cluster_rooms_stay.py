"""A room's owner goes while its occupants talk, and they do not notice: nobody enters again (docs/adr/0005).

The accounts of all occupants are on other nodes than the room, and so are their connections. They say numbered messages while
the room's node is killed, or drained. What was acknowledged reaches everybody, once, in one order; who leaves and who enters
while the room has no owner is seen to; the self-ping (XEP-0410) says yes.

    cluster_rooms_stay.py kill|drain [--messages 60] [--seed N] [--binary PATH/rookeryd]
"""
# REQ 20, REQ 25: in a room of a cluster.

import argparse
import asyncio
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
from cluster import Cluster, use_binary  # noqa: E402
from xmpp_client import XmppClient, new_id  # noqa: E402

ROOM = "coven@conference.localhost"
NS_MUC = "http://jabber.org/protocol/muc"
LEASE = 3
PATIENCE = 30.0


class Occupant:
    def __init__(self, test, user, edge):
        self.test, self.nick = test, user
        self.client = XmppClient(edge.endpoint, user + "@localhost", "secret", resource="desk")
        self.client.intercept = self.take
        self.heard, self.said, self.presences, self.refusals = [], [], [], []

    def take(self, element):
        if element.name == "message" and element.get("type") == "groupchat" and element.find("body") is not None:
            self.heard.append(element.find("body").text)
            return True
        if element.name == "message" and element.get("type") == "error":
            self.refusals.append(str(element))
            return True
        if element.name == "presence" and element.get("from", "").startswith(ROOM):
            x = element.find("x", NS_MUC + "#user")
            self.presences.append((element.get("from").partition("/")[2], element.get("type"), x.find("item").get("role") if x else None))
            return True
        return False

    def sees(self, nick, kind=None):
        return [p for p in self.presences if p[0] == nick and p[1] == kind]

    async def connect(self):
        await self.client.connect()
        await self.client.enable_sm()
        await self.client.go_online()

    async def enter(self):
        """The room may have no owner now, and answers when it has."""
        self.client.send("<presence to='%s/%s'><x xmlns='%s'><history maxstanzas='0'/></x></presence>" % (ROOM, self.nick, NS_MUC))
        await self.client.wait_for(lambda: self.sees(self.nick) or self.sees(self.nick, "error"), PATIENCE)

    async def talk(self, count):
        for number in range(count):
            body = "%s:%d" % (self.nick, number)
            self.said.append(body)
            self.client.send("<message to='%s' type='groupchat' id='%s'><body>%s</body></message>" % (ROOM, new_id("g"), body))
            await asyncio.sleep(0.03 + 0.04 * self.test.dice.random())

    async def ask(self, kind, payload, to):
        answer = await self.client.iq(kind, payload, to=to, timeout=PATIENCE)
        return answer.get("type")


class StayTest:
    def __init__(self, cluster, arguments):
        self.cluster, self.case, self.each = cluster, arguments.case, arguments.messages
        self.dice = random.Random(arguments.seed)
        self.violations = []

    def node_of(self, bare):
        """Its number from 0; None while nobody owns the shard."""
        name = self.cluster.owner(bare)
        return int(name[-1]) - 1 if name else None

    def make_occupants(self):
        self.owner = self.node_of(ROOM)
        others = [n for n in range(3) if n != self.owner]
        users = [user for user in ("user%d" % n for n in range(60)) if self.node_of(user + "@localhost") != self.owner][:7]
        for user in users:
            self.cluster.add_account(user, "secret")
        # Some are connected where their account is, some elsewhere.
        made = [Occupant(self, user, self.cluster.nodes[others[n % 2]]) for n, user in enumerate(users)]
        self.talkers, self.listener, self.leaver, self.comer = made[:4], made[4], made[5], made[6]
        self.stayed = made[:5]

    async def set_up(self):
        for one in [*self.stayed, self.leaver, self.comer]:
            await one.connect()
        for one in [*self.stayed, self.leaver]:
            await one.enter()
            if one is self.talkers[0]:
                form = "<query xmlns='%s#owner'><x xmlns='jabber:x:data' type='submit'/></query>" % NS_MUC
                self.expect(await one.ask("set", form, ROOM) == "result", "the room was not configured")
        # A role that is nobody's by affiliation, and that no store knows.
        role = "<query xmlns='%s#admin'><item nick='%s' role='moderator'/></query>" % (NS_MUC, self.talkers[1].nick)
        self.expect(await self.talkers[0].ask("set", role, ROOM) == "result", "the role was not given")
        for one in self.stayed:
            await one.client.wait_for(lambda one=one: one.sees(self.leaver.nick) and (self.talkers[1].nick, None, "moderator") in one.presences)
            one.presences.clear()

    def expect(self, condition, what):
        if not condition:
            self.violations.append(what)

    async def take_owner_away(self):
        while len(self.listener.heard) < self.each:  # a quarter
            await asyncio.sleep(0.01)  # polling: this is when, not how long
        began = time.monotonic()
        node = self.cluster.nodes[self.owner]
        if self.case == "kill":
            node.kill()
        else:
            await asyncio.get_running_loop().run_in_executor(None, node.ctl, "drain")
        self.leaver.client.send("<presence type='unavailable' to='%s/%s'/>" % (ROOM, self.leaver.nick))
        entering = asyncio.create_task(self.comer.enter())
        while self.node_of(ROOM) in (None, self.owner):
            await asyncio.sleep(0.05)  # polling for the event
        moved, heard = time.monotonic(), len(self.listener.heard)
        while len(self.listener.heard) == heard:
            await asyncio.sleep(0.01)
        await entering
        print("node-%d owned the room; it has another owner after %.2f s, and goes on after %.2f s"
              % (self.owner + 1, moved - began, time.monotonic() - began), flush=True)
        if self.case == "drain":
            node.stop()

    async def run(self):
        self.make_occupants()
        await self.set_up()
        await asyncio.wait_for(asyncio.gather(self.take_owner_away(), *(t.talk(self.each) for t in self.talkers)), 90)
        for talker in self.talkers:
            await talker.client.settled(PATIENCE)
        total = self.each * len(self.talkers)
        for one in self.stayed:
            try:
                await one.client.wait_for(lambda one=one: len(one.heard) >= total and one.sees(self.comer.nick) and one.sees(self.leaver.nick, "unavailable"), 10)
            except TimeoutError:
                pass  # judged below
            self.expect(await one.ask("get", "<ping xmlns='urn:xmpp:ping'/>", "%s/%s" % (ROOM, one.nick)) == "result", "%s: self-ping says no" % one.nick)
        try:
            await self.comer.client.wait_for(lambda: all(self.comer.sees(one.nick) for one in self.stayed), 10)
        except TimeoutError:
            pass
        self.judge()

    def judge(self):
        for one in self.stayed:
            for talker in self.talkers:
                got = [body for body in one.heard if body.startswith(talker.nick + ":")]
                if got != talker.said:
                    lost, twice = [b for b in talker.said if b not in got], sorted({b for b in got if got.count(b) > 1})
                    self.expect(False, "%s of %s: lost %s, twice %s%s" % (one.nick, talker.nick, lost, twice, "" if lost or twice else ", out of order"))
            self.expect(one.heard == self.listener.heard, "%s has another order than %s" % (one.nick, self.listener.nick))
            self.expect(not one.refusals, "%s was refused: %s" % (one.nick, one.refusals[:2]))
            self.expect(len(one.sees(self.leaver.nick, "unavailable")) == 1, "%s: that %s left was told %s" % (one.nick, self.leaver.nick, one.sees(self.leaver.nick, "unavailable")))
            self.expect(len(one.sees(self.comer.nick)) == 1, "%s: that %s came was told %s" % (one.nick, self.comer.nick, one.sees(self.comer.nick)))
            told = [p for p in one.presences if p[0] not in (self.leaver.nick, self.comer.nick)]
            self.expect(not told, "%s was told of those who only stayed: %s" % (one.nick, told))
            self.expect(len(self.comer.sees(one.nick)) == 1, "the new one was told of %s: %s" % (one.nick, self.comer.sees(one.nick)))
        self.expect((self.talkers[1].nick, None, "moderator") in self.comer.presences, "a role was lost: %s" % self.comer.presences)
        print("%d messages, heard by %d who stayed" % (len(self.listener.heard), len(self.stayed)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=["kill", "drain"])
    parser.add_argument("--messages", type=int, default=60, help="of each who talks")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--binary", help="rookeryd; rookeryctl lies beside it")
    arguments = parser.parse_args()
    use_binary(arguments.binary)
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1 << 32)
    print("seed %d" % arguments.seed, flush=True)
    with Cluster(3, 1, {"cluster": {"lease": LEASE}}) as cluster:
        cluster.wait_until_owned(by=["node-1", "node-2", "node-3"])
        test = StayTest(cluster, arguments)
        asyncio.run(test.run())
        if test.violations:
            for number, node in enumerate(cluster.nodes, 1):
                print("---- node-%d\n%s" % (number, node.log(whole=True)[-1500:]))
    for line in test.violations:
        print("VIOLATION " + line)
    print("%d violations" % len(test.violations))
    return 1 if test.violations else 0


if __name__ == "__main__":
    sys.exit(main())
