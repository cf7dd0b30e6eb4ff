"""limits.sessions_per_account: one more is refused, one in the place of another is not."""

from edge import PASSWORD, EdgeTest, run
from xmpp_client import XmppError


class SessionLimit(EdgeTest):
    config = {"limits": {"sessions_per_account": 2}}

    # REQ 2
    def test_a_client_that_comes_back_takes_its_old_place(self):
        self.server.add_account("romeo", PASSWORD)

        async def scenario():
            orchard, garden = self.client("romeo", "orchard"), self.client("romeo", "garden")
            for client in (orchard, garden):
                await client.connect()
            with self.assertRaises(XmppError) as refused:
                await self.client("romeo", "street").connect()
            self.assertIsNotNone(refused.exception.element.find("error").find("resource-constraint"))
            again = self.client("romeo", "orchard")
            await again.connect()
            self.assertEqual(again.jid, "romeo@localhost/orchard")
            error = await orchard.receive_where(lambda e: e.name == "error", 10)
            self.assertIsNotNone(error.find("conflict"))
            for client in (garden, again):
                self.assertEqual((await client.iq("get", "<ping xmlns='urn:xmpp:ping'/>")).get("type"), "result")

        run(scenario())


if __name__ == "__main__":
    import unittest
    unittest.main()
