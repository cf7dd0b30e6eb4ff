#!/usr/bin/python3
"""A JavaScript client, @xmpp/client from npm, logs in and chats over WebSocket: somebody else's RFC 7395 against ours."""

import os
import shutil
import subprocess
import sys
import unittest

from web_case import ROOT, WebCase

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = os.path.join(ROOT, "build", "javascript")  # where npm may install


def prepare():
    """Why the test cannot run, or None."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "node and npm are not installed"
    os.makedirs(PACKAGES, exist_ok=True)
    shutil.copy(os.path.join(HERE, "javascript", "package.json"), PACKAGES)
    if os.path.isdir(os.path.join(PACKAGES, "node_modules", "ws")):
        return None
    installed = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=PACKAGES,
                               capture_output=True, text=True, timeout=240)
    return None if installed.returncode == 0 else "npm cannot install @xmpp/client: " + installed.stderr[-300:]


class JavaScriptTest(WebCase):
    def test_two_people_chat_over_websocket(self):
        environment = dict(os.environ, NODE_EXTRA_CA_CERTS=self.server.config["tls"]["certificate"])
        result = subprocess.run(["node", os.path.join(HERE, "javascript", "chat.mjs"), "wss://localhost:%d/xmpp-websocket" % self.server.https_port],
                                cwd=PACKAGES, env=environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr + self.server.log()[-2000:])
        self.assertEqual(result.stdout, "heard: But soft! <what light> é 😀 from romeo@localhost\nfeatures: true\n")


if __name__ == "__main__":
    problem = prepare()
    if problem:
        print("skipped: " + problem)
        sys.exit(77)
    unittest.main()
