"""rook-cli on a disk that is really full (a small tmpfs; needs root, else the test is skipped and says so)."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from rook_cli import RookCli, befriend, start_server


def mount(folder):
    return subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "rookery-test", folder], capture_output=True).returncode == 0


class DiskFullTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="rook-full-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.small = os.path.join(self.folder, "small")
        os.mkdir(self.small)
        self.assertTrue(mount(self.small))
        self.addCleanup(subprocess.run, ["umount", self.small], check=True)
        self.server = start_server()
        self.server.__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)
        for user in ("romeo", "juliet"):
            self.server.add_account(user, "secret of " + user)

    def client(self, user, folder):
        client = RookCli(self.server, user + "@localhost", "secret of " + user, folder)
        self.addCleanup(client.__exit__, None, None, None)
        return client.online()

    def fill(self):
        """To the last byte: larger pieces first, then what is left."""
        with open(os.path.join(self.small, "filler"), "ab", buffering=0) as file:
            for size in (4096, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass

    # REQ 32: what we could not store is not acknowledged, so it comes again.
    def test_a_message_that_finds_no_space_is_not_lost(self):
        romeo, juliet = self.client("romeo", self.small), self.client("juliet", self.folder)
        befriend(romeo, juliet)
        juliet.command("msg", romeo.jid, "while there is space")
        romeo.wait("message", text="while there is space")
        self.fill()
        for number in range(5):
            juliet.command("msg", romeo.jid, "into the full disk %d " % number + "x" * 5000)
        self.assertIn("local database fails", romeo.wait("notice")["text"])
        self.assertNotEqual(romeo.process.wait(30), 0)
        heard = [one["text"][:20] for one in romeo.seen if one["event"] == "message" and one["text"].startswith("into")]
        os.remove(os.path.join(self.small, "filler"))
        romeo = self.client("romeo", self.small)
        romeo.command("history", juliet.jid)
        romeo.wait("history_end")
        texts = [one["text"][:20] for one in romeo.seen if one["event"] == "history"]
        self.assertEqual(texts, ["while there is space"] + ["into the full disk %d" % number for number in range(5)], heard)
        romeo.command("msg", juliet.jid, "all of it came")
        juliet.wait("message", text="all of it came", encryption="omemo:2")


def main():
    with tempfile.TemporaryDirectory() as probe:
        if not mount(probe):
            print("SKIPPED: a small file system cannot be mounted here (root is needed)")
            return 77
        subprocess.run(["umount", probe], check=True)
    return unittest.main()


if __name__ == "__main__":
    sys.exit(main())
