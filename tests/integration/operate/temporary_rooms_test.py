"""XEP-0045 §10.1.1: a temporary room ends with its last occupant, also when the server has died under it: those who come back keep
it, else it goes, is listed no more and counts for its creator no more."""

from operate_case import PASSWORD, PATIENCE, OperateTest, run, unittest  # first: it says where the others are

import asyncio
import time

SERVICE = "conference.localhost"
NS_MUC = "http://jabber.org/protocol/muc"


class TemporaryRoomsTest(OperateTest):
    config = {"muc": {"idle": 6, "rooms_per_user": 3}, "server": {"threads": 2}}

    async def enter(self, client, room):
        """Presence that the room sends of ourselves, or its refusal."""
        client.send("<presence to='%s@%s/%s'><x xmlns='%s'/></presence>" % (room, SERVICE, client.jid.split("@")[0], NS_MUC))
        address = "%s@%s/" % (room, SERVICE)
        return await client.receive_where(
            lambda e: e.name == "presence" and (e.get("from") or "").startswith(address) and (e.get("type") == "error" or any(
                status.get("code") == "110" for status in e.find("x", NS_MUC + "#user").find_all("status"))), PATIENCE)

    async def create(self, client, room, *fields):
        self.assertNotEqual((await self.enter(client, room)).get("type"), "error")
        form = "".join("<field var='muc#roomconfig_%s'><value>%s</value></field>" % field for field in fields)
        answer = await client.iq("set", "<query xmlns='%s#owner'><x xmlns='jabber:x:data' type='submit'>%s</x></query>" % (NS_MUC, form),
                                 to="%s@%s" % (room, SERVICE))
        self.assertEqual(answer.get("type"), "result", answer.to_xml())

    async def listed(self, client):
        answer = await client.iq("get", "<query xmlns='http://jabber.org/protocol/disco#items'/>", to=SERVICE)
        return sorted(item.get("jid").split("@")[0] for item in answer.find("query").find_all("item"))

    def test_they_go_unless_somebody_comes_back(self):
        for user in ("romeo", "juliet"):
            self.server.add_account(user, PASSWORD)
        run(self.before())
        self.server.restart(hard=True)
        run(self.after())

    async def before(self):
        romeo = self.client()
        await romeo.connect()
        await self.create(romeo, "heath")
        await self.create(romeo, "forest")
        await self.create(romeo, "coven", ("persistentroom", "1"))
        self.assertEqual((await self.enter(romeo, "camp")).get("type"), "error")
        self.assertEqual(await self.listed(romeo), ["coven", "forest", "heath"])
        romeo.cut()

    async def after(self):
        juliet, romeo = self.client("juliet"), self.client()
        await juliet.connect()
        self.assertNotEqual((await self.enter(juliet, "forest")).get("type"), "error")
        deadline = time.monotonic() + PATIENCE
        while "heath" in await self.listed(juliet):
            self.assertLess(time.monotonic(), deadline, "the room stays")
            await asyncio.sleep(0.1)  # polling for the event
        self.assertEqual(await self.listed(juliet), ["coven", "forest"])
        await romeo.connect()
        await self.create(romeo, "camp")
        juliet.cut()
        romeo.cut()


if __name__ == "__main__":
    unittest.main()
