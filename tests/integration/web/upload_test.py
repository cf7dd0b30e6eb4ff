#!/usr/bin/python3
"""XEP-0363 over a real server: what is put comes back, and nothing else can be put or got."""

import os
import re
import signal
import socket
import time
import unittest
import urllib.parse

from web_case import WebCase

NS = "urn:xmpp:http:upload:0"


class UploadCase(WebCase):
    """Of a server that keeps its files in a folder; upload_s3_test.py has the same with an object store."""

    def slot(self, content, name="a.png", kind="image/png", user="romeo", size=None):
        """The targets to put to and to get from, or the stanza error."""
        attributes = " content-type='%s'" % kind if kind else ""
        request = "<request xmlns='%s' filename='%s' size='%d'%s/>" % (NS, name, len(content) if size is None else size, attributes)

        async def ask(client):
            return await client.iq("get", request, to="upload.localhost")
        answer = self.as_user(user, ask)
        if answer.get("type") != "result":
            return answer.find("error")
        slot = answer.find("slot", NS)
        return tuple(self.target(slot.find(each).get("url")) for each in ("put", "get"))

    def target(self, url):
        parts = urllib.parse.urlsplit(url)
        self.assertEqual((parts.scheme, parts.netloc), ("https", "localhost:%d" % self.server.https_port))
        return parts.path + ("?" + parts.query if parts.query else "")

    def upload(self, content, **how):
        put, get = self.slot(content, **how)
        kind = how.get("kind", "image/png")
        status, _, said = self.request("PUT", put, content, {"Content-Type": kind} if kind else {})
        self.assertEqual(status, 201, said)
        return get

    def files(self):
        folder = os.path.join(self.server.data_dir, "uploads")
        return [os.path.join(where, name) for where, _, names in os.walk(folder) for name in names]


