"""What the tests of the web side share: a server, an account, requests over HTTP and HTTPS."""

import asyncio
import http.client
import os
import ssl
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

from tested_server import tested_server  # noqa: E402
from xmpp_client import XmppClient  # noqa: E402


class WebCase(unittest.TestCase):
    config = {}

    @classmethod
    def server_config(cls):
        return cls.config

    @classmethod
    def setUpClass(cls):
        cls.server = tested_server(cls.server_config())
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.close)
        for user in ("romeo", "juliet"):
            cls.server.add_account(user, "secret")

    def http(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http_port, timeout=20)
        self.addCleanup(connection.close)
        return connection

    def https(self):
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection("127.0.0.1", self.server.https_port, timeout=20, context=context)
        self.addCleanup(connection.close)
        return connection

    def request(self, method, target, body=None, headers=None, connection=None):
        """(status, headers, body)"""
        connection = connection or self.http()
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()

    def as_user(self, user, work):
        """Logs in, awaits work(client) and returns its result."""
        async def run():
            client = XmppClient(self.server.endpoint, user + "@localhost", "secret")
            await client.connect()
            try:
                return await work(client)
            finally:
                await client.close()
        return asyncio.run(run())
