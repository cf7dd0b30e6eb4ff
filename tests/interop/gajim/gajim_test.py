#!/usr/bin/python3
"""Debian's Gajim, under Xvfb, lives through a day on rookeryd. Exit status 77: something is missing.

gajim_hand.py is the user: it finds what is on the screen by its text and presses buttons."""

import json
import os
import shutil
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "support"))

try:
    from interop_day import PICTURE, ROOM, Day, screenshots  # noqa: E402 (needs the path above)
except ImportError as missing:
    print("skipped: %s" % missing)
    sys.exit(77)
from virtual_display import Application, VirtualDisplay  # noqa: E402

TIMEOUT = 30


class Gajim(Application):
    def __init__(self, display, folder):
        hand = shutil.copy(os.path.join(HERE, "gajim_hand.py"), folder)
        super().__init__(display, folder, ["/usr/bin/python3", "-W", "ignore", hand], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.wait("app_is_there()")

    def run(self, expression):
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("Gajim ended:\n" + self.said())
        answer = json.loads(line)
        if "error" in answer:
            raise AssertionError("%s: %s" % (expression, answer["error"]))
        return answer["value"]

    def wait(self, expression, timeout=TIMEOUT):
        deadline = time.monotonic() + timeout
        while not self.run(expression):
            if time.monotonic() > deadline:
                raise AssertionError("never true in Gajim: %s\nit shows:\n%s\nit said:\n%s" % (expression, self.run("texts()"), self.said()))
            time.sleep(0.05)  # windows have no event for "now it looks like this"


class GajimTest(Day):
    def setUp(self):
        super().setUp()
        display = VirtualDisplay()
        self.addCleanup(display.close)
        self.gajim = Gajim(display, self.folder)
        self.addCleanup(self.gajim.close)
        self.certificate = shutil.copyfile(os.path.join(self.server.folder, "cert.pem"), self.folder + "/authority.pem")
        self.picture = shutil.copyfile(PICTURE, self.folder + "/balcony.png")

    def see(self, text):
        self.gajim.wait("sees(%r)" % text)

    def say(self, text):
        self.gajim.wait("say(%r)" % text)

    def click(self, label):
        self.gajim.wait("click(%r)" % label)

    def test_a_day(self):
        try:
            self.log_in()
            self.friendship_and_chat()
            self.file()
            self.room()
            self.encryption()
        finally:
            self.shoot("last")
            shutil.copy(self.gajim.log.name, screenshots() + "/gajim.log")

    def log_in(self):
        endpoint = self.server.endpoint
        active = self.gajim.run("log_in('romeo@localhost', 'secret of romeo', %r, %d, %r, ['omemo'])" % (
            endpoint.host, endpoint.port, self.certificate))
        self.assertEqual(active, ["omemo"])
        self.gajim.wait("close_window('AccountWizard')")  # it opens when there is no account
        self.gajim.wait("is_online()")

    def accept(self):
        """The request on the account's page; then Gajim proposes to ask back."""
        self.gajim.run("open_account_page()")
        for label in ("Accept", "Next", "Add Contact"):
            self.click(label)

    def friendship_and_chat(self):
        self.juliet.subscribe("romeo@localhost")
        self.accept()
        self.romeo_is_juliets_friend()
        self.gajim.wait("is_contact('juliet@localhost')")
        self.gajim.run("open_chat('juliet@localhost')")
        self.juliet.say("romeo@localhost", "Wherefore art thou?")
        self.see("Wherefore art thou?")
        self.say("Call me but love")
        self.juliet_hears("Call me but love")

    def file(self):
        self.gajim.run("act('send-file', GLib.Variant('as', [%r]))" % ("file://" + self.picture))
        self.click("Send Files")
        self.juliet_gets_the_file()
        self.shoot("chat")

    def room(self):
        self.gajim.run("enter_room(%r)" % ROOM)
        self.say("Is she a Capulet?")
        self.room_hears("Is she a Capulet?")
        self.juliet.say(ROOM, "My only love sprung from my only hate", "groupchat")
        self.see("My only love sprung from my only hate")
        self.shoot("room")

    def encryption(self):
        self.start_nurse()
        self.nurse.command("add", "romeo@localhost")
        self.accept()
        self.nurse.wait("roster", jid="romeo@localhost", subscription="both")
        self.gajim.run("open_chat('nurse@localhost')")
        self.nurse.command("msg", "romeo@localhost", "I am the drudge")
        self.see("I am the drudge")
        self.gajim.run("choose('set-encryption', GLib.Variant('s', 'OMEMO'))")
        self.say("Commend me to thy lady")
        self.nurse_hears("Commend me to thy lady", "omemo:1")
        self.shoot("omemo")

    def shoot(self, name):
        path = os.path.join(self.gajim.home, name + ".png")
        self.gajim.run("screenshot(%r)" % path)
        shutil.copyfile(path, "%s/gajim-%s.png" % (screenshots(), name))


if __name__ == "__main__":
    for program in ("gajim", "Xvfb", "dbus-run-session", "setpriv"):
        if not shutil.which(program):
            print("skipped: %s is not installed" % program)
            sys.exit(77)
    unittest.main()
