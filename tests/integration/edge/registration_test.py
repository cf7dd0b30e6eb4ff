"""in-band registration: deriving a stranger's keys keeps nobody waiting."""

import asyncio
import unittest

from edge import PASSWORD, EdgeTest, run

ROSTER = "<query xmlns='jabber:iq:roster'><item jid='%s@localhost' name='%s'/></query>"


class Registration(EdgeTest):
    config = {"registration": {"enabled": True}}

    # REQ 28
    def test_the_store_serves_others_while_the_keys_of_a_new_account_are_derived(self):
        self.server.add_account("romeo", PASSWORD)
        self.server.config["auth"]["scram_iterations"] = 3_000_000  # seconds
        self.server.write_config()
        self.server.restart()

        async def scenario():
            romeo, stranger = self.client(), self.client("mercutio")
            await romeo.connect()
            await stranger.open_tcp(True)
            await stranger.open_stream()
            stranger.features = await stranger.receive()
            registration = asyncio.create_task(stranger.iq(
                "set", "<query xmlns='jabber:iq:register'><username>mercutio</username><password>%s</password></query>" % PASSWORD,
                timeout=80))
            for number in range(50):
                answer = await romeo.iq("set", ROSTER % ("contact%d" % number, number))
                self.assertEqual(answer.get("type"), "result")
                if number == 9:  # all of them may take longer, where the disk is slow
                    self.assertFalse(registration.done(), "the derivation was over before it could be in anybody's way")
            self.assertEqual((await registration).get("type"), "result")
            await romeo.close()
            stranger.cut()
        run(scenario())


if __name__ == "__main__":
    unittest.main()
