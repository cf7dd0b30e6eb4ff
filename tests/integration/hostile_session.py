"""Clients that send whatever they like, of all features at once, over TCP, WebSocket and BOSH, that break their connections and
resume, and some that do not even speak XML. The server must answer, must not fall, must say well-formed XML to each of them and
to nobody what is for somebody else; at the end it must serve an honest client, and end without an error. Best on a build with
sanitizers. REQ 4, REQ 6, REQ 15.

    hostile_session.py [--seed N] [--seconds 20] [--clients 8] [--binary PATH/rookeryd]
"""

import argparse
import asyncio
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from hostile_stanzas import HostileStanzas  # noqa: E402
from rookery_server import RookeryServer  # noqa: E402
from xmpp_client import NS_SM, StreamClosed, XmppClient, XmppError  # noqa: E402

PASSWORD = "secret"
ACCOUNTS = ["romeo@localhost", "juliet@localhost", "tybalt@localhost", "mercutio@localhost"]
GARBAGE = ("<a xmlns='urn:xmpp:sm:3' h='4000000000'/>", "<r xmlns='urn:xmpp:sm:3'/>", "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
           "<inactive xmlns='urn:xmpp:csi:0'/>", "<active xmlns='urn:xmpp:csi:0'/>", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>",
           "<iq/>", "<message", "</presence>", "\x00", "<!DOCTYPE x>", "<a>" * 40, "<x xmlns='jabber:server'/>", "</stream:stream>",
           "<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>", " \n ", "<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>")
ELEMENTS = tuple(text for text in GARBAGE if text.endswith(("/>", "</iq>")))  # WebSocket and BOSH frame what they carry
TROUBLE = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error", "event=job_failed", "ensure")


