#!/usr/bin/python3
"""Debian's Profanity, in a terminal of tmux, lives through a day on rookeryd. Exit status 77: something is missing."""

import os
import shutil
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "support"))

try:
    from interop_day import PICTURE, ROOM, Day, screenshots  # noqa: E402 (needs the path above)
except ImportError as missing:
    print("skipped: %s" % missing)
    sys.exit(77)
from profanity_terminal import Profanity  # noqa: E402


class ProfanityTest(Day):
    def setUp(self):
        super().setUp()
        self.terminal = Profanity(self.folder)
        self.addCleanup(self.terminal.close)

    def test_a_day(self):
        try:
            self.terminal.login(self.server, "romeo@localhost", "secret of romeo", trust="always")
            self.friendship_and_chat()
            self.file()
            self.room()
            self.encryption()
        finally:
            self.shoot("last")

    def befriend(self, jid):
        self.terminal.type("/win 1")
        self.terminal.wait(jid)
        self.terminal.type("/sub allow " + jid)
        self.terminal.type("/sub request " + jid)

    def friendship_and_chat(self):
        self.juliet.subscribe("romeo@localhost")
        self.befriend("juliet@localhost")
        self.romeo_is_juliets_friend()
        self.terminal.type("/msg juliet@localhost")
        self.juliet.say("romeo@localhost", "Wherefore art thou?")
        self.terminal.wait("Wherefore art thou?")
        self.terminal.type("Call me but love")
        self.juliet_hears("Call me but love")

    def file(self):
        self.terminal.type("/sendfile " + shutil.copy(PICTURE, self.folder))
        self.juliet_gets_the_file()
        self.shoot("chat")

    def room(self):
        self.terminal.type("/join " + ROOM)
        self.terminal.wait("You have joined the room as romeo")
        self.juliet.say(ROOM, "My only love sprung from my only hate", "groupchat")
        self.terminal.wait("My only love sprung from my only hate")
        self.terminal.type("Is she a Capulet?")
        self.room_hears("Is she a Capulet?")
        self.shoot("room")

    def encryption(self):
        self.terminal.type("/win 1")
        self.terminal.type("/omemo gen")
        self.terminal.wait("Your Device ID is")
        self.start_nurse()
        self.nurse.command("add", "romeo@localhost")
        self.befriend("nurse@localhost")
        self.nurse.wait("roster", jid="romeo@localhost", subscription="both")
        self.terminal.type("/omemo trustmode blind")
        self.terminal.type("/msg nurse@localhost")
        self.nurse.command("msg", "romeo@localhost", "I am the drudge")
        self.terminal.wait("I am the drudge")
        self.terminal.type("/omemo start nurse@localhost")
        self.terminal.wait("OMEMO session started", "[OMEMO]")
        self.terminal.say_encrypted("nurse@localhost", "Commend me to thy lady")
        self.nurse_hears("Commend me to thy lady", "omemo:1")
        self.shoot("omemo")

    def shoot(self, name):
        with open("%s/profanity-%s.txt" % (screenshots(), name), "w") as file:
            file.write(self.terminal.screen())


if __name__ == "__main__":
    for program in ("profanity", "tmux"):
        if not shutil.which(program):
            print("skipped: %s is not installed" % program)
            sys.exit(77)
    unittest.main()
