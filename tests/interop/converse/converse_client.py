"""Converse.js in headless Chromium, driven through what a person sees: forms, buttons, the keyboard."""

import functools
import http.server
import json
import os
import shutil
import subprocess
import threading

from chromium import Chromium, find_chromium
from interop_day import screenshots

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
PACKAGES = os.path.join(ROOT, "build", "converse")  # where npm may install
DIST = os.path.join(PACKAGES, "node_modules", "converse.js", "dist")

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


class Converse(Chromium):
    def __init__(self, server):
        super().__init__()
        settings = {
            "websocket_url": "wss://localhost:%d/xmpp-websocket" % server.https_port, "discover_connection_methods": False,
            "view_mode": "fullscreen", "assets_path": "/dist/", "i18n": "en", "muc_nickname_from_jid": True, "loglevel": "debug",
            "reuse_scram_keys": False, "auto_register_muc_nickname": False, "show_background": False}
        handler = type("Handler", (Pages,), {"page": (PAGE % json.dumps(settings)).encode()})
        self.site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=os.path.dirname(DIST)))
        threading.Thread(target=self.site.serve_forever, daemon=True).start()
        self.open("http://localhost:%d/" % self.site.server_port)

    def close(self):
        with open(screenshots() + "/converse.log", "w") as file:
            file.write("\n".join(self.console))
        super().close()
        self.site.shutdown()
        self.site.server_close()

    def log_in(self, jid, password):
        self.type("input[name=jid]", jid)
        self.type("input[name=password]", password)
        self.click("form button[type=submit]")
        self.element("converse-user-profile")

    def see(self, text):
        self.wait("document.body.innerText.includes(%s)" % json.dumps(text))

    def open_chat(self, jid):
        self.click("a.open-chat[data-jid='%s']" % jid)
        self.element("[jid='%s'] textarea.chat-textarea" % jid)

    def enter_room(self, room):
        self.run("location.hash = '#converse/room?jid=%s'" % room)
        self.element("[jid='%s'] textarea.chat-textarea" % room)

    def say(self, text):
        self.type("textarea.chat-textarea", text, enter=True)

    def encrypt(self):
        self.click(".toggle-omemo[data-disabled=false]")
        self.element(".toggle-omemo .fa-lock")

    def accept(self, jid):
        self.open_chat(jid)
        self.click("converse-contact-approval-alert .btn-success")
        self.click("converse-accept-contact-request-modal [type=submit]")

    def send_file(self, path):
        self.choose_file(self.element("textarea.chat-textarea") + ".closest('.chatbox').querySelector('.fileupload')", path)

    def shoot(self, name):
        self.screenshot("%s/converse-%s.png" % (screenshots(), name))
