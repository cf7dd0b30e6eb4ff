"""rook-cli and rook-cli through a real server: what two people need, and what must never happen.

ROOKERY_TEST_SERVER=prosody runs the same against Prosody."""

import asyncio
import os
import shutil
import sqlite3
import tempfile
import time
import unittest

from rook_cli import RookCli, befriend, start_server
from xmpp_client import XmppClient


class ChatTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="rook-cli-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.server = self.enterContext(start_server()) if hasattr(self, "enterContext") else start_server().__enter__()
        if not hasattr(self, "enterContext"):
            self.addCleanup(self.server.__exit__, None, None, None)
        for user in ("romeo", "juliet"):
            self.server.add_account(user, "secret of " + user)

    def client(self, user, name=None, extra=()):
        client = RookCli(self.server, user + "@localhost", "secret of " + user, self.folder, name, extra)
        self.addCleanup(client.__exit__, None, None, None)
        return client.online()

    def friends(self):
        romeo, juliet = self.client("romeo"), self.client("juliet")
        befriend(romeo, juliet)
        return romeo, juliet

    async def pre_keys(self, user):
        """Those that the devices of `user` offer at this moment, a set of ids for each bundle."""
        reader = XmppClient(self.server.endpoint, user + "@localhost", "secret of " + user, resource="reader")
        await reader.connect()
        answer = await reader.iq("get", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:omemo:2:bundles'/></pubsub>")
        bundles = [item.find("bundle") for item in answer.find("pubsub").find("items").children]
        await reader.close()
        return [{key.get("id") for key in bundle.find("prekeys").children} for bundle in bundles]

    def wait_for_pre_keys(self, user, *counts):
        """XEP-0384 §5.6: after a session has taken one, the bundle is published again without it."""
        deadline = time.monotonic() + 30
        while sorted(map(len, offered := asyncio.run(self.pre_keys(user)))) != sorted(counts):
            self.assertLess(time.monotonic(), deadline, offered)
        return offered

    # REQ 33
    def test_two_people_exchange_encrypted_messages(self):
        romeo, juliet = self.friends()
        romeo.command("msg", juliet.jid, "But soft!")
        heard = juliet.wait("message", direction="in")
        self.assertEqual((heard["text"], heard["encryption"], heard["trust"]), ("But soft!", "omemo:2", "automatic"))
        romeo.wait("message_changed", state="delivered")
        juliet.command("msg", romeo.jid, "Ay me\nsecond line")
        self.assertEqual(romeo.wait("message", direction="in")["text"], "Ay me\nsecond line")
        self.assertEqual((romeo.quit(), juliet.quit()), (0, 0))

    # REQ 33
    def test_a_prekey_that_a_session_has_taken_is_offered_no_more(self):
        romeo, juliet = self.friends()
        [before] = self.wait_for_pre_keys("juliet", 100)
        romeo.command("msg", juliet.jid, "But soft!")
        juliet.wait("message", text="But soft!")
        [after] = self.wait_for_pre_keys("juliet", 99)
        self.assertLess(after, before)

    def test_the_server_never_sees_the_text(self):
        romeo, juliet = self.friends()
        romeo.command("msg", juliet.jid, "a very secret sentence")
        juliet.wait("message", direction="in")
        for folder, _, files in os.walk(self.folder):
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    self.assertNotIn(b"secret sentence", file.read(), "the client's own database is readable")
        for folder, _, files in os.walk(self.server.folder):
            for name in files:
                if not os.path.isfile(os.path.join(folder, name)):
                    continue  # the admin socket
                with open(os.path.join(folder, name), "rb") as file:
                    self.assertNotIn(b"secret sentence", file.read())

    def test_messages_sent_while_away_are_fetched_once_and_in_order(self):
        romeo, juliet = self.friends()
        romeo.command("msg", juliet.jid, "first")
        juliet.wait("message", text="first")
        juliet.quit()
        for number in range(60):
            romeo.command("msg", juliet.jid, "away %d" % number)
        romeo.wait("message_changed", text="away 59", state="acked")
        juliet = self.client("juliet")
        juliet.command("history", romeo.jid, "100")
        juliet.wait("history_end")
        texts = [one["text"] for one in juliet.seen if one["event"] == "history"]
        self.assertEqual(texts, ["first"] + ["away %d" % number for number in range(60)])
        juliet.command("msg", romeo.jid, "I am back")
        self.assertEqual(romeo.wait("message", direction="in")["text"], "I am back")

    # REQ 32
    def test_an_interrupted_connection_is_resumed_and_loses_nothing(self):
        romeo, juliet = self.friends()
        for number in range(5):
            romeo.command("msg", juliet.jid, "before %d" % number)
            romeo.command("reconnect")
            romeo.command("msg", juliet.jid, "after %d" % number)
        self.assertTrue(romeo.wait("online")["resumed"])
        for number in range(5):
            juliet.wait("message", text="before %d" % number)
            juliet.wait("message", text="after %d" % number)
        self.assertEqual(romeo.quit(), 0)
        juliet.command("history", romeo.jid, "100")
        juliet.wait("history_end")
        self.assertEqual(sum(one["event"] == "history" for one in juliet.seen), 10)

    # REQ 32
    def test_a_message_written_without_a_server_survives_the_end_of_the_client(self):
        romeo, juliet = self.friends()
        romeo.command("msg", juliet.jid, "before the night")
        juliet.wait("message", text="before the night")
        self.server.kill()
        romeo.wait("offline")
        romeo.command("msg", juliet.jid, "in the outbox")
        romeo.wait("message", text="in the outbox", state="pending")
        romeo.kill()
        self.server.start()
        juliet.wait("online", timeout=90)
        romeo = self.client("romeo")
        heard = juliet.wait("message", text="in the outbox")
        self.assertEqual(heard["encryption"], "omemo:2")
        romeo.wait("message_changed", text="in the outbox", state="acked")
        romeo.quit()
        self.assertEqual([one for one in juliet.seen if one.get("text") == "in the outbox" and one["event"] == "message"], [])

    # REQ 33
    def test_plain_text_in_an_encrypted_conversation_is_an_act_and_marked(self):
        romeo, juliet = self.friends()
        romeo.command("msg", juliet.jid, "hidden")
        juliet.wait("message", text="hidden")
        romeo.command("plain", juliet.jid, "open")
        heard = juliet.wait("message", text="open")
        self.assertEqual(heard["encryption"], "none")
        self.assertIn("not encrypted", heard["problem"])

    def test_a_second_device_reads_along(self):
        romeo, juliet = self.friends()
        balcony = self.client("juliet", "balcony")
        romeo.wait("devices_changed", jid=juliet.jid, devices=2)
        juliet.wait("devices_changed", jid=juliet.jid, devices=2)
        romeo.command("msg", juliet.jid, "to both")
        juliet.wait("message", text="to both")
        self.assertEqual(balcony.wait("message", text="to both")["encryption"], "omemo:2")
        self.wait_for_pre_keys("juliet", 99, 99)  # so that hers is not the one that his message took
        juliet.command("msg", romeo.jid, "from one")
        romeo.wait("message", text="from one")
        copy = balcony.wait("message", text="from one")
        self.assertEqual((copy["direction"], copy["via"], copy["encryption"]), ("out", "carbon", "omemo:2"))

    # REQ 33
    def test_after_a_verification_new_devices_get_nothing_by_themselves(self):
        romeo, juliet = self.friends()
        juliet.command("fingerprint")
        fingerprint = juliet.wait("device", own=True)["fingerprint"]
        romeo.command("devices", juliet.jid)
        romeo.wait("devices_end")
        romeo.command("verify", juliet.jid, fingerprint)
        romeo.wait("trust", trust="verified")
        intruder = self.client("juliet", "intruder")
        romeo.wait("devices_changed", jid=juliet.jid, devices=2)
        romeo.command("msg", juliet.jid, "only for the verified")
        juliet.wait("message", text="only for the verified")
        new = romeo.wait("undecided_device")
        heard = intruder.wait("message", peer=romeo.jid)
        self.assertEqual((heard["text"], heard["problem"]), ("", "not encrypted for this device"))
        romeo.command("trust", juliet.jid, str(new["device"]))
        romeo.wait("trust", trust="automatic")
        romeo.command("msg", juliet.jid, "for both now")
        intruder.wait("message", text="for both now")

    # REQ 33
    def test_a_broken_session_heals(self):
        romeo, juliet = self.friends()
        romeo.command("msg", juliet.jid, "one")
        juliet.wait("message", text="one")
        juliet.quit()
        database = sqlite3.connect(juliet.database)
        with database:
            self.assertGreater(database.execute("DELETE FROM records WHERE kind = 'omemo-session'").rowcount, 0)
        database.close()
        juliet = self.client("juliet")
        # What she cannot read makes her client start over with a device that it trusts; a few messages may be lost.
        romeo.command("msg", juliet.jid, "lost")
        self.assertIn("does not have", juliet.wait("message", direction="in", text="")["problem"])
        for number in range(5):
            romeo.command("msg", juliet.jid, "again %d" % number)
            juliet.command("msg", romeo.jid, "yes %d" % number)
            juliet.wait("message", direction="in", peer=romeo.jid)
            romeo.wait("message", direction="in", peer=juliet.jid)
        self.exchange(romeo, juliet, "healed")

    def exchange(self, romeo, juliet, text):
        juliet.command("msg", romeo.jid, text)
        romeo.wait("message", text=text)
        romeo.command("msg", juliet.jid, text + ", too")
        juliet.wait("message", text=text + ", too")

    def own_device(self, client):
        client.command("fingerprint")
        return client.wait("device", own=True)["device"]

    def expect_new_device(self, romeo, juliet, old):
        """`juliet` runs on an older copy: she says so, and everybody writes to her new device alone."""
        new = self.own_device(juliet)
        self.assertNotEqual(new, old)
        while "a restored backup, or a copy" not in juliet.wait("notice")["text"]:
            pass  # there is something to say about the archive, too, when there is none
        romeo.wait_until(lambda: {one["device"] for one in self.devices(romeo, juliet.jid)} == {new})
        self.exchange(romeo, juliet, "after the backup")
        self.assertEqual(juliet.wait("message_changed", text="after the backup", state="delivered")["device"], new)

    def devices(self, client, jid):
        """What is listed by now, without those that are remembered only."""
        client.command("devices", jid)
        client.wait("devices_end", jid=jid)
        found = [one for one in client.seen if one["event"] == "device"]
        for one in found:
            client.seen.remove(one)
        return [one for one in found if one["legacy"] or one["v2"]]

    # REQ 33
    def test_a_restored_backup_becomes_a_new_device(self):
        romeo, juliet = self.friends()
        self.exchange(romeo, juliet, "before the backup")
        old = self.own_device(juliet)
        juliet.quit()
        shutil.copy(juliet.database, juliet.database + ".backup")
        juliet = self.client("juliet")
        self.assertEqual(self.own_device(juliet), old, "nothing was restored yet")
        self.exchange(romeo, juliet, "lost by the backup")
        juliet.quit()
        shutil.copy(juliet.database + ".backup", juliet.database)
        self.expect_new_device(romeo, self.client("juliet"), old)

    # REQ 33
    def test_a_restored_backup_is_noticed_without_an_archive(self):
        if self.server.kind != "rookery":
            self.skipTest("only rookeryd is configured here")
        self.server.config["archive"] = {"enabled": False}
        self.server.write_config()
        self.server.restart()
        self.test_a_restored_backup_becomes_a_new_device()

    # REQ 33: no login lies between the copy and what was written after it; the archive tells.
    def test_a_copy_taken_while_it_was_in_use_becomes_a_new_device(self):
        romeo, juliet = self.friends()
        self.exchange(romeo, juliet, "before the copy")
        old = self.own_device(juliet)
        for suffix in ("", "-wal"):
            shutil.copy(juliet.database + suffix, juliet.database + ".copy" + suffix)
        self.exchange(romeo, juliet, "after the copy")
        juliet.quit()
        for suffix in ("", "-wal"):
            shutil.copy(juliet.database + ".copy" + suffix, juliet.database + suffix)
        self.expect_new_device(romeo, self.client("juliet"), old)

    # REQ 33
    def test_two_programs_on_copies_of_one_database_become_two_devices(self):
        romeo, juliet = self.friends()
        self.exchange(romeo, juliet, "alone")
        for suffix in ("", "-wal", ".key"):
            shutil.copy(juliet.database + suffix, os.path.join(self.folder, "twin.db" + suffix))
        twin = self.client("juliet", "twin")
        juliet.command("msg", romeo.jid, "which of us?")
        romeo.wait("message", text="which of us?")
        twin.wait("notice")
        romeo.wait_until(lambda: len(self.devices(romeo, juliet.jid)) == 2)
        romeo.command("msg", juliet.jid, "both of you")
        juliet.wait("message", text="both of you")
        twin.wait("message", text="both of you")

    def history(self, client, peer):
        client.command("history", peer)
        client.wait("history_end")
        found = [one for one in client.seen if one["event"] == "history"]
        for one in found:
            client.seen.remove(one)
        return found

    # REQ 30
    def test_the_author_corrects_and_takes_back(self):
        romeo, juliet = self.friends()
        balcony = self.client("juliet", "balcony")
        romeo.wait("devices_changed", jid=juliet.jid, devices=2)
        romeo.command("msg", juliet.jid, "through yonder airlock")
        juliet.wait("message", text="through yonder airlock")
        romeo.command("correct", juliet.jid, "through yonder window")
        for client in (juliet, balcony):
            altered = client.wait("message_altered")
            self.assertEqual((altered["text"], altered["altered"], altered["encryption"]), ("through yonder window", "corrected", "omemo:2"))
        romeo.command("correct", juliet.jid, "through yonder door")
        self.assertEqual(juliet.wait("message_altered")["text"], "through yonder door")
        self.assertEqual([one["text"] for one in self.history(romeo, juliet.jid)], ["through yonder door"])
        romeo.command("retract", juliet.jid)
        self.assertEqual(juliet.wait("message_altered")["altered"], "retracted")
        for client, peer in ((juliet, romeo.jid), (romeo, juliet.jid)):
            self.assertEqual([(one["text"], one["altered"]) for one in self.history(client, peer)], [("", "retracted")])
        romeo.command("correct", juliet.jid, "too late")
        self.assertIn("no message of yours", romeo.wait("error")["text"])

    # REQ 30
    def test_nobody_else_alters_a_message(self):
        romeo, juliet = self.friends()
        romeo.command("msg", juliet.jid, "an encrypted message")
        heard = juliet.wait("message", text="an encrypted message")
        romeo.command("plain", juliet.jid, "a plain message")
        plain = juliet.wait("message", text="a plain message")
        for user, server_side in (("mallory", False), ("romeo", True)):
            # The server, or whoever has its database, can write what it likes in romeo's name; it cannot encrypt it.
            if not server_side:
                self.server.add_account(user, "secret of " + user)
            forger = XmppClient(self.server.endpoint, user + "@localhost", "secret of " + user, resource="x")

            async def forge():
                await forger.connect()
                await forger.go_online()
                for number, one in enumerate((heard, plain) if not server_side else (heard,)):
                    for alters in ("<replace id='%s' xmlns='urn:xmpp:message-correct:0'/>", "<retract id='%s' xmlns='urn:xmpp:message-retract:1'/>"):
                        text = "forged by %s %d %s" % (user, number, alters[1:8])
                        forger.send("<message to='juliet@localhost' type='chat' id='f'><body>%s</body>%s</message>" % (text, alters % one["origin_id"]))
                        await asyncio.to_thread(juliet.wait, "message", text=text)
                await forger.close()

            asyncio.run(forge())
        texts = {one["text"]: one.get("altered") for one in self.history(juliet, romeo.jid)}
        self.assertEqual((texts["an encrypted message"], texts["a plain message"]), (None, None))
        # He himself may, in plain text what was plain.
        romeo.command("msg", juliet.jid, "the end")
        juliet.wait("message", text="the end")

    # REQ 30: the message is another one's, although the id fits.
    def test_the_one_it_was_written_to_does_not_alter_it(self):
        romeo, juliet = self.friends()
        romeo.command("plain", juliet.jid, "mine")
        mine = juliet.wait("message", text="mine")
        forger = XmppClient(self.server.endpoint, "juliet@localhost", "secret of juliet", resource="x")

        async def forge():
            await forger.connect()
            await forger.go_online()
            forger.send("<message to='romeo@localhost' type='chat' id='f'><body>hers</body>"
                        "<replace id='%s' xmlns='urn:xmpp:message-correct:0'/></message>" % mine["origin_id"])
            await asyncio.to_thread(romeo.wait, "message", text="hers", direction="in")
            await forger.close()

        asyncio.run(forge())
        self.assertIn(("mine", None), [(one["text"], one.get("altered")) for one in self.history(romeo, juliet.jid)])

    def test_someone_without_omemo_gets_plain_text_that_says_so(self):
        romeo = self.client("romeo")
        romeo.command("msg", "juliet@localhost", "can you read this?")
        sent = romeo.wait("message_changed", state="sent")
        self.assertEqual(sent["encryption"], "none")


    # REQ 35: a receipt tells when somebody is online.
    def test_a_stranger_gets_no_receipt(self):
        romeo = self.client("romeo")
        self.server.add_account("mallory", "secret of mallory")
        mallory = XmppClient(self.server.endpoint, "mallory@localhost", "secret of mallory", resource="x")

        async def ask():
            await mallory.connect()
            await mallory.go_online()
            mallory.send("<message to='romeo@localhost' id='m1' type='chat'><body>are you there?</body>"
                         "<request xmlns='urn:xmpp:receipts'/></message>")
            await asyncio.to_thread(romeo.wait, "message", text="are you there?")
            # What rook-cli sent for that message, it sent before this one.
            romeo.command("msg", "mallory@localhost", "who asks?")
            while True:
                stanza = await mallory.receive(30)
                self.assertNotIn("<received ", str(stanza))
                if "who asks?" in str(stanza):
                    return await mallory.close()

        asyncio.run(ask())


if __name__ == "__main__":
    unittest.main()
