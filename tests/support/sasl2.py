"""The client's side of SASL2 and its company (XEP-0388, 0386, 0484, 0474, 0515, 0480), written from the XEPs for tests.

    answer = await authenticate(client, "SCRAM-SHA-256", user, password, more="<bind xmlns='urn:xmpp:bind:0'/>")
"""

import base64
import hashlib
import hmac

from scram import ScramClient, ScramError, b64
from xmpp_xml import Element

NS_SASL2 = "urn:xmpp:sasl:2"
NS_BIND2 = "urn:xmpp:bind:0"
NS_SM = "urn:xmpp:sm:3"
NS_CB = "urn:xmpp:sasl-cb:0"
NS_UPGRADE = "urn:xmpp:scram-upgrade:0"
BINDINGS = {"HT-SHA-256-NONE": False, "HT-SHA-256-ENDP": True}
TLS_VERSIONS = {"TLSv1.2": "0303", "TLSv1.3": "0304"}


class HashedToken:
    """HT-SHA-256-* (draft-ietf-kitten-sasl-ht): the token is the key of both proofs."""

    def __init__(self, mechanism, username, token, binding):
        self._user, self._key = username, token.encode()
        self._data = binding[1] if BINDINGS[mechanism] else b""

    def first(self):
        return self._user.encode() + b"\0" + self._proof(b"Initiator")

    def check(self, data):
        if data != self._proof(b"Responder"):
            raise ScramError("the server does not prove that it knows the token")

    def _proof(self, role):
        return hmac.digest(self._key, role + self._data, "sha256")


def downgrade_hash(features, hash_name, offer=("authentication", NS_SASL2)):
    """XEP-0474 §5.1 of what the features offer."""
    parent = features.find(*offer)
    mechanisms = sorted(m.text for m in parent.find_all("mechanism", offer[1]))
    text = "\x1e".join(mechanisms)
    types = features.find("sasl-channel-binding", NS_CB)
    if types is not None:
        text += "\x1f" + "\x1e".join(sorted(t.get("type") for t in types.find_all("channel-binding")))
    return b64(hashlib.new(hash_name, text.encode()).digest())


def check_signed_offer(client, challenge, hash_name):
    """What the server signs must be what we saw: its offer (XEP-0474) and the version of TLS (XEP-0515)."""
    fields = dict(part.split("=", 1) for part in challenge.split(","))
    if fields.get("h") != downgrade_hash(client.features, hash_name):
        raise ScramError("XEP-0474: h=%s is not the hash of the offer" % fields.get("h"))
    tls = client._transport.get_extra_info("ssl_object")
    version = tls.version() if tls else "BOSH"
    if fields.get("t") != TLS_VERSIONS.get(version):
        raise ScramError("XEP-0515: t=%s over %s" % (fields.get("t"), version))


async def authenticate(client, mechanism, user, secret, more="", authzid="", believes_changed_offer=False, timeout=None):
    """One attempt; returns <success/>, <failure/> or <continue/>, whose proof has been checked."""
    binding = client.channel_binding()
    token = mechanism in BINDINGS
    attempt = (HashedToken(mechanism, user, secret, binding) if token else
               ScramClient(mechanism, user, secret, authzid, binding) if mechanism.startswith("SCRAM") else None)
    first = attempt.first() if attempt else "\0".join((authzid, user, secret))
    client.write("<authenticate xmlns='%s' mechanism='%s'><initial-response>%s</initial-response>%s</authenticate>" % (
        NS_SASL2, mechanism, b64(first), more))
    answer = await client.receive(timeout)
    if (answer.name, answer.ns) == ("challenge", NS_SASL2):
        challenge = base64.b64decode(answer.text).decode()
        check_signed_offer(client, challenge, attempt._hash)
        if believes_changed_offer:  # what a man in the middle who shortened the list would have to sign as well
            challenge = challenge.replace(",h=", ",h=A")
        client.write("<response xmlns='%s'>%s</response>" % (NS_SASL2, b64(attempt.final(challenge))))
        answer = await client.receive(timeout)
    if answer.name in ("success", "continue") and answer.ns == NS_SASL2 and attempt:
        data = base64.b64decode(answer.find("additional-data").text)
        attempt.check(data if token else data.decode())
    return answer


async def resume(client, mechanism="SCRAM-SHA-256"):
    """XmppClient.resume() with the login in one round trip (XEP-0388, XEP-0198 §9): returns <resumed/> or <failed/>."""
    old = client.begin_anew()
    await client.open_tcp(True)
    await client.open_stream()
    client.features = await client.receive()
    success = await authenticate(client, mechanism, client.user, client.password, "<resume xmlns='%s' previd='%s' h='%d'/>" % (NS_SM, old.id, old.received))
    if success.name != "success":
        raise ScramError("no <success/>: %s" % success)
    resumed = success.find("resumed", NS_SM)
    if resumed is not None:
        for text in client.sm.unacked:
            client.write(text)
        return resumed
    failed = success.find("failed", NS_SM)
    if failed.get("h") is not None:
        old.on_ack(int(failed.get("h")))
    client.features = await client.receive()
    return failed


def salted_password(task_data, mechanism, password):
    """XEP-0480 §3: what <task-data/> with a salt asks for."""
    salt = task_data.find("salt", NS_UPGRADE)
    hash_name = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}[mechanism]
    return hashlib.pbkdf2_hmac(hash_name, password.encode(), base64.b64decode(salt.text), int(salt.get("iterations")))


def on_success(client, success):
    """What <success/> changes at once, before the stanzas behind it are counted (XEP-0386 §3.2, XEP-0198 §9)."""
    bound = success.find("bound", NS_BIND2)
    resumed = success.find("resumed", NS_SM)
    identity = success.find("authorization-identifier")
    if bound is not None or resumed is not None:
        client.jid = identity.text
    if resumed is not None:
        client.sm, client.resumable = client.resumable or client.sm, None
        client.sm.enabled = client.sm.counting_sent = True
        client.sm.on_ack(int(resumed.get("h")))
    enabled = bound.find("enabled", NS_SM) if bound is not None else None
    if enabled is not None:
        client.sm.enabled = client.sm.counting_sent = True
        client.sm.id = enabled.get("id")


def is_success(element):
    return isinstance(element, Element) and (element.name, element.ns) == ("success", NS_SASL2)
