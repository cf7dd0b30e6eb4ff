"""A private object store for tests: Swift with its S3 interface (swift_s3.py), on loopback and in a temporary folder.

    with S3Server() as store:
        server = RookeryServer(store.config())
"""

import glob
import os

from server_process import ServerProcess, free_ports

HERE = os.path.dirname(os.path.abspath(__file__))


def missing():
    """Why there can be no such server here, or None."""
    return None if os.path.isdir("/usr/lib/python3/dist-packages/swift") else "python3-swift is not installed"


class S3Server(ServerProcess):
    bucket, access_key, secret_key = "uploads", "test:tester", "testing"

    def __init__(self, keep=False):
        super().__init__(keep)
        self.port, = free_ports(1)
        self.endpoint = "http://127.0.0.1:%d" % self.port

    def command(self):
        return ["/usr/bin/python3", os.path.join(HERE, "swift_s3.py"), self.folder, str(self.port), self.bucket, self.access_key, self.secret_key]

    def is_ready(self):
        return "ready" in self.log()

    def key_file(self, name, key):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(key + "\n")
        return path

    def config(self, **more):
        """What a server needs to keep its uploads here."""
        return {"upload": {"store": "s3", "s3_endpoint": self.endpoint, "s3_bucket": self.bucket,
                           "s3_access_key_file": self.key_file("access_key", self.access_key),
                           "s3_secret_key_file": self.key_file("secret_key", self.secret_key), **more}}

    def files(self):
        """The contents that it holds, as files of its own."""
        return glob.glob(os.path.join(self.folder, "devices", "disk", "objects", "**", "*.data"), recursive=True)
