"""XEP-0356: what a component may do in the name of accounts, and what not."""

import unittest

from component_case import SECRET, ComponentCase

NS = "urn:xmpp:privilege:2"
PUBSUB = "http://jabber.org/protocol/pubsub"
MESSAGE = ("<message from='bridge.localhost' to='localhost' id='p1'><privilege xmlns='" + NS + "'><forwarded xmlns='urn:xmpp:forward:0'>"
           "<message xmlns='jabber:client' from='%s' to='%s' type='chat' id='inner'><body>%s</body></message></forwarded></privilege></message>")
IQ = ("<iq from='bridge.localhost' to='%s' type='%s' id='o1'><privileged_iq xmlns='" + NS + "'>%s</privileged_iq></iq>")
INNER = "<iq xmlns='jabber:client' type='%s' id='i1'%s>%s</iq>"
PUBLISH = ("<pubsub xmlns='" + PUBSUB + "'><publish node='urn:example:mood'><item id='1'><mood xmlns='urn:example:mood'/></item></publish></pubsub>")
ITEMS = "<pubsub xmlns='" + PUBSUB + "'><items node='urn:example:mood'/></pubsub>"
ROSTER = "<iq from='bridge.localhost' to='%s' type='%s' id='r1'><query xmlns='jabber:iq:roster'>%s</query></iq>"


