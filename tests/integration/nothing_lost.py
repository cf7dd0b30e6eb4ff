"""Nothing is lost: clients in pairs chat while the server is killed with SIGKILL, or stopped for five seconds with SIGSTOP,
or while their sockets are cut. REQ 19, REQ 20, REQ 25 (a disk that is full: disk_full.py).

Every message that was acknowledged (XEP-0198 §4) arrives, none is stored twice, and each sender's order is kept.
A repeated delivery with the same stanza-id (XEP-0359) is legal: it is counted and printed.

    nothing_lost.py [--cut | --pause] [--clients 50] [--messages 10000] [--kills 2] [--seed N] [--binary PATH/rookeryd]

With ROOKERY_TEST_EDGE=remote the clients' edge and homes are on different nodes, and `--part edge` or `--part home` is what dies or stands
still (support/tested_server.py).
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tested_server import edge_is_remote, tested_server  # noqa: E402
from xmpp_client import NS_SM, StreamClosed, XmppClient, XmppError, new_id  # noqa: E402

NS_SID = "urn:xmpp:sid:0"
PASSWORD = "secret"
PATIENCE = 30.0
PAUSE = 5.0


def number_of(text):
    return int(text.split("<body>")[1].split("<")[0].split(":")[1])


class Violations:
    def __init__(self):
        self.found = []

    def add(self, text, *values):
        self.found.append(text % values)


class Chatter:
    """One account: sends `count` numbered messages to its peer and writes down what comes from there."""

    def __init__(self, test, name, count, seed):
        self.test, self.name, self.count = test, name, count
        self.random = random.Random(seed)
        self.client = XmppClient(test.server.endpoint, name + "@localhost", PASSWORD, resource="chat")
        self.client.intercept = self.intercept
        self.peer = None
        self.sent = 0
        self.stanza_ids = {}  # number -> the stanza-id of its first reception
        self.last = -1  # the highest number received
        self.repeats = 0
        self.online = False
        self.outages = 0
        self.resumed = 0
        self.failed = 0
        self.without_h = 0
        self.first_of_session = 0  # the first number that was new in the present session
        self.resent = 0
        self.recoveries = []
        self.cut_points = set()

    # ---- receiving

    def intercept(self, stanza):
        if stanza.name != "message":
            return False
        if stanza.get("type") == "error":
            self.test.violations.add("%s got an error: %s", self.name, stanza)
            return True
        sender, _, number = stanza.find("body").text.partition(":")
        stanza_id = next((s.get("id") for s in stanza.find_all("stanza-id", NS_SID) if s.get("by") == self.client.bare), None)
        self.on_number(sender, int(number), stanza_id)
        return True

    def on_number(self, sender, number, stanza_id):
        if sender != self.peer.name:
            return self.test.violations.add("%s received a message of %s", self.name, sender)
        if stanza_id is None:
            self.test.violations.add("%s: number %d came without a stanza-id", self.name, number)
        if number in self.stanza_ids:
            self.repeats += 1
            if self.stanza_ids[number] != stanza_id:
                self.test.violations.add("%s: number %d is stored as %s and as %s", self.name, number,
                                         self.stanza_ids[number], stanza_id)
            return
        if stanza_id in self.stanza_ids.values():
            self.test.violations.add("%s: stanza-id %s has two numbers", self.name, stanza_id)
        if number < self.last:
            self.test.violations.add("%s: number %d first came after %d", self.name, number, self.last)
        self.last = max(self.last, number)
        self.stanza_ids[number] = stanza_id
        self.test.received += 1
        self.test.progress.set()

    def unacked_messages(self):
        sm = self.client.resumable or self.client.sm
        return [text for text in sm.unacked if text.startswith("<message")]

    def is_complete(self):
        return self.sent == self.count and not self.client.sm.unacked and len(self.stanza_ids) == self.peer.count

    # ---- the connection

    async def first_login(self):
        await self.client.connect()
        await self.client.enable_sm()
        await self.client.go_online()
        self.online = True

    async def come_back(self):
        client = self.client
        answer = await client.resume()
        if answer.name == "resumed":
            self.resumed += 1
            self.online = True
            return
        if answer.name != "failed" or answer.ns != NS_SM:
            raise XmppError("neither <resumed/> nor <failed/>", answer)
        if self.test.cut or self.test.edge_alone_dies:
            self.test.violations.add("%s: the session was not resumed: %s", self.name, answer)
        self.failed += 1
        left = self.unacked_messages()  # what h covers is gone from it
        if answer.get("h") is None:
            # There is no counter to tell while the session has stored nothing new.
            self.without_h += 1
            stored = self.sent - self.first_of_session - sum(number_of(t) >= self.first_of_session for t in left)
            if stored > 0:
                self.test.violations.add("%s: <failed/> without h, but %d messages were acknowledged", self.name, stored)
        await client.bind()
        await client.enable_sm()
        self.first_of_session = self.sent
        client.resumable = None  # from here on the new session keeps what is not acknowledged
        for text in left:
            client.send(text)
        self.resent += len(left)
        await client.go_online()
        self.online = True

    async def run(self):
        lost_at = None
        while True:
            try:
                if lost_at is not None:
                    await self.come_back()
                    self.recoveries.append(time.monotonic() - lost_at)
                    lost_at = None
                await self.chat()
                return
            except TimeoutError:  # an OSError too, but no lost connection: something never came
                self.test.gave_up = True
                raise
            except (OSError, StreamClosed):
                if lost_at is None:
                    lost_at = time.monotonic()
                    self.outages += 1
                self.online = False
                self.client.cut()
                if time.monotonic() - lost_at > PATIENCE:
                    self.test.gave_up = True
                    raise
                await asyncio.sleep(0.05 + 0.1 * self.random.random())  # a client's back-off

    async def chat(self):
        client = self.client
        while self.sent < self.count:
            number, self.sent = self.sent, self.sent + 1
            client.send("<message to='%s' type='chat' id='%s'><body>%s:%d</body><origin-id xmlns='%s' id='%s-%d'/></message>"
                        % (self.peer.client.bare, new_id("m"), self.name, number, NS_SID, self.name, number))
            if self.random.random() < 0.2:
                client.request_ack()
            if self.sent in self.cut_points:
                client.cut()
            await asyncio.sleep(self.random.random() * 2 * self.test.pace)
            if client.closed or client.stream_ended:
                raise StreamClosed("the connection ended")
        client.request_ack()
        await client.wait_for(self.is_complete, PATIENCE)
        # The server may be killed once more after our last message: what was acknowledged must survive that too.
        while not self.test.is_over():
            if client.closed or client.stream_ended:
                raise StreamClosed("the connection ended")
            await asyncio.sleep(0.05)

    async def finish(self):
        try:
            await self.say_goodbye()
        except StreamClosed:
            # An edge that stood still for as long as a lease lasts ends its connections only when it has learned of it.
            if not (self.test.edge_alone_dies and self.test.pauses):
                raise
            self.client.cut()
            await self.come_back()
            await self.say_goodbye()

    async def say_goodbye(self):
        # The answer comes behind every delivery that was still under way.
        await self.client.iq("get", "<query xmlns='jabber:iq:roster'/>")
        await self.client.close()


class Test:
    def __init__(self, server, arguments):
        self.server, self.cut, self.pauses, self.kills = server, arguments.cut, arguments.pause, arguments.kills
        self.victim = server.home if arguments.part == "home" else server
        self.edge_alone_dies = arguments.part == "edge"
        self.violations = Violations()
        self.received = 0
        self.kills_left = 0 if self.cut else self.kills
        self.gave_up = False
        self.progress = asyncio.Event()
        dice = random.Random(arguments.seed)
        each = arguments.messages // arguments.clients
        self.total = each * arguments.clients
        self.pace = arguments.pace
        self.chatters = [Chatter(self, "u%d" % i, each, dice.random()) for i in range(arguments.clients)]
        order = self.chatters[:]
        dice.shuffle(order)
        for one, other in zip(order[::2], order[1::2]):
            one.peer, other.peer = other, one
        if self.cut:
            for chatter in self.chatters:
                chatter.cut_points = set(dice.sample(range(1, each), min(self.kills, each - 1)))
        # When to kill: somewhere in the middle of each part.
        self.kill_at = [int(self.total * (k + 0.3 + 0.4 * dice.random()) / (self.kills + 0.5)) for k in range(self.kills)]

    def is_over(self):
        return self.gave_up or (self.kills_left == 0 and all(c.online and c.is_complete() for c in self.chatters))

    async def kill_in_the_middle(self):
        loop = asyncio.get_running_loop()
        for at in self.kill_at:
            while self.received < at or not all(c.online for c in self.chatters):
                self.progress.clear()
                if self.gave_up:
                    return
                try:
                    await asyncio.wait_for(self.progress.wait(), 0.1)
                except TimeoutError:
                    pass  # clients come back without a message, too
            sent = sum(c.sent for c in self.chatters)
            began = time.monotonic()
            if self.pauses:
                await self.pause()
                continue
            self.victim.kill()
            await loop.run_in_executor(None, self.server.start)
            ready = time.monotonic()
            self.kills_left -= 1
            unacked = sum(len(c.unacked_messages()) for c in self.chatters)
            print("kill at %d received, %d sent, %d of them not acknowledged; ready again after %.2f s"
                  % (self.received, sent, unacked, ready - began), flush=True)

    async def pause(self):
        """The process stands still, as on a host that swaps or migrates; its sockets live, and clients go on sending."""
        received = self.received
        self.victim.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(PAUSE)
        sent = sum(c.sent for c in self.chatters)
        self.victim.process.send_signal(signal.SIGCONT)
        self.kills_left -= 1
        print("paused for %g s at %d received, %d sent at its end" % (PAUSE, received, sent), flush=True)

    async def run(self):
        for chatter in self.chatters:
            self.server.add_account(chatter.name, PASSWORD)
        await asyncio.gather(*(c.first_login() for c in self.chatters))
        began = time.monotonic()
        tasks = [asyncio.create_task(c.run()) for c in self.chatters]
        if not self.cut:
            tasks.append(asyncio.create_task(self.kill_in_the_middle()))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for task in results:
            if isinstance(task, BaseException):
                self.gave_up = True
                self.violations.add("gave up: %s: %s", type(task).__name__, task)
        took = time.monotonic() - began
        if not self.gave_up:
            await asyncio.gather(*(c.finish() for c in self.chatters))
        self.judge(took)

    def judge(self, took):
        for chatter in self.chatters:
            missing = [n for n in range(chatter.count) if n not in chatter.peer.stanza_ids]
            unacked = {number_of(t) for t in chatter.unacked_messages()}
            lost = [n for n in missing if n < chatter.sent and n not in unacked]
            if lost:
                self.violations.add("%s -> %s: acknowledged but not received: %s", chatter.name, chatter.peer.name, lost[:20])
            if missing:
                self.violations.add("%s -> %s: not received: %s", chatter.name, chatter.peer.name, missing[:20])
            # An edge that stands still for as long as a lease lasts counts as dead; its clients' sessions do not.
            if self.pauses and chatter.outages and not self.edge_alone_dies:
                self.violations.add("%s lost its connection to a server that only paused", chatter.name)
            if not self.cut and not self.pauses and chatter.outages != self.kills:
                print("%s had %d outages" % (chatter.name, chatter.outages))
        if self.cut and sum(c.resumed for c in self.chatters) != sum(len(c.cut_points) for c in self.chatters):
            self.violations.add("not every cut was followed by one <resumed/>")
        total = {key: sum(getattr(c, key) for c in self.chatters) for key in ("sent", "resumed", "failed", "without_h", "resent", "repeats")}
        times = sorted(t for c in self.chatters for t in c.recoveries)
        print("%d messages sent, %d received in %.1f s; %d sessions resumed, %d failed to (%d without h); %d messages sent again; "
              "%d legal repeats" % (total["sent"], self.received, took, total["resumed"], total["failed"], total["without_h"],
                                    total["resent"], total["repeats"]))
        if times:
            print("recovery of a client: median %.2f s, longest %.2f s" % (times[len(times) // 2], times[-1]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cut", action="store_true", help="cut the clients' sockets; the server lives")
    parser.add_argument("--pause", action="store_true", help="stop the server with SIGSTOP for %g s instead of killing it" % PAUSE)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--messages", type=int, default=10000)
    parser.add_argument("--kills", type=int, default=2, help="of the server; with --cut, cuts of each client")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--pace", type=float, default=0.05, help="mean seconds between two messages of a client")
    parser.add_argument("--part", choices=("edge", "home"), help="with a remote edge: which of the two nodes it happens to")
    parser.add_argument("--binary", help="rookeryd; rookeryctl lies beside it")
    parser.add_argument("--keep", action="store_true", help="keep the server's folder")
    arguments = parser.parse_args()
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1 << 32)
    if arguments.clients < 2 or arguments.clients % 2 or arguments.messages < 2 * arguments.clients:
        parser.error("an even number of clients, and two messages for each at least")
    if bool(arguments.part) != (edge_is_remote() and not arguments.cut):
        parser.error("--part is for a remote edge, which needs it unless sockets are cut")
    print("seed %d" % arguments.seed, flush=True)
    binaries = os.path.dirname(os.path.abspath(arguments.binary)) if arguments.binary else None
    with tested_server(binaries=binaries, keep=arguments.keep) as server:
        test = Test(server, arguments)
        asyncio.run(test.run())
        if arguments.keep:
            print("kept: " + server.folder)
    for line in test.violations.found[:40]:
        print("VIOLATION " + line)
    print("%d violations" % len(test.violations.found))
    return 1 if test.violations.found else 0


if __name__ == "__main__":
    sys.exit(main())