class UploadTest(UploadCase):
    def test_what_was_put_comes_back_over_https(self):
        content = os.urandom(2_500_000)
        put, get = self.slot(content, name="holiday photo é.png")
        self.assertIn("/holiday%20photo%20%C3%A9.png", get)  # RFC 3986, and the name kept (§4)
        status, _, _ = self.request("PUT", put, content, {"Content-Type": "image/png"}, self.https())
        self.assertEqual(status, 201)
        status, headers, body = self.request("GET", get, connection=self.https())
        self.assertEqual((status, body == content), (200, True))
        self.assertEqual(headers["Content-Type"], "image/png")
        self.assertTrue(headers["Content-Disposition"].startswith("inline; filename*=UTF-8''holiday%20photo"))

    # REQ 26: 128 random bits in each URL
    def test_ids_are_random_and_long(self):
        ids = {self.slot(b"x")[1].split("/")[2] for _ in range(3)}
        self.assertEqual(len(ids), 3)
        self.assertTrue(all(re.fullmatch(r"[A-Za-z0-9_-]{22}", each) for each in ids), ids)

    # REQ 26: the slot is bound to id, size, type and account
    def test_a_slot_is_good_for_its_file_only(self):
        before = self.files()
        put, _ = self.slot(b"12345")
        path, query = put.split("?")
        kind = {"Content-Type": "image/png"}
        other_id = path.replace(path.split("/")[2], "A" * 22)
        refused = [
            (put, b"123456", kind), (put, b"1234", kind),  # its size
            (put, b"12345", {"Content-Type": "text/html"}), (put, b"12345", {}),  # its type
            (other_id + "?" + query, b"12345", kind),  # its id
            (path.replace("a.png", "a.html") + "?" + query, b"12345", kind),  # its name
            (put.replace("by=romeo", "by=juliet"), b"12345", kind),  # its account
            (re.sub(r"until=(\d+)", lambda m: "until=%d" % (int(m[1]) + 1), put), b"12345", kind),  # its time
            (path, b"12345", kind), (put[:-1] + ("0" if put[-1] != "0" else "1"), b"12345", kind),
        ]
        for target, body, headers in refused:
            with self.subTest(target=target, body=body, headers=headers):
                self.assertEqual(self.request("PUT", target, body, headers)[0], 403)
        self.assertEqual(self.files(), before)
        self.assertEqual(self.request("PUT", put, b"12345", kind)[0], 201)

    def test_a_slot_is_good_once(self):
        put, get = self.slot(b"first")
        kind = {"Content-Type": "image/png"}
        self.assertEqual(self.request("PUT", put, b"first", kind)[0], 201)
        self.assertEqual(self.request("PUT", put, b"other", kind)[0], 409)
        self.assertEqual(self.request("GET", get)[2], b"first")

    # REQ 26: exact length: what ends early leaves nothing, and its slot can be tried again
    def test_an_upload_that_is_cut_leaves_nothing(self):
        before = len(self.files())
        put, get = self.slot(b"1234567890")
        with socket.create_connection(("127.0.0.1", self.server.http_port)) as wire:
            wire.sendall(("PUT %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 10\r\n"
                          "Expect: 100-continue\r\n\r\n" % put).encode())
            self.assertTrue(wire.recv(100).startswith(b"HTTP/1.1 100 "))  # so the file is open now
            wire.sendall(b"12345")
        deadline = time.monotonic() + 10
        while True:  # until the server has noticed: then the slot is free again
            status, _, _ = self.request("PUT", put, b"1234567890", {"Content-Type": "image/png"})
            if status != 409 or time.monotonic() > deadline:
                break
        self.assertEqual(status, 201)
        self.assertEqual(self.request("GET", get)[2], b"1234567890")
        self.assertEqual(len(self.files()), before + 1)

    def test_a_body_without_length_is_refused(self):
        put, _ = self.slot(b"12345")
        with socket.create_connection(("127.0.0.1", self.server.http_port)) as wire:
            wire.sendall(("PUT %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n" % put).encode())
            self.assertTrue(wire.recv(1000).startswith(b"HTTP/1.1 411 "))

    # REQ 26: nosniff, CSP sandbox, attachment for what a browser could run
    def test_unsafe_types_are_saved_and_never_run(self):
        for kind, is_shown in (("text/html", False), ("image/svg+xml", False), ("application/xhtml+xml", False), ("application/pdf", False),
                               (None, False), ("image/png", True), ("text/plain", True)):
            with self.subTest(kind=kind):
                get = self.upload(b"<script>alert(1)</script>", name="a.bin", kind=kind)
                _, headers, _ = self.request("GET", get)
                self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
                self.assertIn("sandbox", headers["Content-Security-Policy"])
                self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
                self.assertEqual(headers["Content-Disposition"].split(";")[0], "inline" if is_shown else "attachment")
                self.assertEqual(headers["Content-Type"], kind or "application/octet-stream")

    # REQ 26: no listing
    def test_nothing_is_listed(self):
        get = self.upload(b"12345")
        for target in ("/upload", "/upload/", get.rsplit("/", 1)[0], get.rsplit("/", 1)[0] + "/", "/", "/upload/unfinished/"):
            with self.subTest(target=target):
                self.assertEqual(self.request("GET", target)[0], 404)

    # REQ 26: no traversal
    def test_no_path_leads_out_of_the_folder(self):
        get = self.upload(b"12345")
        key = get.split("/")[2]
        for path in ("/upload/../rookery.sqlite", "/upload/%2e%2e/rookery.sqlite", "/upload/" + key + "/..%2f..%2frookery.sqlite",
                     "/upload/" + key + "/../../../rookery.sqlite", "/upload/..%2f..%2f..%2fetc%2fpasswd/x", "/upload//etc/passwd",
                     "/upload/" + key + "/a.png%00", "/upload/" + key + "/other.png", "/upload/b_" + key[:2] + "/" + key):
            with self.subTest(path=path):
                self.assertEqual(self.request("GET", path)[0], 404)
        # A name that climbs is never given out either.
        _, got = self.slot(b"1", name="../../etc/passwd")
        self.assertTrue(got.endswith("/passwd") and ".." not in got, got)

    def test_head_and_ranges(self):
        content = bytes(range(256)) * 400
        get = self.upload(content)
        status, headers, body = self.request("HEAD", get)
        self.assertEqual((status, headers["Content-Length"], headers["Accept-Ranges"], body), (200, str(len(content)), "bytes", b""))
        for asked, expected in (("bytes=0-9", content[:10]), ("bytes=100000-", content[100000:]), ("bytes=-5", content[-5:]),
                                ("bytes=102000-999999", content[102000:])):
            status, headers, body = self.request("GET", get, headers={"Range": asked})
            self.assertEqual((status, body), (206, expected), asked)
            self.assertTrue(headers["Content-Range"].endswith("/%d" % len(content)))
        status, headers, _ = self.request("GET", get, headers={"Range": "bytes=%d-" % len(content)})
        self.assertEqual((status, headers["Content-Range"]), (416, "bytes */%d" % len(content)))
        self.assertEqual(self.request("GET", get, headers={"Range": "bytes=5-1"})[0], 200)

    def test_web_clients_of_other_sites_may_use_it(self):
        # XEP-0363 §8
        status, headers, _ = self.request("OPTIONS", "/upload/x/y", headers={"Origin": "https://chat.example", "Access-Control-Request-Method": "PUT"})
        self.assertEqual((status, headers["Access-Control-Allow-Origin"]), (204, "*"))
        self.assertIn("PUT", headers["Access-Control-Allow-Methods"])
        self.assertEqual(self.request("POST", "/upload/x/y", b"")[0], 405)

    def test_files_of_a_deleted_account_go(self):
        get = self.upload(b"12345", user="juliet")
        self.server.ctl("account", "delete", "juliet@localhost")
        self.assertEqual(self.request("GET", get)[0], 404)
        self.server.add_account("juliet", "secret")

    # REQ 26: 201 is said when it is on disk
    def test_what_was_answered_with_201_survives_kill_9(self):
        content = os.urandom(300_000)
        get = self.upload(content)
        os.kill(self.server.pid, signal.SIGKILL)
        self.server.process.wait(20)
        self.server.start()
        self.assertEqual(self.request("GET", get)[2], content)

    def test_a_connection_serves_many_requests(self):
        get = self.upload(b"12345")
        connection = self.http()
        for _ in range(3):
            self.assertEqual(self.request("GET", get, connection=connection)[2], b"12345")
            self.assertEqual(self.request("GET", "/nothing", connection=connection)[0], 404)