class Granted(ComponentCase):
    components = [{"domain": "bridge.localhost", "secret": SECRET, "roster": "both", "message": "outgoing", "presence": "managed_entity",
                   "iq": {PUBSUB: "both", "jabber:iq:private": "get"}}]

    async def connected(self):
        bridge = await self.component().connect()
        told = await bridge.receive()
        self.assertEqual((told.name, told.get("from"), told.get("to")), ("message", "localhost", "bridge.localhost"))
        self.permissions = told.find("privilege", NS).children
        return bridge

    # §3.2, §4.2, §5.2, §6.2
    async def test_it_is_told_what_it_may_do(self):
        await self.connected()
        told = {perm.get("access"): perm for perm in self.permissions}
        self.assertEqual((told["roster"].get("type"), told["roster"].get("push")), ("both", "true"))
        self.assertEqual((told["message"].get("type"), told["presence"].get("type")), ("outgoing", "managed_entity"))
        self.assertEqual({each.get("ns"): each.get("type") for each in told["iq"].children}, {PUBSUB: "both", "jabber:iq:private": "get"})

    # §4.3
    async def test_a_message_goes_out_in_the_name_of_an_account_and_into_its_archive(self):
        bridge, romeo, juliet = await self.connected(), await self.log_in(), await self.log_in("juliet", "balcony")
        bridge.write(MESSAGE % ("romeo@localhost", "juliet@localhost", "from the bridge"))
        heard = await juliet.receive_where(lambda e: e.name == "message")
        self.assertEqual((heard.get("from"), heard.get("id"), heard.find("body").text), ("romeo@localhost", "inner", "from the bridge"))
        romeo.send("<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>")
        kept = await romeo.receive_where(lambda e: e.name == "message")
        self.assertEqual(kept.find("result").find("forwarded").find("message").get("id"), "inner")

    async def test_a_message_goes_out_in_the_name_of_the_server(self):
        bridge, juliet = await self.connected(), await self.log_in("juliet")
        bridge.write(MESSAGE % ("localhost", "juliet@localhost", "maintenance at night"))
        self.assertEqual((await juliet.receive_where(lambda e: e.name == "message")).get("from"), "localhost")

    async def test_no_other_sender_is_accepted(self):
        bridge = await self.connected()
        for sender in ("romeo@localhost/orchard", "romeo@elsewhere.example", "bridge.localhost", "", "nobody@localhost"):
            bridge.write(MESSAGE % (sender, "juliet@localhost", "?"))
            self.assert_error(await bridge.receive(), "forbidden")
        bridge.write(MESSAGE % ("romeo@localhost", "@", "?"))
        self.assert_error(await bridge.receive(), "jid-malformed")
        bridge.write("<message from='bridge.localhost' to='localhost'><privilege xmlns='%s'/></message>" % NS)
        self.assert_error(await bridge.receive(), "bad-request")

    async def test_nothing_is_said_that_only_a_server_says(self):
        """REQ 15: neither copies of what was never said (XEP-0280) nor results of an archive (XEP-0313)."""
        bridge, juliet = await self.connected(), await self.log_in("juliet", "balcony")
        await bridge.receive()  # her presence
        said = "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='romeo@localhost' to='juliet@localhost'><body>I hate you</body></message></forwarded>"
        for forged in ("<sent xmlns='urn:xmpp:carbons:2'>%s</sent>", "<received xmlns='urn:xmpp:carbons:2'>%s</received>",
                       "<result xmlns='urn:xmpp:mam:2' id='1'>%s</result>"):
            for sender in ("juliet@localhost", "romeo@localhost", "localhost"):
                bridge.write((MESSAGE % (sender, "juliet@localhost", "?")).replace("</body>", "</body>" + forged % said))
                self.assert_error(await bridge.receive(), "forbidden")
        bridge.write(MESSAGE % ("romeo@localhost", "juliet@localhost", "the truth"))
        self.assertEqual((await juliet.receive_where(lambda e: e.name == "message")).find("body").text, "the truth")

    # §3.3, §3.4
    async def test_it_reads_and_writes_a_roster_and_gets_the_pushes(self):
        bridge, romeo = await self.connected(), await self.log_in(online=False)
        await romeo.iq("get", "<query xmlns='jabber:iq:roster'/>")
        bridge.write(ROSTER % ("romeo@localhost", "set", "<item jid='x@bridge.localhost' name='X'/>"))
        pushed = await romeo.receive_where(lambda e: e.name == "iq" and e.get("type") == "set")
        self.assertEqual(pushed.find("query").find("item").get("name"), "X")
        got = {stanza.get("type"): stanza for stanza in (await bridge.receive(), await bridge.receive())}
        self.assertEqual((got["set"].get("from"), got["set"].find("query").find("item").get("jid")), ("romeo@localhost", "x@bridge.localhost"))
        self.assertEqual((got["result"].get("from"), got["result"].get("id")), ("romeo@localhost", "r1"))
        bridge.write(ROSTER % ("romeo@localhost", "get", ""))
        answer = await bridge.receive()
        self.assertEqual([item.get("jid") for item in answer.find("query").children], ["x@bridge.localhost"])
        bridge.write(ROSTER % ("nobody@localhost", "get", ""))
        self.assert_error(await bridge.receive(), "forbidden")

    # §5.3
    async def test_a_request_in_the_name_of_an_account_and_its_answer(self):
        bridge = await self.connected()
        bridge.write(IQ % ("romeo@localhost", "set", INNER % ("set", "", PUBLISH)))
        answer = await bridge.receive()
        self.assertEqual((answer.get("type"), answer.get("from"), answer.get("id")), ("result", "romeo@localhost", "o1"))
        inner = answer.find("privilege", NS).find("forwarded").find("iq", "jabber:client")
        self.assertEqual((inner.get("type"), inner.get("id"), inner.get("to")), ("result", "i1", "romeo@localhost"))
        bridge.write(IQ % ("romeo@localhost", "get", INNER % ("get", " from='romeo@localhost'", ITEMS)))
        inner = (await bridge.receive()).find("privilege", NS).find("forwarded").find("iq")
        self.assertEqual(inner.find("pubsub").find("items").find("item").get("id"), "1")

    async def test_an_error_is_forwarded_too(self):
        bridge = await self.connected()
        bridge.write(IQ % ("romeo@localhost", "get", INNER % ("get", " to='juliet@localhost'", ITEMS)))
        answer = await bridge.receive()
        self.assertEqual(answer.get("type"), "result")
        self.assertEqual(answer.find("privilege").find("forwarded").find("iq").get("type"), "error")

    async def test_every_other_request_is_forbidden(self):
        bridge = await self.connected()
        private = "<query xmlns='jabber:iq:private'><a xmlns='b'/></query>"
        for to, kind, inner in (("localhost", "set", INNER % ("set", "", PUBLISH)),
                                ("nobody@localhost", "set", INNER % ("set", "", PUBLISH)),
                                ("romeo@localhost/orchard", "set", INNER % ("set", "", PUBLISH)),
                                ("romeo@localhost", "set", INNER % ("set", "", private)),
                                ("romeo@localhost", "get", INNER % ("get", "", "<vCard xmlns='vcard-temp'/>")),
                                ("romeo@localhost", "get", INNER % ("set", "", PUBLISH)),
                                ("romeo@localhost", "set", INNER % ("set", " from='juliet@localhost'", PUBLISH)),
                                ("romeo@localhost", "set", INNER % ("set", " from='romeo@localhost/orchard'", PUBLISH)),
                                ("romeo@localhost", "set", "<iq type='set' id='i1'>%s</iq>" % PUBLISH),
                                ("romeo@localhost", "set", INNER % ("set", "", ""))):
            bridge.write(IQ % (to, kind, inner))
            self.assert_error(await bridge.receive(), "forbidden")

    # §6.1, §7
    async def test_it_sees_who_comes_and_goes(self):
        romeo = await self.log_in()
        bridge = await self.connected()
        seen = await bridge.receive()
        self.assertEqual((seen.name, seen.get("type"), seen.get("from"), seen.get("to")), ("presence", None, romeo.jid, "bridge.localhost"))
        juliet = await self.log_in("juliet", "balcony")
        self.assertEqual((await bridge.receive()).get("from"), juliet.jid)
        await juliet.close()
        gone = await bridge.receive()
        self.assertEqual((gone.get("from"), gone.get("type")), (juliet.jid, "unavailable"))


