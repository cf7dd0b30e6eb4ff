"""A small asyncio XMPP client for tests: TLS, SASL SCRAM, binding, XEP-0198, and a queue of what was received.

    client = XmppClient(server.endpoint, "romeo@localhost", "secret", resource="orchard")
    await client.connect()
    client.send("<presence/>")
    stanza = await client.receive()
"""

import asyncio
import base64
import collections
import hashlib
import ssl

import sasl2
from scram import ScramClient, b64
from web_transports import BoshTransport, WebSocketTransport
from xmpp_xml import NS_CLIENT, NS_STREAM, Element, StreamParser, parse_all, quote

NS_TLS = "urn:ietf:params:xml:ns:xmpp-tls"
NS_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
NS_BIND = "urn:ietf:params:xml:ns:xmpp-bind"
NS_SM = "urn:xmpp:sm:3"
PREFERRED = ("SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN")


class XmppError(Exception):
    """The server refused or broke the protocol; `element` is what it said, where it said something."""

    def __init__(self, what, element=None):
        super().__init__(what if element is None else "%s: %s" % (what, element))
        self.element = element


class StreamClosed(XmppError):
    """The stream or the socket ended while more was awaited."""


Endpoint = collections.namedtuple("Endpoint", "host port tls_port domain https_port", defaults=(None,))

_next_id = iter(range(1, 1 << 60))


def new_id(prefix="t"):
    return "%s%d" % (prefix, next(_next_id))


def tls_context(ca_file=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["xmpp-client"])
    context.check_hostname = ca_file is not None
    context.verify_mode = ssl.CERT_REQUIRED if ca_file else ssl.CERT_NONE
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


class StreamManagement:
    """XEP-0198 state of one session: it outlives the connection, so hand it from one client to the next to resume."""

    def __init__(self):
        self.enabled = False  # the server has said <enabled/> or <resumed/>
        self.counting_sent = False  # our half counts from our <enable/> on (XEP-0198 §3)
        self.id = None
        self.received = 0  # our h: stanzas handled by us, modulo 2^32
        self.sent = 0
        self.acked = 0
        self.unacked = collections.deque()

    def on_ack(self, h):
        while self.acked < h and self.unacked:
            self.unacked.popleft()
            self.acked += 1


class _Wire(asyncio.Protocol):
    """One socket of a client, so that the late end of an old socket is not taken for the end of the new one."""

    def __init__(self, client):
        self._client = client

    def data_received(self, data):
        if self._client.wire is self:
            self._client.data_received(data)

    def connection_lost(self, _error):
        if self._client.wire is self:
            self._client.connection_lost()


