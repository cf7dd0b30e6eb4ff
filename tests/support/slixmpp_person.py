"""A person with Debian's slixmpp, a client library that shares no code with us."""

import asyncio
import os
import ssl
import urllib.request

import slixmpp

TIMEOUT = 30
PLUGINS = ("xep_0004", "xep_0030", "xep_0045", "xep_0050", "xep_0054", "xep_0066", "xep_0092", "xep_0115", "xep_0118", "xep_0163", "xep_0191", "xep_0198",
           "xep_0199", "xep_0203", "xep_0249", "xep_0280", "xep_0313", "xep_0363")
EVENTS = ("session_start", "failed_auth", "disconnected", "message", "message_error", "got_online",
          "carbon_sent", "carbon_received", "user_tune_publish", "sm_enabled", "groupchat_message",
          "groupchat_presence", "groupchat_direct_invite", "roster_update")


class Person(slixmpp.ClientXMPP):
    """A client whose events can be waited for, in the order in which they came."""

    def __init__(self, server, user, resource, password=None):
        super().__init__("%s@localhost/%s" % (user, resource), password or "secret of " + user)
        self.test_server = server
        self.ca_certs = os.path.join(server.folder, "cert.pem")
        self.queues = {name: asyncio.Queue() for name in EVENTS}
        for name in EVENTS:
            self.add_event_handler(name, self.queues[name].put_nowait)
        for name in PLUGINS:
            self.register_plugin(name)

    async def wait(self, name, fits=lambda event: True):
        """The next event of that name that fits; those before it are dropped."""
        while True:
            event = await asyncio.wait_for(self.queues[name].get(), TIMEOUT)
            if fits(event):
                return event

    async def heard(self, body):
        return await self.wait("message", lambda message: message["body"] == body)

    async def log_in(self, direct_tls=False):
        endpoint = self.test_server.endpoint
        self.connect((endpoint.host, endpoint.tls_port if direct_tls else endpoint.port), use_ssl=direct_tls)
        await self.wait("session_start")
        await self.get_roster(timeout=TIMEOUT)
        self.send_presence()
        # Our own presence comes back: the server knows that we are available.
        await self.wait("got_online", lambda presence: presence["from"] == self.boundjid)
        return self

    async def log_out(self):
        self.disconnect()
        await self.wait("disconnected")

    @property
    def mechanism(self):
        return self["feature_mechanisms"].mech.name

    async def has_published_keys(self, jid):
        """Of the one OMEMO device of that account."""
        node = "eu.siacs.conversations.axolotl."
        try:
            lists = await self["xep_0060"].get_items(jid, node + "devicelist", timeout=TIMEOUT)
            device = next(each.get("id") for each in lists["pubsub"]["items"].xml.iter("{eu.siacs.conversations.axolotl}device"))
            await self["xep_0060"].get_items(jid, node + "bundles:" + device, timeout=TIMEOUT)
        except (slixmpp.exceptions.IqError, StopIteration):
            return False
        return True

    # ---- rooms and files

    async def make_room(self, room, nick, members):
        """One in which OMEMO works: only members come in, and everybody sees who they are."""
        await self["xep_0045"].join_muc_wait(room, nick, maxstanzas=0, timeout=TIMEOUT)
        form = await self["xep_0045"].get_room_config(room, timeout=TIMEOUT)
        form["type"] = "submit"
        for var, value in (("membersonly", True), ("whois", "anyone"), ("persistentroom", True)):
            form.get_fields()["muc#roomconfig_" + var]["value"] = value
        await self["xep_0045"].set_room_config(room, form, timeout=TIMEOUT)
        for member in members:
            await self["xep_0045"].set_affiliation(room, "member", jid=member, timeout=TIMEOUT)

    async def upload(self, name, content, kind="application/octet-stream"):
        """XEP-0363 with slixmpp's slot; the PUT is Python's own, since slixmpp's cannot be told whom to trust. Returns the address."""
        service = await self.upload_service()
        slot = (await self["xep_0363"].request_slot(service, name, len(content), kind, timeout=TIMEOUT))["http_upload_slot"]
        headers = {"Content-Type": kind, **{header["name"]: header["value"] for header in slot["put"]["headers"]}}
        request = urllib.request.Request(slot["put"]["url"], content, headers, method="PUT")
        await asyncio.get_running_loop().run_in_executor(None, lambda: self._https(request).close())
        return slot["get"]["url"]

    async def upload_service(self):
        """XEP-0363 §4. slixmpp 1.8.3 has this, too, but gives Python 3.11 coroutines where it takes only tasks."""
        items = await self["xep_0030"].get_items(jid=self.boundjid.domain, timeout=TIMEOUT)
        for jid, _, _ in items["disco_items"]["items"]:
            info = (await self["xep_0030"].get_info(jid=jid, timeout=TIMEOUT))["disco_info"]
            if "urn:xmpp:http:upload:0" in info["features"]:
                return jid
        raise AssertionError("no upload service among %s" % items)

    async def download(self, url):
        def read():
            with self._https(url) as answer:
                return answer.read()
        return await asyncio.get_running_loop().run_in_executor(None, read)

    def _https(self, request):
        return urllib.request.urlopen(request, timeout=TIMEOUT, context=ssl.create_default_context(cafile=self.ca_certs))
