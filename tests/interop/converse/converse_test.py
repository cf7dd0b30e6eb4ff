#!/usr/bin/python3
"""Converse.js in headless Chromium lives through a day on rookeryd, over WebSocket at our HTTPS listener. Exit status 77: something is missing.

Everything goes through what a person sees: forms, buttons, the keyboard."""

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
PACKAGES = os.path.join(ROOT, "build", "converse")  # where npm may install
DIST = os.path.join(PACKAGES, "node_modules", "converse.js", "dist")
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

from chromium import Chromium, find_chromium  # noqa: E402 (needs the path above)

PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"><link rel="stylesheet" href="dist/converse.min.css"></head>
<body class="converse-fullscreen"><script type="module" src="dist/converse.min.js"></script><script type="module">
converse.initialize(%s);
</script></body></html>"""


def prepare():
    """Why the test cannot run, or None."""
    if not find_chromium():
        return "chromium is not installed"
    for name in ("package.json", "package-lock.json"):
        with open(os.path.join(HERE, name), "rb") as wanted:
            path = os.path.join(PACKAGES, name)
            if not os.path.exists(path) or open(path, "rb").read() != wanted.read() or not os.path.isdir(DIST):
                return install()
    return None


def install():
    if not shutil.which("npm"):
        return "npm is not installed"
    os.makedirs(PACKAGES, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(HERE, name), PACKAGES)
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=PACKAGES, capture_output=True, text=True, timeout=300)
    return None if done.returncode == 0 else "npm cannot install converse.js: " + done.stderr[-300:]


class Pages(http.server.SimpleHTTPRequestHandler):
    """The page and what Converse.js loads. A site of its own, so uploads are requests to another origin."""

    page = b""

    def do_GET(self):
        if self.path.split("?")[0] != "/":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *_):
        pass


def serve(test, settings):
    """The address of a page with Converse.js."""
    handler = type("Handler", (Pages,), {"page": (PAGE % json.dumps(settings)).encode()})
    os.chdir(os.path.dirname(DIST))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=os.path.dirname(DIST)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    test.addCleanup(server.server_close)
    test.addCleanup(server.shutdown)
    return "http://localhost:%d/" % server.server_port


def main():
    problem = prepare()
    if problem:
        print("skipped: " + problem)
        sys.exit(77)
    unittest.main()


if __name__ == "__main__" and sys.argv[1:] == ["--install"]:
    sys.exit(prepare())

try:
    from interop_day import PICTURE, ROOM, Day, screenshots  # noqa: E402
except ImportError as missing:
    print("skipped: %s" % missing)
    sys.exit(77)


class ConverseTest(Day):
    def setUp(self):
        super().setUp()
        self.browser = Chromium()
        self.addCleanup(self.browser.close)
        self.browser.open(serve(self, {
            "websocket_url": "wss://localhost:%d/xmpp-websocket" % self.server.https_port, "discover_connection_methods": False,
            "view_mode": "fullscreen", "assets_path": "/dist/", "i18n": "en", "muc_nickname_from_jid": True, "loglevel": "debug",
            "reuse_scram_keys": False, "auto_register_muc_nickname": False, "show_background": False}))

    def see(self, text):
        self.browser.wait("document.body.innerText.includes(%s)" % json.dumps(text))

    def open_chat(self, jid):
        self.browser.click("a.open-chat[data-jid='%s']" % jid)
        self.browser.element("[jid='%s'] textarea.chat-textarea" % jid)

    def enter_room(self):
        self.browser.run("location.hash = '#converse/room?jid=%s'" % ROOM)
        self.browser.element("[jid='%s'] textarea.chat-textarea" % ROOM)

    def say(self, text):
        self.browser.type("textarea.chat-textarea", text, enter=True)

    def log_in(self):
        self.browser.type("input[name=jid]", "romeo@localhost")
        self.browser.type("input[name=password]", "secret of romeo")
        self.browser.click("form button[type=submit]")
        self.browser.element("converse-user-profile")

    def accept(self, jid):
        self.open_chat(jid)
        self.browser.click("converse-contact-approval-alert .btn-success")
        self.browser.click("converse-accept-contact-request-modal [type=submit]")

    def test_a_day(self):
        try:
            self.log_in()
            self.friendship_and_chat()
            self.file()
            self.room()
            self.encryption()
        finally:
            self.shoot("last")
            with open(screenshots() + "/converse.log", "w") as file:
                file.write("\n".join(self.browser.console))

    def friendship_and_chat(self):
        self.juliet.subscribe("romeo@localhost")
        self.accept("juliet@localhost")
        self.romeo_is_juliets_friend()
        self.juliet.say("romeo@localhost", "Wherefore art thou?")
        self.see("Wherefore art thou?")
        self.say("Call me but love")
        self.juliet_hears("Call me but love")

    def file(self):
        self.browser.choose_file(self.browser.element("textarea.chat-textarea") + ".closest('.chatbox').querySelector('.fileupload')", PICTURE)
        self.juliet_gets_the_file()
        # Converse.js shows the picture, so it could be fetched from our listener.
        self.browser.wait("[...document.querySelectorAll('img')].some(each => each.src.endsWith('.png') && each.naturalWidth === 160)")
        self.shoot("chat")

    def room(self):
        self.enter_room()
        self.say("Is she a Capulet?")
        self.room_hears("Is she a Capulet?")
        self.juliet.say(ROOM, "My only love sprung from my only hate", "groupchat")
        self.see("My only love sprung from my only hate")
        self.shoot("room")

    def encryption(self):
        self.start_nurse()
        self.nurse.command("add", "romeo@localhost")
        self.accept("nurse@localhost")
        self.nurse.wait("roster", jid="romeo@localhost", subscription="to")
        self.open_chat("nurse@localhost")
        self.nurse.command("msg", "romeo@localhost", "I am the drudge")
        self.see("I am the drudge")
        self.browser.click(".toggle-omemo")
        self.browser.element(".toggle-omemo .fa-lock")
        self.say("Commend me to thy lady")
        self.nurse_hears("Commend me to thy lady")
        self.shoot("omemo")

    def shoot(self, name):
        self.browser.screenshot("%s/converse-%s.png" % (screenshots(), name))


if __name__ == "__main__":
    main()
