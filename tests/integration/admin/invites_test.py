#!/usr/bin/python3
"""Invitations from the operator's command to the account: rookeryctl, the landing page in headless Chromium, and slixmpp, which
registers with one and runs a command. Screenshots go to $ROOKERY_SCREENSHOTS, when it is set."""

import asyncio
import html
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration", "web"))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

from server_process import ServerFailed  # noqa: E402
from web_case import WebCase  # noqa: E402
from xmpp_client import XmppClient  # noqa: E402

try:
    import slixmpp
except ImportError:
    slixmpp = None

CHROMIUM = shutil.which("chromium")
TIMEOUT = 30


class Invites(WebCase):
    config = {"admin": {"accounts": ["romeo@localhost"]}}

    def invite(self, *options):
        """(path of the page, xmpp: URI, token)"""
        page, uri, expires = self.server.ctl("invite", *options).splitlines()
        self.assertRegex(page, r"^https://localhost:%d/invite/[\w-]{22}$" % self.server.https_port)
        self.assertRegex(expires, r"^expires \d{4}-\d\d-\d\dT")
        return page[page.index("/invite/"):], uri, page.rsplit("/", 1)[1]

    def refused(self, *arguments):
        with self.assertRaises(ServerFailed) as caught:
            self.server.ctl(*arguments)
        return str(caught.exception)


class OperatorTest(Invites):
    def test_makes_lists_and_revokes(self):
        _, uri, token = self.invite("--contact", "juliet@localhost", "--expires", "2h", "--uses", "3")
        self.assertEqual(uri, "xmpp:juliet@localhost?roster;preauth=%s;ibr=y" % token)
        line, = [each for each in self.server.ctl("invite", "list").splitlines() if "uses=3" in each]
        self.assertRegex(line, r"^[0-9a-f]{32} uses=3 expires=\S+Z by=operator contact=juliet@localhost$")
        self.assertNotIn(token, self.server.ctl("invite", "list"))
        self.server.ctl("invite", "revoke", line.split()[0])
        self.assertNotIn(line.split()[0], self.server.ctl("invite", "list"))

    def test_says_what_is_wrong(self):
        self.assertIn("no account nobody@localhost", self.refused("invite", "--contact", "nobody@localhost"))
        self.assertIn("not one of this server's domains", self.refused("invite", "--contact", "a@elsewhere.example"))
        self.assertIn("is taken", self.refused("invite", "--username", "juliet"))
        self.assertIn("--uses", self.refused("invite", "--uses", "0"))
        self.assertIn("must be a time", self.refused("invite", "--expires", "soon"))
        self.assertIn("no such invitation", self.refused("invite", "revoke", "unknown"))

    def test_nothing_of_the_token_is_stored(self):
        token = self.invite()[2]
        with open(os.path.join(self.server.data_dir, "rookery.sqlite"), "rb") as file:
            self.assertNotIn(token.encode(), file.read())


