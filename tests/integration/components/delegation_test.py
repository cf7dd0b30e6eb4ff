"""XEP-0355: a component answers what clients ask their server."""

import unittest

from component_case import SECRET, ComponentCase

NS = "urn:xmpp:delegation:2"
QUERY = "<query xmlns='urn:example:%s'%s/>"
ANSWER = ("<iq from='bridge.localhost' to='localhost' type='result' id='%s'><delegation xmlns='" + NS + "'><forwarded xmlns='urn:xmpp:forward:0'>"
          "<iq xmlns='jabber:client' type='%s' id='%s' to='%s'%s><query xmlns='urn:example:all'>%s</query></iq></forwarded></delegation></iq>")


class Delegation(ComponentCase):
    components = [{"domain": "bridge.localhost", "secret": SECRET, "delegate": ["urn:example:all", "urn:example:some node", "jabber:iq:version"]}]

    async def connected(self):
        bridge = await self.component().connect()
        self.told = await bridge.receive()
        return bridge

    def forwarded(self, stanza):
        self.assertEqual((stanza.get("type"), stanza.get("from"), stanza.get("to")), ("set", "localhost", "bridge.localhost"))
        return stanza.find("delegation", NS).find("forwarded").find("iq", "jabber:client")

    # §4.2
    async def test_it_is_told_its_namespaces(self):
        await self.connected()
        delegated = {each.get("namespace"): [child.get("name") for child in each.children] for each in self.told.find("delegation", NS).children}
        self.assertEqual(delegated, {"urn:example:all": [], "urn:example:some": ["node"], "jabber:iq:version": []})

    async def test_the_server_says_that_it_delegates(self):
        romeo = await self.log_in()
        info = await romeo.iq("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to="localhost")
        self.assertIn(NS, [each.get("var") for each in info.find("query").find_all("feature")])

    # §4.3
    async def test_requests_to_the_server_and_to_accounts_are_its_own(self):
        bridge, romeo = await self.connected(), await self.log_in()
        for to in ("", " to='localhost'", " to='juliet@localhost'"):
            romeo.send("<iq type='get' id='q1'%s>%s</iq>" % (to, QUERY % ("all", "")))
            asked = await bridge.receive()
            inner = self.forwarded(asked)
            self.assertEqual((inner.get("from"), inner.get("type"), inner.get("id")), (romeo.jid, "get", "q1"))
            bridge.write(ANSWER % (asked.get("id"), "result", "q1", romeo.jid, "", "yes"))
            answer = await romeo.receive()
            self.assertEqual((answer.get("type"), answer.find("query").text), ("result", "yes"))
            self.assertIn(answer.get("from"), (None, "romeo@localhost") if not to else (to.split("'")[1],))

    async def test_what_the_server_could_answer_itself_is_the_components_too(self):
        bridge, romeo = await self.connected(), await self.log_in()
        romeo.send("<iq type='get' id='q1' to='localhost'><query xmlns='jabber:iq:version'/></iq>")
        self.forwarded(await bridge.receive())

    # Note 3 of §4.3
    async def test_without_the_filtering_attribute_nothing_changes(self):
        bridge, romeo = await self.connected(), await self.log_in()
        self.assert_error(await romeo.iq("get", QUERY % ("some", ""), to="localhost"), "service-unavailable")
        romeo.send("<iq type='get' id='q1' to='localhost'>%s</iq>" % (QUERY % ("some", " node='x'")))
        self.forwarded(await bridge.receive())

    # §4.4
    async def test_its_own_requests_are_the_servers_to_answer(self):
        bridge = await self.connected()
        bridge.write("<iq from='bridge.localhost' to='localhost' type='get' id='v'><query xmlns='jabber:iq:version'/></iq>")
        answer = await bridge.receive()
        self.assertEqual((answer.get("id"), answer.find("query").find("name").text), ("v", "Rookery"))

    async def test_only_bare_addresses_are_delegated(self):
        await self.connected()
        romeo, juliet = await self.log_in(), await self.log_in("juliet", "balcony")
        romeo.send("<iq type='get' id='q1' to='%s'>%s</iq>" % (juliet.jid, QUERY % ("all", "")))
        self.assertEqual((await juliet.receive()).get("id"), "q1")

    async def test_a_wrong_answer_is_no_answer(self):
        bridge, romeo = await self.connected(), await self.log_in()
        for kind, identifier, to, sender in (("result", "other", romeo.jid, ""), ("error", "q1", romeo.jid, ""), ("set", "q1", romeo.jid, ""),
                                             ("result", "q1", "juliet@localhost", ""), ("result", "q1", "@", ""),
                                             ("result", "q1", romeo.jid, " from='juliet@localhost'")):
            romeo.send("<iq type='get' id='q1' to='localhost'>%s</iq>" % (QUERY % ("all", "")))
            asked = await bridge.receive()
            bridge.write(ANSWER % (asked.get("id"), kind, identifier, to, sender, "x"))
            self.assert_error(await romeo.receive(), "service-unavailable")

    # Notes 1 and 2 of §4.3
    async def test_an_error_or_a_component_that_is_away_are_service_unavailable(self):
        romeo = await self.log_in()
        self.assert_error(await romeo.iq("get", QUERY % ("all", ""), to="localhost"), "service-unavailable")
        bridge = await self.connected()
        romeo.send("<iq type='get' id='q1' to='localhost'>%s</iq>" % (QUERY % ("all", "")))
        bridge.write("<iq from='bridge.localhost' to='localhost' type='error' id='%s'><error type='cancel'>"
                     "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>" % (await bridge.receive()).get("id"))
        self.assert_error(await romeo.receive(), "service-unavailable")
        romeo.send("<iq type='get' id='q2' to='localhost'>%s</iq>" % (QUERY % ("all", "")))
        await bridge.receive()
        bridge.cut()
        self.assert_error(await romeo.receive(), "service-unavailable")

    async def test_an_answer_that_nobody_waits_for_is_dropped(self):
        bridge, romeo = await self.connected(), await self.log_in()
        bridge.write(ANSWER % ("delegated-guess", "result", "q1", romeo.jid, "", "x"))
        await bridge.in_step("localhost")
        answer = await romeo.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to="localhost")
        self.assertEqual((answer.get("type"), list(romeo.inbox)), ("result", []))


if __name__ == "__main__":
    unittest.main()
