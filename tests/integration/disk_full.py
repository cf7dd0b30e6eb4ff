"""A disk that is really full (a small tmpfs as data_dir; needs root, else the test is skipped and says so).

    disk_full.py [--binary PATH/rookeryd]
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from rookery_server import RookeryServer  # noqa: E402
from xmpp_client import XmppClient, new_id  # noqa: E402

NS_SID = "urn:xmpp:sid:0"
NS_PRIVATE = "jabber:iq:private"
NS_ROSTER = "jabber:iq:roster"
PASSWORD = "secret"
PATIENCE = 30.0
SKIPPED = 77  # what CMake's SKIP_RETURN_CODE and automake take for "not run"
binaries = None


class SmallDisk:
    """A file system of its own under a server's data_dir."""

    def __init__(self, folder, megabytes):
        self.folder = folder
        self.ballast = os.path.join(folder, "ballast")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm,mode=0700" % megabytes, "rookery-test", folder], check=True,
                       capture_output=True)

    def fill(self):
        """Not one block is left."""
        with open(self.ballast, "ab", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError:
                    pass

    def free(self):
        os.remove(self.ballast)

    def unmount(self):
        subprocess.run(["umount", self.folder], check=True)


class Receiver:
    """Romeo writes down which number came how often and with which stanza-id."""

    def __init__(self, client):
        self.client = client
        self.order = []
        self.ids = {}
        client.intercept = self.intercept

    def intercept(self, stanza):
        if stanza.name != "message" or stanza.find("body") is None:
            return False
        number = int(stanza.find("body").text.split(":")[0])
        stanza_id = next(s.get("id") for s in stanza.find_all("stanza-id", NS_SID))
        if number not in self.ids:
            self.order.append(number)
        self.ids.setdefault(number, set()).add(stanza_id)
        return True


class DiskFull(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)

    def setUp(self):
        # Reading must be stopped by the disk alone.
        self.server = RookeryServer(config={"limits": {"bytes_per_second": 0}}, binaries=binaries)
        self.addCleanup(self.server.close)
        self.disk = SmallDisk(self.server.data_dir, 200)
        self.addCleanup(self.disk.unmount)
        self.addCleanup(lambda: self.server.process and self.server.kill())
        self.server.start()
        self.sent = 0

    async def log_in(self, name, online=True):
        client = XmppClient(self.server.endpoint, name + "@localhost", PASSWORD, resource="chat")
        await client.connect()
        await client.enable_sm()
        if online:
            await client.go_online()
        return client

    async def pair(self):
        for name in ("juliet", "romeo"):
            self.server.add_account(name, PASSWORD)
        romeo, juliet = await self.log_in("romeo"), await self.log_in("juliet")
        receiver = Receiver(romeo)
        # The store has what logins and a first message make it write, in order: only what a test does meets the full disk.
        self.send(juliet, 1)
        await juliet.iq("set", "<query xmlns='%s'><online xmlns='x:note'/></query>" % NS_PRIVATE)
        await juliet.settled(PATIENCE)
        return juliet, receiver

    def send(self, client, count, size=2000):
        for number in range(self.sent, self.sent + count):
            client.send("<message to='romeo@localhost' type='chat' id='%s'><body>%d:%s</body><origin-id xmlns='%s' id='n%d'/></message>"
                        % (new_id("m"), number, "x" * size, NS_SID, number))
        self.sent += count
        client.request_ack()

    def stat(self, name):
        return dict(line.split(" ", 1) for line in self.server.ctl("stats").splitlines() if " " in line)[name]

    def assert_all_once(self, receiver):
        self.assertEqual(receiver.order, list(range(self.sent)))
        self.assertEqual([n for n, ids in receiver.ids.items() if len(ids) > 1], [], "stored twice")

    async def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, "waited in vain until " + what)
            await asyncio.sleep(0.02)

    async def fill_log(self, juliet):
        """Fills the disk and writes until the log has felt it."""
        self.disk.fill()
        deadline = time.monotonic() + PATIENCE
        while self.stat("log_healthy") == "yes":
            self.assertLess(time.monotonic(), deadline, "the log goes on writing to a full disk")
            self.send(juliet, 10)
            await asyncio.sleep(0.02)

    async def acked_at_last(self, client):
        """How much, when no more comes: what the server acknowledged before it felt the full disk may still be on its way."""
        while True:
            acked = client.sm.acked
            await asyncio.sleep(0.5)
            if client.sm.acked == acked:
                return acked

    # REQ 18, REQ 21
    async def test_nothing_is_acknowledged_while_the_disk_is_full_and_all_goes_on_when_there_is_space(self):
        juliet, receiver = await self.pair()
        self.send(juliet, 50)
        await juliet.settled(PATIENCE)
        await self.fill_log(juliet)
        acked = await self.acked_at_last(juliet)
        self.send(juliet, 50)
        # Reading has stopped: an acknowledgement, or a ping's answer, would come in milliseconds.
        self.send(juliet, 6000)
        with self.assertRaises(TimeoutError):
            await receiver.client.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to="localhost", timeout=1.5)
        self.assertEqual(juliet.sm.acked, acked)
        self.assertGreater(juliet._transport.get_write_buffer_size(), 0, "the server took 12 MB that it cannot store")
        self.assertEqual(self.stat("log_healthy"), "no")
        self.assertEqual(self.server.probe("/readyz"), (503, "the message log refuses to write"))
        self.assertEqual(self.server.metrics().value("rookery_storage_healthy", storage="log"), 0)
        delivered = len(receiver.order)
        # A count is promised only when it is on the disk itself, so more may be durable and delivered than h says; juliet's
        # presence is counted too.
        self.assertGreaterEqual(delivered, acked - 1)
        with self.assertRaises(TimeoutError):
            await receiver.client.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to="localhost", timeout=1.0)
        self.assertEqual(len(receiver.order), delivered, "something was delivered that cannot be durable")

        self.disk.free()
        await self.until(lambda: self.stat("log_healthy") == "yes", "the log is healthy again")
        self.assertEqual(self.server.probe("/readyz"), (200, "ready"))
        await juliet.settled(PATIENCE)
        await self.until(lambda: len(receiver.ids) == self.sent, "everything has arrived")
        self.assert_all_once(receiver)

    # REQ 18, REQ 21, REQ 25
    async def test_what_was_acknowledged_beside_a_full_disk_survives_a_kill(self):
        juliet, receiver = await self.pair()
        for _ in range(2):
            await self.fill_log(juliet)
            self.send(juliet, 100)
            self.disk.free()
            await juliet.settled(PATIENCE)
        await self.fill_log(juliet)
        self.send(juliet, 100)
        self.server.kill()
        self.disk.free()
        self.server.start()
        for client in (juliet, receiver.client):
            client.cut()
            answer = await client.resume()
            self.assertEqual(answer.name, "failed")
            left = [text for text in client.resumable.unacked if text.startswith("<message")]
            await client.bind()
            await client.enable_sm()
            client.resumable = None
            await client.go_online()
            for text in left:
                client.send(text)
        await juliet.settled(PATIENCE)
        await self.until(lambda: len(receiver.ids) == self.sent, "everything has arrived")
        self.assert_all_once(receiver)

    # REQ 21
    async def test_a_write_that_a_full_disk_refuses_is_told_and_the_next_one_works(self):
        juliet, _ = await self.pair()

        async def store(text):
            answer = await juliet.iq("set", "<query xmlns='%s'><note xmlns='x:note'>%s</note></query>" % (NS_PRIVATE, text), timeout=PATIENCE)
            return answer.get("type")

        async def stored():
            answer = await juliet.iq("get", "<query xmlns='%s'><note xmlns='x:note'/></query>" % NS_PRIVATE, timeout=PATIENCE)
            return answer.find("query", NS_PRIVATE).find("note", "x:note").text

        self.assertEqual(await store("before"), "result")
        self.disk.fill()
        self.assertEqual(await store("x" * 60000), "error")
        await self.until(lambda: self.stat("store_healthy") == "no", "the store is known to be unhealthy")
        with self.assertRaises(TimeoutError):  # reading has stopped
            await juliet.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to="localhost", timeout=1.0)
        self.assertEqual(self.server.probe("/readyz"), (503, "the stores refuse to write"))
        with self.assertRaises(Exception) as refused:
            self.server.add_account("nurse", PASSWORD)
        self.assertIn("full", str(refused.exception))
        self.disk.free()
        await self.until(lambda: self.stat("store_healthy") == "yes", "the store is healthy again, without being asked")
        self.assertEqual(await stored(), "before")
        self.assertEqual(await store("after"), "result")
        self.server.restart(hard=True)
        self.server.add_account("nurse", PASSWORD)
        juliet = await self.log_in("juliet")
        self.assertEqual(await stored(), "after")

    # REQ 21
    async def test_a_roster_item_is_stored_when_there_is_space_again_and_nobody_sees_it_before(self):
        juliet, _ = await self.pair()
        names = ["friend%d@example.org" % i for i in range(20)]

        async def roster(client):
            answer = await client.iq("get", "<query xmlns='%s'/>" % NS_ROSTER, timeout=PATIENCE)
            return {i.get("jid"): i.get("name") for i in answer.find("query", NS_ROSTER).find_all("item")}

        await roster(juliet)
        self.disk.fill()
        for name in names:  # several in a row: some of them meet the full disk together
            juliet.send("<iq type='set' id='%s'><query xmlns='%s'><item jid='%s' name='%s'/></query></iq>" % (name, NS_ROSTER, name, "n" * 500))
        await self.until(lambda: self.stat("store_healthy") == "no", "the store is known to be unhealthy")
        answered = {e.get("id") for e in juliet.inbox if e.name == "iq" and e.get("type") == "result"}
        pushed = {e.find("query", NS_ROSTER).find("item").get("jid") for e in juliet.inbox if e.get("type") == "set"}
        self.assertEqual(pushed, answered)
        self.assertLess(len(answered), len(names))
        self.disk.free()
        for name in names:
            if name not in answered:
                answer = await juliet.receive_where(lambda e: e.name == "iq" and e.get("id") == name, PATIENCE)
                self.assertEqual(answer.get("type"), "result")
        self.assertEqual(set(await roster(juliet)), set(names))
        self.server.restart(hard=True)
        self.assertEqual(set(await roster(await self.log_in("juliet"))), set(names))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", help="rookeryd; rookeryctl lies beside it")
    arguments, rest = parser.parse_known_args()
    global binaries
    binaries = os.path.dirname(os.path.abspath(arguments.binary)) if arguments.binary else None
    probe = RookeryServer(binaries=binaries)
    try:
        SmallDisk(probe.data_dir, 1).unmount()
    except (OSError, subprocess.CalledProcessError) as error:
        print("SKIPPED: a small file system cannot be mounted here (root is needed): %s" % error)
        return SKIPPED
    finally:
        probe.close()
    return 0 if unittest.main(argv=sys.argv[:1] + rest, exit=False).result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
