"""What the tests of federation share: servers that know one another, and people on each of them."""

import os
import shutil
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

from federation import Authority, FederatedRookery, introduce  # noqa: E402
from xmpp_client import XmppClient  # noqa: E402


class FederationCase(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.people = []
        self.folder = tempfile.mkdtemp(prefix="rookery-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.authority = Authority(self.folder)

    def server(self, domain, **more):
        server = FederatedRookery(domain, **more)
        self.addCleanup(server.close)
        return server

    def pair(self, **more):
        """a.example and b.example, which know where the other is; not started yet."""
        a, b = self.server("a.example", **more), self.server("b.example", **more)
        introduce(a, b)
        return a, b

    async def asyncTearDown(self):
        for each in self.people:
            each.cut()

    async def log_in(self, server, user, resource="home", online=True, sm=False):
        client = XmppClient(server.endpoint, "%s@%s" % (user, server.domain), "secret", resource=resource)
        self.people.append(client)
        await client.connect()
        if sm:
            await client.enable_sm()
        if online:
            await client.go_online()
        return client

    async def receive_body(self, client, text, timeout=20.0):
        def matches(stanza):
            body = stanza.find("body") if stanza.name == "message" else None
            return body is not None and body.text == text
        return await client.receive_where(matches, timeout)

    def assert_error(self, stanza, condition):
        self.assertEqual(stanza.get("type"), "error", stanza.to_xml())
        self.assertIsNotNone(stanza.find("error").find(condition), stanza.to_xml())
