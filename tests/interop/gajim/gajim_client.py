"""Debian's Gajim on a virtual display; gajim_hand.py is its user, who finds what is on the screen by its text and presses buttons."""

import json
import os
import shutil
import subprocess
import time

from interop_day import screenshots
from virtual_display import Application, VirtualDisplay

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT = 30
PROGRAMS = ("gajim", "Xvfb", "dbus-run-session", "setpriv")


class Gajim(Application):
    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        self.display = VirtualDisplay()
        hand = shutil.copy(os.path.join(HERE, "gajim_hand.py"), folder)
        super().__init__(self.display, folder, ["/usr/bin/python3", "-W", "ignore", hand], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.wait("app_is_there()")

    def close(self):
        shutil.copy(self.log.name, screenshots() + "/gajim.log")
        super().close()
        self.display.close()

    def run(self, expression):
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("Gajim ended:\n" + self.said())
        answer = json.loads(line)
        if "error" in answer:
            raise AssertionError("%s: %s" % (expression, answer["error"]))
        return answer["value"]

    def wait(self, expression, timeout=TIMEOUT):
        deadline = time.monotonic() + timeout
        while not self.run(expression):
            if time.monotonic() > deadline:
                raise AssertionError("never true in Gajim: %s\nit shows:\n%s\nit said:\n%s" % (expression, self.run("texts()"), self.said()))
            time.sleep(0.05)  # windows have no event for "now it looks like this"

    def log_in(self, jid, password):
        certificate = shutil.copyfile(os.path.join(self.server.folder, "cert.pem"), self.folder + "/authority.pem")
        endpoint = self.server.endpoint
        plugins = self.run("log_in(%r, %r, %r, %d, %r, ['omemo'])" % (jid, password, endpoint.host, endpoint.port, certificate))
        if plugins != ["omemo"]:
            raise AssertionError("Gajim has activated %s" % plugins)
        self.wait("close_window('AccountWizard')")  # it opens when there is no account
        self.wait("is_online()")

    def see(self, text):
        self.wait("sees(%r)" % text)

    def say(self, text):
        self.wait("say(%r)" % text)

    def click(self, label):
        self.wait("click(%r)" % label)

    def encrypt(self):
        self.run("choose('set-encryption', GLib.Variant('s', 'OMEMO'))")

    def accept(self):
        """The request on the account's page; then Gajim proposes to ask back."""
        self.run("open_account_page()")
        for label in ("Accept", "Next", "Add Contact"):
            self.click(label)

    def shoot(self, name):
        path = os.path.join(self.home, name + ".png")
        self.run("screenshot(%r)" % path)
        shutil.copyfile(path, "%s/gajim-%s.png" % (screenshots(), name))
