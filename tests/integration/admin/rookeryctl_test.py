#!/usr/bin/env python3
"""rookeryctl against a socket that records what it sends: rookeryctl_test.py PATH-OF-ROOKERYCTL."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

PROGRAM = sys.argv.pop(1)


class Rookeryctl(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "s")
        self.addCleanup(self.folder.cleanup)

    def ask(self, *arguments, answer="ok\n", stdin=""):
        """Runs the program against one connection; returns the request and the finished process."""
        received = []
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.path)
            listener.listen()
            listener.settimeout(20)

            def serve():
                connection, _ = listener.accept()
                with connection:
                    request = b""
                    while request.count(b"\n") < 2:
                        request += connection.recv(4096)
                    received.append(request.decode())
                    connection.sendall(answer.encode())

            server = threading.Thread(target=serve, daemon=True)
            server.start()
            result = self.run_program(*arguments, stdin=stdin)
            server.join(20)
        return received[0], result

    def run_program(self, *arguments, stdin=""):
        return subprocess.run([PROGRAM, "--socket", self.path, *arguments], input=stdin, capture_output=True, text=True,
                              timeout=20)

    def test_sends_the_command_and_then_the_password(self):
        request, result = self.ask("account", "add", "juliet@localhost", "--password-stdin", stdin="two words\nrest\n")
        self.assertEqual(request, "account add juliet@localhost\ntwo words\n")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))

    def test_sends_an_empty_line_where_there_is_no_password(self):
        request, _ = self.ask("kick", "juliet@localhost/phone", "log in", "again")
        self.assertEqual(request, "kick juliet@localhost/phone log in again\n\n")

    def test_prints_the_lines_before_ok(self):
        _, result = self.ask("account", "list", "localhost", answer="juliet@localhost\nromeo@localhost\nok\n")
        self.assertEqual((result.returncode, result.stdout), (0, "juliet@localhost\nromeo@localhost\n"))

    def test_all_reports_are_asked_for_as_text(self):
        request, _ = self.ask("reports")
        self.assertEqual(request, "reports - text\n\n")

    def test_reports_are_asked_for_from_a_time_on_and_as_json(self):
        request, result = self.ask("reports", "--since", "2026-11-24", "--json", answer='{"id":"a"}\nok\n')
        self.assertEqual(request, "reports 2026-11-24 json\n\n")
        self.assertEqual(result.stdout, '{"id":"a"}\n')

    def test_a_refusal_goes_to_standard_error_and_is_exit_code_1(self):
        _, result = self.ask("account", "delete", "nobody@localhost", answer="error: no such account\n")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr, "rookeryctl: no such account\n")

    def test_a_cut_off_answer_is_no_success(self):
        _, result = self.ask("sessions", answer="juliet@localhost/phone\n")
        self.assertEqual(result.returncode, 3)

    def test_wrong_usage_is_2_and_no_server_is_3(self):
        self.assertEqual(self.run_program("account").returncode, 2)
        self.assertEqual(self.run_program("account", "add", "a b").returncode, 2)
        self.assertEqual(self.run_program("account", "add", "a@localhost", "--password-stdin").returncode, 2)
        self.assertEqual(self.run_program("stats").returncode, 3)


if __name__ == "__main__":
    unittest.main()
