"""The steps of golden scripts about rooms (XEP-0045); a part of the runner."""

import re

from scs_steps import Failure, step

CONFIG_TYPE = "<field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"


class RoomSteps:
    @step(r"room (\w+)")
    async def declare_room(self, name):
        """{name} is the address of a room that nobody has created yet."""
        self.names[name] = "%s-%s@conference.%s" % (name, self.tag, self.server.domain)
        self.rooms.append(name)

    @step(r"(\w+) creates (\w+) as (\w+)(?: with:)?")
    async def create_room(self, name, room, nick, block=None):
        """§10.1: enters, hears that the room is new, and submits the configuration: that of the block, or none."""
        client, address = self.client(name), self.names[room]
        own = await self._enter(client, address, nick)
        if "201" not in _statuses(own):
            raise Failure("the room is not new: %s" % own)
        fields = "".join(map(str, block.elements())) if block else ""
        answer = await client.iq("set", "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' "
                                 "type='submit'>%s</x></query>" % (fields and CONFIG_TYPE + fields), to=address)
        if answer.get("type") != "result":
            raise Failure("the room cannot be configured: %s" % answer)
        self.busy.add(name)

    @step(r"(\w+) enters (\w+) as (\w+)(?:, seen by ((?:\w+, )*\w+(?: and \w+)?))?")
    async def enter_room(self, name, room, nick, others):
        """§7.2: the presence of all who are here, its own last, then history (left out) and the subject. Who sees it
        come receives its presence."""
        address = self.names[room]
        await self._enter(self.client(name), address, nick)
        for other in re.split(r", | and ", others) if others else []:
            await self.client(other).receive_where(
                lambda e: e.name == "presence" and e.get("from") == address + "/" + nick and not e.get("type"), self.timeout)
        self.busy.add(name)

    async def _enter(self, client, address, nick):
        """Returns the presence that the room sends of ourselves; what belongs to entering is taken from the inbox."""
        client.send("<presence to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>" % (address, nick))

        def from_room(e):
            return e.name in ("presence", "message") and (e.get("from") or "").split("/")[0] == address
        while True:
            got = await client.receive_where(from_room, self.timeout)
            if got.get("type") == "error":
                raise Failure("cannot enter: %s" % got)
            if "110" in _statuses(got):
                own = got
            if got.name == "message" and got.find("subject") is not None and got.find("body") is None:
                return own


def _statuses(stanza):
    x = stanza.find("x", "http://jabber.org/protocol/muc#user")
    return [c.get("code") for c in x.children if c.name == "status"] if x is not None else []
