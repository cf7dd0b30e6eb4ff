"""What the servers that tests start have in common: a folder of their own, free loopback ports, and an end by PID."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from namespaces import in_namespace


class ServerFailed(Exception):
    pass


_given = set()  # ports that this process has given out
_claims = None  # a file with a byte for each port, locked by the process that has given it out


def _claim(port):
    """False: it is another test's, whose server has not taken it yet or is about to be started again."""
    global _claims
    if port in _given:
        return False
    if _claims is None:
        path = os.path.join(tempfile.gettempdir(), "rookery-test-ports-%d" % os.getuid())
        _claims = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.lockf(_claims, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _given.add(port)
    return True


def free_ports(count):
    """Ports that are free, all different, and that no other test gets as long as this process lives."""
    sockets, ports = [], []
    try:
        while len(ports) < count:
            sockets.append(socket.socket())
            sockets[-1].bind(("127.0.0.1", 0))
            port = sockets[-1].getsockname()[1]
            if _claim(port):
                ports.append(port)
        return ports
    finally:
        for each in sockets:
            each.close()


class ServerProcess:
    """A server under test. Subclasses give command(), is_ready() and add_account().

    Usable as a context manager; the folder is removed afterwards unless `keep`."""

    domain = "localhost"
    detached = False  # true: a session of its own, which lives on when the program that started it has ended
    environment = {}  # beside our own
    namespace = None  # of the network, see namespaces.py

    def __init__(self, keep=False):
        self.keep = keep
        self.folder = tempfile.mkdtemp(prefix="rookery-test-")
        self.log_path = os.path.join(self.folder, "log")
        self.process = None
        self._run_began_at = 0  # where in the log the present run begins

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def pid(self):
        return self.process.pid

    def log(self, whole=False):
        with open(self.log_path, "rb") as file:
            file.seek(0 if whole else self._run_began_at)
            return file.read().decode(errors="replace")

    def start(self, timeout=20.0):
        with open(self.log_path, "ab") as log:
            self._run_began_at = log.tell()
            self.process = subprocess.Popen(
                in_namespace(self.namespace, self.command()), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env={**os.environ, **self.environment}, start_new_session=self.detached)
        deadline = time.monotonic() + timeout
        while not self.is_ready():
            if self.process.poll() is not None:
                raise ServerFailed("the server ended at its start:\n" + self.log()[-3000:])
            if time.monotonic() > deadline:
                raise ServerFailed("the server was not ready after %g s:\n%s" % (timeout, self.log()[-3000:]))
            time.sleep(0.01)  # polling for the readiness event, not hoping for it

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9: what was not durable is lost."""
        self._end(signal.SIGKILL)

    def stop(self, timeout=20.0):
        """SIGTERM, and the exit status."""
        return self._end(signal.SIGTERM, timeout)

    def restart(self, hard=False):
        """The same data, ports and configuration."""
        self.kill() if hard else self.stop()
        self.start()

    def close(self):
        if self.process is not None and self.process.poll() is None:
            try:
                self.stop(5)
            except subprocess.TimeoutExpired:
                self.kill()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, number, timeout=20.0):
        if self.process is None or self.process.poll() is not None:
            return None
        self.process.send_signal(number)
        return self.process.wait(timeout)

    def command(self):
        raise NotImplementedError

    def is_ready(self):
        raise NotImplementedError

    def add_account(self, user, password, domain=None):
        raise NotImplementedError
