"""Profanity, as Debian ships it and as a person uses it (under tmux), and rook-cli write to each other with OMEMO."""

import os
import shutil
import tempfile
import unittest

from rook_cli import RookCli, start_server  # puts tests/support on the path, too
from profanity_terminal import Profanity


class ProfanityTest(unittest.TestCase):
    def make_device_list(self, server, folder):
        """On a fresh account Profanity 0.13 gives up after the item-not-found for its own device list and never publishes
        keys; a login of rook-cli makes the list. rookeryd answers with an empty list instead, so nobody has to."""
        first = RookCli(server, "romeo@localhost", "secret of romeo", folder)
        self.addCleanup(first.__exit__, None, None, None)
        first.online().wait("devices_changed", devices=1)
        first.quit()

    # REQ 33
    def test_a_fresh_account_writes_and_reads_encrypted(self):
        # Short, since a Unix socket's path has at most 107 bytes.
        folder = tempfile.mkdtemp(prefix="rook-")
        self.addCleanup(shutil.rmtree, folder, True)
        server = start_server()
        server.__enter__()
        self.addCleanup(server.__exit__, None, None, None)
        server.add_account("romeo", "secret of romeo")
        server.add_account("juliet", "secret of juliet")
        if server.kind == "prosody":
            self.make_device_list(server, folder)
        profanity = Profanity(folder)
        self.addCleanup(profanity.close)
        profanity.login(server, "romeo@localhost", "secret of romeo", trust="always")
        profanity.type("/omemo gen")
        profanity.wait("Your Device ID is")
        profanity.type("/omemo trustmode blind")
        saved = os.path.join(folder, "saved")
        juliet = RookCli(server, "juliet@localhost", "secret of juliet", folder, extra=("--downloads", saved))
        self.addCleanup(juliet.__exit__, None, None, None)
        juliet.online()
        juliet.command("add", "romeo@localhost")
        profanity.wait("juliet@localhost")
        profanity.type("/sub allow juliet@localhost")
        profanity.type("/sub request juliet@localhost")
        juliet.wait("roster", jid="romeo@localhost", subscription="both")

        # First from us: a session with Profanity's published keys.
        juliet.command("msg", "romeo@localhost", "Wherefore art thou?")
        sent = juliet.wait("message_changed", state="sent", text="Wherefore art thou?")
        self.assertEqual(sent["encryption"], "omemo:1", "\n".join(juliet.log))
        profanity.type("/msg juliet@localhost")
        profanity.wait("Wherefore art thou?")

        # Then back, with Profanity's own start.
        profanity.type("/omemo start juliet@localhost")
        profanity.wait("OMEMO session started", "[OMEMO]")
        profanity.say_encrypted("juliet@localhost", "Call me but love")
        heard = juliet.wait("message", direction="in", text="Call me but love")
        self.assertEqual((heard["encryption"], heard["trust"]), ("omemo:1", "automatic"))
        for number in range(3):
            juliet.command("msg", "romeo@localhost", "question %d" % number)
            profanity.wait("question %d" % number)
            profanity.type("answer %d" % number)
            juliet.wait("message", text="answer %d" % number, encryption="omemo:1")
        self.corrections(profanity, juliet)
        if server.kind == "rookery":
            self.files(profanity, juliet, folder)

    # REQ 30
    def corrections(self, profanity, juliet):
        profanity.type("/correct answer two")
        altered = juliet.wait("message_altered", text="answer two")
        self.assertEqual((altered["altered"], altered["encryption"]), ("corrected", "omemo:1"))
        juliet.command("correct", "romeo@localhost", "question two")
        profanity.wait("question two")

    # REQ 34
    def files(self, profanity, juliet, folder):
        content = os.urandom(50_000)
        with open(os.path.join(folder, "his.bin"), "wb") as file:
            file.write(content)
        profanity.type("/sendfile " + os.path.join(folder, "his.bin"))
        heard = juliet.wait("message", direction="in")
        self.assertEqual((heard["encryption"], heard["file"]["encrypted"]), ("omemo:1", True), heard)
        juliet.command("download", "romeo@localhost")
        with open(juliet.wait("file_saved")["path"], "rb") as file:
            self.assertEqual(file.read(), content)
        juliet.command("send-file", "romeo@localhost", os.path.join(folder, "his.bin"))
        address = ""
        while not address.startswith("aesgcm://"):
            address = juliet.wait("message_changed", state="delivered")["text"]
        profanity.wait(address[:70])


if __name__ == "__main__":
    unittest.main()
