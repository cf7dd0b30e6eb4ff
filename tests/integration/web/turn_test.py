#!/usr/bin/python3
"""XEP-0215 with a real TURN server: coturn takes the credentials that we hand out, and no others."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from web_case import WebCase
from server_process import free_ports  # after web_case, which knows where it is

SECRET = "north and south"
PORT, = free_ports(1)


class TurnTest(WebCase):
    config = {"calls": {"turn": ["127.0.0.1:%d" % PORT], "turn_secret": SECRET}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = tempfile.mkdtemp(prefix="rookery-turn-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        log = open(os.path.join(cls.folder, "log"), "w")
        cls.addClassCleanup(log.close)
        cls.turn = subprocess.Popen(
            ["turnserver", "-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--listening-port=%d" % PORT, "--no-tls", "--no-dtls",
             "--no-cli", "--allow-loopback-peers", "--use-auth-secret", "--static-auth-secret=" + SECRET, "--realm=localhost",
             "--userdb=" + os.path.join(cls.folder, "db"), "--pidfile=" + os.path.join(cls.folder, "pid"), "--log-file=stdout"],
            stdout=log, stderr=log, cwd=cls.folder)
        cls.addClassCleanup(cls.turn.wait)
        cls.addClassCleanup(cls.turn.terminate)

    def relay(self, username, password):
        """Does an allocation and a little traffic through the relay work? Asks again while the server still starts."""
        return subprocess.run(["turnutils_uclient", "-u", username, "-w", password, "-p", str(PORT), "-y", "-n", "1", "-m", "1", "127.0.0.1"],
                              capture_output=True, text=True, timeout=60)

    def credentials(self):
        async def ask(client):
            return await client.iq("get", "<services xmlns='urn:xmpp:extdisco:2'/>", to="localhost")
        service = self.as_user("romeo", ask).find("services").find("service")
        return service.get("username"), service.get("password")

    def test_our_credentials_are_taken(self):
        username, password = self.credentials()
        deadline = time.monotonic() + 20
        while True:
            result = self.relay(username, password)
            if result.returncode == 0 or time.monotonic() > deadline:
                break
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        refused = self.relay(username, password[:-4] + "AAA=")
        self.assertNotEqual(refused.returncode, 0, refused.stdout)


if __name__ == "__main__":
    if not shutil.which("turnserver") or not shutil.which("turnutils_uclient"):
        print("skipped: coturn is not installed")
        sys.exit(77)
    unittest.main()
