"""A device that stops reading is not fed any more: another one gets the messages, its app server is told, and it catches up."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "edge"))

from edge import PASSWORD, EdgeTest, run  # noqa: E402
from push_app_server import PushAppServer  # noqa: E402


def body_is(text):
    def matches(stanza):
        body = stanza.find("body")
        return stanza.name == "message" and body is not None and body.text == text
    return matches


class Stalled(EdgeTest):
    config = {"limits": {"stalled_after": 2}}

    def state_of(self, jid):
        line = next(line for line in self.server.ctl("sessions").splitlines() if line.startswith(jid + " "))
        return dict(word.split("=", 1) for word in line.split()[1:])["state"]

    # REQ 22
    def test_a_device_that_stops_reading_is_pushed_to_and_catches_up(self):
        for user in ("romeo", "juliet", "app"):
            self.server.add_account(user, PASSWORD)

        async def scenario():
            phone, laptop = self.client(resource="phone"), self.client(resource="laptop")
            juliet, service = self.client("juliet"), self.client("app", resource="push")
            for client in (phone, laptop, juliet, service):
                await client.connect()
            app = PushAppServer(service)
            app.nodes.add("n1")
            await phone.enable_sm()
            await phone.go_online(priority=5)
            await laptop.go_online(priority=0)
            enabled = await phone.iq("set", "<enable xmlns='urn:xmpp:push:0' jid='%s' node='n1'/>" % service.jid)
            self.assertEqual(enabled.get("type"), "result")
            self.assertEqual(self.state_of(phone.jid), "active")
            await phone.settled()
            phone._transport.pause_reading()
            juliet.send("<message to='romeo@localhost' type='chat'><body>one</body></message>")
            told = await app.notification(30)
            self.assertEqual((told.account, told.node, told.count), ("romeo@localhost", "n1", 1))
            self.assertEqual(self.state_of(phone.jid), "stalled")
            juliet.send("<message to='romeo@localhost' type='chat'><body>two</body></message>")
            await laptop.receive_where(body_is("two"))
            self.assertEqual((await app.notification()).count, 2)
            phone._transport.resume_reading()
            await phone.receive_where(body_is("one"), 30)
            await phone.receive_where(body_is("two"), 30)
            self.assertEqual(self.state_of(phone.jid), "active")
            self.assertFalse(any(map(body_is("one"), laptop.inbox)), "it went to the higher priority, which could be reached then")
            for client in (phone, laptop, juliet, service):
                await client.close()
        run(scenario())


class Silent(EdgeTest):
    """RFC 6120 §4.6.3: a connection that died while nothing was said over it is noticed by asking."""

    config = {"limits": {"ping_after": 1, "stalled_after": 1}}

    def test_who_answers_stays_and_who_does_not_is_closed(self):
        self.server.add_account("romeo", PASSWORD)

        async def scenario():
            client = self.client(resource="orchard")
            await client.connect()
            for _ in range(2):
                ping = await client.receive_where(lambda e: e.find("ping", "urn:xmpp:ping") is not None, 30)
                self.assertEqual((ping.get("type"), ping.get("from"), ping.get("to")), ("get", "localhost", client.jid))
                client.send("<iq type='result' id='%s' to='localhost'/>" % ping.get("id"))
            error = await client.receive_where(lambda e: e.name == "error", 30)
            self.assertIsNotNone(error.find("connection-timeout"))
        run(scenario())

    def test_with_stream_management_the_session_waits_for_its_client(self):
        self.server.add_account("romeo", PASSWORD)

        async def scenario():
            client = self.client(resource="orchard")
            await client.connect()
            await client.enable_sm()
            client.answer_acks = False
            error = await client.receive_where(lambda e: e.name == "error", 30)
            self.assertIsNotNone(error.find("connection-timeout"))
            self.assertEqual((await client.resume()).name, "resumed")
            client.cut()
        run(scenario())


class Restart(EdgeTest):
    def test_devices_are_told_after_the_server_was_killed_until_their_node_is_gone(self):
        for user in ("romeo", "juliet", "app"):
            self.server.add_account(user, PASSWORD)

        async def scenario():
            phone, juliet, service = self.client(resource="phone"), self.client("juliet"), self.client("app", resource="push")
            for client in (phone, service):
                await client.connect()
            await phone.iq("set", "<enable xmlns='urn:xmpp:push:0' jid='%s' node='n1'/>" % service.jid)
            await phone.close()
            service.cut()
            self.server.restart(hard=True)
            await service.connect()
            app = PushAppServer(service)
            app.nodes.add("n1")
            await juliet.connect()
            juliet.send("<message to='romeo@localhost' type='chat'><body>one</body></message>")
            self.assertEqual((await app.notification()).count, 1)
            for client in (juliet, service):
                await client.close()
        run(scenario())


if __name__ == "__main__":
    unittest.main()
