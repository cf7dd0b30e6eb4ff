#!/usr/bin/python3
"""Debian's Dino, under Xvfb, lives through a day on rookeryd. Exit status 77: something is missing.

Dino knows no other port than what the DNS says, or 5222, and no other authority than the system's. So all this runs in a network
and a mount namespace of its own (unshare). The account is written into its database; keys and mouse are xdotool's."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "support"))

try:
    import rookery_server  # noqa: E402 (needs the path above)
    from interop_day import Day, screenshots  # noqa: E402
except ImportError as missing:
    print("skipped: %s" % missing)
    sys.exit(77)
from virtual_display import Application, VirtualDisplay  # noqa: E402

TIMEOUT = 30
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
OMEMO = 2  # in its database


class Dino(Application):
    def __init__(self, display, folder):
        self.database = os.path.join(folder, "home", "data", "dino", "dino.db")
        self.bus = os.path.join(folder, "home", "bus")
        if os.path.exists(self.bus):
            os.remove(self.bus)
        super().__init__(display, folder, ["sh", "-c", "echo $DBUS_SESSION_BUS_ADDRESS >$HOME/bus.new && mv $HOME/bus.new $HOME/bus; exec dino-im"])
        self.display = display
        self.until(lambda: os.path.exists(self.bus), "a session bus")

    def until(self, condition, what):
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                value = condition()
            except sqlite3.Error:
                value = None  # not made yet, or locked
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError("Dino: no %s; it said:\n%s" % (what, self.said()))
            time.sleep(0.05)  # windows have no event for "now it looks like this"

    def ask(self, sql, *values):
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute(sql, values).fetchone()
        finally:
            connection.close()

    def conversation(self, jid):
        sql = "SELECT c.id FROM conversation c JOIN jid j ON c.jid_id = j.id WHERE j.bare_jid = ?"
        return self.until(lambda: self.ask(sql, jid), "conversation with " + jid)[0]

    def act(self, name, number):
        """What a button of a notification does."""
        with open(self.bus) as file:
            environment = dict(os.environ, DBUS_SESSION_BUS_ADDRESS=file.read().strip())
        drop = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        subprocess.run(drop + ["gdbus", "call", "--session", "--dest", "im.dino.Dino", "--object-path", "/im/dino/Dino", "--method",
                               "org.gtk.Actions.Activate", name, "[<%d>]" % number, "{}"], env=environment, check=True, capture_output=True)

    def hand(self, *arguments):
        subprocess.run(["xdotool", *arguments], env=dict(os.environ, DISPLAY=self.display.name), check=True, capture_output=True)

    def see(self, text):
        self.until(lambda: self.ask("SELECT 1 FROM message WHERE body = ?", text), "message " + text)

    def say(self, text):
        """Until it is in its history: the line for messages takes keys only when it is shown."""
        def typed():
            self.hand("key", "ctrl+a")
            self.hand("type", text)
            self.hand("key", "Return")
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline:
                if self.ask("SELECT 1 FROM message WHERE body = ?", text):
                    return True
                time.sleep(0.05)
            return False
        self.until(typed, "way to say " + text)

    def encrypt(self, conversation):
        """The lock beside the line, then the third choice. Where they are is where Dino 0.4 has them in a window of first size."""
        def chosen():
            self.hand("mousemove", "873", "352", "click", "1")
            self.hand("sleep", "0.5", "mousemove", "829", "466", "click", "1")
            self.hand("sleep", "0.5", "key", "Escape", "mousemove", "600", "352", "click", "1")
            return self.ask("SELECT 1 FROM conversation WHERE id = ? AND encryption = ?", conversation, OMEMO)
        self.until(chosen, "choice of OMEMO")

    def shoot(self, name):
        with open("%s/dino-%s.xwd" % (screenshots(), name), "wb") as file:
            subprocess.run(["xwd", "-root", "-silent", "-display", self.display.name], stdout=file, check=True)


class DinoTest(Day):
    def setUp(self):
        rookery_server.free_ports = lambda count: [5222, 5223, 5443, *range(6001, 6001 + count - 3)]
        super().setUp()
        authority = shutil.copyfile(os.path.join(self.server.folder, "cert.pem"), self.folder + "/authority.pem")
        subprocess.run(["mount", "--bind", authority, AUTHORITIES], check=True)
        self.display = VirtualDisplay()
        self.addCleanup(self.display.close)

    def start_with_account(self):
        first = Dino(self.display, self.folder)  # makes its database
        try:
            first.until(lambda: first.ask("SELECT count(*) FROM conversation") is not None, "database")
        finally:
            first.close()
        connection = sqlite3.connect(first.database)
        with connection:
            connection.execute("INSERT INTO account (bare_jid, resourcepart, password, enabled) VALUES (?, ?, ?, 1)",
                               ("romeo@localhost", "dino", "secret of romeo"))
        connection.close()
        self.dino = Dino(self.display, self.folder)
        self.addCleanup(self.dino.close)

    def test_a_day(self):
        self.start_with_account()
        try:
            self.friendship_and_chat()
            self.encryption()
        finally:
            self.dino.shoot("last")

    def friendship_and_chat(self):
        self.juliet.subscribe("romeo@localhost")
        juliet = self.dino.conversation("juliet@localhost")
        self.dino.act("accept-subscription", juliet)
        self.romeo_is_juliets_friend()
        self.juliet.say("romeo@localhost", "Wherefore art thou?")
        self.dino.see("Wherefore art thou?")
        self.dino.act("open-conversation", juliet)
        self.dino.say("Call me but love")
        self.juliet_hears("Call me but love")

    def encryption(self):
        self.wait_for_keys("romeo@localhost")
        self.start_nurse()
        self.nurse.command("add", "romeo@localhost")
        nurse = self.dino.conversation("nurse@localhost")
        self.dino.act("accept-subscription", nurse)
        self.nurse.wait("roster", jid="romeo@localhost", subscription="both")
        self.dino.act("open-conversation", nurse)
        self.nurse.command("msg", "romeo@localhost", "I am the drudge")
        self.dino.see("I am the drudge")
        self.dino.encrypt(nurse)
        self.dino.say("Commend me to thy lady")
        self.nurse_hears("Commend me to thy lady", "omemo:1")


def in_namespaces():
    """Starts again with a network of its own, where it may mount; only root can do both and run Dino as somebody else."""
    if os.environ.get("ROOKERY_IN_NAMESPACE"):
        return
    for program in ("dino-im", "Xvfb", "xdotool", "xwd", "unshare", "ip", "gdbus", "setpriv"):
        if not shutil.which(program):
            print("skipped: %s is not installed" % program)
            sys.exit(77)
    unshare = ["unshare", "--net", "--mount"]
    if os.geteuid() != 0 or subprocess.run(unshare + ["ip", "link", "set", "lo", "up"], capture_output=True).returncode != 0:
        print("skipped: namespaces need root")
        sys.exit(77)
    os.environ["ROOKERY_IN_NAMESPACE"] = "1"
    os.execvp("unshare", unshare + ["sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable] + sys.argv)


if __name__ == "__main__":
    in_namespaces()
    unittest.main()
