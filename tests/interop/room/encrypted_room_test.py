#!/usr/bin/python3
"""Gajim, Converse.js and Profanity in one members-only room on rookeryd: each says something with OMEMO, and all others read it.

Three people with three implementations of OMEMO. Exit status 77: something is missing."""

import os
import shutil
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
INTEROP = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(os.path.dirname(INTEROP), "support"), os.path.join(INTEROP, "gajim"), os.path.join(INTEROP, "converse")]

try:
    from interop_day import Day, screenshots  # noqa: E402 (needs the path above)
except ImportError as missing:
    print("skipped: %s" % missing)
    sys.exit(77)
from converse_client import Converse, prepare  # noqa: E402
from gajim_client import PROGRAMS, Gajim  # noqa: E402
from profanity_terminal import Profanity  # noqa: E402

ROOM = "friar@conference.localhost"
PEOPLE = ("romeo", "mercutio", "benvolio")


class EncryptedRoomTest(Day):
    def setUp(self):
        super().setUp()
        for user in PEOPLE[1:]:
            self.server.add_account(user, "secret of " + user)
        # Who belongs to the room must have OMEMO, and slixmpp has none; so romeo himself makes it, from another device that leaves.
        self.make_room_as("romeo", ROOM, [user + "@localhost" for user in PEOPLE[1:]])
        self.gajim = Gajim(self.server, self.folder)
        self.addCleanup(self.gajim.close)
        self.converse = Converse(self.server)
        self.addCleanup(self.converse.close)
        self.profanity = Profanity(self.folder)
        self.addCleanup(self.profanity.close)

    def all_log_in(self):
        self.gajim.log_in("romeo@localhost", "secret of romeo")
        self.converse.log_in("mercutio@localhost", "secret of mercutio")
        self.profanity.login(self.server, "benvolio@localhost", "secret of benvolio")
        self.profanity.wait_for_discovery(["localhost", "pubsub.localhost", "upload.localhost", "conference.localhost"])
        self.profanity.type("/omemo gen")
        self.profanity.wait("Your Device ID is")
        self.profanity.type("/omemo trustmode blind")
        for user in PEOPLE:
            self.wait_for_keys(user + "@localhost")

    def all_enter(self):
        self.gajim.run("enter_room(%r)" % ROOM)
        self.converse.enter_room(ROOM)
        self.profanity.type("/join " + ROOM)
        self.profanity.wait("You have joined the room as benvolio")
        for nick in PEOPLE:
            self.converse.see(nick)

    def profanity_says_until_gajim_reads(self, text):
        """Profanity fetches the others' keys after it has said that it encrypts, does not tell when it has them, and leaves out
        whose keys it has not; so it repeats itself, as a person would."""
        for attempt in range(4):
            self.profanity.type(text)
            try:
                self.gajim.wait("sees(%r)" % text, timeout=8)
                return text
            except AssertionError:
                text += "!"
        self.fail("Profanity has no keys for Gajim")

    def test_each_reads_what_the_others_say(self):
        self.all_log_in()
        self.all_enter()
        try:
            self.gajim.encrypt()
            self.converse.encrypt()
            self.profanity.type("/omemo start")
            self.profanity.wait("OMEMO encryption enabled", "[OMEMO]")
            for user in PEOPLE[1:]:
                self.gajim.wait("can_encrypt_to('%s@localhost')" % user)
            self.gajim.say("What, ho! apothecary!")
            self.converse.see("What, ho! apothecary!")
            self.profanity.wait("What, ho! apothecary!")
            self.converse.say("A plague o' both your houses!")
            self.gajim.see("A plague o' both your houses!")
            self.profanity.wait("A plague o' both your houses!")
            said = self.profanity_says_until_gajim_reads("Part, fools!")
            self.converse.see(said)
        finally:
            for client in (self.gajim, self.converse):
                client.shoot("encrypted-room")
            with open(screenshots() + "/profanity-encrypted-room.txt", "w") as file:
                file.write(self.profanity.screen())


if __name__ == "__main__":
    problem = prepare()
    for program in PROGRAMS + ("profanity", "tmux"):
        if not shutil.which(program):
            problem = program + " is not installed"
    if problem:
        print("skipped: " + problem)
        sys.exit(77)
    unittest.main()
