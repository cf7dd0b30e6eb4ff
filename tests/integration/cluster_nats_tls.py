"""Nodes whose NATS server wants TLS and credentials: they talk; with another authority or without credentials none starts.

    cluster_nats_tls.py [--binary PATH/rookeryd]
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import Nats, node_config, run_tests, wait_until_owned  # noqa: E402
from nats_credentials import make_credentials  # noqa: E402
from postgres_server import PostgresServer  # noqa: E402
from rookery_server import RookeryServer  # noqa: E402
from server_process import ServerFailed  # noqa: E402
from xmpp_client import XmppClient  # noqa: E402


class GuardedNats(Nats):
    def __init__(self):
        super().__init__()
        self.ca, self.key = os.path.join(self.folder, "ca.pem"), os.path.join(self.folder, "ca.key")
        certificate(self.ca, self.key)
        settings, self.credentials = make_credentials(self.folder)
        with open(os.path.join(self.folder, "nats.conf"), "w") as file:
            file.write("tls { cert_file: %s, key_file: %s }\n%s" % (self.ca, self.key, settings))

    @property
    def url(self):
        return "tls://localhost:%d" % self.port

    def command(self):
        return [*super().command(), "-c", os.path.join(self.folder, "nats.conf")]


def certificate(path, key):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", path], check=True, capture_output=True)


class GuardedBus(unittest.TestCase):
    def setUp(self):
        self.postgres = PostgresServer().__enter__()
        self.addCleanup(self.postgres.close)
        self.connection = self.postgres.create_database()
        self.nats = GuardedNats().__enter__()
        self.addCleanup(self.nats.close)

    def node(self, name, **keys):
        node = RookeryServer(node_config(self.connection, [self.nats], name, {"cluster": keys}))
        self.addCleanup(node.close)
        return node

    def test_nodes_talk_over_tls_with_credentials(self):
        nodes = [self.node(name, nats_ca=self.nats.ca, nats_credentials=self.nats.credentials) for name in ("node-1", "node-2")]
        for node in nodes:
            node.start()
        wait_until_owned(lambda: nodes[0], by=["node-1", "node-2"])
        asyncio.run(self.chat(nodes))

    async def chat(self, nodes):
        # Twelve accounts: that all of them live on one node happens once in 2,000 times, and harms nothing.
        clients = []
        for number in range(12):
            nodes[0].add_account("u%d" % number, "secret")
            clients.append(XmppClient(nodes[number % 2].endpoint, "u%d@localhost" % number, "secret"))
            await clients[-1].connect()
            await clients[-1].go_online()
        for number, client in enumerate(clients):
            client.send("<message to='%s' type='chat'><body>%d</body></message>" % (clients[(number + 1) % 12].jid, number))
        for number, client in enumerate(clients):
            message = await client.receive_where(lambda e: e.name == "message")
            self.assertEqual(str((number - 1) % 12), message.find("body").text)

    def test_another_authority_is_refused(self):
        folder = tempfile.mkdtemp(prefix="rookery-test-")
        self.addCleanup(shutil.rmtree, folder)
        other = os.path.join(folder, "other.pem")
        certificate(other, os.path.join(folder, "other.key"))
        with self.assertRaisesRegex(ServerFailed, "NATS"):
            self.node("node-1", nats_ca=other, nats_credentials=self.nats.credentials).start()

    def test_nobody_comes_in_without_credentials(self):
        with self.assertRaisesRegex(ServerFailed, "NATS"):
            self.node("node-1", nats_ca=self.nats.ca).start()


if __name__ == "__main__":
    run_tests()