class PageTest(Invites):
    def test_says_who_invites_where_and_how(self):
        path, uri, _ = self.invite("--contact", "juliet@localhost")
        status, headers, body = self.request("GET", path, connection=self.https())
        text = body.decode()
        self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertIn('href="%s"' % html.escape(uri), text)
        self.assertIn("juliet invites you", text)
        self.assertIn("<svg", text)
        self.assertEqual(self.request("HEAD", path)[2], b"")

    def test_loads_nothing_and_runs_nothing(self):
        _, headers, body = self.request("GET", self.invite()[0])
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertIn("frame-ancestors 'none'", headers["Content-Security-Policy"])
        self.assertEqual((headers["X-Content-Type-Options"], headers["Referrer-Policy"], headers["Cache-Control"]), ("nosniff", "no-referrer", "no-store"))
        self.assertNotRegex(body.decode(), r"<script|<img|<link|\bsrc=|url\(|@import")

    def test_escapes_what_others_have_chosen(self):
        # The only characters of a name that could mean something to HTML; RFC 7622 §3.3.1 forbids the others.
        path, _, _ = self.invite("--username", "a;b$(x)")
        self.assertIn("a;b$(x)@localhost", self.request("GET", path)[2].decode())

    def test_what_cannot_be_used_says_so_and_no_more(self):
        path = self.invite()[0]
        self.server.ctl("invite", "revoke", path)
        pages = {self.request("GET", each)[2] for each in (path, "/invite/", "/invite/unknown", "/invite/" + "x" * 200)}
        self.assertEqual(len(pages), 1)
        status, headers, body = self.request("GET", path)
        self.assertEqual(status, 410)
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertIn("cannot be used", body.decode())
        self.assertEqual(self.request("POST", path, b"")[0], 410)
        self.assertEqual(self.request("PUT", path, b"")[0], 405)

    @unittest.skipUnless(CHROMIUM, "chromium is not installed")
    def test_is_drawn_on_a_phone_and_on_a_desk(self):
        folder = os.environ.get("ROOKERY_SCREENSHOTS") or self.enterContext(tempfile.TemporaryDirectory())
        os.makedirs(folder, exist_ok=True)
        path = self.invite("--contact", "juliet@localhost")[0]
        address = "http://127.0.0.1:%d" % self.server.http_port
        for name, target, size in (("phone", path, (390, 844)), ("desk", path, (1280, 900)), ("gone", "/invite/unknown", (390, 844))):
            with self.subTest(name), tempfile.TemporaryDirectory() as profile:
                picture = os.path.join(folder, name + ".png")
                subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + profile,
                                "--window-size=%d,%d" % size, "--screenshot=" + picture, address + target], check=True, timeout=120, capture_output=True)
                with open(picture, "rb") as file:
                    self.assertEqual(struct.unpack(">II", file.read(24)[16:]), size)
                self.assertGreater(os.path.getsize(picture), 8000)  # an empty page takes 2 to 4 kB

    @unittest.skipUnless(CHROMIUM, "chromium is not installed")
    def test_fits_the_width_of_a_phone(self):
        """What Chromium has laid out: the button is there, and nothing is refused by the page's own policy."""
        path, uri, _ = self.invite("--contact", "juliet@localhost")
        with tempfile.TemporaryDirectory() as profile:
            run = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--user-data-dir=" + profile,
                                  "--window-size=390,844", "--dump-dom", "http://127.0.0.1:%d%s" % (self.server.http_port, path)],
                                 check=True, timeout=120, capture_output=True, text=True)
        self.assertIn(html.escape(uri), run.stdout)
        self.assertNotIn("Content Security Policy", run.stderr)


class FormTest(Invites):
    """Who has no app that can make accounts makes one on the page."""

    def submit(self, path, **fields):
        status, headers, body = self.request("POST", path, urllib.parse.urlencode(fields), {"Content-Type": "application/x-www-form-urlencoded"})
        self.assertIn("form-action 'self'", headers["Content-Security-Policy"])
        return status, html.unescape(body.decode())

    def log_in(self, user, password):
        async def run():
            client = XmppClient(self.server.endpoint, user + "@localhost", password)
            await client.connect()
            roster = await client.iq("get", "<query xmlns='jabber:iq:roster'/>")
            await client.close()
            return {item.get("jid"): item.get("subscription") for item in roster.find("query").children}
        return asyncio.run(run())

    def test_makes_an_account_that_can_be_used(self):
        path = self.invite("--contact", "juliet@localhost")[0]
        self.assertIn('<form method="post">', self.request("GET", path)[2].decode())
        status, text = self.submit(path, username="Benvolio", password="part fools+100%", again="part fools+100%")
        self.assertEqual(status, 201)
        self.assertIn("benvolio@localhost", text)
        self.assertEqual(self.log_in("benvolio", "part fools+100%"), {"juliet@localhost": "both"})
        self.assertEqual(self.submit(path, username="again", password="long enough", again="long enough")[0], 410)

    def test_says_what_is_wrong_and_keeps_the_name(self):
        path = self.invite()[0]
        for fields, status, words in (
                ({"username": "juliet", "password": "long enough", "again": "long enough"}, 409, "Somebody has that name already"),
                ({"username": "a b", "password": "long enough", "again": "long enough"}, 422, "That cannot be a name"),
                ({"username": "", "password": "long enough", "again": "long enough"}, 422, "That cannot be a name"),
                ({"username": "peter", "password": "short", "again": "short"}, 422, "too short"),
                ({"username": "peter", "password": "long enough", "again": "long enouhg"}, 422, "not the same"),
                ({}, 422, "That cannot be a name")):
            with self.subTest(**fields):
                got, text = self.submit(path, **fields)
                self.assertEqual(got, status)
                self.assertIn(words, text)
                self.assertIn('value="%s"' % fields.get("username", ""), text)
                self.assertNotIn("long enough", text)

    def test_a_promised_name_is_not_asked_for(self):
        path = self.invite("--username", "balthasar")[0]
        self.assertNotIn('name="username"', self.request("GET", path)[2].decode())
        status, text = self.submit(path, username="other", password="long enough", again="long enough")
        self.assertEqual((status, "balthasar@localhost" in text), (201, True))


