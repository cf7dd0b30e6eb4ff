"""What rook-cli must refuse: bad certificates, servers without TLS, wrong passwords, terminal tricks."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest

from rook_cli import certificate_of, find_rook_cli, start_server


class RefusalTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="rook-cli-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def run_cli(self, port, *arguments, password="secret", stdin=""):
        environment = dict(os.environ, ROOK_PASSWORD=password)
        environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
        return subprocess.run(
            [find_rook_cli(), "--account", "romeo@localhost", "--host", "127.0.0.1", "--port", str(port),
             "--db", os.path.join(self.folder, "romeo.db"), *arguments],
            input=stdin, capture_output=True, text=True, timeout=60, env=environment)

    def server(self):
        server = start_server()
        server.__enter__()
        self.addCleanup(server.__exit__, None, None, None)
        server.add_account("romeo", "secret")
        return server

    # REQ 31
    def test_a_certificate_that_nobody_vouches_for(self):
        result = self.run_cli(self.server().endpoint.port, "listen")
        self.assertEqual(result.returncode, 1)
        self.assertIn("not trusted", result.stdout)
        self.assertIn("--ca", result.stdout, "how one's own server is trusted")

    def test_a_server_that_is_not_there(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))  # and does not listen: nobody else gets the port meanwhile
            port = nobody.getsockname()[1]
            result = self.run_cli(port, "--timeout", "3", "devices")
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot connect to 127.0.0.1 (port %d)" % port, result.stdout)
        self.assertIn("no result within 3 s", result.stderr)

    # REQ 31
    def test_a_certificate_for_another_domain(self):
        server = self.server()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-subj", "/CN=other.example", "-addext", "subjectAltName=DNS:other.example", "-days", "3",
                        "-keyout", self.folder + "/key.pem", "-out", self.folder + "/other.pem"],
                       check=True, capture_output=True)
        result = self.run_cli(server.endpoint.port, "--ca", self.folder + "/other.pem", "listen")
        self.assertEqual(result.returncode, 1)
        self.assertIn("not trusted", result.stdout)

    # REQ 31
    def test_direct_tls_works_and_is_checked_too(self):
        server = self.server()
        result = self.run_cli(server.endpoint.tls_port, "--direct-tls", "--ca", certificate_of(server), "devices")
        self.assertEqual((result.returncode, "this one" in result.stdout), (0, True), result.stdout + result.stderr)
        result = self.run_cli(server.endpoint.tls_port, "--direct-tls", "listen")
        self.assertEqual((result.returncode, "not trusted" in result.stdout), (1, True))

    def test_a_wrong_password(self):
        server = self.server()
        result = self.run_cli(server.endpoint.port, "--ca", certificate_of(server), "listen", password="wrong")
        self.assertEqual(result.returncode, 1)
        self.assertIn("wrong user name or password", result.stdout)

    def test_the_passphrase_protects_the_database(self):
        server = self.server()
        passphrase = os.path.join(self.folder, "passphrase")
        with open(passphrase, "w") as file:
            file.write("correct horse\n")
        ca = certificate_of(server)
        first = self.run_cli(server.endpoint.port, "--ca", ca, "--passphrase-file", passphrase, "devices")
        self.assertEqual(first.returncode, 0, first.stdout + first.stderr)
        without = self.run_cli(server.endpoint.port, "history", "juliet@localhost")
        self.assertEqual((without.returncode, "passphrase" in without.stderr), (1, True))
        with open(passphrase, "w") as file:
            file.write("wrong\n")
        wrong = self.run_cli(server.endpoint.port, "--passphrase-file", passphrase, "history", "juliet@localhost")
        self.assertEqual((wrong.returncode, "wrong" in wrong.stderr), (1, True))

    # REQ 31
    def test_a_server_without_starttls(self):
        result, received = self.talk_to(b"<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
                                        b"<mechanism>PLAIN</mechanism></mechanisms></stream:features>")
        self.assertEqual(result.returncode, 1)
        self.assertIn("offers no TLS", result.stdout)
        self.assertNotIn(b"<auth", received)

    # REQ 31
    def test_an_answer_injected_behind_proceed(self):
        result, received = self.talk_to(b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
                                        b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
                                        b"<message from='juliet@localhost'><body>forged</body></message>", once=True)
        self.assertNotIn("forged", result.stdout)
        self.assertNotIn(b"<auth", received)

    def talk_to(self, features, after_starttls=b"", once=False):
        """A server that says these things; returns what the client did and sent."""
        listener = socket.create_server(("127.0.0.1", 0))
        received = bytearray()

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(20)
                try:
                    while b"<stream:stream" not in received:
                        received.extend(connection.recv(4096) or b"<stream:stream")
                    connection.sendall(b"<?xml version='1.0'?><stream:stream from='localhost' id='x' version='1.0' "
                                       b"xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>" + features)
                    data = connection.recv(4096)
                    received.extend(data)
                    if b"starttls" in data and after_starttls:
                        connection.sendall(after_starttls)
                        received.extend(connection.recv(4096))
                except OSError:
                    pass
            listener.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        if not once:
            result = self.run_cli(listener.getsockname()[1], "listen")
        else:
            result = self.run_cli_until_offline(listener.getsockname()[1])
        thread.join(20)
        return result, bytes(received)

    def run_cli_until_offline(self, port):
        """A lost connection is tried again for ever: stop at the first time."""
        environment = dict(os.environ, ROOK_PASSWORD="secret")
        process = subprocess.Popen(
            [find_rook_cli(), "--account", "romeo@localhost", "--host", "127.0.0.1", "--port", str(port),
             "--db", os.path.join(self.folder, "romeo.db"), "listen"], stdout=subprocess.PIPE, text=True, env=environment)
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "offline" in line:
                break
        process.terminate()
        rest = process.communicate(timeout=20)[0]
        return subprocess.CompletedProcess([], process.returncode, "".join(lines) + rest)


if __name__ == "__main__":
    unittest.main()
