"""Drives rook-cli in its JSON mode: commands in, events out, never a sleep."""

import collections
import json
import os
import queue
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

TIMEOUT = 30


def find_rook_cli():
    folder = os.environ.get("ROOKERY_BIN") or os.path.join(ROOT, "build", "release", "bin")
    return os.path.join(folder, "rook-cli")


class RookCli:
    """One running rook-cli. `server`: anything with .endpoint (host, port, tls_port) and .certificate."""

    def __init__(self, server, jid, password, folder, name=None, extra=()):
        self.jid = jid
        self.database = os.path.join(folder, (name or jid.split("@")[0]) + ".db")
        self.seen = collections.deque()
        self.events = queue.Queue()
        self.log = []
        environment = dict(os.environ, ROOK_PASSWORD=password)
        environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
        self.process = subprocess.Popen(
            [find_rook_cli(), "--account", jid, "--host", server.endpoint.host, "--port", str(server.endpoint.port),
             "--ca", certificate_of(server), "--db", self.database, "--json", *extra],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.log.append(line.rstrip())
            self.events.put(json.loads(line))
        self.events.put(None)

    def command(self, command, jid="", text=""):
        self.process.stdin.write(json.dumps({"command": command, "jid": jid, "text": text}) + "\n")
        self.process.stdin.flush()

    def wait(self, event, timeout=TIMEOUT, **members):
        """The next event of that name with those members; others that come before stay for later waits."""
        def fits(one):
            return one["event"] == event and all(one.get(key) == value for key, value in members.items())
        for one in self.seen:
            if fits(one):
                self.seen.remove(one)
                return one
        deadline = time.monotonic() + timeout
        while True:
            try:
                one = self.events.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError("%s: no %s %s; it said:\n%s" % (self.jid, event, members, "\n".join(self.log)))
            if one is None:
                raise AssertionError("%s ended without %s %s; it said:\n%s" % (self.jid, event, members, "\n".join(self.log)))
            if fits(one):
                return one
            self.seen.append(one)

    def wait_until(self, holds, seconds=TIMEOUT):
        """For what no event tells: `holds` asks the program itself."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError("%s: it does not become true; it said:\n%s" % (self.jid, "\n".join(self.log)))

    def online(self):
        self.wait("online")
        self.wait("caught_up")
        return self

    def quit(self):
        """Ends the input as a pipe does, and returns the exit code."""
        self.process.stdin.close()
        code = self.process.wait(TIMEOUT)
        self.reader.join(TIMEOUT)
        return code

    def kill(self):
        self.process.kill()
        self.process.wait(TIMEOUT)
        self.reader.join(TIMEOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()
        self.reader.join(TIMEOUT)
        self.process.stdout.close()
        try:
            self.process.stdin.close()
        except OSError:
            pass  # what was still in the pipe has no reader any more


def certificate_of(server):
    for name in ("cert.pem", "data/cert.pem"):
        path = os.path.join(server.folder, name)
        if os.path.exists(path):
            return path
    raise AssertionError("the server has no certificate in " + server.folder)


def start_server():
    """ROOKERY_TEST_SERVER=prosody tries our expectations on Prosody; the default is rookeryd."""
    if os.environ.get("ROOKERY_TEST_SERVER") == "prosody":
        from prosody_server import ProsodyServer
        return ProsodyServer()
    from tested_server import tested_server
    return tested_server()


def befriend(one, other):
    one.command("add", other.jid)
    other.wait("subscription_request", **{"from": one.jid})
    other.command("accept", one.jid)
    one.wait("roster", jid=other.jid, subscription="both")
    other.wait("roster", jid=one.jid, subscription="both")
