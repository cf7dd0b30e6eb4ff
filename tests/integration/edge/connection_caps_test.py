"""caps on connections that have not authenticated; when full, the oldest of them is closed (CVE-2021-32918)."""

import base64
import unittest

from edge import HEADER, PASSWORD, EdgeTest, client_hello, read_to_end, read_until, run


def greet(connection):
    """A stream up to its features: the server has accepted this connection, and before the next one."""
    connection.sendall(HEADER)
    read_until(connection, b"</stream:features>")
    return connection


class PerAddress(EdgeTest):
    config = {"limits": {"unauthenticated_per_ip": 3}}

    # REQ 2
    def test_the_oldest_is_closed_and_the_newest_is_served(self):
        oldest, second, third = (greet(self.connect()) for _ in range(3))
        newest = greet(self.connect())
        self.assertIn(b"<resource-constraint", read_to_end(oldest))
        for connection in (second, third, newest):
            connection.sendall(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            read_until(connection, b"<proceed")
        self.assertEqual((self.stats()["unauthenticated"], self.stats()["evicted"]), ("3", "1"))
        for connection in (oldest, second, third, newest):
            connection.close()

    # REQ 2
    def test_half_a_handshake_does_not_protect_the_oldest(self):
        oldest = self.connect(direct_tls=True)
        oldest.sendall(client_hello()[:100])
        others = [greet(self.connect_tls()) for _ in range(3)]
        read_to_end(oldest)
        for connection in (oldest, *others):
            connection.close()

    # REQ 2
    def test_another_address_has_its_own_cap(self):
        first = greet(self.connect(source="127.0.0.2"))
        others = [greet(self.connect()) for _ in range(4)]
        first.sendall(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        read_until(first, b"<proceed")
        for connection in (first, *others):
            connection.close()

    # REQ 2
    def test_who_has_logged_in_does_not_count_and_is_not_closed(self):
        for user in ("romeo", "juliet", "mercutio", "benvolio"):
            self.server.add_account(user, PASSWORD)

        async def scenario():
            clients = []
            for user in ("romeo", "juliet", "mercutio", "benvolio"):
                clients.append(self.client(user))
                await clients[-1].connect()
            strangers = [greet(self.connect()) for _ in range(5)]
            for client in clients:
                answer = await client.iq("get", "<ping xmlns='urn:xmpp:ping'/>")
                self.assertEqual(answer.get("type"), "result")
                await client.close()
            for connection in strangers:
                connection.close()
        run(scenario())
        self.assertEqual(self.stats()["evicted"], "2")


class WithoutASession(EdgeTest):
    config = {"limits": {"unauthenticated_per_ip": 3}, "auth": {"mechanisms": ["SCRAM-SHA-256", "PLAIN"], "allow_plain": True}}

    # REQ 2
    def test_logging_in_alone_leaves_no_cap(self):
        users = ["romeo", "juliet", "mercutio", "benvolio"]  # of both loops
        connections = []
        for user in users:
            self.server.add_account(user, PASSWORD)
            connections.append(self.connect_tls())
            connections[-1].sendall(HEADER)
            read_until(connections[-1], b"</stream:features>")
            plain = base64.b64encode(b"\0" + user.encode() + b"\0" + PASSWORD.encode())
            connections[-1].sendall(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + plain + b"</auth>")
            read_until(connections[-1], b"<success")
            greet(connections[-1])
        self.assertIn(b"<resource-constraint", read_to_end(connections[0]))
        bind = b"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
        for connection in connections[1:]:
            connection.sendall(bind)
            read_until(connection, b"<jid>")
        self.assertEqual((self.stats()["unauthenticated"], self.stats()["evicted"]), ("0", "1"))
        for connection in connections:
            connection.close()


class PerListenerAndInAll(EdgeTest):
    # REQ 2
    def test_a_listener_that_is_full_closes_its_oldest(self):
        self.reconfigure(unauthenticated_per_listener=1)
        elsewhere = greet(self.connect_tls())
        oldest = greet(self.connect(source="127.0.0.2"))
        newest = greet(self.connect(source="127.0.0.3"))
        self.assertIn(b"<resource-constraint", read_to_end(oldest))
        elsewhere.sendall(b"</stream:stream>")
        self.assertIn(b"</stream:stream>", read_to_end(elsewhere))
        newest.close()

    # REQ 2
    def test_all_listeners_together_close_the_oldest_of_all(self):
        self.reconfigure(unauthenticated_total=2)
        oldest = greet(self.connect_tls())
        second, third = (greet(self.connect(source=source)) for source in ("127.0.0.2", "127.0.0.3"))
        self.assertIn(b"<resource-constraint", read_to_end(oldest))
        second.close()
        third.close()

    def reconfigure(self, **limits):
        self.server.config.setdefault("limits", {}).update(limits)
        self.server.write_config()
        self.server.restart()


if __name__ == "__main__":
    unittest.main()
