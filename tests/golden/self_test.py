#!/usr/bin/python3
"""The runner's own test: that a script which should fail does fail. Needs no server."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "support")]

from scram import ScramClient  # noqa: E402
from scs_match import Matcher, ScriptError, expand  # noqa: E402
from scs_script import PREFIXES  # noqa: E402
from xmpp_xml import StreamParser, parse_all  # noqa: E402

OWN = "romeo@localhost/orchard"


def compare(expected, got, **names):
    return Matcher(names, OWN).match(parse_all(expected, PREFIXES)[0], parse_all(got)[0])


class Matching(unittest.TestCase):
    def accepts(self, expected, got, **names):
        captures, reason = compare(expected, got, **names)
        self.assertIsNone(reason)
        return captures

    def refuses(self, expected, got, **names):
        self.assertIsNotNone(compare(expected, got, **names)[1])

    def test_order_prefixes_and_white_space_do_not_matter(self):
        self.accepts("<iq type='result' id='1'><a xmlns='x'/><b xmlns='x'/></iq>",
                     "<iq id='1' type='result'>\n <p:b xmlns:p='x'/> <p:a xmlns:p='x'/>\n</iq>")

    def test_anything_more_or_less_matters(self):
        self.refuses("<iq id='1'/>", "<iq id='1' type='get'/>")
        self.refuses("<iq id='1' type='get'/>", "<iq id='1'/>")
        self.refuses("<message><body>a</body></message>", "<message><body>b</body></message>")
        self.refuses("<message><body>a</body></message>", "<message><body>a</body><thread/></message>")
        self.refuses("<message><body>a</body><body>a</body></message>", "<message><body>a</body></message>")
        self.refuses("<message><x xmlns='a'/></message>", "<message><x xmlns='b'/></message>")

    def test_absent_addresses_mean_the_client_and_its_account(self):
        self.accepts("<iq id='1'/>", "<iq id='1' to='romeo@localhost/orchard' from='romeo@localhost'/>")
        self.accepts("<iq id='1' from='{romeo}'/>", "<iq id='1'/>", romeo="romeo@localhost")
        self.refuses("<iq id='1'/>", "<iq id='1' from='tybalt@localhost'/>")
        self.refuses("<iq id='1' from='{tybalt}'/>", "<iq id='1'/>", tybalt="tybalt@localhost")

    def test_captures_are_compared_when_used_again(self):
        self.assertEqual(self.accepts("<iq id='{id:x}'/>", "<iq id='7'/>"), {"x": "7"})
        self.accepts("<iq id='{id:x}'><a>{x}</a></iq>", "<iq id='7'><a>7</a></iq>")
        self.refuses("<iq id='{id:x}'><a>{x}</a></iq>", "<iq id='7'><a>8</a></iq>")
        self.refuses("<iq id='{id:x}'/>", "<iq id='8'/>", x="7")

    def test_the_right_child_is_found_for_each_expectation(self):
        self.accepts("<iq><i v='{any}'/><i v='1'/></iq>", "<iq><i v='1'/><i v='2'/></iq>")
        self.refuses("<iq scs:ordered='1'><i v='2'/><i v='1'/></iq>", "<iq><i v='1'/><i v='2'/></iq>")

    def test_optional_and_open_content(self):
        for got in ("<iq><a/></iq>", "<iq><a/><b/></iq>"):
            self.accepts("<iq><a/><b scs:optional='1'/></iq>", got)
        self.refuses("<iq><a/><b scs:optional='1'/></iq>", "<iq><a/><c/></iq>")
        self.accepts("<iq><a/>{...}</iq>", "<iq><c/><a><d/></a></iq>".replace("<d/>", ""))
        self.refuses("<iq><a/>{...}</iq>", "<iq><c/></iq>")

    def test_errors_may_carry_the_payload_and_a_text_but_not_another_condition(self):
        expected = "<iq type='error' id='1'><error type='cancel'><a xmlns='x'/></error></iq>"
        self.accepts(expected, "<iq type='error' id='1'><q xmlns='y'/><error type='cancel'><a xmlns='x'/><text xmlns='x'/></error></iq>")
        self.refuses(expected, "<iq type='error' id='1'><error type='cancel'><b xmlns='x'/></error></iq>")

    def test_unknown_names_are_faults_of_the_script(self):
        self.assertRaises(ScriptError, expand, "{nobody}", {})


class Tools(unittest.TestCase):
    def test_the_stream_parser_takes_one_byte_at_a_time(self):
        headers, elements = [], []
        parser = StreamParser(headers.append, elements.append, lambda: elements.append("end"))
        for byte in "<s:s xmlns:s='http://etherx.jabber.org/streams' id='1'><a x='ä'><b/>t</a></s:s>".encode():
            parser.feed(bytes([byte]))
        self.assertEqual(headers[0].get("id"), "1")
        self.assertEqual(elements[0].to_xml(""), "<a x='ä'>t<b/></a>")
        self.assertEqual(elements[1], "end")

    def test_scram_matches_the_example_of_rfc_7677(self):
        client = ScramClient("SCRAM-SHA-256", "user", "pencil", nonce="rOprNGfwEbeRWgbNEkqO")
        self.assertEqual(client.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
        final = client.final("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
        self.assertEqual(final.split(",p=")[1], "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
        client.check("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


if __name__ == "__main__":
    unittest.main()
