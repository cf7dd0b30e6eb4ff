"""The local database's key in a real keyring: gnome-keyring on a session bus of its own."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from rook_cli import certificate_of, find_rook_cli, start_server

INSIDE = "ROOKERY_TEST_SESSION_BUS"


class SecretServiceTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="rook-key-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        os.mkdir(os.path.join(self.folder, "runtime"), 0o700)
        self.environment = dict(os.environ, ROOK_PASSWORD="secret", HOME=self.folder,
                                XDG_RUNTIME_DIR=os.path.join(self.folder, "runtime"))
        for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ROOK_PASSPHRASE"):
            self.environment.pop(name, None)
        self.database = os.path.join(self.folder, "romeo.db")
        self.server = start_server()
        self.server.__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)
        self.server.add_account("romeo", "secret")
        self.keyring = None
        self.unlock_keyring()
        self.addCleanup(self.end_keyring)

    def unlock_keyring(self):
        self.keyring = subprocess.Popen(["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
                                        env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        self.keyring.stdin.write(b"password of the desktop")
        self.keyring.stdin.close()
        # Until it has its name on the bus a caller would be told that there is no keyring.
        subprocess.run(["gdbus", "wait", "--session", "--timeout", "20", "org.freedesktop.secrets"],
                       env=self.environment, check=True, timeout=30)

    def end_keyring(self):
        self.keyring.terminate()
        self.keyring.wait(20)

    def rook_cli(self, *arguments):
        return subprocess.run(
            [find_rook_cli(), "--account", "romeo@localhost", "--host", "127.0.0.1", "--port", str(self.server.endpoint.port),
             "--ca", certificate_of(self.server), "--db", self.database, *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, env=self.environment)

    def key_source(self):
        database = sqlite3.connect(self.database)
        source = database.execute("SELECT value FROM meta WHERE key = 'key-source'").fetchone()[0]
        database.close()
        return source

    def test_the_key_lies_in_the_keyring_and_nowhere_else(self):
        first = self.rook_cli("devices")
        self.assertEqual(first.returncode, 0, first.stdout + first.stderr)
        self.assertIn(self.key_source(), (b"secret-service", "secret-service"))
        self.assertFalse(os.path.exists(self.database + ".key"))
        # The keyring keeps it over its own end, and the database opens with it again: the same device.
        self.end_keyring()
        self.unlock_keyring()
        second = self.rook_cli("devices")
        self.assertEqual(second.returncode, 0, second.stdout + second.stderr)
        self.assertEqual(self.device_in(first.stdout), self.device_in(second.stdout))

    def device_in(self, text):
        return next(line for line in text.splitlines() if "(this one)" in line)

    def test_without_the_keyring_the_database_stays_closed(self):
        self.assertEqual(self.rook_cli("devices").returncode, 0)
        self.end_keyring()
        closed = self.rook_cli("history", "juliet@localhost")
        self.unlock_keyring()
        self.assertEqual(closed.returncode, 1)
        self.assertIn("keyring", closed.stderr)
        self.assertFalse(os.path.exists(self.database + ".key"), "no second way in may appear")

    def test_a_database_that_is_copied_elsewhere_has_no_key_there(self):
        self.assertEqual(self.rook_cli("devices").returncode, 0)
        shutil.copy(self.database, self.database + ".stolen")
        self.database += ".stolen"
        closed = self.rook_cli("history", "juliet@localhost")
        self.assertEqual((closed.returncode, "has no key for" in closed.stderr), (1, True), closed.stderr)


def main():
    if INSIDE in os.environ:
        return unittest.main()
    missing = [name for name in ("dbus-run-session", "gnome-keyring-daemon", "gdbus") if not shutil.which(name)]
    if missing:
        print("SKIPPED: %s not installed (./dev deps installs gnome-keyring, dbus and libglib2.0-bin)" % ", ".join(missing))
        return 77
    return subprocess.call(["dbus-run-session", "--", sys.executable, "-W", "ignore::ResourceWarning", os.path.abspath(__file__)],
                           env=dict(os.environ, **{INSIDE: "1"}))


if __name__ == "__main__":
    sys.exit(main())
