"""Steps for SASL2 (XEP-0388) and what goes with it."""

from sasl2 import NS_SASL2, authenticate, salted_password
from scram import ScramError, b64
from scs_match import expand, plain_copy
from scs_steps import Failure, step
from xmpp_client import StreamManagement


class Sasl2Steps:
    @step(r"(\w+) opens a stream from (\w+)")
    async def open_stream_from(self, name, account):
        """TLS, a header with the account in `from` (XEP-0484 §4.1), and the features, which the script does not see."""
        client = self.client(name)
        await client.open_tcp(True)
        header = await client.open_stream(self.timeout, sender=self.names[account])
        self.names[name + ".stream"] = header.get("id")
        client.jid = None
        client.features = await client.receive(self.timeout)
        version = client.features.find("config-version")
        self.names[name + ".config"] = version.get("value") if version is not None else ""

    @step(r"(\w+) tries SASL2 as (\w+) using (\S+?)(?: with (password|token) \"([^\"]*)\")?(?: and authzid (\S+?))?"
          r"( believing a changed offer)?:?")
    async def try_sasl2(self, name, account, mechanism, _kind, secret, authzid, changed, block=None):
        """One attempt; the indented elements go into <authenticate/>, the server's last word is the next to be received."""
        client = self.client(name)
        if client.sm.enabled:
            client.resumable, client.sm = client.sm, StreamManagement()
        self.names[name + ".h"] = str((client.resumable or client.sm).received)
        more = "".join(plain_copy(e, self.names).to_xml(NS_SASL2) for e in block.elements()) if block else ""
        secret = expand(secret, self.names) if secret is not None else self.names[account + ".password"]
        try:
            answer = await authenticate(client, mechanism, self.names[account + ".user"], secret, more,
                                        expand(authzid, self.names) if authzid else "", bool(changed), self.timeout)
        except ScramError as error:
            raise Failure(str(error)) from error
        if client.jid:
            self._bound(name)
            self.names[name + ".sm"] = client.sm.id or self.names.get(name + ".sm", "")
        if answer.find("resumed"):
            for text in client.sm.unacked:
                client.write(text)
        client.inbox.appendleft(answer)

    @step(r"(\w+) does the upgrade to (\S+) of (\w+)(?: with password \"([^\"]*)\")?")
    async def upgrade(self, name, mechanism, account, password):
        """XEP-0480: <next/>, the salt, the salted password; what the server says then is the next to be received."""
        client = self.client(name)
        client.write("<next xmlns='%s' task='UPGR-%s'/>" % (NS_SASL2, mechanism))
        task_data = await client.receive(self.timeout)
        if task_data.name != "task-data":
            raise Failure("expected <task-data/>, got %s" % task_data)
        salted = salted_password(task_data, mechanism, password or self.names[account + ".password"])
        client.write("<task-data xmlns='%s'><hash xmlns='urn:xmpp:scram-upgrade:0'>%s</hash></task-data>" % (NS_SASL2, b64(salted)))

    @step(r"(\w+) has keys for (\S+) only")
    async def reduce_keys(self, account, mechanism):
        """An account as an import from another server leaves it."""
        self.server.change_database("DELETE FROM account_keys WHERE jid = ? AND hash != ?",
                                    self.names[account], mechanism.removeprefix("SCRAM-").replace("-", "").lower())

    @step(r"(\w+)'s tokens have expired")
    async def expire_tokens(self, account):
        """As if their time had passed."""
        self.server.change_database("UPDATE fast_tokens SET expires = 1 WHERE account = ?", self.names[account])

    @step(r"(\w+)'s tokens are old")
    async def age_tokens(self, account):
        """As if two days had passed since they were issued."""
        self.server.change_database("UPDATE fast_tokens SET issued = issued - 172800000000 WHERE account = ?", self.names[account])

    @step(r"the operator sets (\w+)'s password to \"([^\"]+)\"")
    async def set_password(self, account, password):
        self.server.ctl("account", "set-password", self.names[account], "--password-stdin", stdin=password + "\n")
        self.names[account + ".password"] = password

    @step(r"the operator (disables|enables) (\w+)")
    async def disable(self, verb, account):
        self.server.ctl("account", verb.removesuffix("s"), self.names[account])
