"""Somebody else's client lives through a day on rookeryd: what the tests of clients with a face share.

The client under test is romeo. Juliet (slixmpp) befriends him, talks, has a room for members and takes a file. The nurse (rook-cli)
talks with OMEMO only. A test drives the client and says what its screen must show; here is what the others must get."""

import asyncio
import os
import shutil
import sys
import tempfile
import threading
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration", "client"))

from rook_cli import RookCli  # noqa: E402 (needs the path above)
from rookery_server import RookeryServer  # noqa: E402
from slixmpp_person import TIMEOUT, Person  # noqa: E402

ROOM = "capulets@conference.localhost"
PICTURE = os.path.join(ROOT, "tests", "support", "balcony.png")


def screenshots():
    folder = os.path.join(ROOT, "build", "screenshots")
    os.makedirs(folder, exist_ok=True)
    return folder


class Friend:
    """A slixmpp person on a loop of its own, for tests that are not asynchronous."""

    def __init__(self, server, user, resource):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.person = self.do(self._make(server, user, resource))

    async def _make(self, server, user, resource):
        return await Person(server, user, resource).log_in()

    async def _end(self):
        self.person.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(2 * TIMEOUT)

    def say(self, to, body, kind="chat"):
        self._loop.call_soon_threadsafe(lambda: self.person.send_message(mto=to, mbody=body, mtype=kind))

    def subscribe(self, to):
        self._loop.call_soon_threadsafe(lambda: self.person.send_presence_subscription(pto=to))

    def wait(self, event, fits):
        return self.do(self.person.wait(event, fits))

    def close(self):
        self.do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class Day(unittest.TestCase):
    def setUp(self):
        # Short, since a Unix socket's path has at most 107 bytes.
        self.folder = tempfile.mkdtemp(prefix="rook-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.server = RookeryServer(getattr(self, "config", None))
        self.server.__enter__()
        self.addCleanup(self.server.close)
        for user in ("romeo", "juliet", "nurse"):
            self.server.add_account(user, "secret of " + user)
        self.juliet = Friend(self.server, "juliet", "balcony")
        self.addCleanup(self.juliet.close)
        self.juliet.do(self.juliet.person.make_room(ROOM, "Juliet", members=["romeo@localhost"]))

    def make_room_as(self, user, room, members):
        """From a device that leaves at once."""
        maker = Friend(self.server, user, "workshop")
        try:
            maker.do(maker.person.make_room(room, user, members))
            maker.do(maker.person.log_out())
        finally:
            maker.close()

    def wait_for_keys(self, jid):
        """Until strangers can fetch the keys of that person's only device (XEP-0384 0.3 §4.2); clients ask once and not again."""
        deadline = time.monotonic() + TIMEOUT
        while not self.juliet.do(self.juliet.person.has_published_keys(jid)):
            if time.monotonic() > deadline:
                raise AssertionError(jid + " has no OMEMO keys")
            time.sleep(0.05)  # a stranger gets no notifications

    def start_nurse(self):
        """She comes when she is needed: until then the account has no OMEMO device."""
        self.nurse = RookCli(self.server, "nurse@localhost", "secret of nurse", self.folder)
        self.addCleanup(self.nurse.__exit__, None, None, None)
        self.nurse.online()

    # ---- what the others must see

    def romeo_is_juliets_friend(self):
        """He has let her see him, and he is there."""
        self.juliet.wait("got_online", lambda presence: presence["from"].bare == "romeo@localhost")

    def juliet_hears(self, body):
        return self.juliet.wait("message", lambda message: message["body"] == body and message["from"].bare == "romeo@localhost")

    def room_hears(self, body):
        return self.juliet.wait("groupchat_message", lambda message: message["body"] == body and message["from"].resource != "Juliet")

    def juliet_gets_the_file(self):
        """A link as XEP-0363 clients share it (XEP-0066), which leads to the bytes that were sent."""
        heard = self.juliet.wait("message", lambda message: message["oob"]["url"])
        url = heard["oob"]["url"]
        self.assertEqual(heard["body"], url)
        self.assertTrue(url.startswith("https://localhost:%d/" % self.server.https_port), url)
        with open(PICTURE, "rb") as file:
            self.assertEqual(self.juliet.do(self.juliet.person.download(url)), file.read())

    def nurse_hears(self, body, encryption=None):
        heard = self.nurse.wait("message", direction="in", text=body)
        self.assertTrue(heard["encryption"].startswith("omemo"), heard)
        if encryption:
            self.assertEqual(heard["encryption"], encryption)
