#!/usr/bin/python3
"""Uploads (XEP-0363) that lie in an object store: all that holds for a folder, and what is new. Exit status 77: there is no store."""

import http.client
import os
import re
import ssl
import subprocess
import sys
import time
import unittest
import urllib.parse

import upload_test
from rookery_server import RookeryServer

from cluster import Cluster, wait_until_owned
from s3_server import S3Server, missing
from tcp_cable import Cable

KIND = {"Content-Type": "image/png"}


class InBucket:
    """For a case of upload_test: the same server, its files in a store."""

    more = {}

    @classmethod
    def server_config(cls):
        cls.store = S3Server()
        cls.addClassCleanup(cls.store.close)
        cls.store.start()
        config = cls.store.config(**cls.more)
        config["upload"].update(cls.config.get("upload", {}))
        return config

    def files(self):
        return self.store.files()

    def eventually(self, what, seconds=30):
        deadline = time.monotonic() + seconds
        while not what():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)  # polling for the event


class UploadToBucketTest(InBucket, upload_test.UploadTest):
    def test_nothing_of_a_file_stays_on_the_node(self):
        self.upload(os.urandom(100_000))
        self.assertEqual(upload_test.UploadCase.files(self), [])


class DeletedAccountTest(InBucket, upload_test.UploadCase):
    config = {"upload": {"keep": 60}}  # so that the sweep comes often

    # REQ 26: of a deleted account nothing stays in the store either
    def test_the_content_leaves_the_store(self):
        self.upload(b"12345", user="juliet")
        self.assertEqual(len(self.files()), 1)
        self.server.ctl("account", "delete", "juliet@localhost")
        self.eventually(lambda: not self.files())


class QuotaInBucketTest(InBucket, upload_test.QuotaTest):
    pass


class ExpiryInBucketTest(InBucket, upload_test.ExpiryTest):
    pass


class StoreTroubleTest(InBucket, upload_test.UploadCase):
    # REQ 26: 201 is said when it is stored; while the store is away nothing is
    def test_a_store_that_is_away_is_answered_with_503_and_all_goes_on_when_it_is_back(self):
        before = self.upload(b"before")
        put, _ = self.slot(b"12345")
        self.assertEqual(self.server.probe("/readyz"), (200, "ready"))
        self.store.stop()
        status, headers, _ = self.request("PUT", put, b"12345", KIND)
        self.assertEqual((status, headers["Access-Control-Allow-Origin"]), (503, "*"))
        self.assertEqual(self.request("GET", before)[0], 503)
        self.assertIn("event=upload_failed", self.server.log())
        # Nobody is sent away for it, but it is said.
        self.eventually(lambda: self.server.probe("/readyz")[1].startswith("ready, but uploads fail: "))
        self.assertEqual(self.server.probe("/readyz")[0], 200)
        self.assertEqual(self.server.metrics().value("rookery_uploads_usable"), 0)
        self.store.start()
        self.eventually(lambda: self.server.probe("/readyz") == (200, "ready"))
        self.assertEqual(self.request("GET", before)[2], b"before")
        self.assertEqual(self.request("GET", self.upload(b"after"))[2], b"after")

    def test_a_wrong_key_is_said_at_the_start(self):
        config = self.store.config()
        config["upload"]["s3_secret_key_file"] = self.store.key_file("wrong_key", "guessed")
        with RookeryServer(config) as server:
            self.eventually(lambda: "event=upload_store_unusable" in server.log())
            line = re.search(r".*event=upload_store_unusable.*", server.log())[0]
            self.assertIn("SignatureDoesNotMatch", line)
            self.assertNotIn("guessed", server.log())
            self.assertIn("SignatureDoesNotMatch", server.probe("/readyz")[1])


