"""rook-cli finds its server by the DNS: a small responder on loopback, made the system's DNS in a mount namespace of our own."""

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

from rook_cli import certificate_of, find_rook_cli, start_server

INSIDE = "ROOKERY_TEST_MOUNTS"
# Not the one of another run on this machine.
ADDRESS = os.environ.get(INSIDE) or "127.53.%d.%d" % (os.getpid() // 200 % 250, os.getpid() % 200 + 1)


def name(dotted):
    return b"".join(struct.pack("B", len(label)) + label.encode() for label in dotted.split(".") if label) + b"\0"


class Dns:
    """Answers SRV questions from `records`: name → [(priority, weight, port, host)]; anything else does not exist."""

    def __init__(self):
        self.records, self.asked = {}, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((ADDRESS, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            question, client = self.socket.recvfrom(4096)
            labels, at = [], 12
            while question[at]:
                labels.append(question[at + 1:at + 1 + question[at]].decode())
                at += 1 + question[at]
            asked = ".".join(labels)
            self.asked.append(asked)
            found = self.records.get(asked, [])
            answer = question[:2] + (b"\x81\x80" if found else b"\x81\x83") + struct.pack(">HHHH", 1, len(found), 0, 0)
            answer += question[12:at + 5]
            for priority, weight, port, host in found:
                data = struct.pack(">HHH", priority, weight, port) + name(host)
                answer += b"\xc0\x0c" + struct.pack(">HHIH", 33, 1, 60, len(data)) + data
            self.socket.sendto(answer, client)


class ServiceRecordsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = Dns()

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="rook-dns-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.server = start_server()
        self.server.__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)
        self.server.add_account("romeo", "secret")

    def log_in(self, records, seconds=30):
        self.dns.records, self.dns.asked = records, []
        result = subprocess.run(
            [find_rook_cli(), "--account", "romeo@localhost", "--ca", certificate_of(self.server), "--key-store", "key-file",
             "--db", os.path.join(self.folder, "romeo.db"), "--timeout", str(seconds), "devices"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, env=dict(os.environ, ROOK_PASSWORD="secret"))
        self.assertIn("_xmpps-client._tcp.localhost", self.dns.asked)
        return result

    def closed_port(self):
        """Somebody's who does not listen: nobody else gets it during the test."""
        taken = socket.socket()
        self.addCleanup(taken.close)
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]

    # XEP-0368 §2
    def test_what_answers_first_in_order_is_taken_whatever_kind_it_is(self):
        endpoint = self.server.endpoint
        direct = self.log_in({"_xmpps-client._tcp.localhost": [(5, 0, self.closed_port(), "localhost"), (9, 0, endpoint.tls_port, "localhost")],
                              "_xmpp-client._tcp.localhost": [(20, 0, endpoint.port, "localhost")]})
        self.assertEqual((direct.returncode, "this one" in direct.stdout), (0, True), direct.stdout + direct.stderr)
        starttls = self.log_in({"_xmpps-client._tcp.localhost": [(0, 0, 0, "")],
                                "_xmpp-client._tcp.localhost": [(20, 0, endpoint.port, "localhost")]})
        self.assertEqual(starttls.returncode, 0, starttls.stdout + starttls.stderr)

    def test_a_domain_without_the_service_says_so(self):
        nothing = self.log_in({"_xmpps-client._tcp.localhost": [(0, 0, 0, "")], "_xmpp-client._tcp.localhost": [(0, 0, 0, "")]}, seconds=5)
        self.assertEqual(nothing.returncode, 1)
        self.assertIn("no XMPP service", nothing.stdout)


def main():
    if INSIDE in os.environ:
        return unittest.main()
    # A name server of our own needs port 53 and an /etc/resolv.conf that nobody else sees.
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as resolver:
        resolver.write("nameserver %s\noptions timeout:1 attempts:2\n" % ADDRESS)
        resolver.flush()
        os.chmod(resolver.name, 0o644)
        start = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', resolver.name]
        if os.geteuid() != 0 or subprocess.run([*start, "true"], capture_output=True).returncode != 0:
            print("SKIPPED: needs root and mount namespaces")
            return 77
        return subprocess.call([*start, sys.executable, "-W", "ignore::ResourceWarning", os.path.abspath(__file__)],
                               env=dict(os.environ, **{INSIDE: ADDRESS}))


if __name__ == "__main__":
    sys.exit(main())
