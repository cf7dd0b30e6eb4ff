"""Files between two rook-cli through the server's upload service: sent encrypted, saved only when asked for, and never anywhere else
than in the one folder."""

import hashlib
import http.server
import os
import shutil
import ssl
import stat
import subprocess
import tempfile
import threading
import unittest

from rook_cli import RookCli, befriend, certificate_of, start_server


class FilesTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="rook-cli-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.server = start_server()
        self.server.__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)
        if self.server.kind != "rookery":
            self.skipTest("the Prosody of the tests has no upload service")
        for user in ("romeo", "juliet"):
            self.server.add_account(user, "secret of " + user)
        self.saved = os.path.join(self.folder, "saved")

    def client(self, user, *extra):
        client = RookCli(self.server, user + "@localhost", "secret of " + user, self.folder,
                         extra=("--downloads", self.saved, *extra))
        self.addCleanup(client.__exit__, None, None, None)
        return client.online()

    def friends(self, *extra):
        romeo, juliet = self.client("romeo", *extra), self.client("juliet", *extra)
        befriend(romeo, juliet)
        return romeo, juliet

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def uploaded(self):
        """What lies on the server's disk."""
        found = []
        for folder, _, names in os.walk(os.path.join(self.server.data_dir, "uploads")):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    found.append(file.read())
        return b"".join(found)

    # REQ 33, REQ 34
    def test_a_file_is_encrypted_on_its_way_and_saved_when_asked_for(self):
        romeo, juliet = self.friends()
        content = b"a picture of the balcony" + os.urandom(300_000)
        romeo.command("send-file", juliet.jid, self.file("balcony at night.jpg", content))
        heard = juliet.wait("message", direction="in")
        self.assertEqual(heard["encryption"], "omemo:2")
        self.assertTrue(heard["text"].startswith("aesgcm://"))
        self.assertEqual((heard["file"]["encrypted"], heard["file"]["name"][-4:]), (True, ".jpg"))
        on_server = self.uploaded()
        self.assertEqual(len(on_server) >= len(content), True)
        self.assertNotIn(b"a picture of the balcony", on_server)
        self.assertNotIn("balcony", heard["file"]["url"], "the name tells what it is")
        self.assertFalse(os.path.exists(self.saved), "nothing is fetched that nobody asked for")
        juliet.command("download", romeo.jid)
        saved = juliet.wait("file_saved")
        self.assertEqual((os.path.dirname(saved["path"]), saved["bytes"]), (self.saved, len(content)))
        with open(saved["path"], "rb") as file:
            self.assertEqual(hashlib.sha256(file.read()).digest(), hashlib.sha256(content).digest())
        self.assertEqual(stat.S_IMODE(os.stat(saved["path"]).st_mode), 0o600)
        # A second time beside the first, never over it.
        juliet.command("download", romeo.jid)
        self.assertNotEqual(juliet.wait("file_saved")["path"], saved["path"])

    def test_a_plain_file_says_so_and_keeps_its_name(self):
        romeo, juliet = self.friends()
        romeo.command("send-file-plain", juliet.jid, self.file("notes.txt", b"not a secret"))
        heard = juliet.wait("message", direction="in")
        self.assertEqual((heard["encryption"], heard["file"]["name"], heard["file"]["encrypted"]), ("none", "notes.txt", False))
        juliet.command("download", romeo.jid)
        self.assertEqual(os.path.basename(juliet.wait("file_saved")["path"]), "notes.txt")

    def test_one_command_sends_and_one_saves(self):
        romeo, juliet = self.friends()
        self.assertEqual((romeo.quit(), juliet.quit()), (0, 0))
        path = self.file("song.ogg", b"la la la")
        sender = RookCli(self.server, romeo.jid, "secret of romeo", self.folder, extra=("send-file", juliet.jid, path))
        self.addCleanup(sender.__exit__, None, None, None)
        self.assertEqual(sender.process.wait(30), 0, "\n".join(sender.log))
        receiver = RookCli(self.server, juliet.jid, "secret of juliet", self.folder,
                           extra=("--downloads", self.saved, "download", romeo.jid))
        self.addCleanup(receiver.__exit__, None, None, None)
        receiver.wait("file_saved")
        self.assertEqual(receiver.process.wait(30), 0)

    def test_what_cannot_be_sent_says_why(self):
        romeo, juliet = self.friends("--file-limit", "1")
        romeo.command("send-file", juliet.jid, os.path.join(self.folder, "nothing there"))
        self.assertIn("No such file", romeo.wait("error")["text"])
        romeo.command("send-file", juliet.jid, self.folder)
        self.assertIn("not a file", romeo.wait("error")["text"])
        romeo.command("send-file", juliet.jid, self.file("huge", b"x" * 1_048_577))
        self.assertIn("larger than", romeo.wait("error")["text"])
        romeo.command("download", juliet.jid)
        self.assertIn("no such file", romeo.wait("error")["text"])

    def web_server(self, answers, certificate=None):
        """Somebody's web server: path → content or redirect."""
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                answer = answers.get(self.path, b"")
                self.send_response(302 if isinstance(answer, str) else 200)
                if isinstance(answer, str):
                    self.send_header("Location", answer)
                self.end_headers()
                if not isinstance(answer, str):
                    try:
                        self.wfile.write(answer)
                    except OSError:
                        pass  # the client has heard enough

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    def own_certificate(self):
        return certificate_of(self.server), os.path.join(self.server.folder, "key.pem")

    def fetch(self, romeo, juliet, address):
        """juliet asks for what lies at `address`, which romeo sent; why she does not get it, or None."""
        romeo.command("msg", juliet.jid, address)
        juliet.wait("message", text=address)
        juliet.command("download", romeo.jid)
        while True:
            for one in list(juliet.seen):
                if one["event"] in ("file_saved", "file_failed"):
                    juliet.seen.remove(one)
                    return one
            juliet.seen.append(juliet.events.get(timeout=30))

    # REQ 34
    def test_what_a_contact_names_does_not_leave_the_folder_or_pass_the_limit(self):
        romeo, juliet = self.friends("--file-limit", "1")
        port = self.web_server({"/a/..%2f..%2fevil.sh": b"evil", "/.hidden.txt": b"hidden", "/big.bin": b"x" * 3_000_000,
                                "/insecure.txt": "http://localhost/other.txt", "/file.txt": "file:///etc/passwd"},
                               self.own_certificate())
        base = "https://localhost:%d" % port
        saved = self.fetch(romeo, juliet, base + "/a/..%2f..%2fevil.sh")
        self.assertEqual(saved["path"], os.path.join(self.saved, "evil.sh"))
        self.assertFalse(os.access(saved["path"], os.X_OK) and os.stat(saved["path"]).st_mode & 0o111)
        self.assertEqual(self.fetch(romeo, juliet, base + "/.hidden.txt")["path"], os.path.join(self.saved, "hidden.txt"))
        for address, why in (("/big.bin", "larger than"), ("/insecure.txt", "nsupported protocol"), ("/file.txt", "nsupported protocol")):
            failed = self.fetch(romeo, juliet, base + address)
            self.assertIn(why, failed.get("reason", "it was saved"))
        self.assertEqual(sorted(os.listdir(self.saved)), ["evil.sh", "hidden.txt"])

    # REQ 31, REQ 34
    def test_a_file_is_fetched_from_a_trusted_server_and_only_as_it_was_sent(self):
        romeo, juliet = self.friends()
        stranger = (os.path.join(self.folder, "stranger.pem"), os.path.join(self.folder, "stranger.key"))
        make_certificate(*stranger)
        port = self.web_server({"/a.txt": b"anything"}, stranger)
        self.assertIn("certificate", self.fetch(romeo, juliet, "https://localhost:%d/a.txt" % port)["reason"])
        port = self.web_server({"/b.txt": b"not what was encrypted, but long enough"}, self.own_certificate())
        failed = self.fetch(romeo, juliet, "aesgcm://localhost:%d/b.txt#%s" % (port, "0" * 88))
        self.assertIn("not what was sent", failed["reason"])
        self.assertFalse(os.path.exists(self.saved) and os.listdir(self.saved))


def make_certificate(certificate, key):

    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "3", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)


if __name__ == "__main__":
    unittest.main()