class Refused(ComponentCase):
    async def test_nothing_is_told_to_or_taken_from_a_component_without_rights(self):
        bridge, romeo = await self.component().connect(), await self.log_in()
        bridge.write(MESSAGE % ("romeo@localhost", "juliet@localhost", "?"))
        self.assert_error(await bridge.receive(), "forbidden")
        bridge.write(IQ % ("romeo@localhost", "set", INNER % ("set", "", PUBLISH)))
        self.assert_error(await bridge.receive(), "forbidden")
        for kind, item in (("get", ""), ("set", "<item jid='x@bridge.localhost'/>")):
            bridge.write(ROSTER % ("romeo@localhost", kind, item))
            self.assertEqual((await bridge.receive()).get("type"), "error")
        answer = await romeo.iq("get", "<query xmlns='jabber:iq:roster'/>")
        self.assertEqual(answer.find("query").children, [])


class Half(ComponentCase):
    components = [{"domain": "bridge.localhost", "secret": SECRET, "roster": "get", "roster_push": False}]

    async def test_who_may_read_may_not_write_and_gets_no_pushes_unless_it_wants_them(self):
        bridge, romeo = await self.component().connect(), await self.log_in()
        perm = (await bridge.receive()).find("privilege").find("perm")
        self.assertEqual((perm.get("type"), perm.get("push")), ("get", "false"))
        bridge.write(ROSTER % ("romeo@localhost", "set", "<item jid='x@bridge.localhost'/>"))
        self.assertEqual((await bridge.receive()).get("type"), "error")
        await romeo.iq("set", "<query xmlns='jabber:iq:roster'><item jid='y@bridge.localhost'/></query>")
        bridge.write(ROSTER % ("romeo@localhost", "get", ""))
        answer = await bridge.receive()
        self.assertEqual((answer.get("type"), answer.find("query").find("item").get("jid")), ("result", "y@bridge.localhost"))


if __name__ == "__main__":
    unittest.main()
