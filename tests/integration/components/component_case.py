"""What the tests of components share: a server with components, and people who talk to them."""

import os
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

from component_client import ComponentClient  # noqa: E402
from tested_server import tested_server  # noqa: E402
from server_process import free_ports  # noqa: E402
from xmpp_client import XmppClient  # noqa: E402

SECRET = "the secret of the bridge"


class ComponentCase(unittest.IsolatedAsyncioTestCase):
    components = [{"domain": "bridge.localhost", "secret": SECRET}]
    config = {}
    people = ("romeo", "juliet")

    def setUp(self):
        self.port, = free_ports(1)
        config = {"components": {"listen": ["127.0.0.1:%d" % self.port]}, "component": self.components}
        for section, keys in self.config.items():
            config.setdefault(section, {}).update(keys)
        self.server = tested_server(config)
        self.server.__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)
        self.open = []
        for user in self.people:
            self.server.add_account(user, "secret")

    async def asyncTearDown(self):
        for each in self.open:
            each.cut()

    def component(self, domain="bridge.localhost", secret=SECRET):
        self.open.append(ComponentClient(self.port, domain, secret))
        return self.open[-1]

    async def log_in(self, user="romeo", resource="orchard", online=True):
        client = XmppClient(self.server.endpoint, user + "@localhost", "secret", resource=resource)
        self.open.append(client)
        await client.connect()
        if online:
            await client.go_online()
        return client

    def assert_error(self, stanza, condition, kind=None):
        self.assertEqual(stanza.get("type"), "error", stanza.to_xml())
        error = stanza.find("error")
        self.assertIsNotNone(error.find(condition), stanza.to_xml())
        if kind:
            self.assertEqual(error.get("type"), kind)
