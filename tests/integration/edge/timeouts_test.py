"""30 s to finish TLS, 60 s to authenticate; no traffic, ping or white space extends it. Here 1 s and 2 s."""

import base64
import itertools
import unittest

from edge import HEADER, PASSWORD, EdgeTest, client_hello, dribble, read_to_end, read_until, run

MANY = 300  # pauses of 0.1 s: a limit that traffic extends is not reached in this test


class Timeouts(EdgeTest):
    config = {"limits": {"tls_timeout": 1, "auth_timeout": 2}, "auth": {"mechanisms": ["SCRAM-SHA-256", "PLAIN"], "allow_plain": True}}

    # REQ 1
    def test_a_client_that_says_nothing_is_closed(self):
        with self.connect() as connection:
            self.assertIn(b"<connection-timeout", read_to_end(connection))

    # REQ 1
    def test_a_handshake_that_comes_byte_by_byte_is_closed(self):
        with self.connect(direct_tls=True) as connection:
            hello = client_hello()
            connection.sendall(hello[:100])
            dribble(connection, hello[100:100 + MANY])

    # REQ 1
    def test_a_handshake_after_starttls_that_does_not_go_on_is_closed(self):
        with self.connect() as connection:
            connection.sendall(HEADER)
            read_until(connection, b"</stream:features>")
            connection.sendall(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            read_until(connection, b"<proceed")
            hello = client_hello()
            connection.sendall(hello[:100])
            dribble(connection, hello[100:100 + MANY])

    # REQ 1
    def test_white_space_does_not_extend_the_time_until_starttls(self):
        with self.connect() as connection:
            connection.sendall(HEADER)
            read_until(connection, b"</stream:features>")
            self.assertIn(b"<connection-timeout", dribble(connection, b" " * MANY))

    # REQ 1
    def test_white_space_does_not_extend_the_time_to_authenticate(self):
        with self.connect_tls() as connection:
            connection.sendall(HEADER)
            read_until(connection, b"</stream:features>")
            self.assertIn(b"<connection-timeout", dribble(connection, b" " * MANY))

    # REQ 1
    def test_attempts_that_are_aborted_do_not_extend_the_time_to_authenticate(self):
        with self.connect_tls() as connection:
            connection.sendall(HEADER)
            read_until(connection, b"</stream:features>")
            auth = (b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'/>"
                    b"<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
            self.assertIn(b"<connection-timeout", dribble(connection, itertools.islice(itertools.cycle(auth), MANY)))

    # REQ 1
    def test_who_logs_in_and_binds_nothing_is_closed(self):
        self.server.add_account("romeo", PASSWORD)
        plain = base64.b64encode(b"\0romeo\0" + PASSWORD.encode())
        with self.connect_tls() as connection:
            connection.sendall(HEADER)
            read_until(connection, b"</stream:features>")
            connection.sendall(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + plain + b"</auth>")
            read_until(connection, b"<success")
            connection.sendall(HEADER)
            read_until(connection, b"</stream:features>")
            self.assertIn(b"<connection-timeout", dribble(connection, b" " * MANY))

    # REQ 1
    def test_who_has_logged_in_stays(self):
        self.server.add_account("romeo", PASSWORD)

        async def scenario():
            romeo = self.client()
            await romeo.connect()
            with self.connect() as later:  # its time ends after ours would have: 1 s, and again 1 s
                read_to_end(later)
            with self.connect() as later:
                read_to_end(later)
            with self.connect() as later:
                read_to_end(later)
            answer = await romeo.iq("get", "<ping xmlns='urn:xmpp:ping'/>")
            self.assertEqual(answer.get("type"), "result")
            await romeo.close()
        run(scenario())


if __name__ == "__main__":
    unittest.main()
