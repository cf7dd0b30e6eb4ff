"""A room's owner dies while its occupants talk: numbered messages, each once in the room's archive and in its author's order.

Occupants are connections of the moment, so they enter again (XEP-0410 says how a client learns that it has to). What a
member has sent and not seen from the room is looked for in the room's archive (XEP-0313), and said again when it is not
there: with the same origin-id while nobody has answered, so that it cannot be said twice.

    cluster_rooms.py [--clients 6] [--messages 40] [--seed N] [--binary PATH/rookeryd]
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
from xmpp_client import StreamClosed, XmppClient, new_id  # noqa: E402

ROOM = "coven@conference.localhost"
NS_MUC = "http://jabber.org/protocol/muc"
NS_SID = "urn:xmpp:sid:0"
NS_MAM = "urn:xmpp:mam:2"
LEASE = 3
PATIENCE = 40.0


class Member:
    def __init__(self, test, number, seed):
        self.test, self.nick = test, "m%d" % number
        self.random = random.Random(seed)
        self.client = XmppClient(test.cluster.nodes[number % 3].endpoint, self.nick + "@localhost", "secret", resource="desk")
        self.done = 0  # of our numbers, those up to here are in the room
        self.entered = self.outages = self.repeated = 0
        self.seen = set()

    async def connect(self):
        self.client.endpoint = self.random.choice(self.test.cluster.nodes_alive()).endpoint
        await self.client.connect()
        await self.client.enable_sm()
        await self.client.go_online()

    async def enter(self):
        """Presence into the room until it says that we are in."""
        began = time.monotonic()
        while True:
            identifier = new_id("p")
            self.client.send("<presence to='%s/%s' id='%s'><x xmlns='%s'><history maxstanzas='0'/></x></presence>" % (ROOM, self.nick, identifier, NS_MUC))
            try:
                answer = await self.client.receive_where(
                    lambda e: e.name == "presence" and e.get("from") == "%s/%s" % (ROOM, self.nick) and e.get("type") != "unavailable", 5)
                if answer.get("type") != "error":
                    self.entered += 1
                    return
            except TimeoutError:
                pass  # while nobody owns the room it is silent
            if time.monotonic() - began > PATIENCE:
                raise TimeoutError("%s could not enter the room" % self.nick)
            await asyncio.sleep(0.1)

    async def say(self, number, origin):
        """True: the room has said it to us. False: it has refused us, so we are no occupant. None: no answer."""
        body = "%s:%d" % (self.nick, number)
        identifier = new_id("g")
        self.client.send("<message to='%s' type='groupchat' id='%s'><body>%s</body><origin-id xmlns='%s' id='%s'/></message>"
                         % (ROOM, identifier, body, NS_SID, origin))

        def answers(element):
            if element.name != "message":
                return False
            text = element.find("body")
            return element.get("id") == identifier or (text is not None and text.text == body and element.get("from") == "%s/%s" % (ROOM, self.nick))
        try:
            answer = await self.client.receive_where(answers, 5)
        except TimeoutError:
            return None
        return answer.get("type") != "error"

    async def archive(self):
        """All bodies in the room's archive, in its order."""
        found, after = [], ""
        while True:
            query = new_id("q")
            page = await self.client.iq("set", "<query xmlns='%s' queryid='%s'><set xmlns='http://jabber.org/protocol/rsm'><max>200</max>%s</set></query>"
                                        % (NS_MAM, query, after), to=ROOM, timeout=20)
            if page.get("type") == "error":
                await asyncio.sleep(0.2)
                continue
            results = [e.find("result", NS_MAM) for e in self.client.inbox if e.find("result", NS_MAM) is not None and e.find("result", NS_MAM).get("queryid") == query]
            found += [r.find("forwarded", "urn:xmpp:forward:0").find("message").find("body").text for r in results
                      if r.find("forwarded", "urn:xmpp:forward:0").find("message").find("body") is not None]
            fin = page.find("fin", NS_MAM)
            if fin.get("complete") == "true" or not results:
                return found
            after = "<after>%s</after>" % results[-1].get("id")

    async def run(self):
        fresh = True
        origin = None
        while self.done < self.test.each:
            try:
                if not fresh:
                    await self.connect()
                    await self.enter()
                    fresh = True
                    if "%s:%d" % (self.nick, self.done) in await self.archive():
                        self.done, origin = self.done + 1, None
                        continue
                origin = origin or new_id("o")
                said = await self.say(self.done, origin)
                if said:
                    self.done, origin = self.done + 1, None
                    self.test.progress += 1
                    await asyncio.sleep(self.random.random() * 0.06)
                    continue
                await self.enter()
                if "%s:%d" % (self.nick, self.done) in await self.archive():
                    self.done, origin = self.done + 1, None
                elif said is False:
                    origin = None  # it was refused, and a repetition of the refused one would be taken for that
                self.repeated += 1
            except TimeoutError:
                self.client.cut()
                self.outages, fresh = self.outages + 1, False
            except (OSError, StreamClosed):
                self.client.cut()
                self.outages, fresh = self.outages + 1, False
                await asyncio.sleep(0.05 + 0.1 * self.random.random())


