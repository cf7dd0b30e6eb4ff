"""Clients behind Debian's HAProxy (deploy/haproxy/haproxy.cfg, PROXY protocol 2): limits and logs see the client, nobody else gets in."""

import socket

from operate_case import PASSWORD, OperateTest, RookeryServer, run  # first: it says where the others are

import unittest

from haproxy_server import HaproxyServer
from server_process import free_ports
from xmpp_client import tls_context

CLIENT, OTHER = "127.0.0.5", "127.0.0.6"


class HaproxyTest(OperateTest):
    def setUp(self):
        ports = free_ports(5)
        self.server = RookeryServer({"limits": {"unauthenticated_per_ip": 2}}, ports=ports)
        self.server.expect_proxies("127.0.0.1")
        self.haproxy = HaproxyServer(["127.0.0.1"], ports)
        for process in (self.server, self.haproxy):
            process.__enter__()
            self.addCleanup(process.__exit__, None, None, None)
        self.server.add_account("romeo", PASSWORD)

    def sessions(self):
        return self.server.ctl("sessions").splitlines()

    def connect(self, port, source):
        connection = socket.create_connection(("127.0.0.1", port), 10, (source, 0))
        self.addCleanup(connection.close)
        return connection

    def is_open(self, connection):
        """Still, after the server had time to say otherwise: it answers a stream."""
        connection.sendall(b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
                           b"to='localhost' version='1.0'>")
        try:
            return b"<stream:stream" in connection.recv(200)
        except ConnectionError:
            return False

    def read_until(self, connection, end):
        data = b""
        while end not in data:
            got = connection.recv(2000)
            self.assertTrue(got, "it ended behind %r" % data)
            data += got
        return data

    def test_the_server_sees_the_clients_address_by_every_door(self):
        async def scenario():
            for options in ({"direct_tls": True}, {"direct_tls": False}):
                romeo = self.client(endpoint=self.haproxy.endpoint, source=CLIENT, **options)
                await romeo.connect()
                self.assertIn(" ip=%s " % CLIENT, self.sessions()[0], options)
                await romeo.close()
        run(scenario())

    def test_a_web_client_has_its_address_too(self):
        context = tls_context()
        context.set_alpn_protocols(["http/1.1"])
        with context.wrap_socket(self.connect(self.haproxy.endpoint.https_port, CLIENT), server_hostname="localhost") as web:
            web.sendall(b"GET /.well-known/host-meta HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            self.assertTrue(web.recv(1000).startswith(b"HTTP/1.1 200 "))

    def test_caps_are_counted_for_the_client_not_for_the_proxy(self):
        first = self.connect(self.haproxy.endpoint.port, CLIENT)
        self.assertTrue(self.is_open(first))  # before the second one: HAProxy's order is not ours
        second = self.connect(self.haproxy.endpoint.port, CLIENT)
        self.assertTrue(self.is_open(second))
        others = [self.connect(self.haproxy.endpoint.port, OTHER) for _ in range(2)]
        self.assertTrue(all(self.is_open(other) for other in others))
        third = self.connect(self.haproxy.endpoint.port, CLIENT)
        self.assertTrue(self.is_open(third))
        # The oldest one of the same client is closed, and is told why; the other one goes on.
        self.assertIn(b"resource-constraint", self.read_until(first, b"</stream:stream>"))
        second.sendall(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        self.read_until(second, b"<proceed ")

    def test_the_listeners_of_a_proxy_take_nobody_else(self):
        for source, begins in ((OTHER, b""), ("127.0.0.1", b"<?xml version='1.0'?><stream:stream>"),
                               ("127.0.0.1", b"PROXY TCP4 127.0.0.5 127.0.0.1 40000 5222\r\n")):
            connection = self.connect(self.server.endpoint.port, source)
            connection.sendall(begins)
            try:
                self.assertEqual(connection.recv(100), b"", (source, begins))
            except ConnectionError:
                pass
        log = self.server.log()
        self.assertIn("event=not_a_proxy ip=%s" % OTHER, log)
        self.assertEqual(log.count("event=proxy_header_refused"), 2)

    def test_haproxy_asks_readyz_and_a_stopped_node_is_down(self):
        self.until(lambda: set(self.haproxy.states().values()) == {"UP"}, "the node is up")
        self.server.stop()
        self.until(lambda: set(self.haproxy.states().values()) == {"DOWN"}, "the node is down")
        self.server.start()
        self.until(lambda: set(self.haproxy.states().values()) == {"UP"}, "the node is up again")


if __name__ == "__main__":
    unittest.main()
