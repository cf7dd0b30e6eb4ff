"""A client that comes back after megabytes: its queue was too long for memory and is read from the log (REQ 22).

    long_absence.py [--binary PATH/rookeryd]
"""

import argparse
import asyncio
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tested_server import tested_server  # noqa: E402
from xmpp_client import XmppClient, new_id  # noqa: E402

PASSWORD = "secret"
PATIENCE = 30.0
binaries = None


class LongAbsence(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)
        self.server = tested_server(config=self.config(), binaries=binaries)
        self.addCleanup(self.server.close)
        self.server.start()
        for name in ("juliet", "romeo"):
            self.server.add_account(name, PASSWORD)
        self.juliet, self.romeo = await self.log_in("juliet"), await self.log_in("romeo")
        self.bodies, self.ids = [], set()
        self.romeo.intercept = self.intercept
        self.sent = 0

    def config(self):
        return {"limits": {"bytes_per_second": 0}}

    def intercept(self, stanza):
        if stanza.name != "message":
            return False
        self.bodies.append(int(stanza.find("body").text.split(":")[0]))
        self.ids.add(stanza.find("stanza-id", "urn:xmpp:sid:0").get("id"))
        return True

    async def log_in(self, name):
        client = XmppClient(self.server.endpoint, name + "@localhost", PASSWORD, resource="chat")
        await client.connect()
        await client.enable_sm()
        await client.go_online()
        return client

    async def send(self, count, size=2000):
        for number in range(self.sent, self.sent + count):
            self.juliet.send("<message to='romeo@localhost' type='chat' id='%s'><body>%d:%s</body></message>" % (new_id("m"), number, "x" * size))
        self.sent += count
        await self.juliet.settled(PATIENCE)

    async def all_came_once_and_in_order(self):
        await self.romeo.wait_for(lambda: len(self.bodies) >= self.sent, PATIENCE)
        await self.romeo.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to="localhost")  # behind everything that was under way
        self.assertEqual(self.bodies, list(range(self.sent)))
        self.assertEqual(len(self.ids), self.sent)

    async def test_everything_comes_once_and_in_order_with_live_messages_behind_it(self):
        self.romeo.cut()
        await self.send(2000)  # four megabytes
        self.assertEqual((await self.romeo.resume()).name, "resumed")
        await self.send(200)
        await self.all_came_once_and_in_order()

    async def test_a_second_break_in_the_middle_loses_nothing(self):
        self.romeo.cut()
        await self.send(2000)
        for part in (200, 700, 1500):
            self.assertEqual((await self.romeo.resume()).name, "resumed")
            await self.romeo.wait_for(lambda: len(self.bodies) >= part, PATIENCE)
            self.romeo.cut()
        self.assertEqual((await self.romeo.resume()).name, "resumed")
        await self.all_came_once_and_in_order()

    async def test_what_was_not_acknowledged_waits_for_another_session_when_it_is_not_resumed(self):
        self.romeo.cut()
        await self.send(500)
        again = XmppClient(self.server.endpoint, "romeo@localhost", PASSWORD, resource="chat")
        self.romeo = again
        again.intercept = self.intercept
        await again.connect()  # the same resource: it replaces the session that waits
        await again.enable_sm()
        await again.go_online()
        await self.all_came_once_and_in_order()


class LongAbsenceWithoutArchive(LongAbsence):
    def config(self):
        return {"limits": {"bytes_per_second": 0}, "archive": {"enabled": False}}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", help="rookeryd; rookeryctl lies beside it")
    arguments, rest = parser.parse_known_args()
    global binaries
    binaries = os.path.dirname(os.path.abspath(arguments.binary)) if arguments.binary else None
    unittest.main(argv=sys.argv[:1] + rest)


if __name__ == "__main__":
    main()
