#!/usr/bin/env python3
"""Which test holds which requirement, and which has none.

    requirements.py            fails when a requirement below has no test (and is not in NOT_YET)
    requirements.py --current  fails when docs/REQUIREMENTS-tests.md is not what --write would write
    requirements.py --write    writes it

A test names what it holds in a comment: `REQ 14`, `REQ 2 and 6` (older ones say REQUIREMENTS). In a golden script the comment
may be anywhere; in C++ and Python it stands just above the test, or in the file's first comment if the whole file is meant.
What does not run (DISABLED_, known_failures.txt) holds nothing.
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = os.path.join("docs", "REQUIREMENTS-tests.md")

# Each line was paid for by someone: an advisory, an audit, an outage.
REQUIREMENTS = {
    1: "30 s for TLS, 60 s to authenticate; nothing extends it",
    2: "a budget for each connection that is not authenticated, and caps; when full the oldest one goes",
    3: "bytes behind <starttls/> end the stream; nothing negotiated before TLS is kept",
    4: "elements allowed for each state of the stream by one table",
    5: "to and from are frozen at the first header; no SASL without TLS",
    6: "limits for each stanza after authentication, announced; byte rates pause reading",
    7: "one XML front end: strict UTF-8, XML characters, restricted XML, output written anew",
    8: "no compression, renegotiation or 0-RTT",
    9: "TLS 1.3, or 1.2 with AEAD, ECDHE and EMS; ALPN; certificates reload staged",
    10: "addresses by RFC 7622; authzid is empty or the own account",
    11: "SCRAM with and without channel binding; stable fake salts for unknown users",
    12: "secrets compared in constant time; tokens of 128 bits; keys at rest 0600",
    13: "SASL2, Bind 2, FAST with rotation and revocation",
    14: "backoff after failures for each account and address, no lock-out",
    15: "the server stamps from and removes what only a server may say",
    16: "no oracle of presence or existence",
    17: "between servers: TLS, certificates first, dialback for the pair and stream that asked",
    18: "<a/> counts only what is durable",
    19: "delivered after commit, one stanza-id in all copies, kept until the device acknowledged",
    20: "resends are recognised by sender, to and origin-id",
    21: "a full or failing disk: no acknowledgement, reading stops, service resumes by itself",
    22: "a full queue spills to the log; it drops nothing and bounces nothing that is archived",
    23: "resume through another edge; exact h after the death of a home",
    24: "between servers: a durable queue for each pair of domains, retried, bounced after 24 h",
    25: "numbered messages under kill, pause, cut and full disk: nothing lost, nothing twice, in order",
    26: "uploads: unguessable names, bound slots, exact length, quota, safe headers",
    27: "SQL only through prepared statements; administration on loopback or a socket",
    28: "registration is off; when on it is limited",
    29: "strangers: a first contact is held as a request, with limits",
    30: "client: who may have said a thing is checked before every handler",
    31: "client: TLS always, for the domain, never downgraded; channel binding when offered",
    32: "client: in the outbox on disk before it is sent; acknowledged after the own commit",
    33: "client: OMEMO fails closed, shows new devices, heals, refills and rotates keys",
    34: "client: downloads stay in their folder and under their limit",
    35: "client: receipts and typing only to contacts",
    36: "everything that reads bytes from the network is fuzzed",
    37: "one regression test for each published class of advisory",
}
# What has no test yet, and why. A line goes when its test comes.
NOT_YET = {
}

TAG = re.compile(r"\bREQ(?:UIREMENTS)? (\d+(?:(?:, | and )\d+)*)")
CPP_TEST = re.compile(r"^(?:TYPED_)?TEST(?:_[FP])?\((\w+), (\w+)\)")
PYTHON_TEST = re.compile(r"^ +(?:async )?def (test_\w+)\(")
SUFFIXES = (".scs", ".cpp", ".h", ".py")


def numbers(text):
    return {int(number) for tag in TAG.findall(text) for number in re.findall(r"\d+", tag)}


def tags_of_code(lines, comment, test, name):
    """(number, holder) of a C++ or Python file. holder: the test below the comment, or None for the whole file."""
    pending, seen_code = set(), False
    for line in lines:
        stripped = line.strip()
        match = test.match(line)
        if match:
            yield from ((number, name(match)) for number in sorted(pending | numbers(line)))
            pending, seen_code = set(), True
        elif stripped.startswith(comment):
            pending |= numbers(stripped)
        elif not stripped:
            if not seen_code:
                yield from ((number, None) for number in sorted(pending))
                pending = set()
        else:
            # Between the comment and its test: a decorator, a struct. Before all of it: the comment was about the file.
            if not seen_code and stripped.startswith(("#include", "import ", "from ", '"""')):
                yield from ((number, None) for number in sorted(pending))
                pending = set()
    if pending:
        yield from ((number, None) for number in sorted(pending))