class XmppClient:
    patience = 10.0  # seconds until what is awaited counts as missing, where nothing else is said

    def __init__(self, endpoint, jid, password, resource=None, direct_tls=True, mechanism=None, ca_file=None,
                 source=None, carrier="tcp"):
        self.endpoint = endpoint
        self.user, _, self.domain = jid.partition("@")
        self.bare = jid
        self.password = password
        self.resource = resource
        self.direct_tls = direct_tls
        self.mechanism = mechanism
        self.ca_file = ca_file
        self.carrier = carrier  # "tcp", "websocket" or "bosh"
        self.source = source  # our own address; any in 127.0.0.0/8 will do for loopback
        self.jid = None  # the full JID, once bound
        self.sm = StreamManagement()
        self.resumable = None  # the state of a session that may be resumed
        self.answer_acks = True
        self.on_traffic = None  # called with ("in" | "out", text or Element), for transcripts
        self.intercept = None  # called with each stanza; true when it has dealt with it
        self.features = None
        self.inbox = collections.deque()
        self._transport = self.wire = None
        self._reset()

    def _reset(self):
        self.headers = collections.deque()
        self.stream_ended = False
        self.closed = False
        self.parse_error = None
        self._wake = None
        self._new_parser()

    def _new_parser(self):
        self._parser = StreamParser(self._got_header, self._got_element, self._got_end)

    def data_received(self, data):
        try:
            self._parser.feed(data)
        except Exception as error:  # expat.ExpatError: the server's XML is broken
            self.parse_error = self.parse_error or "%s: %s in %r" % (type(error).__name__, error, data[-300:])  # what follows the first one says nothing
            self._transport.abort()
        self._notify()

    def connection_lost(self):
        self.closed = True
        self._notify()

    def _notify(self):
        if self._wake and not self._wake.done():
            self._wake.set_result(None)

    def _got_header(self, header):
        self.headers.append(header)

    def _got_end(self):
        self.stream_ended = True

    def _got_element(self, element):
        if self.on_traffic:
            self.on_traffic("in", element)
        if element.ns == NS_SM and self._handle_sm(element):
            return
        if sasl2.is_success(element):
            sasl2.on_success(self, element)
        if self.sm.enabled and element.is_stanza():
            self.sm.received = (self.sm.received + 1) & 0xFFFFFFFF
        if self.intercept is None or not self.intercept(element):
            self.inbox.append(element)

    def _handle_sm(self, element):
        """True for what need not be seen: requests and acknowledgements of an enabled session."""
        if element.name == "enabled":
            self.sm.enabled = True
            self.sm.id = element.get("id")
        elif element.name == "resumed":
            self.sm, self.resumable = self.resumable or self.sm, None
            self.sm.enabled = self.sm.counting_sent = True
            self.sm.on_ack(int(element.get("h")))
        elif element.name == "a" and self.sm.enabled:
            self.sm.on_ack(int(element.get("h")))
            return True
        elif element.name == "r" and self.sm.enabled:
            if self.answer_acks:
                self.send_ack()
            return True
        return False

    # ---- sending and receiving

    def write(self, data):
        """Raw bytes or text; nothing is counted."""
        if self.on_traffic:
            self.on_traffic("out", data)
        self._transport.write(data.encode() if isinstance(data, str) else data)

    def send(self, stanza):
        """One element as text or Element. Counted and kept until acknowledged when XEP-0198 is on."""
        text = stanza if isinstance(stanza, str) else stanza.to_xml()
        if text.startswith("<enable ") and not self.sm.enabled:
            self.sm = StreamManagement()
            self.sm.counting_sent = True
        elif self.sm.counting_sent and text.startswith(("<message", "<presence", "<iq")):
            self.sm.sent += 1
            self.sm.unacked.append(text)
        self.write(text)

    def send_ack(self):
        self.write("<a xmlns='%s' h='%d'/>" % (NS_SM, self.sm.received))

    def request_ack(self):
        self.write("<r xmlns='%s'/>" % NS_SM)

    async def wait_for(self, condition, timeout=None):
        """Waits until condition() is true; StreamClosed when the socket ends before, TimeoutError after `timeout`."""
        timeout = self.patience if timeout is None else timeout
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while not condition():
            if self.parse_error:
                raise XmppError("the server's XML does not parse: " + self.parse_error)
            if self.closed:
                raise StreamClosed("the server closed the connection")
            self._wake = loop.create_future()
            handle = loop.call_at(deadline, self._notify)
            await self._wake
            handle.cancel()
            if loop.time() >= deadline and not condition():
                raise TimeoutError("nothing came within %g s" % timeout)

    async def receive(self, timeout=None):
        """The next element that is not XEP-0198 bookkeeping."""
        if not self.inbox:
            await self.wait_for(lambda: self.inbox or self.stream_ended, timeout)
        if not self.inbox:
            raise StreamClosed("the server closed the stream")
        return self.inbox.popleft()

    async def receive_where(self, predicate, timeout=None):
        """The first element for which predicate(element); the others stay queued in order."""
        seen = 0
        while True:
            for index in range(seen, len(self.inbox)):
                if predicate(self.inbox[index]):
                    element = self.inbox[index]
                    del self.inbox[index]
                    return element
            seen = len(self.inbox)
            await self.wait_for(lambda: len(self.inbox) > seen or self.stream_ended, timeout)
            if len(self.inbox) == seen:
                raise StreamClosed("the server closed the stream")

    async def iq(self, kind, payload, to=None, timeout=None):
        """Sends an IQ and returns its answer, be it a result or an error."""
        identifier = new_id("iq")
        address = " to=" + quote(to) if to else ""
        self.send("<iq type='%s' id='%s'%s>%s</iq>" % (kind, identifier, address, payload))
        return await self.receive_where(lambda e: e.name == "iq" and e.get("id") == identifier, timeout)

    async def settled(self, timeout=None):
        """Waits until the server has acknowledged everything that was sent (XEP-0198)."""
        self.request_ack()
        await self.wait_for(lambda: not self.sm.unacked, timeout)

    # ---- negotiation

    async def open_tcp(self, tls):
        self._reset()
        self.inbox.clear()
        self.wire = wire = _Wire(self)
        if self.carrier != "tcp":
            carrier = WebSocketTransport if self.carrier == "websocket" else BoshTransport
            self._transport = await carrier.connect(wire, self.endpoint.host, self.endpoint.https_port)
            return
        loop = asyncio.get_running_loop()
        port = self.endpoint.tls_port if tls else self.endpoint.port
        options = {"ssl": tls_context(self.ca_file), "server_hostname": self.domain} if tls else {}
        if self.source:
            options["local_addr"] = (self.source, 0)
        self._transport, _ = await loop.create_connection(lambda: wire, self.endpoint.host, port, **options)

    async def start_tls(self):
        """The TLS handshake on the open socket, and a new parser (RFC 6120 §5.4.3.3)."""
        loop = asyncio.get_running_loop()
        self._new_parser()
        self._transport = await loop.start_tls(
            self._transport, self.wire, tls_context(self.ca_file), server_hostname=self.domain)

    async def open_stream(self, timeout=None, to=None, sender=None):
        self._new_parser()
        self.headers.clear()
        self.write("<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='%s' to='%s'%s version='1.0'>"
                   % (NS_CLIENT, NS_STREAM, to or self.domain, " from=" + quote(sender) if sender else ""))
        await self.wait_for(lambda: self.headers, timeout)
        return self.headers.popleft()

    async def negotiate(self):
        """TCP, TLS and SASL; afterwards the features of the authenticated stream are in `features`."""
        await self.open_tcp(self.direct_tls)
        await self.open_stream()
        self.features = await self.receive()
        if not self.direct_tls and self.carrier == "tcp":
            self.send("<starttls xmlns='%s'/>" % NS_TLS)
            answer = await self.receive()
            if answer.name != "proceed":
                raise XmppError("no <proceed/>", answer)
            await self.start_tls()
            await self.open_stream()
            self.features = await self.receive()
        answer = await self.authenticate()
        if answer.name != "success":
            raise XmppError("authentication failed", answer)
        await self.open_stream()
        self.features = await self.receive()

    def offered_mechanisms(self):
        offer = self.features.find("mechanisms", NS_SASL)
        return [m.text for m in offer.find_all("mechanism")] if offer else []

    def channel_binding(self):
        """tls-server-end-point (RFC 5929 §4); Python's ssl has no tls-exporter."""
        tls = self._transport.get_extra_info("ssl_object")
        if tls is None:
            return None  # BOSH: there is no one connection to bind to
        certificate = tls.getpeercert(binary_form=True)
        return "tls-server-end-point", hashlib.sha256(certificate).digest()

    async def authenticate(self, mechanism=None, authzid="", password=None, user=None, timeout=None):
        """One SASL exchange; returns the server's last word, <success/> or <failure/>."""
        mechanism = mechanism or self.mechanism
        if not mechanism:
            offered = self.offered_mechanisms()
            mechanism = next((m for m in PREFERRED if m in offered), None)
        if not mechanism:
            raise XmppError("no mechanism that we know", self.features)
        user = self.user if user is None else user
        password = self.password if password is None else password
        if mechanism == "PLAIN":
            self._sasl("auth", "\0".join((authzid, user, password)), mechanism)
            return await self.receive(timeout)
        binding = self.channel_binding() if mechanism.endswith("-PLUS") else None
        scram = ScramClient(mechanism, user, password, authzid, binding)
        self._sasl("auth", scram.first(), mechanism)
        answer = await self.receive(timeout)
        if answer.name != "challenge":
            return answer
        self._sasl("response", scram.final(base64.b64decode(answer.text).decode()))
        answer = await self.receive(timeout)
        if answer.name == "success":
            scram.check(base64.b64decode(answer.text).decode())
        return answer

    def _sasl(self, name, data, mechanism=None):
        attribute = " mechanism='%s'" % mechanism if mechanism else ""
        self.write("<%s xmlns='%s'%s>%s</%s>" % (name, NS_SASL, attribute, b64(data), name))

    async def bind(self):
        wish = "<resource>%s</resource>" % self.resource if self.resource else ""
        answer = await self.iq("set", "<bind xmlns='%s'>%s</bind>" % (NS_BIND, wish))
        bound = answer.find("bind", NS_BIND)
        if answer.get("type") != "result" or bound is None:
            raise XmppError("binding failed", answer)
        self.jid = bound.find("jid").text

    async def connect(self):
        self.sm = StreamManagement()
        await self.negotiate()
        await self.bind()

    async def enable_sm(self, resume=True):
        self.send("<enable xmlns='%s'%s/>" % (NS_SM, " resume='true'" if resume else ""))
        answer = await self.receive_where(lambda e: e.ns == NS_SM)
        if answer.name != "enabled":
            raise XmppError("no <enabled/>", answer)
        return answer

    async def resume(self):
        """A new connection for the old session; what the server has not handled is sent again (XEP-0198 §5).

        Returns <resumed/> or <failed/>; after <failed/> the caller may bind() and send `resumable.unacked` itself."""
        old = await self.log_in_again()
        self.write("<resume xmlns='%s' previd=%s h='%d'/>" % (NS_SM, quote(old.id), old.received))
        answer = await self.receive()
        if answer.name != "resumed":
            if answer.get("h") is not None:
                old.on_ack(int(answer.get("h")))
            return answer
        for text in old.unacked:
            self.write(text)
        return answer

    async def log_in_again(self):
        """Connects and authenticates."""
        old = self.begin_anew()
        await self.negotiate()
        return old

    def begin_anew(self):
        """Keeps the old session's state, which is returned, in `resumable` until <resumed/> comes."""
        old, self.sm = self.resumable or self.sm, StreamManagement()
        self.resumable = old
        return old

    async def go_online(self, priority=None):
        """Initial presence, until our own echo of it has come (RFC 6121 §4.2.2)."""
        self.send("<presence>%s</presence>" % ("" if priority is None else "<priority>%d</priority>" % priority))
        await self.receive_where(lambda e: e.name == "presence" and e.get("from") == self.jid)

    # ---- ending

    async def close(self, timeout=None):
        """</stream:stream>, and waits until the server has closed its side too."""
        if self.closed or self._transport is None:
            return
        self.write("</stream:stream>")
        try:
            await self.wait_for(lambda: self.stream_ended or self.closed, timeout)
        except StreamClosed:
            pass
        if not self.closed:
            self.closed = True
            self._transport.close()

    def cut(self):
        """The socket is gone, without a word (TCP RST)."""
        if self._transport is not None and not self.closed:
            self.closed = True
            self._transport.abort()


__all__ = ["Element", "Endpoint", "NS_BIND", "NS_SASL", "NS_SM", "NS_TLS", "StreamClosed", "StreamManagement",
           "XmppClient", "XmppError", "new_id", "parse_all", "tls_context"]
