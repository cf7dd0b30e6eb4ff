"""[archive] keep_days and rooms_keep_days: what is older is shown to nobody and goes, but for what still waits for its receiver."""

from operate_case import PASSWORD, OperateTest, RookeryServer, run, unittest  # first: it says where the others are

import datetime
import os
import subprocess

NS_MAM = "urn:xmpp:mam:2"
ROOM = "theplay@conference.localhost"
ROOM_CONFIG = ("<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>"
               "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"
               "<field var='muc#roomconfig_persistentroom'><value>1</value></field>"
               "<field var='muc#roomconfig_enablelogging'><value>1</value></field></x></query>")
USER = "<user name='%s' password='%s'>%s</user>"


def days_ago(count):
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=count)
    return then.strftime("%Y-%m-%dT%H:%M:%SZ")


def message(sender, receiver, text, more="", kind="chat"):
    return ("<message xmlns='jabber:client' from='%s' to='%s' type='%s' id='%s'><body>%s</body>%s</message>"
            % (sender, receiver, kind, text, text, more))


def archived(days, stanza):
    return ("<result xmlns='%s' id='d%d'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='%s'/>%s"
            "</forwarded></result>" % (NS_MAM, days, days_ago(days), stanza))


def archive(*results):
    return "<archive xmlns='urn:xmpp:pie:0#mam'>%s</archive>" % "".join(results)


