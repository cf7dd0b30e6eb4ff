#!/usr/bin/python3
"""XEP-0156 and XEP-0487: host-meta in both formats, and HTTP as such: what is refused and how."""

import json
import socket
import unittest
import xml.etree.ElementTree as xml

from web_case import WebCase

XRD = "{http://docs.oasis-open.org/ns/xri/xrd-1.0}"
WEBSOCKET, BOSH = "urn:xmpp:alt-connections:websocket", "urn:xmpp:alt-connections:xbosh"


class HostMetaTest(WebCase):
    def expected(self):
        return {WEBSOCKET: "wss://localhost:%d/xmpp-websocket" % self.server.https_port,
                BOSH: "https://localhost:%d/http-bind" % self.server.https_port}

    def test_xml(self):
        status, headers, body = self.request("GET", "/.well-known/host-meta", connection=self.https())
        self.assertEqual((status, headers["Access-Control-Allow-Origin"]), (200, "*"))
        found = {each.get("rel"): each.get("href") for each in xml.fromstring(body).findall(XRD + "Link")}
        self.assertEqual(found, self.expected())

    def test_json(self):
        status, headers, body = self.request("GET", "/.well-known/host-meta.json", connection=self.https())
        self.assertEqual((status, headers["Content-Type"], headers["Access-Control-Allow-Origin"]), (200, "application/json", "*"))
        document = json.loads(body)
        self.assertEqual({each["rel"]: each["href"] for each in document["links"]}, self.expected())
        self.assertNotIn("xmpp", document)  # XEP-0487 §2.2: this would turn SRV records off

    def test_only_for_reading(self):
        self.assertEqual(self.request("POST", "/.well-known/host-meta", b"x")[0], 405)
        self.assertEqual(self.request("HEAD", "/.well-known/host-meta")[2], b"")


class HostMeta2Test(WebCase):
    config = {"http": {"public_addresses": ["192.0.2.1", "2001:db8::1"], "public_url": "https://chat.example.org"}}

    def test_everything_that_is_mandatory_is_there(self):
        document = json.loads(self.request("GET", "/.well-known/host-meta.json")[2])
        self.assertIsInstance(document["xmpp"]["ttl"], int)
        links = {each["rel"]: each for each in document["links"]}
        self.assertEqual(links[WEBSOCKET]["href"], "wss://chat.example.org/xmpp-websocket")
        self.assertEqual(links["urn:xmpp:alt-connections:tls"]["port"], self.server.endpoint.tls_port)
        for each in document["links"]:
            self.assertEqual((each["ips"], each["sni"]), (["192.0.2.1", "2001:db8::1"], "localhost"))
            self.assertIsInstance(each["priority"] + each["weight"], int)


class HttpTest(WebCase):
    config = {"http": {"idle_timeout": 2}}

    def exchange(self, sent):
        """Everything that is answered until the server closes."""
        with socket.create_connection(("127.0.0.1", self.server.http_port), timeout=20) as wire:
            wire.sendall(sent)
            answer = b""
            while True:
                try:
                    more = wire.recv(65536)
                except ConnectionResetError:
                    more = b""
                if not more:
                    return answer
                answer += more

    def test_what_two_parsers_could_read_differently_is_refused(self):
        host = b"GET / HTTP/1.1\r\nHost: a\r\n"
        refused = {
            b"GET / HTTP/1.1\r\n\r\n": b"400",
            host + b"Host: b\r\n\r\n": b"400",
            host + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx": b"400",
            host + b"Content-Length: +1\r\n\r\nx": b"400",
            host + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": b"400",
            host + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n": b"411",
            host + b"X : y\r\n\r\n": b"400",
            host + b"X: y\r\n folded\r\n\r\n": b"400",
            host + b"X: a\0b\r\n\r\n": b"400",
            b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n": b"400",
            b"GET / HTTP/2.0\r\nHost: a\r\n\r\n": b"505",
            host + b"X: " + b"y" * 20000 + b"\r\n\r\n": b"431",
        }
        for sent, status in refused.items():
            with self.subTest(sent=sent[:80]):
                self.assertEqual(self.exchange(sent)[9:12], status)

    def test_a_head_that_does_not_end_is_given_up(self):
        self.assertEqual(self.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n")[9:12], b"408")

    def test_an_idle_connection_is_closed(self):
        self.assertEqual(self.exchange(b""), b"")

    def test_requests_sent_at_once_are_answered_in_order(self):
        answer = self.exchange(b"GET /.well-known/host-meta HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        self.assertLess(answer.index(b"HTTP/1.1 200"), answer.index(b"HTTP/1.1 404"))


if __name__ == "__main__":
    unittest.main()
