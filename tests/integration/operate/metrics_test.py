"""/metrics counts what really happens and reads as Prometheus wants it; /healthz and /readyz; who may read (REQ 27)."""

import os
import shutil
import socket
import ssl
import subprocess
import unittest

from operate_case import PASSWORD, OperateTest, run  # first: it says where the others are

import exposition

TOKEN = "a-token-of-enough-characters"


class MetricsTest(OperateTest):
    def test_the_figures_are_those_of_what_clients_did(self):
        for user in ("romeo", "juliet", "mercutio"):
            self.server.add_account(user, PASSWORD)
        before = self.server.metrics()
        self.assertEqual(before.value("rookery_sessions", state="connected"), 0)

        async def scenario():
            romeo, juliet = self.client("romeo", resource="orchard"), self.client("juliet", direct_tls=False, resource="balcony")
            for client in (romeo, juliet):
                await client.connect()
                await client.enable_sm()
                client.send("<presence/>")
                await client.settled()
            for number in range(5):
                juliet.send("<message to='romeo@localhost' type='chat' id='m%d'><body>%d</body></message>" % (number, number))
                await romeo.receive_where(lambda e: e.name == "message")
            juliet.send("<message to='mercutio@localhost' type='chat' id='later'><body>later</body></message>")
            await juliet.settled()
            romeo.send_ack()
            await romeo.iq("get", "<ping xmlns='urn:xmpp:ping'/>")  # the server has the <a/> then
            during = self.server.metrics()
            self.assertEqual(during.value("rookery_connections", kind="direct_tls"), 1)
            self.assertEqual(during.value("rookery_connections", kind="starttls"), 1)
            self.assertEqual(during.value("rookery_sessions", state="connected"), 2)
            self.assertEqual(during.value("rookery_sessions_available"), 2)
            self.assertEqual(during.value("rookery_messages_total"), 6)
            # Five in both archives, and one that waits: also two.
            self.assertEqual(during.value("rookery_messages_stored_total"), 12)
            self.assertEqual(during.value("rookery_messages_delivered_total"), 5)
            self.assertEqual(during.value("rookery_messages_offline_total"), 1)
            self.assertEqual(during.value("rookery_stanzas_received_total", kind="message"), 6)
            self.assertEqual(during.value("rookery_stanzas_sent_total", kind="message"), 5)
            self.assertEqual(during.value("rookery_message_durable_seconds_count"), 6)
            self.assertGreaterEqual(during.value("rookery_message_acknowledged_seconds_count"), 1)
            self.assertGreater(during.value("rookery_received_bytes_total"), 0)
            self.assertEqual(during.value("rookery_outbox_bytes"), 0)
            self.assertEqual(during.value("rookery_logins_total", result="ok"), 2)
            await juliet.close()
            romeo.cut()
        run(scenario())
        self.until(lambda: self.server.metrics().value("rookery_sessions", state="waiting") == 1, "romeo's session waits")
        self.until(lambda: self.server.metrics().value("rookery_connections", kind="starttls") == 0, "juliet has left")
        after = self.server.metrics()
        self.assertEqual(after.value("rookery_sessions", state="connected"), 0)
        self.assertEqual(after.value("rookery_sessions", state="waiting"), 1)  # romeo may come back
        self.assertEqual(after.value("rookery_sessions_available"), 1)  # and is seen until then
        self.assertEqual(after.value("rookery_connections", kind="direct_tls"), 0)
        self.assertEqual(after.value("rookery_outbox_bytes"), 0)

    def test_failed_logins_resends_and_stream_errors_are_counted(self):
        self.server.add_account("romeo", PASSWORD)
        self.server.add_account("juliet", PASSWORD)

        async def scenario():
            wrong = self.client("romeo")
            wrong.password = "wrong"
            with self.assertRaises(Exception):
                await wrong.connect()
            wrong.cut()
            juliet = self.client("juliet")
            await juliet.connect()
            await juliet.enable_sm()
            for _ in range(3):
                juliet.send("<message to='romeo@localhost' type='chat'><body>x</body><origin-id xmlns='urn:xmpp:sid:0' id='same'/></message>")
            await juliet.settled()
            juliet.send("<nonsense/>")
            await juliet.wait_for(lambda: juliet.closed)
        run(scenario())
        metrics = self.server.metrics()
        self.assertEqual(metrics.value("rookery_logins_total", result="failed"), 1)
        self.assertEqual(metrics.value("rookery_messages_resent_total"), 2)
        self.assertEqual(metrics.value("rookery_stream_errors_total", condition="unsupported-stanza-type"), 1)

    def test_promtool_has_nothing_to_complain_of(self):
        self.assertIsNotNone(shutil.which("promtool"), "promtool is in Debian's package prometheus")
        _, _, text = exposition.get("http://127.0.0.1:%d/metrics" % self.server.metrics_port)
        result = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
        self.assertEqual((result.returncode, result.stdout + result.stderr), (0, ""))

    def test_the_process_is_described(self):
        metrics = self.server.metrics()
        with open("/proc/%d/statm" % self.server.pid) as file:
            resident = int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
        self.assertAlmostEqual(metrics.value("process_resident_memory_bytes"), resident, delta=resident / 4)
        self.assertEqual(metrics.value("process_threads"), len(os.listdir("/proc/%d/task" % self.server.pid)))
        self.assertAlmostEqual(metrics.value("process_open_fds"), len(os.listdir("/proc/%d/fd" % self.server.pid)), delta=3)
        self.assertGreater(metrics.value("process_cpu_seconds_total"), 0)
        self.assertEqual(metrics.value("rookery_loops"), 2)

    def test_probes_answer_and_nothing_else_is_served(self):
        self.assertEqual(self.server.probe("/healthz"), (200, "ok"))
        self.assertEqual(self.server.probe("/readyz"), (200, "ready"))
        self.assertEqual(self.server.probe("/xmpp-websocket")[0], 404)
        self.assertEqual(self.server.probe("/metrics/x")[0], 404)

    def test_the_public_listeners_do_not_serve_it(self):
        for path in ("/metrics", "/healthz", "/readyz"):
            self.assertEqual(exposition.get("http://127.0.0.1:%d%s" % (self.server.http_port, path))[0], 404, path)

    def test_only_get_is_answered(self):
        with socket.create_connection(("127.0.0.1", self.server.metrics_port)) as connection:
            connection.sendall(b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.assertTrue(connection.recv(100).startswith(b"HTTP/1.1 405 "))


class TlsTest(OperateTest):
    def test_the_listener_can_speak_https(self):
        self.server.stop()
        self.server.config["metrics"]["tls"] = True
        self.server.write_config()
        self.server.start()
        address = "127.0.0.1:%d" % self.server.metrics_port
        context = ssl.create_default_context(cafile=self.server.config["tls"]["certificate"])
        context.check_hostname = False  # the certificate is the domain's
        status, _, text = exposition.get("https://%s/metrics" % address, context=context)
        self.assertEqual(status, 200)
        self.assertEqual(exposition.Metrics(text).value("rookery_ready"), 1)
        with socket.create_connection(("127.0.0.1", self.server.metrics_port)) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertNotIn(b"rookery_", connection.recv(1000), "not without TLS")


class TokenTest(OperateTest):
    # REQ 27
    def test_metrics_ask_for_the_token_and_probes_do_not(self):
        self.server.stop()
        path = os.path.join(self.server.folder, "token")
        with open(path, "w") as file:
            file.write(TOKEN + "\n")
        address = "0.0.0.0:%d" % self.server.metrics_port
        self.server.config["metrics"] = {"listen": [address], "token_file": path}
        self.server.write_config()
        self.server.start()
        url = "http://127.0.0.1:%d/metrics" % self.server.metrics_port
        for token in (None, TOKEN[:-1], TOKEN + "x", "wrong"):
            status, headers, _ = exposition.get(url, token)
            self.assertEqual(status, 401, token)
            self.assertTrue(headers["WWW-Authenticate"].startswith("Bearer"))
        exposition.scrape(url, TOKEN)
        self.assertEqual(self.server.probe("/healthz")[0], 200)
        self.assertEqual(self.server.probe("/readyz")[0], 200)

    def test_a_token_that_is_too_short_stops_the_start(self):
        self.server.stop()
        path = os.path.join(self.server.folder, "token")
        with open(path, "w") as file:
            file.write("short\n")
        self.server.config["metrics"]["token_file"] = path
        self.server.write_config()
        with self.assertRaisesRegex(Exception, "holds no token of at least 16 characters"):
            self.server.start()


if __name__ == "__main__":
    unittest.main()
