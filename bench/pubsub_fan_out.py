#!/usr/bin/env python3
"""What one delivery of a published item costs the server: N subscribers at pubsub.DOMAIN, each a session of its own over TLS.

    bench/pubsub_fan_out.py [--subscribers 1000] [--items 50] [--server rookery prosody]

Prints the server's CPU time (user and system) a delivery, and how long until the last subscriber had an item. With both
servers they run one after the other.
"""

import argparse
import asyncio
import os
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

from prosody_server import ProsodyServer  # noqa: E402
from rookery_server import RookeryServer  # noqa: E402
from xmpp_client import XmppClient  # noqa: E402

NS = "http://jabber.org/protocol/pubsub"
SESSIONS = 25  # of one account
CONFIG = {
    "auth": {"scram_iterations": 10000},
    "limits": {"unauthenticated_per_ip": 4096},
}


PROSODY = """
Component "pubsub.localhost" "pubsub"
  admins = { "publisher@localhost" }
  default_access_model = "open"
"""


def make_server(kind):
    if kind == "rookery":
        return RookeryServer(CONFIG)
    server = ProsodyServer()
    with open(server.config_path, "a") as file:
        file.write(PROSODY)
    return server


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def log_in(server, number, gate):
    async with gate:
        user = "user%d" % (number // SESSIONS)
        client = XmppClient(server.endpoint, "%s@%s" % (user, server.endpoint.domain), "secret", resource="r%d" % number)
        await client.connect()
        await client.go_online()
        return client


async def subscribe(client, service, gate):
    async with gate:
        answer = await client.iq("set", "<pubsub xmlns='%s'><subscribe node='news' jid='%s'/></pubsub>" % (NS, client.jid), to=service)
        assert answer.attrs.get("type") == "result", str(answer)


async def measure(options, kind):
    with make_server(kind) as server:
        for number in range((options.subscribers + SESSIONS - 1) // SESSIONS):
            server.add_account("user%d" % number, "secret")
        server.add_account("publisher", "secret")
        domain = server.endpoint.domain
        service = "pubsub." + domain
        gate = asyncio.Semaphore(16)
        publisher = XmppClient(server.endpoint, "publisher@" + domain, "secret", resource="p")
        await publisher.connect()
        await publisher.iq("set", "<pubsub xmlns='%s'><create node='news'/></pubsub>" % NS, to=service)
        clients = await asyncio.gather(*(log_in(server, n, gate) for n in range(options.subscribers)))
        await asyncio.gather(*(subscribe(client, service, gate) for client in clients))

        got = 0
        done = asyncio.Event()

        def arrived(stanza):
            nonlocal got
            if stanza.name != "message":
                return False
            got += 1
            if got == options.subscribers:
                done.set()
            return True

        for client in clients:
            client.intercept = arrived
        payload = "<entry xmlns='http://www.w3.org/2005/Atom'><title>%s</title></entry>" % ("x" * 100)
        waits = []
        before = cpu_seconds(server.pid)
        for number in range(options.items):
            got = 0
            done.clear()
            begin = time.monotonic()
            await publisher.iq("set", "<pubsub xmlns='%s'><publish node='news'><item id='i%d'>%s</item></publish></pubsub>" % (NS, number, payload), to=service)
            await asyncio.wait_for(done.wait(), 30)
            waits.append(time.monotonic() - begin)
        used = cpu_seconds(server.pid) - before
        waits.sort()
        print("%-8s %d subscribers, %d items: %.2f us server CPU a delivery; last one after %.0f ms (median)"
              % (kind, options.subscribers, options.items, used * 1e6 / options.items / options.subscribers, waits[len(waits) // 2] * 1e3))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--items", type=int, default=50)
    parser.add_argument("--server", nargs="+", choices=("rookery", "prosody"), default=["rookery"])
    options = parser.parse_args()
    for kind in options.server:
        asyncio.run(measure(options, kind))


if __name__ == "__main__":
    main()
