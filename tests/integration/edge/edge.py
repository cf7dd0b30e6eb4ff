"""What the tests of the edge share: a server with short limits, and clients that misbehave byte by byte."""

import asyncio
import os
import socket
import ssl
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

from tested_server import tested_server  # noqa: E402
from xmpp_client import XmppClient, tls_context  # noqa: E402

PASSWORD = "secret"
PATIENCE = 30.0  # until something that has to come counts as missing
HEADER = (b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
          b"to='localhost' version='1.0'>")


class EdgeTest(unittest.TestCase):
    config = {}

    def setUp(self):
        self.server = tested_server(self.config)
        self.server.__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)

    def client(self, user="romeo", resource=None, **options):
        return XmppClient(self.server.endpoint, user + "@localhost", PASSWORD, resource=resource, **options)

    def stats(self):
        lines = self.server.ctl("stats").splitlines()
        return dict(line.split(" ", 1) for line in lines if " " in line)

    def connect(self, direct_tls=False, source="127.0.0.1"):
        port = self.server.endpoint.tls_port if direct_tls else self.server.endpoint.port
        return socket.create_connection(("127.0.0.1", port), PATIENCE, (source, 0))

    def connect_tls(self, **options):
        return tls_context().wrap_socket(self.connect(direct_tls=True, **options), server_hostname="localhost")


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 3 * PATIENCE))


def client_hello():
    """The first flight of a TLS client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        tls_context().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def read_until(connection, text):
    """Everything up to `text`."""
    got = b""
    while text not in got:
        chunk = connection.recv(4096)
        if not chunk:
            raise AssertionError("the connection ended before %r: %r" % (text, got))
        got += chunk
    return got


def read_to_end(connection):
    """Everything until the server closes; a reset counts as an end too."""
    got = b""
    try:
        while chunk := connection.recv(4096):
            got += chunk
    except (ConnectionError, ssl.SSLError):
        pass
    return got


def dribble(connection, data, pause=0.1):
    """Sends `data` byte by byte, one in each pause, until the server closes; returns what it said."""
    connection.settimeout(pause)
    got = b""
    for byte in data:
        try:
            connection.sendall(bytes([byte]))
            chunk = connection.recv(4096)
            if not chunk:
                return got
            got += chunk
        except (TimeoutError, ssl.SSLWantReadError):
            continue
        except (ConnectionError, ssl.SSLError):
            return got
    raise AssertionError("the server took it all and did not close")
