#!/usr/bin/python3
"""XEP-0133 §4.31 and XEP-0045 §9.9: an administrator shuts the server down; users and occupants of rooms hear of it, the process
ends as by SIGTERM, and all is there again afterwards."""

import asyncio
import os
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

from rookery_server import RookeryServer  # noqa: E402
from xmpp_client import XmppClient  # noqa: E402

PASSWORD = "secret"
PATIENCE = 30.0  # until something that has to come counts as missing
COMMANDS, FORMS, MUC = "http://jabber.org/protocol/commands", "jabber:x:data", "http://jabber.org/protocol/muc"
NODE = "http://jabber.org/protocol/admin#shutdown"
ROOM = "coven@conference.localhost"


def submit(fields):
    lines = [("FORM_TYPE", "http://jabber.org/protocol/admin"), *fields]
    return "<x xmlns='%s' type='submit'>%s</x>" % (FORMS, "".join(
        "<field var='%s'>%s</field>" % (var, "".join("<value>%s</value>" % line for line in value.split("\n"))) for var, value in lines))


def statuses(presence):
    x = presence.find("x", MUC + "#user")
    return sorted(child.get("code") for child in x.find_all("status")) if x else []


class ShutdownTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.server = RookeryServer({"admin": {"accounts": ["boss@localhost"]}, "server": {"threads": 2}})
        self.server.__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)
        for user in ("boss", "romeo", "juliet"):
            self.server.add_account(user, PASSWORD)

    async def client(self, user):
        client = XmppClient(self.server.endpoint, user + "@localhost", PASSWORD)
        await client.connect()
        await client.go_online()
        return client

    async def command(self, client, session="", form=""):
        attribute = " sessionid='%s'" % session if session else " action='execute'"
        return await client.iq("set", "<command xmlns='%s' node='%s'%s>%s</command>" % (COMMANDS, NODE, attribute, form), to="localhost")

    async def begin(self, client):
        answer = await self.command(client)
        command = answer.find("command", COMMANDS)
        self.assertEqual(command.get("status"), "executing")
        return command

    async def enter(self, client, nick):
        client.send("<presence to='%s/%s'><x xmlns='%s'/></presence>" % (ROOM, nick, MUC))
        await client.receive_where(lambda e: e.name == "presence" and "110" in statuses(e), PATIENCE)

    async def wait_for_the_end(self):
        return await asyncio.get_running_loop().run_in_executor(None, self.server.process.wait, PATIENCE)

    async def test_all_hear_of_it_and_the_process_ends_cleanly(self):
        boss, romeo, juliet = [await self.client(user) for user in ("boss", "romeo", "juliet")]
        await self.enter(romeo, "rom")
        answer = await romeo.iq("set", "<query xmlns='%s#owner'><x xmlns='%s' type='submit'><field var='FORM_TYPE'><value>%s#roomconfig</value></field>"
                                "<field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query>" % (MUC, FORMS, MUC), to=ROOM)
        self.assertEqual(answer.get("type"), "result")
        await self.enter(juliet, "jules")

        command = await self.begin(boss)
        fields = {field.get("var"): field for field in command.find("x", FORMS).find_all("field")}
        self.assertEqual(fields["delay"].get("type"), "list-single")
        self.assertIn("300", [option.find("value").text for option in fields["delay"].find_all("option")])
        self.assertEqual(fields["announcement"].get("type"), "text-multi")
        form = submit([("delay", "1"), ("announcement", "We stop now.\nCome back later.")])
        answer = await self.command(boss, command.get("sessionid"), form)
        self.assertEqual(answer.find("command", COMMANDS).get("status"), "completed")

        for client, nick in ((romeo, "rom"), (juliet, "jules")):
            headline = await client.receive_where(lambda e: e.name == "message" and e.get("type") == "headline", PATIENCE)
            self.assertEqual((headline.get("from"), headline.find("body").text), ("localhost", "We stop now.\nCome back later."))
            kick = await client.receive_where(lambda e: e.name == "presence" and "332" in statuses(e), PATIENCE)
            self.assertEqual((kick.get("from"), kick.get("type"), statuses(kick)), (ROOM + "/" + nick, "unavailable", ["110", "332"]))
            self.assertEqual(kick.find("x", MUC + "#user").find("item").get("role"), "none")
            error = await client.receive_where(lambda e: e.name == "error", PATIENCE)
            self.assertIsNotNone(error.find("system-shutdown"))
            await client.wait_for(lambda: client.stream_ended, PATIENCE)
            # Each heard of himself alone.
            self.assertEqual([e.to_xml() for e in client.inbox if "332" in statuses(e)], [])
        self.assertEqual(await self.wait_for_the_end(), 0)
        for client in (boss, romeo, juliet):
            client.cut()

        self.server.start()
        juliet = await self.client("juliet")
        await self.enter(juliet, "jules")
        info = await juliet.iq("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to=ROOM)
        self.assertIn("muc_persistent", [f.get("var") for f in info.find("query").find_all("feature")])
        await juliet.close()

    async def test_without_an_announcement_nobody_is_told_beforehand(self):
        boss, romeo = [await self.client(user) for user in ("boss", "romeo")]
        command = await self.begin(boss)
        await self.command(boss, command.get("sessionid"), submit([("delay", "0")]))
        await romeo.wait_for(lambda: romeo.stream_ended, PATIENCE)
        self.assertEqual([e.to_xml() for e in romeo.inbox if e.name == "message"], [])
        self.assertEqual(await self.wait_for_the_end(), 0)
        boss.cut()
        romeo.cut()

    async def test_what_is_no_delay_or_no_administrator_is_refused_and_the_server_goes_on(self):
        boss, romeo = [await self.client(user) for user in ("boss", "romeo")]
        refusal = await self.command(romeo)
        self.assertIsNotNone(refusal.find("error").find("forbidden"))
        command = await self.begin(boss)
        for delay in ("soon", "-1", "100000000"):
            refusal = await self.command(boss, command.get("sessionid"), submit([("delay", delay)]))
            self.assertIsNotNone(refusal.find("error").find("bad-request"), delay)
        answer = await romeo.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to="localhost")
        self.assertEqual(answer.get("type"), "result")
        self.assertIsNone(self.server.process.poll())
        await boss.close()
        await romeo.close()


if __name__ == "__main__":
    unittest.main()
