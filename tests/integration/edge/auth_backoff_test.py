"""after a failure answers and further attempts wait, per account and address; nobody is locked out."""

import asyncio
import unittest

from edge import PASSWORD, EdgeTest, run


class LongBackoff(EdgeTest):
    """A pause that outlasts the test: what comes during it does not come by its end."""
    config = {"auth": {"backoff_first_ms": 59_000, "backoff_most_ms": 59_000}, "limits": {"auth_timeout": 60}}

    # REQ 14
    def test_the_owner_logs_in_from_elsewhere_while_a_guesser_waits(self):
        self.server.add_account("romeo", PASSWORD)

        async def greeted(source):
            client = self.client(source=source)
            await client.open_tcp(True)
            await client.open_stream()
            client.features = await client.receive()
            return client

        async def scenario():
            guesser, again = await greeted("127.0.0.1"), await greeted("127.0.0.1")
            guess = asyncio.create_task(guesser.authenticate(password="wrong", timeout=55))
            # The server's own word that the guess has failed, and that its answer is held.
            while self.stats()["failed_logins"] == "0":
                await asyncio.sleep(0)
            held = asyncio.create_task(again.authenticate(timeout=55))
            for _ in range(3):
                owner = self.client(source="127.0.0.2")
                await owner.connect()
                await owner.close()
            self.assertFalse(guess.done(), "the answer to a failure came at once")
            self.assertFalse(held.done(), "an attempt from the guesser's address was not held")
            for task in (guess, held):
                task.cancel()
            for client in (guesser, again):
                client.cut()
        run(scenario())


class ShortBackoff(EdgeTest):
    config = {"auth": {"backoff_first_ms": 1, "backoff_most_ms": 8}}

    # REQ 14
    def test_the_right_password_works_after_any_number_of_failures(self):
        self.server.add_account("romeo", PASSWORD)

        async def scenario():
            for _ in range(12):
                client = self.client()
                await client.open_tcp(True)
                await client.open_stream()
                client.features = await client.receive()
                for _ in range(3):
                    answer = await client.authenticate(password="wrong")
                    self.assertEqual(answer.name, "failure")
                client.cut()
            client = self.client()
            await client.connect()
            await client.close()
        run(scenario())


if __name__ == "__main__":
    unittest.main()
