"""Credentials for a NATS server in operator mode, made with OpenSSL alone: an operator, one account and one user.

NATS writes ed25519 keys as base32 of (kind, key, CRC-16/XMODEM), and signs JWTs (RFC 7519) of its own claims with them.
"""

import base64
import json
import os
import subprocess

OPERATOR, ACCOUNT, USER, SEED = 14 << 3, 0, 20 << 3, 18 << 3


def checksum(data):
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc.to_bytes(2, "little")


def base32(data):
    return base64.b32encode(data + checksum(data)).decode().rstrip("=")


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Key:
    def __init__(self, folder, kind):
        self.path = os.path.join(folder, "key-%d.pem" % kind)
        subprocess.run(["openssl", "genpkey", "-algorithm", "ED25519", "-out", self.path], check=True, capture_output=True)
        private = subprocess.run(["openssl", "pkey", "-in", self.path, "-outform", "DER"], check=True, capture_output=True).stdout[-32:]
        public = subprocess.run(["openssl", "pkey", "-in", self.path, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout[-32:]
        self.name = base32(bytes([kind]) + public)
        self.seed = base32(bytes([SEED | kind >> 5, (kind & 31) << 3]) + private)

    def sign(self, name, subject, claims):
        body = {"jti": name, "iat": 1700000000, "iss": self.name, "name": name, "sub": subject, "nats": {"version": 2, **claims}}
        text = ".".join(base64url(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, body))
        unsigned = self.path + ".unsigned"
        with open(unsigned, "w") as file:
            file.write(text)
        signature = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", unsigned], check=True, capture_output=True).stdout
        return text + "." + base64url(signature)


def make_credentials(folder):
    """(what a nats-server's configuration needs, the path of the user's credentials)"""
    operator, account, user = (Key(folder, kind) for kind in (OPERATOR, ACCOUNT, USER))
    unlimited = {name: -1 for name in ("subs", "data", "payload", "imports", "exports", "conn", "leaf")}
    account_token = operator.sign("rookery", account.name, {"type": "account", "limits": {**unlimited, "wildcards": True}})
    user_token = account.sign("node", user.name, {"type": "user", "subs": -1, "data": -1, "payload": -1})
    path = os.path.join(folder, "node.creds")
    with open(path, "w") as file:
        file.write("-----BEGIN NATS USER JWT-----\n%s\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n"
                   % (user_token, user.seed))
    config = "operator: %s\nresolver: MEMORY\nresolver_preload: { %s: %s }\n" % (
        operator.sign("test", operator.name, {"type": "operator"}), account.name, account_token)
    return config, path
