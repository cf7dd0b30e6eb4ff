"""`rookeryctl sessions` shows how the way to each client does (TCP_INFO)."""

import re
import unittest

from edge import PASSWORD, EdgeTest, run


class LinkHealth(EdgeTest):
    def test_a_session_shows_its_round_trip_and_what_waits(self):
        self.server.add_account("romeo", PASSWORD)

        async def scenario():
            romeo = self.client(resource="orchard")
            await romeo.connect()
            line = self.server.ctl("sessions").splitlines()[0]
            self.assertTrue(line.startswith("romeo@localhost/orchard "), line)
            found = re.search(r" rtt_us=(\d+) retransmits=(\d+) unacked=(\d+) outbox=(\d+)", line)
            self.assertTrue(found, line)
            self.assertGreater(int(found.group(1)), 0)
            self.assertEqual(found.group(4), "0")
            await romeo.close()
        run(scenario())


if __name__ == "__main__":
    unittest.main()