class TlsTest(InBucket, upload_test.UploadCase):
    @classmethod
    def server_config(cls):
        config = super().server_config()
        certificate, key = (os.path.join(cls.store.folder, name) for name in ("store.pem", "store.key"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=store",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        front = Cable(("127.0.0.1", cls.store.port), tls)
        cls.addClassCleanup(front.close)
        cls.endpoint = "https://127.0.0.1:%d" % front.__enter__().port
        config["upload"].update({"s3_endpoint": cls.endpoint, "s3_ca_file": certificate})
        return config

    def test_the_store_is_reached_over_tls(self):
        content = os.urandom(300_000)
        self.assertEqual(self.request("GET", self.upload(content))[2], content)

    def test_a_store_that_nobody_vouches_for_gets_nothing(self):
        config = self.store.config(s3_endpoint=self.endpoint)
        with RookeryServer(config) as server:
            self.eventually(lambda: "event=upload_store_unusable" in server.log())
            self.assertIn("certificate", re.search(r".*event=upload_store_unusable.*", server.log())[0])


class LinkedTest(InBucket, upload_test.UploadCase):
    """Clients get the content from the store itself."""

    @classmethod
    def server_config(cls):
        config = super().server_config()
        config["upload"]["s3_public_endpoint"] = cls.store.endpoint
        return config

    def link(self, get, method="GET"):
        status, headers, _ = self.request(method, get)
        self.assertEqual(status, 307)
        # A link that is kept would outlive itself; web clients of other sites may follow it.
        self.assertEqual((headers["Cache-Control"], headers["Access-Control-Allow-Origin"]), ("no-store", "*"))
        self.assertTrue(headers["Location"].startswith(self.store.endpoint + "/uploads/"))
        return headers["Location"]

    def follow(self, url, method="GET", headers=None):
        parts = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=20)
        self.addCleanup(connection.close)
        return self.request(method, parts.path + "?" + parts.query, headers=headers, connection=connection)

    def test_the_content_comes_from_the_store(self):
        content = os.urandom(200_000)
        get = self.upload(content, name="holiday photo é.png")
        status, headers, body = self.follow(self.link(get))
        self.assertEqual((status, body == content, headers["Content-Type"]), (200, True, "image/png"))
        self.assertEqual(headers["Content-Disposition"], "inline; filename*=UTF-8''holiday%20photo%20%C3%A9.png")
        status, headers, body = self.follow(self.link(get), headers={"Range": "bytes=10-19"})
        self.assertEqual((status, body), (206, content[10:20]))
        status, headers, body = self.follow(self.link(get, "HEAD"), "HEAD")
        self.assertEqual((status, headers["Content-Length"], body), (200, "200000", b""))

    # REQ 26: the store adds neither nosniff nor CSP: what a browser could run is an attachment without a type
    def test_unsafe_types_are_attachments_of_no_type(self):
        for kind, expected in (("text/html", ("application/octet-stream", "attachment")), ("image/svg+xml", ("application/octet-stream", "attachment")),
                               ("video/mp4", ("video/mp4", "inline"))):
            _, headers, _ = self.follow(self.link(self.upload(b"<script>", name="a.bin", kind=kind)))
            self.assertEqual((headers["Content-Type"], headers["Content-Disposition"].split(";")[0]), expected)

    # REQ 26: a link is good for its file, its type and its time
    def test_a_changed_link_is_refused_by_the_store(self):
        url = self.link(self.upload(b"12345"))
        other = self.link(self.upload(b"54321"))
        key, other_key = (each.split("/uploads/")[1].split("?")[0] for each in (url, other))
        for changed in (url.replace(key, other_key), url.replace("image%2Fpng", "text%2Fhtml"), url.replace("X-Amz-Expires=300", "X-Amz-Expires=9000"),
                        url.split("?")[0], re.sub("X-Amz-Signature=.*", "", url)):
            status, _, body = self.follow(changed)
            self.assertEqual((status // 100, b"12345" in body), (4, False), changed)
        self.assertEqual(self.follow(url)[2], b"12345")

    def test_nothing_leads_to_what_is_not_there(self):
        get = self.upload(b"12345")
        self.assertEqual(self.request("GET", get.replace(get.split("/")[2], "A" * 22))[0], 404)
        self.assertEqual(self.request("GET", get + "x")[0], 404)


class ClusterTest(InBucket, upload_test.UploadCase):
    config = {"upload": {"keep": 60}}  # so that the sweep comes often

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(nodes=2, config=cls.server_config())
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.__enter__()
        for user in ("romeo", "juliet"):
            cls.cluster.nodes[0].add_account(user, "secret")

    def at(self, number):
        self.server = self.cluster.nodes[number]

    def test_a_file_outlives_the_node_that_gave_the_slot(self):
        content = os.urandom(300_000)
        self.at(0)
        put, get = self.slot(content)
        self.at(1)
        self.assertEqual(self.request("PUT", put, content, KIND)[0], 201)
        self.assertEqual(self.request("PUT", put, content, KIND)[0], 409)  # good once, at all nodes together
        self.at(0)
        self.assertEqual(self.request("PUT", put, content, KIND)[0], 409)
        self.assertEqual(self.request("GET", get)[2], content)
        self.server.kill()
        self.at(1)
        self.assertEqual(self.request("GET", get)[2], content)
        # Whoever has taken over the service's address sweeps.
        wait_until_owned(lambda: self.server, by=["node-2"])
        self.server.ctl("account", "delete", "romeo@localhost")
        self.assertEqual(self.request("GET", get)[0], 404)
        self.eventually(lambda: not self.files())


if __name__ == "__main__":
    if missing():
        print("skipped: %s" % missing())
        sys.exit(77)
    unittest.main()
