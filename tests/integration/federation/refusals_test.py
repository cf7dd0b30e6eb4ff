"""What another server may not do: forged addresses, plain text, domains that it did not prove. REQ 2, REQ 4, REQ 17"""

import asyncio
import ssl
import unittest

from federation_case import FederationCase
from xmpp_xml import StreamParser

NS_SERVER = "jabber:server"
HEADER = ("<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' "
          "xmlns:stream='http://etherx.jabber.org/streams' from='%s' to='%s' version='1.0'>")
STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
EXTERNAL = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>"


class OtherServer(asyncio.Protocol):
    """A server that says what a test tells it."""

    def __init__(self, certificate=None):
        self.certificate = certificate  # a folder with cert.pem and key.pem
        self.elements = asyncio.Queue()
        self.ended = asyncio.Event()

    async def connect(self, port):
        self.transport, _ = await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", port)

    def data_received(self, data):
        self.parser.feed(data)

    def connection_lost(self, _error):
        self.elements.put_nowait(None)
        self.ended.set()

    def say(self, text):
        self.transport.write(text.encode())

    async def hear(self):
        return await asyncio.wait_for(self.elements.get(), 20)

    async def open(self, sender, to):
        self.parser = StreamParser(lambda header: None, self.elements.put_nowait, lambda: None)
        self.say(HEADER % (sender, to))
        return await self.hear()

    async def start_tls(self, sender, to):
        await self.open(sender, to)
        self.say(STARTTLS)
        await self.hear()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if self.certificate:
            context.load_cert_chain(self.certificate + "/cert.pem", self.certificate + "/key.pem")
        self.transport = await asyncio.get_running_loop().start_tls(self.transport, self, context, server_hostname=to)
        return await self.open(sender, to)

    async def authenticate(self, sender, to):
        await self.start_tls(sender, to)
        self.say(EXTERNAL)
        assert (await self.hear()).name == "success"
        return await self.open(sender, to)

    async def condition(self):
        """Of the stream error that comes next."""
        error = await self.hear()
        return error.children[0].name if error is not None and error.name == "error" else error


