"""Profanity, as Debian ships it and as a person uses it, under tmux."""

import glob
import os
import subprocess
import time

TIMEOUT = 30


class Profanity:
    """Types into a terminal and reads what it shows."""

    def __init__(self, folder):
        self.tmux_socket = os.path.join(folder, "tmux")
        self.logs = folder + "/data/profanity/logs/*.log"
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("TMUX", "DBUS", "DISPLAY"))}
        environment.update(HOME=folder, XDG_CONFIG_HOME=folder + "/config", XDG_DATA_HOME=folder + "/data",
                           LANG="C.UTF-8", TERM="xterm-256color")
        self._tmux("new-session", "-d", "-x", "180", "-y", "50", "profanity", "-l", "INFO", env=environment)
        self.wait("Profanity")

    def _tmux(self, *arguments, env=None):
        result = subprocess.run(["tmux", "-f", "/dev/null", "-S", self.tmux_socket, *arguments], capture_output=True,
                                text=True, env=env, timeout=TIMEOUT)
        if result.returncode != 0:
            raise AssertionError("tmux %s: %s" % (arguments, result.stderr))
        return result.stdout

    def screen(self):
        return self._tmux("capture-pane", "-p")

    def type(self, line):
        self._tmux("send-keys", "-l", line)
        self._tmux("send-keys", "Enter")

    def wait(self, *texts, timeout=TIMEOUT):
        """Until one of these is on the screen; returns which."""
        deadline = time.monotonic() + timeout
        while True:
            screen = self.screen()
            for text in texts:
                if text in screen:
                    return text
            if time.monotonic() > deadline:
                raise AssertionError("Profanity does not show %s but:\n%s" % (texts, screen))
            time.sleep(0.05)  # a terminal has no events to wait for

    def say_encrypted(self, jid, text):
        """In the window of that contact, with whom OMEMO is on. Under load the other one's device list may not have come yet, which
        Profanity says; then once more."""
        self.type(text)
        while self.wait("me: " + text, "cannot be decrypted") == "cannot be decrypted":
            self.type("/clear")
            self.type("/omemo start " + jid)
            self.type(text)

    def login(self, server, jid, password, trust="allow"):
        """trust: "allow" this once, or "always", after which file transfers trust the certificate, too."""
        self.type("/connect %s server %s port %d" % (jid, server.endpoint.host, server.endpoint.port))
        self.wait("Enter password")
        self.type(password)
        if self.wait("/tls allow", "logged in successfully") == "/tls allow":
            self.type("/tls " + trust)
            self.wait("logged in successfully")

    def wait_for_discovery(self, domains, timeout=TIMEOUT):
        """Until it knows what these can do. Before, 0.13 publishes OMEMO keys for contacts only, and there it stays: it asks for
        publish-options only when it has seen them, and its second way, the form of the node, it sends back unchanged."""
        missing, deadline = set(domains), time.monotonic() + timeout
        while missing:
            for path in glob.glob(self.logs):
                with open(path, errors="replace") as file:
                    text = file.read()
                missing -= {domain for domain in missing if "connection_features_received %s\n" % domain in text}
            if missing and time.monotonic() > deadline:
                raise AssertionError("Profanity has not heard from %s" % missing)
            time.sleep(0.05)  # a file has no events to wait for

    def close(self):
        subprocess.run(["tmux", "-S", self.tmux_socket, "kill-server"], capture_output=True, timeout=TIMEOUT)
