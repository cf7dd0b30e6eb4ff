#!/usr/bin/python3
"""Our OMEMO device (omemo_peer, given as argument) talks to python3-omemo in both versions and both directions."""

import asyncio
import secrets
import subprocess
import sys

try:
    import oldmemo
    import twomemo
    import x3dh
    import xeddsa
    from omemo.identity_key_pair import IdentityKeyPair
    from omemo.storage import Just, Nothing, Storage
    from oldmemo import oldmemo as old
    from twomemo import twomemo as two
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

OURS = ("alice@ours.example", 1001)
THEIRS = ("bob@theirs.example", 2002)


class Memory(Storage):
    def __init__(self):
        super().__init__(True)
        self.values = {}

    async def _load(self, key):
        return Just(self.values[key]) if key in self.values else Nothing()

    async def _store(self, key, value):
        self.values[key] = value

    async def _delete(self, key):
        self.values.pop(key, None)


class Ours:
    """The C++ device behind its pipe."""

    def __init__(self, program, version):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.version = version
        self.ask("create", *OURS)

    def ask(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        status, _, rest = self.process.stdout.readline().strip().partition(" ")
        if status != "ok":
            raise RuntimeError(f"{words[0]}: {status} {rest}")
        return rest.split(" ")

    def bundle(self):
        spk_id, spk, signature, identity, keys = self.ask("bundle", self.version)
        pre_keys = dict(entry.split(":") for entry in keys.strip(",").split(","))
        return (int(spk_id), bytes.fromhex(spk), bytes.fromhex(signature), bytes.fromhex(identity),
                {int(key_id): bytes.fromhex(key) for key_id, key in pre_keys.items()})

    def start_session(self, bundle):
        spk_id, spk, signature, identity, pre_keys = bundle
        self.ask("session", self.version, *THEIRS, spk_id, spk.hex(), signature.hex(), identity.hex(),
                 ",".join(f"{key_id}:{key.hex()}" for key_id, key in pre_keys.items()))

    def encrypt(self, text):
        return tuple(self.ask("encrypt", self.version, *THEIRS, text.encode().hex()))

    def empty(self):
        return tuple(self.ask("empty", self.version, *THEIRS))

    def decrypt(self, message):
        return bytes.fromhex(self.ask("decrypt", self.version, *THEIRS, *message)[0].strip("-")).decode()

    def fingerprint(self):
        return bytes.fromhex(self.ask("fingerprint", *THEIRS)[0])

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


class Theirs:
    """python3-omemo's backend of one version, with what its session manager would do around it."""

    def __init__(self, version):
        self.version = version
        self.module = old if version == "legacy" else two
        self.session = None

    async def create(self, sign_bit):
        while True:
            self.storage = Memory()
            self.identity = (await IdentityKeyPair.get(self.storage)).identity_key
            if self.identity[31] >> 7 == sign_bit:
                break
        self.backend = (oldmemo.Oldmemo if self.version == "legacy" else twomemo.Twomemo)(self.storage)
        await self.backend.generate_pre_keys(100)

    def curve_identity(self):
        return xeddsa.ed25519_pub_to_curve25519_pub(self.identity)

    def wire(self, key):
        return b"\x05" + key if self.version == "legacy" else key

    async def bundle(self):
        bundle = await self.backend.get_bundle(*THEIRS)
        inner = bundle.bundle
        signature, identity = inner.signed_pre_key_sig, inner.identity_key
        if self.version == "legacy":
            signature = signature[:63] + bytes([signature[63] | identity[31] & 0x80])
            identity = self.wire(self.curve_identity())
        return (bundle.signed_pre_key_id, self.wire(inner.signed_pre_key), signature, identity,
                {key_id: self.wire(key) for key, key_id in bundle.pre_key_ids.items()})

    def parse_bundle(self, bundle):
        spk_id, spk, signature, identity, pre_keys = bundle
        if self.version == "legacy":
            identity = xeddsa.curve25519_pub_to_ed25519_pub(identity[1:], bool(signature[63] >> 7))
            signature = signature[:63] + bytes([signature[63] & 0x7F])
            spk = spk[1:]
            pre_keys = {key_id: key[1:] for key_id, key in pre_keys.items()}
        inner = x3dh.Bundle(identity, spk, signature, frozenset(pre_keys.values()))
        return self.module.BundleImpl(*OURS, inner, spk_id, {key: key_id for key_id, key in pre_keys.items()})

    async def encrypt(self, text, bundle=None):
        """With a bundle: starts a session with this message."""
        content, material = await self.backend.encrypt_plaintext(text.encode())
        if bundle is not None:
            self.session, encrypted = await self.backend.build_session_active(*OURS, self.parse_bundle(bundle), material)
        else:
            encrypted = await self.backend.encrypt_key_material(self.session, material)
        data = encrypted.serialize()
        exchange = self.session.initiation.name == "ACTIVE" and not self.session.confirmed
        if exchange:
            data = self.session.key_exchange.serialize(data)
            if self.version == "legacy":
                data = data[0]
        iv = content.initialization_vector.hex() if self.version == "legacy" else "-"
        return ("1" if exchange else "0", data.hex(), iv, content.ciphertext.hex())

    async def decrypt(self, message):
        exchange, data, iv, payload = message
        data = bytes.fromhex(data)
        key_exchange = None
        if exchange == "1":
            # The sign bit of a legacy identity key is told by the bundle; ours is always 0.
            arguments = (data, False) if self.version == "legacy" else (data,)
            key_exchange, data = self.module.KeyExchangeImpl.parse(*arguments)
        encrypted = self.module.EncryptedKeyMaterialImpl.parse(data, *OURS)
        known = self.session is not None and (key_exchange is None or self.session.key_exchange.builds_same_session(key_exchange))
        if known:
            material = await self.backend.decrypt_key_material(self.session, encrypted)
        else:
            self.session, material = await self.backend.build_session_passive(*OURS, key_exchange, encrypted)
        if payload == "-":
            return ""
        payload = bytes.fromhex(payload)
        content = (self.module.ContentImpl(payload, bytes.fromhex(iv)) if self.version == "legacy"
                   else self.module.ContentImpl(payload))
        return (await self.backend.decrypt_plaintext(content, material)).decode()


def same(got, expected):
    assert got == expected, f"got {got!r} instead of {expected!r}"


async def converse(ours, theirs):
    """An established session: turns, both orders, losses, long texts."""
    for turn in range(4):
        same(await theirs.decrypt(ours.encrypt(f"ours {turn}")), f"ours {turn}")
        same(ours.decrypt(await theirs.encrypt(f"theirs {turn}")), f"theirs {turn}")

    sent = [ours.encrypt(f"shuffled {i}") for i in range(6)]
    for i in (3, 0, 5, 1, 4, 2):
        same(await theirs.decrypt(sent[i]), f"shuffled {i}")
    sent = [await theirs.encrypt(f"shuffled {i}") for i in range(6)]
    for i in (3, 0, 5, 1, 4, 2):
        same(ours.decrypt(sent[i]), f"shuffled {i}")

    # Late messages of an older ratchet key, after a turn.
    late_ours, late_theirs = ours.encrypt("late"), await theirs.encrypt("late")
    same(await theirs.decrypt(ours.encrypt("now")), "now")
    same(ours.decrypt(await theirs.encrypt("now")), "now")
    same(await theirs.decrypt(ours.encrypt("turned")), "turned")
    same(ours.decrypt(await theirs.encrypt("turned")), "turned")
    same(await theirs.decrypt(late_ours), "late")
    same(ours.decrypt(late_theirs), "late")

    for _ in range(30):
        ours.encrypt("lost")
        await theirs.encrypt("lost")
    text = secrets.token_hex(2000) + " ∀ünïcode"
    same(await theirs.decrypt(ours.encrypt(text)), text)
    same(ours.decrypt(await theirs.encrypt(text)), text)
    same(await theirs.decrypt(ours.empty()), "")

    replay = await theirs.encrypt("once")
    same(ours.decrypt(replay), "once")
    try:
        ours.decrypt(replay)
    except RuntimeError as error:
        same(str(error), "decrypt: fail duplicate")
    else:
        raise AssertionError("a replay was taken")


async def we_start(program, version, sign_bit):
    ours, theirs = Ours(program, version), Theirs(version)
    await theirs.create(sign_bit)
    ours.start_session(await theirs.bundle())
    same(ours.fingerprint(), theirs.curve_identity())
    first, second = ours.encrypt("first"), ours.encrypt("second")
    same((first[0], second[0]), ("1", "1"))
    same(await theirs.decrypt(first), "first")
    same(await theirs.decrypt(second), "second")
    await converse(ours, theirs)
    same(ours.encrypt("settled")[0], "0")
    ours.close()


async def they_start(program, version, sign_bit):
    ours, theirs = Ours(program, version), Theirs(version)
    await theirs.create(sign_bit)
    first = await theirs.encrypt("first", ours.bundle())
    second = await theirs.encrypt("second")
    same((first[0], second[0]), ("1", "1"))
    same(ours.decrypt(second), "second")
    same(ours.decrypt(first), "first")
    same(ours.fingerprint(), theirs.curve_identity())
    same(await theirs.decrypt(ours.empty()), "")
    await converse(ours, theirs)
    ours.close()


async def main():
    failures = 0
    for version in ("legacy", "v2"):
        for start in (we_start, they_start):
            for sign_bit in (0, 1):
                name = f"{version}, {start.__name__}, sign bit {sign_bit}"
                try:
                    await start(sys.argv[1], version, sign_bit)
                    print(f"ok      {name}")
                except Exception as error:  # pylint: disable=broad-except
                    failures += 1
                    print(f"FAILED  {name}: {type(error).__name__} {error} {error.__cause__ or ''}")
    sys.exit(1 if failures else 0)


asyncio.run(main())