class Refusals(FederationCase):
    async def asyncSetUp(self):
        self.b = self.server("b.example", config={"s2s": {"dialback": True, "deny": ["spam.example"]}}, authority=self.authority)
        self.b.config["s2s"]["dialback"] = True
        self.b.find_at("a.example", 1)  # nobody answers there
        self.b.start()
        self.b.add_account("romeo", "secret")
        self.romeo = await self.log_in(self.b, "romeo")
        self.authority.issue(self.folder, "a.example")

    async def peer(self, certificate=True):
        other = OtherServer(self.folder if certificate else None)
        await other.connect(self.b.s2s_port)
        self.addCleanup(other.transport.abort)
        return other

    def message(self, sender, to="romeo@b.example", text="hello"):
        return "<message from='%s' to='%s' type='chat'><body>%s</body></message>" % (sender, to, text)

    async def test_the_right_address_is_taken(self):
        peer = await self.peer()
        await peer.authenticate("a.example", "b.example")
        peer.say(self.message("juliet@a.example/x"))
        await self.receive_body(self.romeo, "hello")

    async def test_a_forged_from_ends_the_stream(self):
        for forged in ("juliet@c.example/x", "romeo@b.example/x", "juliet@sub.a.example", "b.example"):
            peer = await self.peer()
            await peer.authenticate("a.example", "b.example")
            peer.say(self.message(forged))
            self.assertEqual(await peer.condition(), "invalid-from", forged)

    async def test_what_only_a_server_says_to_its_own_user_does_not_pass(self):
        """REQ 15"""
        peer = await self.peer()
        await peer.authenticate("a.example", "b.example")
        inner = "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='x@b.example'><body>forged</body></message></forwarded>"
        for child in ("<received xmlns='urn:xmpp:carbons:2'>%s</received>", "<sent xmlns='urn:xmpp:carbons:2'>%s</sent>", "<result xmlns='urn:xmpp:mam:2' id='1'>%s</result>"):
            peer.say("<message from='juliet@a.example/x' to='romeo@b.example/home'>%s</message>" % (child % inner))
        peer.say("<iq from='juliet@a.example/x' to='%s' type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='evil@a.example'/></query></iq>" % self.romeo.jid)
        peer.say(self.message("juliet@a.example/x", text="real"))
        await self.receive_body(self.romeo, "real")
        self.assertEqual([str(e) for e in self.romeo.inbox], [])

    async def test_another_domain_of_ours_was_not_asked_for(self):
        peer = await self.peer()
        await peer.authenticate("a.example", "b.example")
        peer.say("<presence from='juliet@a.example/x' to='room@conference.b.example/j'/>")
        self.assertEqual(await peer.condition(), "invalid-from")

    async def test_nothing_is_taken_without_tls(self):
        for text in (self.message("juliet@a.example/x"), EXTERNAL, "<db:result from='a.example' to='b.example'>key</db:result>"):
            peer = await self.peer()
            await peer.open("a.example", "b.example")
            peer.say(text)
            self.assertEqual(await peer.condition(), "policy-violation")

    async def test_a_stanza_before_authentication_ends_the_stream(self):
        peer = await self.peer(certificate=False)
        await peer.start_tls("a.example", "b.example")
        peer.say(self.message("juliet@a.example/x"))
        self.assertEqual(await peer.condition(), "not-authorized")

    async def test_a_key_that_nobody_confirms_authorises_nobody(self):
        peer = await self.peer(certificate=False)
        await peer.start_tls("a.example", "b.example")
        peer.say("<db:result from='a.example' to='b.example'>key</db:result>")
        self.assertEqual((await peer.hear()).get("type"), "invalid")
        peer.say(self.message("juliet@a.example/x"))
        self.assertEqual(await peer.condition(), "not-authorized")

    async def test_a_certificate_for_another_domain_is_no_proof(self):
        peer = await self.peer()
        features = await peer.start_tls("c.example", "b.example")
        self.assertIsNone(features.find("mechanisms", "urn:ietf:params:xml:ns:xmpp-sasl"))
        peer.say(EXTERNAL)
        self.assertEqual((await peer.hear()).name, "failure")

    async def test_who_is_denied_gets_no_stream(self):
        peer = await self.peer()
        self.assertEqual((await peer.open("rooms.spam.example", "b.example")).name, "error")

    async def test_a_domain_that_is_not_ours_is_host_unknown(self):
        peer = await self.peer()
        error = await peer.open("a.example", "c.example")
        self.assertEqual(error.children[0].name, "host-unknown")

    async def test_before_authentication_elements_are_small(self):
        peer = await self.peer(certificate=False)
        await peer.start_tls("a.example", "b.example")
        peer.say("<db:result from='a.example' to='b.example'>%s</db:result>" % ("k" * 9000))
        self.assertEqual(await peer.condition(), "policy-violation")

    async def test_a_message_that_is_sent_again_is_delivered_once(self):
        """REQ 20: over another stream, too."""
        text = ("<message from='juliet@a.example/x' to='romeo@b.example' type='chat' id='m'><body>once</body>"
                "<origin-id xmlns='urn:xmpp:sid:0' id='o1'/></message>")
        for _ in range(2):
            peer = await self.peer()
            await peer.authenticate("a.example", "b.example")
            peer.say("<enable xmlns='urn:xmpp:sm:3'/>")
            self.assertEqual((await peer.hear()).name, "enabled")
            peer.say(text + text + "<r xmlns='urn:xmpp:sm:3'/>")
            while (await peer.hear()).get("h") != "2":
                pass
        peer.say(self.message("juliet@a.example/x", text="last"))
        await self.receive_body(self.romeo, "last")
        bodies = [stanza.find("body").text for stanza in self.romeo.inbox if stanza.name == "message"]
        self.assertEqual(bodies, ["once"])


if __name__ == "__main__":
    unittest.main()
