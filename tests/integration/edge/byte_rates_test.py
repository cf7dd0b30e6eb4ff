"""byte rates: beyond them the server stops reading, and only from the one who is too fast."""

import base64
import select
import socket
import ssl
import unittest

from edge import HEADER, PASSWORD, PATIENCE, EdgeTest, read_until, run
from scram import ScramClient, b64
from xmpp_client import NS_BIND, NS_SASL, tls_context


class ByteRates(EdgeTest):
    config = {"limits": {"bytes_per_second": 20_000, "burst_bytes": 20_000}, "auth": {"channel_binding": False}}

    def setUp(self):
        super().setUp()
        for user in ("romeo", "juliet"):
            self.server.add_account(user, PASSWORD)

    def log_in(self, user):
        """A blocking TLS socket whose own buffer is small, so that the server's pause shows at once."""
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        raw.settimeout(PATIENCE)
        raw.connect(("127.0.0.1", self.server.endpoint.tls_port))
        connection = tls_context().wrap_socket(raw, server_hostname="localhost")
        connection.sendall(HEADER)
        read_until(connection, b"</stream:features>")
        scram = ScramClient("SCRAM-SHA-256", user, PASSWORD, "", None)
        connection.sendall(b"<auth xmlns='%s' mechanism='SCRAM-SHA-256'>%s</auth>" % (NS_SASL.encode(), b64(scram.first()).encode()))
        challenge = read_until(connection, b"</challenge>").split(b">")[1].split(b"<")[0]
        final = scram.final(base64.b64decode(challenge).decode())
        connection.sendall(b"<response xmlns='%s'>%s</response>" % (NS_SASL.encode(), b64(final).encode()))
        read_until(connection, b"</success>")
        connection.sendall(HEADER)
        read_until(connection, b"</stream:features>")
        connection.sendall(b"<iq type='set' id='b'><bind xmlns='%s'/></iq>" % NS_BIND.encode())
        read_until(connection, b"</iq>")
        return connection

    # REQ 6
    def test_who_sends_too_fast_is_read_more_slowly_and_nobody_else(self):
        async def scenario():
            juliet = self.client("juliet")
            await juliet.connect()
            flood = b" " * 16000  # white space between stanzas is legal, and costs bytes like all else
            sent, limit = 0, 20_000_000
            while sent < limit and not await self.is_stuck(romeo, juliet):
                sent += self.send_what_fits(romeo, flood)
            self.assertLess(sent, limit, "the server read everything that was sent")
            self.assertNotEqual(self.stats()["reading_pauses"], "0")
            # It is a pause, no end: reading goes on by itself.
            _, writable, _ = select.select([], [romeo], [], PATIENCE)
            self.assertTrue(writable)
            await juliet.close()

        romeo = self.log_in("romeo")
        romeo.setblocking(False)
        run(scenario())
        romeo.close()

    @staticmethod
    def send_what_fits(connection, data):
        try:
            return connection.send(data)
        except ssl.SSLWantWriteError:
            return 0

    async def is_stuck(self, flooder, other):
        """Is the flooder's socket full, and stays so while the server serves the other client?

        Often enough to outlast the 40 ms by which TCP may delay an acknowledgement."""
        for _ in range(2000):
            _, writable, _ = select.select([], [flooder], [], 0)
            if writable:
                return False
            answer = await other.iq("get", "<ping xmlns='urn:xmpp:ping'/>")
            self.assertEqual(answer.get("type"), "result")
        return True


if __name__ == "__main__":
    unittest.main()