class RetentionTest(OperateTest):
    def setUp(self):
        self.server = RookeryServer()
        self.addCleanup(self.server.close)

    def keep(self, days, rooms_days):
        self.server.config["archive"] = {"keep_days": days, "rooms_keep_days": rooms_days}
        self.server.write_config()

    def bring(self, domain, users):
        """An import (XEP-0227) is how messages come to a server with times of long ago."""
        path = os.path.join(self.server.folder, domain + ".xml")
        with open(path, "w") as file:
            file.write("<server-data xmlns='urn:xmpp:pie:0'><host jid='%s'>%s</host></server-data>" % (domain, users))
        before = self.server.config["server"]["domains"]
        self.server.config["server"]["domains"] = [domain]
        self.server.write_config()
        result = subprocess.run([*self.server.command(), "--import", path], capture_output=True, text=True, timeout=60)
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
        self.server.config["server"]["domains"] = before
        self.server.write_config()

    def bring_people(self):
        romeo = archive(archived(41, message("juliet@localhost/x", "romeo@localhost", "old")),
                        archived(39, message("romeo@localhost/x", "juliet@localhost", "old-answer")),
                        archived(5, message("romeo@localhost/x", "juliet@localhost", "recent")))
        waits = message("juliet@localhost/x", "romeo@localhost", "patient",
                        "<delay xmlns='urn:xmpp:delay' from='localhost' stamp='%s'/>" % days_ago(40))
        romeo += "<offline-messages>%s</offline-messages>" % waits
        juliet = archive(archived(39, message("romeo@localhost/x", "juliet@localhost", "old-answer")),
                         archived(29, message("romeo@localhost/x", "juliet@localhost", "not-yet")))
        self.bring("localhost", USER % ("romeo", PASSWORD, romeo) + USER % ("juliet", PASSWORD, juliet))

    async def make_room(self):
        juliet = await self.entered("juliet")
        answer = await juliet.iq("set", ROOM_CONFIG, to=ROOM)
        self.assertEqual(answer.get("type"), "result", answer)
        juliet.send("<message to='%s' type='groupchat' id='new'><body>new</body></message>" % ROOM)
        await juliet.receive_where(lambda e: e.name == "message" and e.find("body") is not None)
        await juliet.close()

    async def online(self, user):
        client = self.client(user)
        await client.connect()
        await client.enable_sm()
        await client.go_online()
        return client

    async def entered(self, user):
        """In the room, with all that it tells of the past."""
        client = await self.online(user)
        client.send("<presence to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>" % (ROOM, user))
        client.history = []
        while True:
            stanza = await client.receive_where(lambda e: e.name == "message" or (e.get("from") or "").startswith(ROOM))
            if stanza.name == "presence" and stanza.get("type") == "error":
                raise AssertionError(stanza.to_xml())
            if stanza.name == "presence" and client.history is not None and stanza.get("from") == "%s/%s" % (ROOM, user):
                break
        while (stanza := await client.receive_where(lambda e: e.name == "message")).find("subject") is None:
            client.history.append(stanza.find("body").text)
        return client

    async def archive_of(self, client, to=None):
        """Ids of the messages in the archive, the count that it gives, and the first one of its metadata."""
        metadata = await client.iq("get", "<metadata xmlns='%s'/>" % NS_MAM, to=to)
        start = metadata.find("metadata").find("start")
        client.send("<iq type='set' id='all'%s><query xmlns='%s'/></iq>" % (" to='%s'" % to if to else "", NS_MAM))
        found = []
        while True:
            stanza = await client.receive_where(lambda e: e.get("id") == "all" or e.name == "message" and e.find("result"))
            if stanza.get("id") == "all":
                break
            found.append((stanza.find("result").get("id"), stanza.find("result").find("forwarded").find("message").get("id")))
        count = int(stanza.find("fin").find("set").find("count").text)
        self.assertEqual(count, len(found))
        self.assertEqual(start.get("id") if start else None, found[0][0] if found else None)
        return [name for _, name in found]

    def expired(self):
        return self.server.metrics().value("rookery_archive_expired_total")

    def shown(self, users=("romeo", "juliet")):
        async def look():
            found = {}
            for user in users:
                client = self.client(user)
                await client.connect()  # not available: what waits goes on waiting
                found[user] = await self.archive_of(client)
                found["room"] = await self.archive_of(client, ROOM)
                await client.close()
            return found
        return run(look())

    # REQ 19
    def test_what_is_old_goes_but_for_what_waits(self):
        self.bring_people()
        self.server.start()
        run(self.make_room())
        everything = {"romeo": ["old", "patient", "old-answer", "recent"], "juliet": ["old-answer", "not-yet"], "room": ["new"]}
        self.assertEqual(self.shown(), everything)
        self.server.stop()
        self.bring("conference.localhost", USER % ("theplay", PASSWORD, archive(
            archived(20, message(ROOM + "/juliet", ROOM, "old", kind="groupchat")),
            archived(9, message(ROOM + "/juliet", ROOM, "not-yet", kind="groupchat")))))
        everything["room"] = ["old", "not-yet", "new"]
        self.server.start()
        self.assertEqual(self.shown(), everything)
        self.assertEqual(self.expired(), 0)
        self.server.stop()

        kept = {"romeo": ["recent"], "juliet": ["not-yet"], "room": ["not-yet", "new"]}
        self.keep(30, 10)
        self.server.start()
        self.assertEqual(self.shown(), kept)  # whether or not the sweep has come there
        self.until(lambda: self.expired() == 4, "the sweep goes through all archives")
        self.until(lambda: "event=archives_swept archives=3 entries=4" in self.server.log(), "it says so")

        async def past_of_the_room():
            juliet = await self.entered("juliet")
            self.assertEqual(juliet.history, ["not-yet", "new"])
            await juliet.close()
        run(past_of_the_room())
        self.server.stop()

        self.keep(0, 0)  # shows what is there
        self.server.start()
        kept["romeo"] = ["patient", "recent"]
        self.assertEqual(self.shown(), kept)
        self.server.stop()

        self.keep(30, 10)
        self.server.start()

        async def take_what_waits():
            romeo = await self.online("romeo")
            patient = await romeo.receive_where(lambda e: e.name == "message")
            self.assertEqual(patient.find("body").text, "patient")
            self.assertIsNotNone(patient.find("delay"))
            romeo.send_ack()
            await romeo.iq("get", "<ping xmlns='urn:xmpp:ping'/>")  # the server has the <a/> then
            await romeo.close()
        run(take_what_waits())
        self.server.stop()
        self.server.start()
        self.until(lambda: self.expired() == 1, "it has been delivered, and goes like the others")
        self.server.stop()

        self.keep(0, 0)
        self.server.start()
        kept["romeo"] = ["recent"]
        self.assertEqual(self.shown(), kept)
        self.assertEqual(self.expired(), 0)


if __name__ == "__main__":
    unittest.main()
