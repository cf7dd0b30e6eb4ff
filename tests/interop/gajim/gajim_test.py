#!/usr/bin/python3
"""Debian's Gajim, under Xvfb, lives through a day on rookeryd. Exit status 77: something is missing."""

import os
import shutil
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "support"))

try:
    from interop_day import PICTURE, ROOM, Day  # noqa: E402 (needs the path above)
except ImportError as missing:
    print("skipped: %s" % missing)
    sys.exit(77)
from gajim_client import PROGRAMS, Gajim  # noqa: E402


class GajimTest(Day):
    def test_a_day(self):
        self.gajim = Gajim(self.server, self.folder)
        self.addCleanup(self.gajim.close)
        try:
            self.gajim.log_in("romeo@localhost", "secret of romeo")
            self.friendship_and_chat()
            self.file()
            self.room()
            self.encryption()
        finally:
            self.gajim.shoot("last")

    def friendship_and_chat(self):
        self.juliet.subscribe("romeo@localhost")
        self.gajim.accept()
        self.romeo_is_juliets_friend()
        self.gajim.wait("is_contact('juliet@localhost')")
        self.gajim.run("open_chat('juliet@localhost')")
        self.juliet.say("romeo@localhost", "Wherefore art thou?")
        self.gajim.see("Wherefore art thou?")
        self.gajim.say("Call me but love")
        self.juliet_hears("Call me but love")

    def file(self):
        self.gajim.run("act('send-file', GLib.Variant('as', [%r]))" % ("file://" + shutil.copyfile(PICTURE, self.folder + "/balcony.png")))
        self.gajim.click("Send Files")
        self.juliet_gets_the_file()
        self.gajim.shoot("chat")

    def room(self):
        self.gajim.run("enter_room(%r)" % ROOM)
        self.gajim.say("Is she a Capulet?")
        self.room_hears("Is she a Capulet?")
        self.juliet.say(ROOM, "My only love sprung from my only hate", "groupchat")
        self.gajim.see("My only love sprung from my only hate")
        self.gajim.shoot("room")

    def encryption(self):
        self.start_nurse()
        self.nurse.command("add", "romeo@localhost")
        self.gajim.accept()
        self.nurse.wait("roster", jid="romeo@localhost", subscription="both")
        self.gajim.run("open_chat('nurse@localhost')")
        self.nurse.command("msg", "romeo@localhost", "I am the drudge")
        self.gajim.see("I am the drudge")
        self.gajim.encrypt()
        self.gajim.say("Commend me to thy lady")
        self.nurse_hears("Commend me to thy lady", "omemo:1")
        self.gajim.shoot("omemo")


if __name__ == "__main__":
    for program in PROGRAMS:
        if not shutil.which(program):
            print("skipped: %s is not installed" % program)
            sys.exit(77)
    unittest.main()
