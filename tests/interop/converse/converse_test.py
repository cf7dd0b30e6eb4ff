#!/usr/bin/python3
"""Converse.js in headless Chromium lives through a day on rookeryd, over WebSocket at our HTTPS listener. Exit status 77: something
is missing. --install: only fetches what npm has to bring."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "support"))

try:
    from interop_day import PICTURE, ROOM, Day  # noqa: E402 (needs the path above)
except ImportError as missing:
    print("skipped: %s" % missing)
    sys.exit(77)
from converse_client import Converse, prepare  # noqa: E402


class ConverseTest(Day):
    def test_a_day(self):
        self.converse = Converse(self.server)
        self.addCleanup(self.converse.close)
        try:
            self.converse.log_in("romeo@localhost", "secret of romeo")
            self.friendship_and_chat()
            self.file()
            self.room()
            self.encryption()
        finally:
            self.converse.shoot("last")

    def friendship_and_chat(self):
        self.juliet.subscribe("romeo@localhost")
        self.converse.accept("juliet@localhost")
        self.romeo_is_juliets_friend()
        self.juliet.say("romeo@localhost", "Wherefore art thou?")
        self.converse.see("Wherefore art thou?")
        self.converse.say("Call me but love")
        self.juliet_hears("Call me but love")

    def file(self):
        self.converse.send_file(PICTURE)
        self.juliet_gets_the_file()
        # Converse.js shows the picture, so it could be fetched from our listener.
        self.converse.wait("[...document.querySelectorAll('img')].some(each => each.src.endsWith('.png') && each.naturalWidth === 160)")
        self.converse.shoot("chat")

    def room(self):
        self.converse.enter_room(ROOM)
        self.converse.say("Is she a Capulet?")
        self.room_hears("Is she a Capulet?")
        self.juliet.say(ROOM, "My only love sprung from my only hate", "groupchat")
        self.converse.see("My only love sprung from my only hate")
        self.converse.shoot("room")

    def encryption(self):
        self.start_nurse()
        self.nurse.command("add", "romeo@localhost")
        self.converse.accept("nurse@localhost")
        self.nurse.wait("roster", jid="romeo@localhost", subscription="to")
        self.converse.open_chat("nurse@localhost")
        self.nurse.command("msg", "romeo@localhost", "I am the drudge")
        self.converse.see("I am the drudge")
        self.converse.encrypt()
        self.converse.say("Commend me to thy lady")
        self.nurse_hears("Commend me to thy lady")
        self.converse.shoot("omemo")


if __name__ == "__main__":
    problem = prepare()
    if sys.argv[1:] == ["--install"]:
        sys.exit(problem)
    if problem:
        print("skipped: " + problem)
        sys.exit(77)
    unittest.main()