class FormLimitTest(Invites):
    # REQ 28
    def test_names_cannot_be_tried_without_end(self):
        path = self.invite()[0]
        answers = [self.request("POST", path, "username=juliet&password=long+enough&again=long+enough")[0] for _ in range(40)]
        self.assertEqual((answers[0], answers[-1]), (409, 429))
        self.assertEqual(self.request("GET", path)[0], 200)


class FormLimitBehindAProxyTest(Invites):
    config = {**Invites.config, "http": {"trusted_proxies": ["127.0.0.1"]}}

    # REQ 28
    def test_the_addresses_of_one_network_share_the_limit(self):
        path = self.invite()[0]

        def attempt(address):
            return self.request("POST", path, "username=juliet&password=long+enough&again=long+enough", {"X-Forwarded-For": address})[0]
        answers = [attempt("2001:db8:0:1::%x" % number) for number in range(1, 41)]
        self.assertEqual((answers[0], answers[-1]), (409, 429))
        self.assertEqual(attempt("2001:db8:0:2::1"), 409)


@unittest.skipUnless(slixmpp, "python3-slixmpp is not installed")
class SlixmppTest(Invites):
    def client(self, user, password):
        client = slixmpp.ClientXMPP("%s@localhost/here" % user, password)
        client.ca_certs = os.path.join(self.server.folder, "cert.pem")
        for plugin in ("xep_0004", "xep_0030", "xep_0050", "xep_0077"):
            client.register_plugin(plugin)
        return client

    async def event(self, client, name):
        return await asyncio.wait_for(client.wait_until(name, TIMEOUT), TIMEOUT)

    def connect(self, client):
        client.connect((self.server.endpoint.host, self.server.endpoint.port))

    def test_registers_with_an_invitation_and_runs_a_command(self):
        token = self.invite("--contact", "romeo@localhost")[2]

        async def register():
            client = self.client("mercutio", "Queen Mab")
            answers = []

            async def on_register(_form):
                preauth = client.make_iq_set(ito="localhost")
                preauth.append(slixmpp.xmlstream.ET.Element("{urn:xmpp:pars:0}preauth", {"token": token}))
                await preauth.send(timeout=TIMEOUT)
                iq = client.make_iq_set(ito="localhost")
                iq["register"]["username"], iq["register"]["password"] = "mercutio", "Queen Mab"
                answers.append(await iq.send(timeout=TIMEOUT))

            return await self.registered(client, on_register, answers)

        async def run():
            await register()
            client = self.client("romeo", "secret")
            self.connect(client)
            await self.event(client, "session_start")
            roster = await client.get_roster(timeout=TIMEOUT)
            self.assertEqual(roster["roster"]["items"][slixmpp.JID("mercutio@localhost")]["subscription"], "both")
            node = "http://jabber.org/protocol/admin#get-registered-users-num"
            answer = await client["xep_0050"].send_command("localhost", node, timeout=TIMEOUT)
            self.assertEqual(answer["command"]["status"], "completed")
            self.assertEqual(answer["command"]["form"]["values"]["registeredusersnum"], "3")
            client.disconnect()
            await self.event(client, "disconnected")

        asyncio.new_event_loop().run_until_complete(run())

    async def registered(self, client, on_register, answers):
        """slixmpp registers when the stream's features come; here they are taken over, because it knows no invitations."""
        done = asyncio.get_running_loop().create_future()

        async def features(_features):
            try:
                await on_register(None)
                done.set_result(None)
            except Exception as problem:  # the test fails with it
                done.set_exception(problem)
            return True

        client._always_send_everything = True  # else it keeps every stanza until it has logged in
        client.register_feature("mechanisms", lambda f: asyncio.ensure_future(features(f)) and True, restart=False, order=-1)
        self.connect(client)
        await asyncio.wait_for(done, TIMEOUT)
        client.abort()
        return answers


if __name__ == "__main__":
    unittest.main()
