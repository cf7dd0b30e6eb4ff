"""The client's side of SASL SCRAM (RFC 5802, RFC 7677), written from the RFC for tests; no code shared with the server."""

import base64
import hashlib
import hmac
import os

HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}


def b64(data):
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


class ScramError(Exception):
    pass


class ScramClient:
    """first() is the client-first-message; final(challenge) answers it; check(success) verifies the server's proof."""

    def __init__(self, mechanism, username, password, authzid="", binding=None, nonce=None):
        self.plus = mechanism.endswith("-PLUS")
        self._hash = HASHES[mechanism.removesuffix("-PLUS")]
        self._password = password
        self._nonce = nonce or b64(os.urandom(18))
        kind, data = binding or ("", b"")
        flag = "p=" + kind if self.plus else "n"
        self._gs2 = "%s,%s," % (flag, "a=" + _saslname(authzid) if authzid else "")
        self._binding_data = data if self.plus else b""
        self._bare = "n=%s,r=%s" % (_saslname(username), self._nonce)

    def first(self):
        return self._gs2 + self._bare

    def final(self, challenge):
        fields = dict(part.split("=", 1) for part in challenge.split(","))
        if not fields["r"].startswith(self._nonce):
            raise ScramError("the server's nonce does not begin with ours")
        salted = _salted_password(self._hash, self._password, base64.b64decode(fields["s"]), int(fields["i"]))
        binding = b64(self._gs2.encode() + self._binding_data)
        without_proof = "c=%s,r=%s" % (binding, fields["r"])
        message = ",".join((self._bare, challenge, without_proof)).encode()
        client_key = hmac.digest(salted, b"Client Key", self._hash)
        signature = hmac.digest(hashlib.new(self._hash, client_key).digest(), message, self._hash)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self._server_signature = hmac.digest(hmac.digest(salted, b"Server Key", self._hash), message, self._hash)
        return "%s,p=%s" % (without_proof, b64(proof))

    def check(self, success):
        if success != "v=" + b64(self._server_signature):
            raise ScramError("the server's signature is wrong: " + success)


_salted_cache = {}


def _salted_password(name, password, salt, iterations):
    # Tests log in to the same account many times; RFC 5802 §5.1 allows clients to keep SaltedPassword.
    key = (name, password, salt, iterations)
    if key not in _salted_cache:
        _salted_cache[key] = hashlib.pbkdf2_hmac(name, password.encode(), salt, iterations)
    return _salted_cache[key]


def _saslname(name):
    return name.replace("=", "=3D").replace(",", "=2C")