class QuotaTest(UploadCase):
    config = {"upload": {"file_bytes": 3_000_000, "quota_bytes": 4_000_000}}

    # REQ 26: quota of an account, asked when the slot is and when the file comes
    def test_the_quota_of_an_account(self):
        first, second = self.slot(b"x" * 2_500_000), self.slot(b"y" * 2_500_000)
        kind = {"Content-Type": "image/png"}
        self.assertEqual(self.request("PUT", first[0], b"x" * 2_500_000, kind)[0], 201)
        self.assertEqual(self.request("PUT", second[0], b"y" * 2_500_000, kind)[0], 413)
        refused = self.slot(b"z" * 2_000_000)
        self.assertEqual(refused.get("type"), "wait")
        self.assertIsNotNone(refused.find("resource-constraint"))
        self.upload(b"z" * 2_000_000, user="juliet")


class ExpiryTest(UploadCase):
    config = {"upload": {"keep": 1}}

    # REQ 26: what has expired is neither served nor kept
    def test_files_expire(self):
        get = self.upload(b"12345")
        deadline = time.monotonic() + 20
        while (self.files() or self.request("GET", get)[0] != 404) and time.monotonic() < deadline:
            time.sleep(0.05)  # polling for the sweep
        self.assertEqual(self.files(), [])
        self.assertEqual(self.request("GET", get)[0], 404)


if __name__ == "__main__":
    unittest.main()