class RoomTest:
    def __init__(self, cluster, arguments):
        self.cluster, self.each, self.progress = cluster, arguments.messages, 0
        dice = random.Random(arguments.seed)
        self.members = [Member(self, n, dice.random()) for n in range(arguments.clients)]
        self.violations = []

    async def kill_owner(self):
        while self.progress < self.each * len(self.members) // 3:
            await asyncio.sleep(0.02)  # polling: this is when, not how long
        owner = self.cluster.owner(ROOM)
        began, before = time.monotonic(), self.progress
        self.cluster.nodes[int(owner[-1]) - 1].kill()
        while self.progress <= before + 2 * len(self.members):
            await asyncio.sleep(0.02)
        print("%s owned the room and died at %d messages; the room goes on after %.2f s" % (owner, before, time.monotonic() - began), flush=True)

    async def run(self):
        for member in self.members:
            self.cluster.add_account(member.nick, "secret")
        for member in self.members:
            await member.connect()
            await member.enter()
            if member is self.members[0]:  # §10.1.2: an instant room, which stays
                answer = await member.client.iq("set", "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>"
                                                "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"
                                                "<field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query>", to=ROOM)
                if answer.get("type") != "result":
                    raise RuntimeError("the room was not configured: %s" % answer)
        await asyncio.wait_for(asyncio.gather(self.kill_owner(), *(m.run() for m in self.members)), 90)
        self.judge(await self.members[0].archive())

    def judge(self, archive):
        for member in self.members:
            numbers = [int(body.split(":")[1]) for body in archive if body.startswith(member.nick + ":")]
            if sorted(numbers) != list(range(self.each)):
                missing, twice = sorted(set(range(self.each)) - set(numbers)), sorted({n for n in numbers if numbers.count(n) > 1})
                self.violations.append("%s: missing %s, twice %s" % (member.nick, missing, twice))
            elif numbers != sorted(numbers):
                self.violations.append("%s: out of order: %s" % (member.nick, numbers))
        print("%d messages in the room; entered %d times, %d connections lost, %d repeated"
              % (len(archive), *(sum(getattr(m, k) for m in self.members) for k in ("entered", "outages", "repeated"))))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--messages", type=int, default=40, help="of each client")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--binary", help="rookeryd; rookeryctl lies beside it")
    arguments = parser.parse_args()
    use_binary(arguments.binary)
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1 << 32)
    print("seed %d" % arguments.seed, flush=True)
    with Cluster(3, 1, {"cluster": {"lease": LEASE}}) as cluster:
        cluster.wait_until_owned(by=["node-1", "node-2", "node-3"])
        test = RoomTest(cluster, arguments)
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
