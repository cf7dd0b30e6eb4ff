"""WebSocket (RFC 7395) and BOSH (XEP-0124, 0206) for XmppClient, written from the specifications.

Both look like the socket of a TCP stream: what is written and what comes back is the XML of RFC 6120 §4, with <stream:stream>
and </stream:stream>, so that the same tests run over all three."""

import asyncio
import base64
import hashlib
import os
import ssl
import xml.parsers.expat as expat

from xmpp_xml import NS_CLIENT, NS_STREAM, Element, StreamParser, quote

NS_FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"
NS_BOSH = "http://jabber.org/protocol/httpbind"
NS_XBOSH = "urn:xmpp:xbosh"
HEADER = "<stream:stream xmlns='%s' xmlns:stream='%s'" % (NS_CLIENT, NS_STREAM)


def web_tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Pieces:
    """Splits what a client writes into ("open", attributes), ("element", Element) and ("close", None)."""

    def __init__(self):
        self._new()

    def _new(self, within=False):
        """A parser for what comes next: a stream's header or, `within` a stream, its elements."""
        self._found = []
        self._parser = StreamParser(lambda e: self._found.append(("open", e.attrs)), lambda e: self._found.append(("element", e)),
                                    lambda: self._found.append(("close", None)))
        if within:
            self._parser.feed(b"<w>")
            self._found.clear()

    def feed(self, data):
        text = data if isinstance(data, bytes) else data.encode()
        if text.startswith((b"<?xml", b"<stream:stream")):  # a stream begins, the first or anew
            self._new()
        try:
            self._parser.feed(text)
        except expat.ExpatError:  # a test of what the server does with it, or words after the stream's end: it goes as it is
            self._new(within=True)
            return [("raw", text.decode(errors="surrogateescape"))]
        found, self._found[:] = list(self._found), []
        return found


def header_text(attributes):
    return HEADER + "".join(" %s=%s" % (name, quote(value)) for name, value in attributes.items()) + ">"


def parse_one(text):
    """The element of a document, and its source when it can stand inside a stream as it is."""
    found = []
    parser = StreamParser(lambda e: None, found.append, lambda: None)
    parser.feed(b"<w>" + (text if isinstance(text, bytes) else text.encode()) + b"</w>")
    if len(found) != 1:
        raise ValueError("not one element: %r" % text)
    return found[0]


class WebSocketTransport(asyncio.Protocol):
    def __init__(self, wire):
        self._wire = wire
        self._pieces = Pieces()
        self._buffer = b""
        self._upgraded = asyncio.get_running_loop().create_future()
        self._message = b""
        self.close_code = None

    @classmethod
    async def connect(cls, wire, host, port, path="/xmpp-websocket"):
        self = cls(wire)
        self._transport, _ = await asyncio.get_running_loop().create_connection(lambda: self, host, port, ssl=web_tls_context())
        key = base64.b64encode(os.urandom(16)).decode()
        self._accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        self._transport.write(("GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n" % (path, host, port, key)).encode())
        await asyncio.wait_for(self._upgraded, 10)
        return self

    # ---- as XmppClient uses it

    def write(self, data):
        for kind, what in self._pieces.feed(data):
            if kind == "open":
                self.send_text("<open xmlns='%s'%s/>" % (NS_FRAMING, "".join(" %s=%s" % pair for pair in (
                    (name, quote(value)) for name, value in what.items()))))
            elif kind == "close":
                self.send_text("<close xmlns='%s'/>" % NS_FRAMING)
            else:
                self.send_text(what if kind == "raw" else what.to_xml(""))

    def get_extra_info(self, name):
        return self._transport.get_extra_info(name)

    def close(self):
        self._transport.close()

    def abort(self):
        self._transport.abort()

    # ---- frames

    def send_text(self, text):
        self.send_frame(1, text.encode(errors="surrogateescape"))

    def send_frame(self, opcode, payload, final=True, mask=True):
        length = len(payload)
        head = bytes([(0x80 if final else 0) | opcode])
        bit = 0x80 if mask else 0
        if length < 126:
            head += bytes([bit | length])
        elif length < 65536:
            head += bytes([bit | 126]) + length.to_bytes(2, "big")
        else:
            head += bytes([bit | 127]) + length.to_bytes(8, "big")
        if mask:
            key = os.urandom(4)
            payload = bytes(byte ^ key[i & 3] for i, byte in enumerate(payload))
            head += key
        self._transport.write(head + payload)

    def data_received(self, data):
        self._buffer += data
        if not self._upgraded.done():
            self._read_handshake()
        while self._upgraded.done() and self._read_frame():
            pass

    def _read_handshake(self):
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        lines = head.decode().split("\r\n")
        headers = dict((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:]))
        self._buffer = rest
        if not lines[0].startswith("HTTP/1.1 101 ") or headers.get("sec-websocket-accept") != self._accept or headers.get("sec-websocket-protocol") != "xmpp":
            self._upgraded.set_exception(ConnectionError("no WebSocket: " + head.decode()))
        elif "sec-websocket-extensions" in headers:
            self._upgraded.set_exception(ConnectionError("an extension that was not asked for"))
        else:
            self._upgraded.set_result(None)

    def _read_frame(self):
        data = self._buffer
        if len(data) < 2:
            return False
        if data[0] & 0x70 or data[1] & 0x80:
            raise ValueError("a frame with reserved bits or a mask")
        length, at = data[1] & 0x7f, 2
        for size in (2, 8):
            if length == (126 if size == 2 else 127) and at == 2:
                if len(data) < 2 + size:
                    return False
                length, at = int.from_bytes(data[2:2 + size], "big"), 2 + size
        if len(data) < at + length:
            return False
        payload, self._buffer = data[at:at + length], data[at + length:]
        self._on_frame(data[0] & 0x0f, payload)
        return True

    def _on_frame(self, opcode, payload):
        if opcode == 8:
            self.close_code = int.from_bytes(payload[:2], "big") if payload else None
        elif opcode == 9:
            self.send_frame(10, payload)
        elif opcode == 10:
            self.pongs = getattr(self, "pongs", []) + [payload]
        else:
            self._on_text(payload)

    def _on_text(self, text):
        element = parse_one(text)
        if (element.name, element.ns) == ("open", NS_FRAMING):
            self._wire.data_received(header_text(element.attrs).encode())
        elif (element.name, element.ns) == ("close", NS_FRAMING):
            self._wire.data_received(b"</stream:stream>")
        else:
            self._wire.data_received(text)

    def connection_lost(self, error):
        if not self._upgraded.done():
            self._upgraded.set_exception(ConnectionError("closed before it was a WebSocket"))
        self._wire.connection_lost(error)


