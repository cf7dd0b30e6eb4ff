"""Plays a golden script against a server. Anything that the script does not expect is a failure."""

import asyncio
import re

from scs_admin import AdminSteps
from scs_match import Matcher, ScriptError, is_optional, plain_copy
from scs_rooms import RoomSteps
from scs_sasl2 import Sasl2Steps
from scs_steps import STEPS, Failure, step
from scs_streams import StreamSteps
from xmpp_client import StreamClosed, XmppClient, XmppError, new_id
from xmpp_xml import NS_STREAM, Element

PING = "<iq type='get' id='%s'%s><ping xmlns='urn:xmpp:ping'/></iq>"
PASSWORD = "correct horse battery staple"
NS_STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"


class Runner(AdminSteps, Sasl2Steps, RoomSteps, StreamSteps):
    def __init__(self, script, server, tag, timeout=10.0, carrier="tcp"):
        self.script, self.server, self.tag, self.timeout = script, server, tag, timeout
        self.carrier = carrier  # of clients that do not say theirs
        self.transcript = []
        self.clients = {}
        self.accounts = set()
        self.names = {"domain": server.domain}
        self.rooms = []
        self.tolerated = {}  # client name -> optional elements that may still come
        self.busy = set()  # clients that did something since the last barrier

    async def run(self):
        """Raises Failure, with the line and the reason, or returns."""
        try:
            for each in self.script.steps:
                self.note("%s:%d  %s" % (self.script.name, each.line, each.text))
                await self._play(each)
            self.note("end of the script: nobody receives anything more")
            await self._at_the_end()
        finally:
            for client in self.clients.values():
                client.cut()

    async def _at_the_end(self):
        try:
            await self._barrier(list(self.clients))
        except (TimeoutError, XmppError) as error:
            raise Failure("at the end of the script: %s" % error) from error

    async def _play(self, each):
        for pattern, method in STEPS:
            found = pattern.fullmatch(each.text)
            if not found:
                continue
            try:
                arguments = [each] if each.block else []
                return await getattr(self, method)(*found.groups(), *arguments)
            except (TimeoutError, XmppError, OSError) as error:
                raise Failure("line %d, %s\n    %s" % (each.line, each.text, error)) from error
            except Failure as failure:
                raise Failure("line %d, %s\n    %s" % (each.line, each.text, failure)) from None
        raise ScriptError("line %d: no such step: %s" % (each.line, each.text))

    def note(self, text):
        self.transcript.append(text)

    def _traffic(self, name):
        def record(direction, what):
            if isinstance(what, bytes):
                what = repr(what)
            text = str(what)
            if len(text) > 2000:
                text = "%s… (%d characters)" % (text[:2000], len(text))
            self.note("    %s %s %s" % (name, "-->" if direction == "out" else "<--", text))
        return record

    def client(self, name):
        if name not in self.clients:
            raise ScriptError("no client is called " + name)
        return self.clients[name]

    def _account(self, name, password=PASSWORD):
        if name in self.accounts:
            return
        self.accounts.add(name)
        user = "%s-%s" % (name, self.tag)
        self.server.add_account(user, password)
        self.names.update({name: "%s@%s" % (user, self.server.domain), name + ".user": user,
                           name + ".password": password})

    # ---- who takes part

    @step(r"account (\w+)(?: with password \"([^\"]+)\")?")
    async def declare_account(self, name, password):
        self._account(name, password or PASSWORD)

    @step(r"nobody is called (\w+)")
    async def declare_nobody(self, name):
        """A name for an address without an account."""
        user = "%s-%s" % (name, self.tag)
        self.names.update({name: "%s@%s" % (user, self.server.domain), name + ".user": user,
                           name + ".password": PASSWORD})

    @step(r"client (\w+) = (\w+)(?:/(\S+))?(?: over (tls|starttls|websocket|bosh))?(?: using (\S+))?")
    async def declare_client(self, name, account, resource, transport, mechanism):
        if name not in self.clients and account not in self.names:
            self._account(account)
        client = XmppClient(self.server.endpoint, self.names[account], self.names[account + ".password"], resource,
                            direct_tls=transport != "starttls", mechanism=mechanism,
                            carrier=self._carrier(transport))
        client.on_traffic = self._traffic(name)
        self.clients[name] = client

    def _carrier(self, wish):
        if wish is None:
            return self.carrier
        return wish if wish in ("websocket", "bosh") else "tcp"

    @step(r"stream (\w+)")
    async def declare_stream(self, name):
        client = XmppClient(self.server.endpoint, "@" + self.server.domain, "")
        client.on_traffic = self._traffic(name)
        self.clients[name] = client

    @step(r"(\w+) and (\w+) are friends")
    async def make_friends(self, one, other):
        """Both subscribe to each other and go away again (RFC 6121 §3.1)."""
        pair = []
        for account in (one, other):
            self._account(account)
            client = XmppClient(self.server.endpoint, self.names[account], self.names[account + ".password"])
            await client.connect()
            await client.iq("get", "<query xmlns='jabber:iq:roster'/>")
            await client.go_online()
            pair.append(client)
        await self._subscribe(pair[0], pair[1])
        await self._subscribe(pair[1], pair[0])
        for client, friend in (pair, pair[::-1]):
            client.send("<presence type='unavailable'/>")
            # Our home has told the friend before it asks him this, and so his has heard it before it answers.
            await client.iq("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to=friend.bare)
            # Others read rosters and the time of the logout from storage: these are answered when all of that is there.
            await client.iq("get", "<query xmlns='jabber:iq:roster'/>")
            await client.iq("get", "<query xmlns='jabber:iq:private'><x xmlns='urn:example:x'/></query>")
        for client in pair:
            await client.close()

    async def _subscribe(self, who, whom):
        def from_(bare, kind):
            return lambda e: e.name == "presence" and e.get("type") == kind and e.get("from") == bare
        who.send("<presence type='subscribe' to='%s'/>" % whom.bare)
        await whom.receive_where(from_(who.bare, "subscribe"), self.timeout)
        whom.send("<presence type='subscribed' to='%s'/>" % who.bare)
        await who.receive_where(from_(whom.bare, "subscribed"), self.timeout)
        await who.receive_where(from_(whom.jid, None), self.timeout)

    # ---- connecting and going

    @step(r"(\w+) connects")
    async def connect(self, name):
        await self._quietly(self.client(name).connect())
        self.note("    %s is %s" % (name, self.client(name).jid))
        self._bound(name)

    async def _quietly(self, negotiation):
        """Leaves a negotiation that succeeds out of the transcript."""
        length = len(self.transcript)
        result = await negotiation
        del self.transcript[length:]
        return result

    def _bound(self, name):
        self.names[name] = self.client(name).jid
        self.tolerated.pop(name, None)
        self.busy.add(name)

    @step(r"(\w+) logs in")
    async def log_in(self, name):
        """TLS and SASL without binding; the features come as the next element."""
        client = self.client(name)
        await self._quietly(client.log_in_again())
        client.jid = None
        client.inbox.appendleft(client.features)

    @step(r"(\w+) goes online(?: with priority (-?\d+))?")
    async def go_online(self, name, priority):
        """Connects, sends initial presence, and hears its own echo (RFC 6121 §4.2.2)."""
        await self.connect(name)
        await self.become_available(name, priority)

    @step(r"(\w+) becomes available(?: with priority (-?\d+))?")
    async def become_available(self, name, priority):
        client = self.client(name)
        body = "<priority>%s</priority>" % priority if priority else ""
        client.send("<presence>%s</presence>" % body)
        payload = [Element("priority", text=priority)] if priority else []
        # The echo may come before or after what others' presence the server sends along.
        echo = await client.receive_where(
            lambda e: e.name == "presence" and e.get("from") == client.jid, self.timeout)
        client.inbox.appendleft(echo)
        await self._expect(name, Element("presence", attrs={"from": client.jid}, children=payload))
        self.busy.add(name)

    @step(r"(\w+) disconnects")
    async def disconnect(self, name):
        await self._barrier([name])
        await self.client(name).close(self.timeout)

    @step(r"(\w+) is cut")
    async def cut(self, name):
        """The socket is gone without </stream:stream>."""
        self.client(name).cut()
        await asyncio.sleep(0)  # asyncio closes it in its next turn: before anybody sends what comes behind this step

    @step(r"(\w+) is closed by the server")
    async def closed_by_server(self, name):
        client = self.client(name)
        try:
            element = await client.receive(self.timeout)
            raise Failure("expected the end of the stream, got %s" % element)
        except StreamClosed:
            pass
        await self._socket_ends(client)

    @step(r"(\w+) is closed by the server with ([\w|-]+)")
    async def closed_with_error(self, name, conditions):
        """A stream error with one of these conditions (RFC 6120 §4.9), </stream:stream>, and the end of the socket."""
        client = self.client(name)
        if client.stream_ended is False and not client.inbox:
            await client.wait_for(lambda: client.inbox or client.stream_ended, self.timeout)
        error = await client.receive(self.timeout)
        found = [c.name for c in error.children if c.ns == NS_STREAM_ERRORS and c.name != "text"]
        if (error.name, error.ns) != ("error", NS_STREAM) or not found or found[0] not in conditions.split("|"):
            raise Failure("expected the stream error %s, got %s" % (conditions, error))
        await self.closed_by_server(name)

    @step(r"(\w+) is refused")
    async def refused(self, name):
        """The connection ends, with or without a stream error, and nothing else comes before."""
        client = self.client(name)
        try:
            while True:
                got = await client.receive(self.timeout)
                if (got.name, got.ns) != ("error", NS_STREAM) and not self._is_tolerated(name, got):
                    raise Failure("expected the end of the connection, got %s" % got)
        except StreamClosed:
            await self._socket_ends(client)

    async def _socket_ends(self, client):
        try:
            await client.wait_for(lambda: False, self.timeout)
        except StreamClosed:
            pass
        except TimeoutError:
            raise Failure("the stream ended but the connection stays open") from None

    @step(r"the server is (killed|restarted)")
    async def restart_server(self, how):
        """kill -9 or SIGTERM, and a new start on the same data."""
        for client in self.clients.values():
            client.cut()
        self.server.restart(hard=how == "killed")

    # ---- stanzas

    @step(r"(\w+) sends:")
    async def send(self, name, block):
        client = self.client(name)
        self.busy.add(name)
        for element in block.elements():
            client.send(plain_copy(element, self.names))

    @step(r"(\w+) receives:")
    async def receive(self, name, block):
        for element in block.elements():
            if is_optional(element):
                self.tolerated.setdefault(name, []).append(element)
            else:
                await self._expect(name, element)

    @step(r"(\w+) receives in any order:")
    async def receive_in_any_order(self, name, block):
        open_ = block.elements()
        self.tolerated.setdefault(name, []).extend(e for e in open_ if is_optional(e))
        open_ = [e for e in open_ if not is_optional(e)]
        while open_:
            got = await self._next(name, open_[0])
            reasons = []
            for element in open_:
                captures, reason = self._matcher(name).match(element, got)
                if reason is None:
                    self.names.update(captures)
                    open_.remove(element)
                    break
                reasons.append(reason)
            else:
                if not self._is_tolerated(name, got):
                    raise Failure("%s got\n      %s\n    which is none of\n      %s\n    because\n      %s" % (
                        name, got, "\n      ".join(map(str, open_)), "\n      ".join(reasons)))

    async def _expect(self, name, element):
        while True:
            got = await self._next(name, element)
            captures, reason = self._matcher(name).match(element, got)
            if reason is None:
                self.names.update(captures)
                return
            if not self._is_tolerated(name, got):
                raise Failure("%s expected\n      %s\n    and got\n      %s\n    %s" % (name, element, got, reason))

    async def _next(self, name, element):
        client = self.client(name)
        try:
            return await client.receive(self.timeout)
        except TimeoutError:
            raise Failure("%s expected\n      %s\n    and got nothing within %g s" % (
                name, element, self.timeout)) from None

    def _matcher(self, name):
        return Matcher(self.names, self.client(name).jid)

    def _is_tolerated(self, name, got):
        for element in self.tolerated.get(name, []):
            captures, reason = self._matcher(name).match(element, got)
            if reason is None:
                self.tolerated[name].remove(element)
                self.names.update(captures)
                return True
        # RFC 6121 §4.3.2: a probe to one who has no available resource may be answered so, from the bare JID.
        return got.name == "presence" and got.get("type") == "unavailable" and "/" not in got.get("from", "/")

    @step(r"((?:\w+, )*\w+(?: and \w+)?) receives? nothing")
    async def receive_nothing(self, names):
        await self._barrier(re.split(r", | and ", names))

    @step(r"everyone is in step")
    async def in_step(self):
        """All that was sent has been handled and delivered; what has come waits to be received."""
        await self._barrier([])

    # ---- "nothing" without waiting for luck

    async def _barrier(self, silent):
        """What was sent before has arrived or never will; the clients in `silent` have received nothing.

        Whoever did something pings every other client along the way that its stanzas take: order is kept between two
        parties (RFC 6120 §10.1), so the ping, or the error for it, comes last. Two rounds, since one stanza may cause
        another in the opposite direction (a probe and its answer)."""
        live = {n: c for n, c in self.clients.items() if c.jid and not c.closed and not c.stream_ended}
        for _ in range(2):
            for name, client in live.items():
                await self._ping(client, self.server.domain)
            for sender in [n for n in live if n in self.busy]:
                # A room keeps the order of each sender, and what it sends comes before its answer.
                for room in self.rooms:
                    await self._ping(live[sender], self.names[room])
                for target in live:
                    if target != sender:
                        await self._ping_through(live[sender], live[target])
        for name, client in live.items():
            await self._ping(client, self.server.domain)
        self.busy.clear()
        for name in silent:
            client = self.client(name)
            for got in [e for e in client.inbox if not self._is_tolerated(name, e)]:
                raise Failure("%s should have received nothing, and got\n      %s" % (name, got))
            client.inbox.clear()

    async def _ping(self, client, to):
        identifier = new_id("golden-ping-")
        client.send(PING % (identifier, " to='%s'" % to))
        await client.receive_where(_answers(identifier), self.timeout)

    async def _ping_through(self, sender, target):
        identifier = new_id("golden-ping-")
        sender.send(PING % (identifier, " to='%s'" % target.jid))

        def arrived():
            for element in list(target.inbox):
                if element.name == "iq" and element.get("id") == identifier and element.get("type") == "get":
                    target.inbox.remove(element)
                    target.send("<iq type='result' id='%s' to='%s'/>" % (identifier, element.get("from")))
            return any(map(_answers(identifier), sender.inbox))

        # Both inboxes matter, and either may be the one that wakes us: look at both in short turns.
        loop_end = self.timeout
        while not arrived():
            try:
                await sender.wait_for(lambda: any(map(_answers(identifier), sender.inbox)), 0.02)
            except TimeoutError:
                loop_end -= 0.02
                if loop_end <= 0:
                    raise Failure("a ping from %s to %s was not answered" % (sender.jid, target.jid)) from None
        await sender.receive_where(_answers(identifier), self.timeout)

    @step(r"(\w+) answers service discovery with:")
    async def answer_discovery(self, name, block):
        """Whoever asks for this node (XEP-0115 §5.4) is answered at once, however often; the script does not see it."""
        client = self.client(name)
        query = plain_copy(block.elements()[0], self.names)

        def intercept(element):
            asked = element.name == "iq" and element.get("type") == "get" and element.find("query", query.ns)
            if not asked or asked.get("node") != query.get("node"):
                return False
            attributes = {"type": "result", "id": element.get("id"), "to": element.get("from", client.bare)}
            client.send(Element("iq", attrs=attributes, children=[query]))
            return True
        client.intercept = intercept

    # ---- XEP-0198

    @step(r"(\w+) enables stream management")
    async def enable_sm(self, name):
        await self.client(name).enable_sm()
        self.names[name + ".sm"] = self.client(name).sm.id or ""

    @step(r"(\w+) resumes")
    async def resume(self, name):
        client = self.client(name)
        answer = await client.resume()
        if answer.name != "resumed":
            raise Failure("expected <resumed/>, got %s" % answer)
        self.busy.add(name)

    @step(r"(\w+) stops acknowledging")
    async def stop_acknowledging(self, name):
        self.client(name).answer_acks = False

    @step(r"(\w+) acknowledges")
    async def acknowledge(self, name):
        self.client(name).answer_acks = True
        self.client(name).send_ack()

    @step(r"(\w+) hears that all is acknowledged")
    async def settled(self, name):
        """<r/>, until the server's <a/> covers everything that was sent."""
        client = self.client(name)
        await client.settled(self.timeout)
        if client.sm.acked != client.sm.sent:
            raise Failure("h is %d after %d stanzas" % (client.sm.acked, client.sm.sent))


def _answers(identifier):
    return lambda e: e.name == "iq" and e.get("id") == identifier and e.get("type") in ("result", "error")