def tags_of(path, text, disabled):
    """(number, test) of a file, as they are shown."""
    if path.endswith(".scs"):
        if os.path.relpath(path, "tests/golden") in disabled:
            return []
        comments = "\n".join(line for line in text.splitlines() if line.lstrip().startswith("#"))
        return [(number, path) for number in numbers(comments)]
    if path.endswith(".py"):
        docstring = re.match(r'(?:#!.*\n)?"""(.*?)"""', text, re.DOTALL)
        whole = [(number, None) for number in numbers(docstring[1])] if docstring else []
        found = whole + list(tags_of_code(text.splitlines(), "#", PYTHON_TEST, lambda match: match[1]))
    else:
        found = list(tags_of_code(text.splitlines(), "//", CPP_TEST, lambda match: "%s.%s" % (match[1], match[2])))
    return [(number, path if holder is None else "%s: %s" % (path, holder)) for number, holder in found
            if holder is None or "DISABLED_" not in holder]


def collect(root):
    """{number: [test, …]}"""
    with open(os.path.join(root, "tests/golden/known_failures.txt"), encoding="utf-8") as file:
        disabled = {line.strip() for line in file if line.strip().endswith(".scs")}
    holders = {}
    for folder, _, names in os.walk(os.path.join(root, "tests")):
        if os.path.basename(folder) in ("lint", "__pycache__") or "/fuzz/corpus" in folder:
            continue
        for each in names:
            path = os.path.relpath(os.path.join(folder, each), root)
            if not each.endswith(SUFFIXES) and path != "tests/golden/run":
                continue
            with open(os.path.join(root, path), encoding="utf-8") as file:
                for number, test in tags_of(path, file.read(), disabled):
                    holders.setdefault(number, set()).add(test)
    return {number: sorted(tests) for number, tests in holders.items()}


def page(holders):
    lines = ["# Which test holds which requirement", "",
             "Made by `tests/lint/requirements.py --write` from the tags in the tests; a test says when it is out of date.", ""]
    for number, title in REQUIREMENTS.items():
        lines += ["## %d. %s" % (number, title), ""]
        tests = holders.get(number, [])
        lines += ["- `%s`" % test for test in tests] or ["No test: %s." % NOT_YET.get(number, "**missing**")]
        lines.append("")
    return "\n".join(lines)


def problems(holders):
    for number, title in REQUIREMENTS.items():
        if number not in holders and number not in NOT_YET:
            yield "REQ %d has no test: %s" % (number, title)
    for number in sorted(set(holders) - set(REQUIREMENTS)):
        yield "there is no REQ %d, but it is named in %s" % (number, ", ".join(holders[number]))


def self_test():
    """A lint that cannot fail is worth nothing."""
    code = ["// REQ 3: the file.", "#include <a>", "", "// Why. REQ 2 and 6.", "TEST_F(A, B) {", "}", "", "TEST(A, DISABLED_C) {  // REQ 9"]
    text = "\n".join(code)
    assert tags_of("tests/a.cpp", text, set()) == [(3, "tests/a.cpp"), (2, "tests/a.cpp: A.B"), (6, "tests/a.cpp: A.B")]
    assert tags_of("tests/golden/a/b.scs", "# §1; REQUIREMENTS 2 (CVE-2021-32918)\nR sends:\n  <x>REQ 5</x>", set()) == [
        (2, "tests/golden/a/b.scs")]
    assert tags_of("tests/golden/a/b.scs", "# REQ 2", {"a/b.scs"}) == []
    python = '"""All of it: REQ 25."""\n\nclass A:\n    # REQ 30, 31\n    async def test_b(self):\n'
    assert tags_of("tests/a.py", python, set()) == [
        (25, "tests/a.py"), (30, "tests/a.py: test_b"), (31, "tests/a.py: test_b")]
    assert any("REQ 2 " in one for one in problems({}))
    assert any("no REQ 99" in one for one in problems({99: ["x"]}))


def main():
    self_test()
    holders = collect(ROOT)
    path = os.path.join(ROOT, PAGE)
    if "--write" in sys.argv:
        with open(path, "w", encoding="utf-8") as file:
            file.write(page(holders))
    if "--current" in sys.argv:
        with open(path, encoding="utf-8") as file:
            if file.read() != page(holders):
                print("%s is out of date: run tests/lint/requirements.py --write" % PAGE)
                return 1
        return 0
    for number, title in REQUIREMENTS.items():
        print("%3d  %3d tests  %s" % (number, len(holders.get(number, [])), title))
    for number in sorted(set(NOT_YET) & set(holders)):
        print("REQ %d has a test now: take it out of NOT_YET" % number)
    found = list(problems(holders))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