class Hostile:
    """One client; it comes back whenever it was thrown out."""

    def __init__(self, test, number):
        self.test = test
        self.random = random.Random("%d %d" % (test.seed, number))
        self.bare = ACCOUNTS[number % len(ACCOUNTS)]
        self.stanzas = HostileStanzas(self.random, ACCOUNTS)
        self.client = XmppClient(test.server.endpoint, self.bare, PASSWORD, resource="r%d" % (number // len(ACCOUNTS)),
                                 carrier=("tcp", "tcp", "websocket", "bosh")[number // 2 % 4])
        self.client.intercept = self.saw

    def saw(self, element):
        self.test.received += 1
        if element.is_stanza():
            self.stanzas.saw(element)
            to = element.get("to")
            if to is not None and to.split("/")[0] not in (self.bare, self.bare.upper()):
                self.test.violations.append("%s got what is for %s: %s" % (self.bare, to, element))
            if element.name == "iq" and element.get("type") in ("get", "set") and self.random.random() < 0.5:
                self.client.send("<iq type='%s' id=%s to=%s/>" % (self.random.choice(("result", "error")), quoted(element.get("id")), quoted(element.get("from"))))
            return True
        return element.ns != NS_SM and self.client.jid is not None and self.client.sm.enabled

    async def come(self):
        """A session: the old one, or a new one."""
        client = self.client
        client.intercept = None
        if client.sm.id and self.random.random() < 0.7:
            answer = await client.resume()
            client.intercept = self.saw
            if answer.name == "resumed":
                self.test.resumed += 1
                return
            client.resumable = None
            await client.bind()
        else:
            client.resumable = None
            await client.connect()
        client.intercept = self.saw
        if self.random.random() < 0.7:
            client.send("<enable xmlns='%s' resume='true'/>" % NS_SM)
        client.send("<presence/>")

    async def misbehave(self):
        client = self.client
        for _ in range(self.random.randrange(1, 40)):
            if client.closed or client.stream_ended:
                return
            what = self.random.random()
            if what < 0.01:
                client.write(self.random.choice(GARBAGE if client.carrier == "tcp" else ELEMENTS))
            elif what < 0.05:
                client.request_ack()
            else:
                client.send(self.stanzas.next(self.bare))
                self.test.sent += 1
            client.inbox.clear()
            if self.random.random() < 0.2:
                await asyncio.sleep(0)
        # In step with the server, or the sockets' buffers would be all that is tested.
        probe = "probe%d" % self.random.randrange(1 << 30)
        client.send("<iq type='get' id='%s' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>" % probe)
        client.intercept, pongs = (lambda e: self.saw(e) and e.get("id") != probe), client.inbox
        await client.wait_for(lambda: pongs or client.stream_ended, 20)
        client.intercept = self.saw

    async def live(self):
        while self.test.goes_on():
            try:
                await asyncio.wait_for(self.come(), 40)
                while self.test.goes_on() and self.random.random() < 0.9:
                    await self.misbehave()
                if self.random.random() < 0.3:
                    await self.client.close()
            except StreamClosed:
                self.test.thrown_out += 1
                if self.client.parse_error:
                    self.test.violations.append("not well-formed: " + self.client.parse_error)
            except XmppError as error:
                if "does not parse" in str(error):
                    self.test.violations.append(str(error))
            except (OSError, AttributeError):  # the connection went away in the midst of logging in
                pass
            except (TimeoutError, asyncio.TimeoutError):
                self.test.violations.append("%s over %s waited in vain" % (self.bare, self.client.carrier))
            self.client.cut()


def quoted(text):
    return "'" + (text or "").replace("&", "&amp;").replace("<", "&lt;").replace("'", "&apos;") + "'"


async def babble(test):
    """Bytes before any authentication."""
    chooser = random.Random(test.seed)
    starts = (b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
              b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"POST /http-bind HTTP/1.1\r\nContent-Length: 5\r\n\r\n<body", b"PROXY TCP4 1 2 3 4\r\n")
    endpoint = test.server.endpoint
    while test.goes_on():
        port = chooser.choice((endpoint.port, endpoint.tls_port, endpoint.https_port, test.server.http_port))
        try:
            reader, writer = await asyncio.open_connection(endpoint.host, port)
            writer.write(chooser.choice(starts) + chooser.randbytes(chooser.randrange(400)) + chooser.choice(GARBAGE).encode())
            await asyncio.wait_for(reader.read(2000), 0.2)
            writer.close()
        except (OSError, asyncio.TimeoutError):
            writer.close()


class Test:
    def __init__(self, server, options):
        self.server, self.seed = server, options.seed
        self.end = time.monotonic() + options.seconds
        self.sent = self.received = self.resumed = self.thrown_out = 0
        self.violations = []
        self.clients = [Hostile(self, number) for number in range(options.clients)]

    def goes_on(self):
        return time.monotonic() < self.end and self.server.process.poll() is None

    async def run(self):
        await asyncio.gather(babble(self), *(client.live() for client in self.clients))
        if self.server.process.poll() is not None:
            return
        honest = XmppClient(self.server.endpoint, ACCOUNTS[0], PASSWORD, resource="honest")
        await honest.connect()
        answer = await honest.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to="localhost")
        if answer.get("type") != "result":
            self.violations.append("an honest client is not served: %s" % answer)
        await honest.close()

    def look_at_the_server(self, status):
        if status != 0:
            self.violations.append("the server ended with %s" % status)
        for line in self.server.log().splitlines():
            if any(word in line for word in TROUBLE):
                self.violations.append("the server's log: " + line)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--binary")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    print("seed %d" % options.seed, flush=True)
    folder = os.path.dirname(options.binary) if options.binary else None
    config = {"limits": {"resume_timeout": 5, "sessions_per_account": 6}, "registration": {"invites": "anyone"},
              "strangers": {"per_account_and_hour": 0, "per_account_and_day": 0}}
    with RookeryServer(config, binaries=folder, keep=options.keep) as server:
        for account in ACCOUNTS:
            server.add_account(account.split("@")[0], PASSWORD)
        test = Test(server, options)
        asyncio.run(test.run())
        died = server.process.poll()
        test.look_at_the_server(server.stop(60) if died is None else died)
        print("%d stanzas sent, %d received, %d sessions resumed, %d times thrown out" % (test.sent, test.received, test.resumed, test.thrown_out))
        if options.keep:
            print(server.folder)
    for violation in test.violations[:20]:
        print("VIOLATION " + violation[:2000])
    return 1 if test.violations else 0


if __name__ == "__main__":
    sys.exit(main())
