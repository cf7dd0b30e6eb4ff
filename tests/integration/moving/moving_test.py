"""XEP-0227: accounts move in from Prosody and ejabberd, out again, and from one rookeryd to another."""

import os
import shutil
import subprocess
import unittest

from populate import PASSWORD, PEOPLE, ROOT, log_in, populate
from rookery_server import RookeryServer

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "fixtures")
assert ROOT


class Moving(unittest.IsolatedAsyncioTestCase):
    def server(self, started=False, **config):
        server = RookeryServer(config)
        self.addCleanup(server.close)
        if started:
            server.start()
        return server

    def run_daemon(self, server, *arguments):
        return subprocess.run([*server.command(), *arguments], capture_output=True, text=True, timeout=60)

    def moved(self, server, *arguments):
        """Runs --export or --import, which has to succeed; the counts, and what was said on standard error."""
        result = self.run_daemon(server, *arguments)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        counts = dict(line.split() for line in result.stdout.splitlines() if len(line.split()) == 2 and line.split()[1].isdigit())
        return {name: int(count) for name, count in counts.items()}, result.stderr

    def export(self, server, name="export.xml", *arguments):
        path = os.path.join(server.folder, name)
        counts, said = self.moved(server, "--export", path, *arguments)
        self.assertEqual(said, "")
        with open(path) as file:
            return path, file.read(), counts

    def refused(self, server, *arguments):
        result = self.run_daemon(server, *arguments)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        return result.stderr

    def write(self, server, text, name="in.xml"):
        path = os.path.join(server.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    async def archive(self, client):
        client.send("<iq type='set' id='all'><query xmlns='urn:xmpp:mam:2'/></iq>")
        found = []
        while (stanza := await client.receive_where(lambda e: e.name == "message" and e.find("result") or e.get("id") == "all")).name == "message":
            found.append(stanza.find("result").find("forwarded").find("message").get("id"))
        return found

    async def lives_on(self, server, waiting, archived=None, avatar=True, bookmarks=True):
        """The people log in with their old password and find what they had."""
        juliet = await log_in(server, "juliet", online=False)
        roster = (await juliet.iq("get", "<query xmlns='jabber:iq:roster'/>")).find("query")
        items = {item.get("jid"): item for item in roster.children}
        self.assertEqual(set(items), {"romeo@localhost", "nurse@capulet.example"})
        romeo = items["romeo@localhost"]
        self.assertEqual((romeo.get("name"), romeo.get("subscription")), ("Romeo <3", "both"))
        self.assertEqual({group.text for group in romeo.children}, {"Friends", "Verona"})
        vcard = (await juliet.iq("get", "<vCard xmlns='vcard-temp'/>")).find("vCard")
        self.assertEqual((vcard.find("FN").text, vcard.find("NICKNAME").text), ("Juliet Capulet", "Jule & Co"))
        if avatar:
            self.assertTrue(vcard.find("PHOTO").find("BINVAL").text.startswith("iVBORw0KGgo"))
        private = (await juliet.iq("get", "<query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'/></query>")).find("query")
        self.assertEqual(private.find("exodus").find("defaultnick").text, "Jule")
        if bookmarks:
            answer = await juliet.iq("get", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub>")
            self.assertEqual(answer.find("pubsub").find("items").find("item").get("id"), "theplay@conference.localhost")
            stranger = await log_in(server, "mercutio")
            answer = await stranger.iq("get", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub>",
                                       to="juliet@localhost")
            self.assertEqual(answer.get("type"), "error", "private bookmarks became public")
            stranger.cut()
        await juliet.go_online()
        request = await juliet.receive_where(lambda e: e.name == "presence" and e.get("type") == "subscribe")
        self.assertEqual(request.get("from"), "mercutio@localhost")
        for text in waiting:
            message = await juliet.receive_where(lambda e: e.name == "message")
            self.assertEqual(message.find("body").text, text)
            self.assertIsNotNone(message.find("delay"))
        if archived is not None:
            self.assertEqual(await self.archive(juliet), archived)
        self.assertNotIn("message", [stanza.name for stanza in juliet.inbox])
        await juliet.close()


WHOLE_ARCHIVE = ["r0", "j0", "r1", "j1", "r2", "j2", "late"]
LATE = "By yonder blessed moon I vow"


class RoundTrip(Moving):
    async def test_export_import_and_export_again_give_the_same_file(self):
        old = self.server(started=True)
        for user in PEOPLE:
            old.add_account(user, PASSWORD)
        await populate(old)
        self.assertIn("rookeryd is running", self.refused(old, "--export", os.path.join(old.folder, "x.xml")))
        old.stop()
        path, text, counts = self.export(old)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertNotIn(PASSWORD, text)
        self.assertEqual((counts["accounts"], counts["contacts"], counts["subscription_requests"], counts["blocked"]), (3, 4, 1, 1))
        self.assertEqual(counts["waiting_messages"], 1)

        new = self.server()
        found, said = self.moved(new, "--import", path, "--dry-run")
        self.assertEqual((found["accounts"], found["archived_messages"]), (3, counts["archived_messages"]))
        self.assertEqual(self.export(new, "empty.xml")[2], {}, "a dry run wrote something")
        came, said = self.moved(new, "--import", path)
        self.assertEqual(said, "")
        self.assertEqual(came, counts)
        self.assertEqual(self.export(new)[1], text)

        again, _ = self.moved(new, "--import", path)
        self.assertEqual({name for name in again if again[name]}, {"accounts_that_were_there", "messages_that_were_there"})
        self.assertEqual(self.export(new, "again.xml")[1], text)

        new.start()
        await self.lives_on(new, waiting=[LATE], archived=WHOLE_ARCHIVE)
        new.stop()
        self.moved(new, "--import", path)
        new.start()
        await self.lives_on(new, waiting=[], archived=WHOLE_ARCHIVE)

    async def test_one_account_alone_and_one_file_for_each(self):
        old = self.server(started=True)
        for user in PEOPLE:
            old.add_account(user, PASSWORD)
        old.ctl("account", "disable", "romeo@localhost")
        old.stop()
        _, text, counts = self.export(old, "one.xml", "--account", "romeo@localhost")
        self.assertEqual(counts, {"accounts": 1})
        self.assertNotIn("juliet", text)
        self.assertIn("no account nobody@localhost", self.refused(old, "--export", old.folder + "/none.xml", "--account", "nobody@localhost"))
        self.assertFalse(os.path.exists(old.folder + "/none.xml"), "a file was left behind")
        folder = os.path.join(old.folder, "each")
        os.mkdir(folder)
        self.moved(old, "--export", folder)
        self.assertEqual(sorted(os.listdir(folder)), ["%s@localhost.xml" % user for user in sorted(PEOPLE)])
        new = self.server()
        self.assertEqual(self.moved(new, "--import", folder)[0], {"accounts": 3})
        self.assertEqual(self.export(new)[1], self.export(old, "whole.xml")[1], "an account that was disabled is enabled, or worse")

    def test_a_file_that_is_there_is_not_written_over(self):
        server = self.server()
        path = self.write(server, "precious")
        self.assertIn("cannot create", self.refused(server, "--export", path))
        with open(path) as file:
            self.assertEqual(file.read(), "precious")


# Neither has other keys than these, and a client that is offered more chooses more.
OLD_KEYS = {"auth": {"mechanisms": ["SCRAM-SHA-1"]}}


class FromOthers(Moving):
    def test_keys_that_clients_would_pass_over_are_told_of(self):
        server = self.server()
        counts, said = self.moved(server, "--import", os.path.join(FIXTURES, "prosody"))
        self.assertEqual(counts["accounts_with_sha_1_only"], 3)
        self.assertIn("set auth.mechanisms", said)

    # made by make_fixtures.py
    async def test_from_prosody(self):
        server = self.server(**OLD_KEYS)
        counts, said = self.moved(server, "--import", os.path.join(FIXTURES, "prosody"))
        self.assertEqual(said, "")
        self.assertEqual((counts["accounts"], counts["contacts"], counts["pep_nodes"], counts["archived_messages"]), (3, 4, 2, 14))
        server.start()
        await self.lives_on(server, waiting=[], archived=WHOLE_ARCHIVE)
        server.stop()
        text = self.export(server)[1]
        again, _ = self.moved(server, "--import", os.path.join(FIXTURES, "prosody"))
        self.assertEqual({name for name in again if again[name]}, {"accounts_that_were_there", "messages_that_were_there"})
        self.assertEqual(self.export(server, "again.xml")[1], text)

    # Its keys are base64 of base64; its archive and its PEP are not in the file.
    async def test_from_ejabberd(self):
        server = self.server(**OLD_KEYS)
        counts, said = self.moved(server, "--import", os.path.join(FIXTURES, "ejabberd"))
        self.assertEqual(said, "")
        self.assertEqual((counts["accounts"], counts["contacts"], counts["blocked"], counts["waiting_messages"]), (3, 4, 1, 1))
        server.start()
        await self.lives_on(server, waiting=[LATE], archived=["late"], bookmarks=False)

    async def test_from_the_prosody_that_is_installed(self):
        if not shutil.which("prosody-migrator"):
            self.skipTest("prosody is not installed")
        from make_fixtures import prosody_export
        from prosody_server import ProsodyServer
        with ProsodyServer() as old:
            for user in PEOPLE:
                old.add_account(user, PASSWORD)
            await populate(old)
            old.stop()
            server = self.server(**OLD_KEYS)
            prosody_export(old, server.folder + "/prosody")
        self.moved(server, "--import", server.folder + "/prosody")
        server.start()
        await self.lives_on(server, waiting=[], archived=WHOLE_ARCHIVE)


def document(user, host="localhost"):
    return "<server-data xmlns='urn:xmpp:pie:0'>\n<host jid='%s'>\n%s\n</host>\n</server-data>\n" % (host, user)


class Refused(Moving):
    # REQ 7
    def test_what_is_no_such_xml_is_refused_with_file_and_line(self):
        server = self.server()
        for text, sentence in (("<!DOCTYPE a [<!ENTITY b 'c'>]>\n" + document("<user name='&b;'/>"), "in.xml: line 1: a DTD is not allowed"),
                               (document("<user name='a'>\n<x></y>"), "in.xml: line 4: mismatched tag"),
                               (document("<user name='a'/>")[:-5], "in.xml: line 5: "),
                               ("<html/>", "in.xml: line 1: this is no file of XEP-0227"),
                               ("", "in.xml: line 1: no element found")):
            self.assertIn(sentence, self.refused(server, "--import", self.write(server, text)))
        self.assertIn("cannot open", self.refused(server, "--import", server.folder + "/none.xml"))

    def test_no_file_outside_of_the_folder_is_included(self):
        server = self.server()
        for href in ("../secret.xml", "/etc/passwd", "a/../../b.xml", "file:///etc/passwd", ""):
            include = "<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='%s'/>" % href
            self.assertIn("line 3: cannot include", self.refused(server, "--import", self.write(server, document(include))))
        self.write(server, document("").replace("\n\n", "<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='in.xml'/>"))
        own = "<server-data xmlns='urn:xmpp:pie:0'><xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='loop.xml'/></server-data>"
        loop = "<host xmlns='urn:xmpp:pie:0' jid='localhost'><xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='loop2.xml'/></host>"
        self.write(server, loop, "loop.xml")
        self.write(server, "<user xmlns='urn:xmpp:pie:0' name='a'><xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='loop3.xml'/></user>", "loop2.xml")
        self.write(server, "<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='loop3.xml'/>", "loop3.xml")
        self.assertIn("too many files", self.refused(server, "--import", self.write(server, own)))

    def test_what_cannot_be_taken_is_said_and_the_rest_comes(self):
        server = self.server()
        people = ("<user name='a' password='first'>\n<x xmlns='urn:example'/>\n"
                  "<query xmlns='jabber:iq:roster'><item jid='@'/><item jid='b@localhost'/></query></user>\n"
                  "<user name='c d'/>\n<user name='e'/>\n<user name='f'><scram-credentials xmlns='urn:xmpp:pie:0#scram' "
                  "mechanism='SCRAM-SHA-256'><iter-count>1</iter-count></scram-credentials></user>")
        text = document(people).replace("</server-data>", "<host jid='other.example'><user name='z'/></host></server-data>")
        path = self.write(server, text)
        counts, said = self.moved(server, "--import", path)
        self.assertEqual(counts, {"accounts": 3, "contacts": 1})
        for sentence in ("in.xml:4: a@localhost: <x xmlns='urn:example'/> is not known", "in.xml:5: a@localhost: the contact \"@\" is malformed",
                         "in.xml:6: \"c d\" is no name of an account", "e@localhost: comes without a password",
                         "the credentials for SCRAM-SHA-256 are malformed", "\"other.example\" is not in server.domains"):
            self.assertIn(sentence, said)
        server.start()
        self.assertEqual(server.ctl("account", "list", "localhost").splitlines(), ["a@localhost", "e@localhost", "f@localhost"])

    async def test_a_password_in_the_clear_is_kept_as_keys_and_one_that_is_there_stays(self):
        server = self.server()
        path = self.write(server, document("<user name='romeo' password='%s'/>" % PASSWORD))
        self.moved(server, "--import", path)
        self.assertNotIn(PASSWORD, self.export(server)[1])
        self.moved(server, "--import", self.write(server, document("<user name='romeo' password='another'/>"), "two.xml"))
        server.start()
        self.assertIn("rookeryd is running: stop it first", self.refused(server, "--import", path))
        await (await log_in(server, "romeo")).close()


if __name__ == "__main__":
    unittest.main()
