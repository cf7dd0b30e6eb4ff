"""ALPN, TLS 1.2 with AEAD and ECDHE only; certificates reload without a drop, a bad one keeps the old one.
Keys at rest are their owner's only."""

import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import unittest

from edge import PASSWORD, PATIENCE, EdgeTest, run
from server_process import ServerFailed
from xmpp_client import tls_context


class Certificates(EdgeTest):
    def make(self, name, domain="localhost"):
        """A certificate and its key in new files."""
        base = os.path.join(self.server.folder, name)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-subj", "/CN=" + domain, "-addext", "subjectAltName=DNS:" + domain, "-days", "3",
                        "-keyout", base + ".key", "-out", base + ".pem"], check=True, capture_output=True)
        return base + ".pem", base + ".key"

    def install(self, certificate=None, key=None):
        if certificate:
            shutil.copyfile(certificate, self.server.config["tls"]["certificate"])
        if key:
            shutil.copyfile(key, self.server.config["tls"]["key"])
            os.chmod(self.server.config["tls"]["key"], 0o600)

    def served(self, context=None):
        raw = socket.create_connection(("127.0.0.1", self.server.endpoint.tls_port), PATIENCE)
        with (context or tls_context()).wrap_socket(raw, server_hostname="localhost") as connection:
            return (hashlib.sha256(connection.getpeercert(binary_form=True)).hexdigest(), connection.selected_alpn_protocol(),
                    connection.version())

    # REQ 9
    def test_a_new_certificate_serves_new_connections_and_old_ones_go_on(self):
        self.server.add_account("romeo", PASSWORD)

        async def scenario():
            romeo = self.client()
            await romeo.connect()
            before = self.served()
            self.install(*self.make("new"))
            self.server.ctl("reload")
            self.assertNotEqual(self.served()[0], before[0])
            answer = await romeo.iq("get", "<ping xmlns='urn:xmpp:ping'/>")
            self.assertEqual(answer.get("type"), "result")
            await romeo.close()
        run(scenario())

    # REQ 9
    def test_a_bad_certificate_is_refused_with_a_reason_and_the_old_one_stays(self):
        before = self.served()
        good, other = self.make("good"), self.make("other")
        for what, certificate, key in (("another's key", good[0], other[1]),
                                       ("another domain", *self.make("foreign", "example.net")),
                                       ("no certificate", other[1], other[1])):
            with self.subTest(what):
                self.install(certificate, key)
                with self.assertRaises(ServerFailed):
                    self.server.ctl("reload")
                self.assertEqual(self.served(), before)
        with self.subTest("no files"):
            for file in self.server.config["tls"].values():
                os.remove(file)
            with self.assertRaises(ServerFailed):
                self.server.ctl("reload")
            self.assertEqual(self.served(), before)
        self.install(*good)
        self.server.ctl("reload")
        self.assertNotEqual(self.served()[0], before[0])

    # REQ 9
    def test_alpn_on_direct_tls_is_xmpp_client_or_nothing(self):
        self.assertEqual(self.served()[1], "xmpp-client")
        web = tls_context()
        web.set_alpn_protocols(["http/1.1"])
        with self.assertRaises(ssl.SSLError):
            self.served(web)

    # REQ 9
    def test_tls_1_2_needs_forward_secrecy_and_aead(self):
        def only(ciphers):
            context = tls_context()
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(ciphers)
            return context
        self.assertEqual(self.served(only("ECDHE-ECDSA-AES128-GCM-SHA256"))[2], "TLSv1.2")
        for ciphers in ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", "AES128-GCM-SHA256"):
            with self.subTest(ciphers), self.assertRaises(ssl.SSLError):
                self.served(only(ciphers))

    # REQ 9
    def test_tls_1_1_is_refused(self):
        context = tls_context()
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises(ssl.SSLError):
            self.served(context)

    # REQ 12
    def test_what_is_secret_on_disk_is_readable_by_its_owner_only(self):
        self.server.add_account("romeo", PASSWORD)
        self.assertEqual(os.stat(self.server.config["tls"]["key"]).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(self.server.socket).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(self.server.data_dir).st_mode & 0o777, 0o700)


if __name__ == "__main__":
    unittest.main()