class BoshTransport:
    """A BOSH session with two connections: one request waits at the server, the other is for what we have to say."""

    def __init__(self, wire, host, port):
        self._wire, self._host, self._port = wire, host, port
        self._pieces = Pieces()
        self._rid = int.from_bytes(os.urandom(4), "big") + 1
        self._next_answer, self._answers = self._rid + 1, {}
        self.sid = None
        self._pending = []  # bodies to be sent: (attributes, content)
        self._in_flight = 0
        self._ended = False
        self._idle = []  # connections
        self._tasks = set()
        self._restarts = False  # features that come now begin a new stream: there is no header in BOSH to say so

    @classmethod
    async def connect(cls, wire, host, port):
        return cls(wire, host, port)

    def write(self, data):
        for kind, what in self._pieces.feed(data):
            content = what if kind == "raw" else what.to_xml("") if kind == "element" else ""
            if kind == "open" and self.sid is None:
                self._pending.append((" to=%s wait='60' hold='1' ver='1.6' xml:lang='en' xmpp:version='1.0'" % quote(what["to"]), ""))
            elif kind == "open":
                self._pending.append((" to=%s xmpp:restart='true'" % quote(what["to"]), ""))
            elif kind == "close":
                self._pending.append((" type='terminate'", ""))
            elif self._pending and not self._pending[-1][0]:
                self._pending[-1] = ("", self._pending[-1][1] + content)
            else:
                self._pending.append(("", content))
        self._pump()

    def get_extra_info(self, _name):
        return None

    def abort(self):
        self._ended = True
        for task in list(self._tasks):
            task.cancel()
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    close = abort

    def _pump(self):
        # Before there is a session there is one request.
        while not self._ended and self._in_flight < (2 if self.sid else 1) and (self._pending or (self.sid and self._in_flight == 0)):
            attributes, content = self._pending.pop(0) if self._pending else ("", "")
            self._rid += 1
            sid = " sid=%s" % quote(self.sid) if self.sid else ""
            body = "<body xmlns='%s' xmlns:xmpp='%s' rid='%d'%s%s>%s</body>" % (NS_BOSH, NS_XBOSH, self._rid, sid, attributes, content)
            self._in_flight += 1
            self._restarts = self._restarts or "restart=" in attributes
            task = asyncio.get_running_loop().create_task(self._request(self._rid, body))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _request(self, rid, body):
        try:
            answer = await self.post(body)
        except (ConnectionError, asyncio.IncompleteReadError, OSError):
            if not self._ended:
                self._ended = True
                self._wire.connection_lost(None)
            return
        self._in_flight -= 1
        # XEP-0124 §14.2: answers count in the order of their requests, whichever connection is faster.
        self._answers[rid] = answer
        while self._next_answer in self._answers:
            self._on_answer(self._answers.pop(self._next_answer))
            self._next_answer += 1
        self._pump()

    async def post(self, body):
        """One POST on a connection of its own at that time; the answer's body."""
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection(self._host, self._port, ssl=web_tls_context())
        data = body.encode(errors="surrogateescape")
        writer.write(b"POST /http-bind HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].split()[0])
        answer = await reader.readexactly(length)
        if not head.startswith("http/1.1 200 "):
            raise ConnectionError(head)
        self._idle.append((reader, writer))
        return answer

    def _on_answer(self, answer):
        if self._ended:
            return  # the other request's
        body = parse_one(answer)
        if (body.name, body.ns) != ("body", NS_BOSH):
            raise ValueError("not a body: %r" % answer)
        if self.sid is None and body.get("sid"):
            self.sid = body.get("sid")
            self._wire.data_received(header_text({"from": body.get("from"), "id": body.get("authid"), "version": "1.0"}).encode())
        for child in body.children:
            if self._restarts and child.ns == NS_STREAM:
                self._restarts = False
                self._wire.data_received(header_text({"from": "", "id": "", "version": "1.0"}).encode())
            self._wire.data_received(child.to_xml().encode())
        if body.get("type") == "terminate":
            self._ended = True
            self._wire.data_received(b"</stream:stream>")
            self._wire.connection_lost(None)


__all__ = ["BoshTransport", "Element", "NS_BOSH", "NS_FRAMING", "WebSocketTransport", "parse_one"]
