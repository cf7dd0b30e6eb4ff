"""A component (XEP-0114) for tests, byte by byte. It shares no code with the server."""

import asyncio
import hashlib

from xmpp_client import NS_STREAM, XmppClient, _Wire
from xmpp_xml import quote

NS_COMPONENT = "jabber:component:accept"


class ComponentClient(XmppClient):
    def __init__(self, port, domain, secret):
        super().__init__(None, "@" + domain, secret)
        self.port = port
        self.header = None

    async def open(self, to=None, ns=NS_COMPONENT, tls=None):
        """TCP and the header; the server's header is in `header`."""
        self._reset()
        self.inbox.clear()
        self.wire = wire = _Wire(self)
        options = {"ssl": tls, "server_hostname": self.domain} if tls else {}
        self._transport, _ = await asyncio.get_running_loop().create_connection(lambda: wire, "127.0.0.1", self.port, **options)
        self.write("<stream:stream xmlns=%s xmlns:stream=%s to=%s>" % (quote(ns), quote(NS_STREAM), quote(to or self.domain)))
        await self.wait_for(lambda: self.headers)
        self.header = self.headers.popleft()

    def handshake(self, secret=None):
        digest = hashlib.sha1((self.header.get("id") + (secret or self.password)).encode()).hexdigest()
        self.write("<handshake>%s</handshake>" % digest)

    async def connect(self, **options):
        await self.open(**options)
        self.handshake()
        answer = await self.receive()
        assert (answer.name, answer.ns, answer.text) == ("handshake", NS_COMPONENT, ""), answer.to_xml()
        return self

    async def stream_error(self):
        """The condition with which the server ends the stream; nothing else may come before it."""
        error = await self.receive()
        assert (error.name, error.ns) == ("error", NS_STREAM), error.to_xml()
        await self.wait_for(lambda: self.stream_ended)
        return error.children[0].name

    async def in_step(self, to):
        """What was sent before has been handled: the answer to a ping comes after it."""
        self.write("<iq type='get' id='step' from=%s to=%s><ping xmlns='urn:xmpp:ping'/></iq>" % (quote(self.domain), quote(to)))
        await self.receive_where(lambda e: e.name == "iq" and e.get("id") == "step")
