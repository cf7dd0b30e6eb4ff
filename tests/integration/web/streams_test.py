#!/usr/bin/python3
"""WebSocket and BOSH at the level of their own bytes: what is refused, and that it is the same front end as TCP's."""

import asyncio
import re
import select
import socket
import threading
import unittest

from web_case import WebCase
from web_transports import NS_BOSH, NS_FRAMING, WebSocketTransport, parse_one

OPEN = "<open xmlns='%s' to='localhost' version='1.0'/>" % NS_FRAMING
STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
           "Sec-WebSocket-Protocol": "xmpp"}


class Record:
    """Takes what a transport says; ends() waits until the connection is gone."""

    def __init__(self):
        self.heard = b""
        self.ended = asyncio.Event()

    def data_received(self, data):
        self.heard += data

    def connection_lost(self, _error):
        self.ended.set()

    async def ends(self):
        await asyncio.wait_for(self.ended.wait(), 10)

    async def hears(self, text):
        for _ in range(1000):
            if text in self.heard or self.ended.is_set():
                break
            await asyncio.sleep(0.01)  # polling for what comes
        if text not in self.heard:
            raise AssertionError("%r is not in %r" % (text, self.heard))


class WebSocketTest(WebCase):
    def play(self, work):
        """work(transport, record) on a fresh WebSocket."""
        async def run():
            record = Record()
            transport = await WebSocketTransport.connect(record, "127.0.0.1", self.server.https_port)
            try:
                return await work(transport, record)
            finally:
                transport.abort()
        return asyncio.run(run())

    def error_for(self, *texts):
        """The stream error that these messages lead to; then the server ends the stream and the socket."""
        async def work(transport, record):
            for text in texts:
                transport.send_text(text)
            await record.ends()
            self.assertTrue(record.heard.endswith(b"</stream:stream>"), record.heard)
            found = re.search(rb"<stream:error[^>]*><([a-z-]+) xmlns='%s'" % STREAM_ERRORS.encode(), record.heard)
            return found and found[1].decode()
        return self.play(work)

    def close_code_for(self, send):
        async def work(transport, record):
            send(transport)
            await record.ends()
            return transport.close_code
        return self.play(work)

    # RFC 7395 §3.1, RFC 6455 §4.2
    def test_what_is_no_handshake_is_refused(self):
        for changes, status in (({"Sec-WebSocket-Protocol": "chat"}, 400), ({"Sec-WebSocket-Protocol": ""}, 400), ({"Sec-WebSocket-Version": "8"}, 426),
                                ({"Sec-WebSocket-Key": "short"}, 400), ({"Upgrade": "h2c"}, 426), ({"Connection": "close"}, 426)):
            with self.subTest(changes=changes):
                self.assertEqual(self.request("GET", "/xmpp-websocket", headers={**UPGRADE, **changes})[0], status)
        self.assertEqual(self.request("POST", "/xmpp-websocket", b"", UPGRADE)[0], 426)

    # REQ 8: no permessage-deflate, also for those who ask for it
    def test_no_extension_is_agreed_on(self):
        status, headers, _ = self.request("GET", "/xmpp-websocket", headers={**UPGRADE, "Sec-WebSocket-Extensions": "permessage-deflate"})
        self.assertEqual(status, 101)
        self.assertNotIn("Sec-WebSocket-Extensions", headers)
        self.assertEqual(headers["Sec-WebSocket-Accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        self.assertEqual(self.close_code_for(lambda t: t.send_frame(0x41, b"x")), 1002)

    def test_the_stream_begins_with_open_and_only_once(self):
        self.assertEqual(self.error_for("<message xmlns='jabber:client'/>"), "bad-format")
        self.assertEqual(self.error_for(OPEN, OPEN), "bad-format")
        self.assertEqual(self.error_for("<open xmlns='%s' to='elsewhere.example' version='1.0'/>" % NS_FRAMING), "host-unknown")
        self.assertEqual(self.error_for("<open xmlns='%s' to='localhost'/>" % NS_FRAMING), "unsupported-version")

    # REQ 7: one XML front end for WebSocket too: one element a message, nothing of XML that XMPP forbids
    def test_a_message_is_one_element(self):
        self.assertEqual(self.error_for(OPEN, "<a xmlns='b'/><c xmlns='d'/>"), "not-well-formed")
        self.assertEqual(self.error_for(OPEN, "<a xmlns='b'>"), "not-well-formed")
        self.assertEqual(self.error_for(OPEN, "</stream:stream>"), "not-well-formed")
        self.assertEqual(self.error_for(OPEN, "<!DOCTYPE a [<!ENTITY b 'c'>]><a xmlns='d'>&b;</a>"), "restricted-xml")
        self.assertEqual(self.error_for(OPEN, "<a xmlns='b'><!-- c --></a>"), "restricted-xml")

    # REQ 2: the same limits before authentication as on TCP
    def test_limits_before_authentication(self):
        self.assertEqual(self.error_for(OPEN, "<a xmlns='b'>%s</a>" % ("x" * 9000)), "policy-violation")
        self.assertEqual(self.error_for(OPEN, "<a xmlns='b'>" * 9 + "</a>" * 9), "policy-violation")
        self.assertEqual(self.error_for(OPEN, "<a xmlns='b'>" + "<c/>" * 40 + "</a>"), "policy-violation")
        # REQ 4: nothing but SASL is allowed in this state
        self.assertEqual(self.error_for(OPEN, "<message xmlns='jabber:client' to='juliet@localhost'/>"), "not-authorized")

    def test_frames_that_are_none_close_the_socket(self):
        self.assertEqual(self.close_code_for(lambda t: t.send_frame(1, OPEN.encode(), mask=False)), 1002)
        self.assertEqual(self.close_code_for(lambda t: t.send_frame(2, OPEN.encode())), 1003)  # RFC 7395 §3.2: text only
        self.assertEqual(self.close_code_for(lambda t: t.send_frame(0, b"x")), 1002)

    def test_fragments_and_pings(self):
        async def work(transport, record):
            transport.send_frame(1, OPEN[:20].encode(), final=False)
            transport.send_frame(9, b"are you there?")
            transport.send_frame(0, OPEN[20:].encode())
            await record.hears(b"</stream:features>")
            return transport.pongs
        self.assertEqual(self.play(work), [b"are you there?"])

    def test_close_is_answered(self):
        async def work(transport, record):
            transport.send_text(OPEN)
            await record.hears(b"</stream:features>")
            transport.send_text("<close xmlns='%s'/>" % NS_FRAMING)
            await record.ends()
            return record.heard.endswith(b"</stream:stream>"), transport.close_code
        self.assertEqual(self.play(work), (True, 1000))

    def test_channel_binding_is_offered(self):
        async def work(transport, record):
            transport.send_text(OPEN)
            await record.hears(b"</stream:features>")
            return record.heard
        heard = self.play(work)
        self.assertIn(b"<mechanism>SCRAM-SHA-256-PLUS</mechanism>", heard)
        self.assertIn(b"tls-exporter", heard)


class BoshTest(WebCase):
    rid = 1000

    def body(self, attributes="", content="", rid=None):
        if rid is None:
            rid = self.rid = self.rid + 1
        return "<body xmlns='%s' xmlns:xmpp='urn:xmpp:xbosh' rid='%d' %s>%s</body>" % (NS_BOSH, rid, attributes, content)

    def post(self, text, connection=None):
        status, headers, answer = self.request("POST", "/http-bind", text.encode(), {"Content-Type": "text/xml; charset=utf-8"}, connection)
        self.assertEqual((status, headers["Access-Control-Allow-Origin"]), (200, "*"))
        return parse_one(answer)

    def create(self):
        answer = self.post(self.body("to='localhost' wait='5' hold='1' ver='1.6' xmpp:version='1.0'"))
        self.assertEqual((answer.get("wait"), answer.get("requests"), answer.get("from")), ("5", "2", "localhost"))
        self.assertIsNotNone(answer.find("features"))
        return answer.get("sid")

    def test_who_is_not_known_is_told_so(self):
        answer = self.post(self.body("sid='nobody'"))
        self.assertEqual((answer.get("type"), answer.get("condition")), ("terminate", "item-not-found"))
        self.assertEqual(self.post(self.body("sid='%s'" % ("x" * 500))).get("condition"), "item-not-found")

    def test_what_is_no_request_is_refused(self):
        for text in ("", "x", "<body/>", "<body xmlns='%s'/>" % NS_BOSH, self.body("to='localhost'").replace("rid=", "id="),
                     "<!DOCTYPE a><body xmlns='%s' rid='1' to='localhost'/>" % NS_BOSH):
            with self.subTest(text=text):
                self.assertEqual(self.post(text).get("condition"), "bad-request")
        self.assertEqual(self.request("GET", "/http-bind")[0], 405)
        self.assertEqual(self.request("OPTIONS", "/http-bind")[0], 204)
        self.assertEqual(self.request("POST", "/http-bind", b"x" * 1_000_000)[0], 413)

    def test_an_answer_that_was_lost_is_given_again(self):
        sid = self.create()
        auth = self.body("sid='%s'" % sid, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='WRONG'/>")
        first = self.post(auth)
        self.assertIsNotNone(first.find("failure"))
        self.assertEqual(self.post(auth).to_xml(), first.to_xml())  # XEP-0124 §14.3: and it was not tried twice

    def test_request_ids_have_a_window(self):
        sid = self.create()
        answer = self.post(self.body("sid='%s'" % sid, rid=self.rid + 50))
        self.assertEqual((answer.get("type"), answer.get("condition")), ("terminate", "item-not-found"))
        self.assertEqual(self.post(self.body("sid='%s'" % sid)).get("condition"), "item-not-found")

    # REQ 2, REQ 4, REQ 7: the same front end as TCP's
    def test_limits_and_states_are_those_of_every_stream(self):
        for content, condition in (("<a xmlns='b'>%s</a>" % ("x" * 20000), None), ("<message xmlns='jabber:client' to='juliet@localhost'/>", "not-authorized")):
            sid = self.create()
            answer = self.post(self.body("sid='%s'" % sid, content))
            self.assertEqual(answer.get("type"), "terminate")
            if condition:
                self.assertEqual(answer.get("condition"), "remote-stream-error")
                self.assertEqual(answer.find("error").children[0].name, condition)

    def test_a_request_is_answered_when_the_wait_is_over(self):
        answer = self.post(self.body("to='localhost' wait='1' hold='1' ver='1.6' xmpp:version='1.0'"))
        self.assertEqual(self.post(self.body("sid='%s'" % answer.get("sid"))).to_xml(), "<body xmlns='%s'/>" % NS_BOSH)

    # REQ 2: a request that takes another one's place must not leave that one's connection open, unanswered and uncounted.
    def test_a_request_that_is_repeated_before_its_turn_takes_the_place_of_the_first(self):
        sid = self.create()
        ahead = self.body("sid='%s'" % sid, rid=self.rid + 2)
        both = [self.http(), self.http()]
        for connection in both:
            connection.request("POST", "/http-bind", ahead)
        answered, _, _ = select.select([connection.sock for connection in both], [], [], 20)  # whichever came first
        self.assertEqual(len(answered), 1)
        first = next(connection for connection in both if connection.sock is answered[0])
        self.assertEqual(first.getresponse().read().decode(), "<body xmlns='%s'/>" % NS_BOSH)

    def test_whoever_ends_is_told_that_it_is_over(self):
        sid = self.create()
        self.assertEqual(self.post(self.body("sid='%s' type='terminate'" % sid)).get("type"), "terminate")
        self.assertEqual(self.post(self.body("sid='%s'" % sid)).get("condition"), "item-not-found")


class PipelineTest(WebCase):
    # REQ 6: somebody who asks and asks and never reads must not make the server remember all answers.
    def test_no_request_is_read_while_answers_wait(self):
        request, count = b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 100000
        with socket.create_connection(("127.0.0.1", self.server.http_port), timeout=60) as wire:
            writer = threading.Thread(target=wire.sendall, args=(request * count,))
            writer.start()
            most, before = 0, -1
            while most != before:  # until nothing moves any more
                before = most
                for _ in range(20):
                    most = max(most, self.server.metrics().value("rookery_outbox_bytes"))
            answers = 0
            rest = b""
            while answers < count:
                got = wire.recv(1 << 20)
                self.assertTrue(got)
                rest += got
                answers += rest.count(b"HTTP/1.1 404")
                rest = rest[-11:]
            writer.join()
        self.assertLess(most, 1 << 20)


class ProxyTest(WebCase):
    config = {"http": {"trusted_proxies": ["127.0.0.1"]}}

    def test_the_rightmost_stranger_is_the_client(self):
        # Seen where addresses are logged: three wrong passwords end a stream with ip=…
        for forwarded, expected in (("192.0.2.7", "192.0.2.7"), ("10.9.9.9, 192.0.2.8", "192.0.2.8"), ("192.0.2.9, 127.0.0.1", "192.0.2.9"),
                                    ("nonsense", "127.0.0.1"), (None, "127.0.0.1")):
            with self.subTest(forwarded=forwarded), socket.create_connection(("127.0.0.1", self.server.http_port)) as wire:
                line = "X-Forwarded-For: %s\r\n" % forwarded if forwarded else ""
                body = "<body xmlns='%s' xmlns:xmpp='urn:xmpp:xbosh' rid='1' to='localhost' wait='5' hold='1' ver='1.6' xmpp:version='1.0'/>" % NS_BOSH
                wire.sendall(("POST /http-bind HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n%s" % (line, len(body), body)).encode())
                sid = re.search(r"sid='([^']+)'", wire.recv(65536).decode())[1]
                auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='NONE'/>"
                for rid in range(2, 12):  # until the server has had enough of it
                    body = "<body xmlns='%s' rid='%d' sid='%s'>%s</body>" % (NS_BOSH, rid, sid, auth)
                    wire.sendall(("POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)).encode())
                    if "terminate" in wire.recv(65536).decode():
                        break
                found = re.findall(r"event=authentication_failed ip=(\S+)", self.server.log())
                self.assertEqual(found[-1], expected)


if __name__ == "__main__":
    unittest.main()
