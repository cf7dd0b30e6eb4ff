"""What the tests of operating share: one server, clients, and waiting for figures."""

import asyncio
import os
import sys
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

from rookery_server import RookeryServer  # noqa: E402
from xmpp_client import XmppClient  # noqa: E402

PASSWORD = "secret"
PATIENCE = 30.0  # until something that has to come counts as missing


class OperateTest(unittest.TestCase):
    config = {}

    def setUp(self):
        self.server = RookeryServer(self.config)
        self.server.__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)

    def client(self, user="romeo", **options):
        return XmppClient(options.pop("endpoint", self.server.endpoint), user + "@localhost", PASSWORD, **options)

    def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.02)  # polling for the event


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 3 * PATIENCE))
