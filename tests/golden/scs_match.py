"""Compares what a script expects with what came: elements as trees, with wildcards and captures (see README.md)."""

import base64
import re

from xmpp_xml import UNDECLARED, Element

NS_SCS = "urn:rookery:golden"
UNDECLARED[NS_SCS] = "scs"
PLACEHOLDER = re.compile(r"\{([A-Za-z][^{}\n]*|\.\.\.)\}")
KINDS = {
    "any": r".+",
    "id": r"\S+",
    "int": r"[0-9]+",
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?Z",
    "b64": r"[A-Za-z0-9+/]+=*",
}


class ScriptError(Exception):
    """The script itself is wrong."""


def expand(text, names):
    """Fills in {name} in what a client sends."""

    def value(match):
        word = match.group(1)
        if word in names:
            return names[word]
        kind, _, rest = word.partition(":")
        if kind == "repeat":
            count, _, unit = rest.partition(":")
            return unit * int(count)
        if kind == "base64":
            return base64.b64encode(rest.encode().decode("unicode_escape").encode("latin-1")).decode()
        if kind == "plain":  # the SASL PLAIN message of an account (RFC 4616)
            account, _, password = rest.partition(":")
            return base64.b64encode(("\0%s\0%s" % (
                names[account + ".user"], password or names[account + ".password"])).encode()).decode()
        raise ScriptError("unknown name {%s}" % word)

    return PLACEHOLDER.sub(value, text)


class Matcher:
    """One comparison; `names` are the values known so far, and match() returns them with the new captures."""

    def __init__(self, names, own_jid=None):
        self._names = names
        self._own = {own_jid, own_jid.partition("/")[0]} if own_jid else set()
        self._own_jid = own_jid

    def match(self, expected, got):
        """(captures, None) or (None, reason)."""
        captured = {}
        reason = self._alternatives(expected, got, captured, got.name, top=True)
        return (None, reason) if reason else (captured, None)

    def _element(self, expected, got, captured, path, top=False):
        if (expected.name, expected.ns) != (got.name, got.ns):
            return "%s: expected <%s xmlns='%s'>, got <%s xmlns='%s'>" % (
                path, expected.name, expected.ns, got.name, got.ns)
        reason = self._attributes(expected, got, captured, path, top)
        if reason:
            return reason
        if expected.text.strip() == "{...}" and not expected.children:
            return None
        open_end = "{...}" in expected.text
        if not open_end or expected.text.replace("{...}", "").strip():
            pattern = expected.text.replace("{...}", "").strip()
            reason = self._value(pattern, got.text.strip(), captured, path + " text")
            if reason:
                return reason
        got_children = got.children
        if top and expected.get("type") == "error":
            # RFC 6120 §8.3.1: an error may carry the payload that caused it.
            got_children = [c for c in got_children if c.name == "error" or _mentions(expected, c)]
        if top and got.name == "presence":
            # RFC 6121 §4.3.2: when the presence was first sent may be said, or not.
            got_children = [c for c in got_children if c.ns != "urn:xmpp:delay" or _mentions(expected, c)]
        if expected.name == "error" and expected.ns == "jabber:client":
            got_children = [c for c in got_children if c.name != "text"]
        return self._children(expected, got_children, captured, path, open_end)

    def _attributes(self, expected, got, captured, path, top):
        wanted = {k: v for k, v in expected.attrs.items() if not k.startswith("{" + NS_SCS)}
        free = expected.get("{%s}attributes" % NS_SCS) == "any"
        for name in {**wanted, **got.attrs}:
            pattern, value = wanted.get(name), got.get(name)
            if top and got.is_stanza() and self._implied(name, pattern, value):
                continue
            if pattern == "{opt}":
                continue
            if name == "by" and pattern is None and expected.name == "error":
                continue
            if pattern is None and free:
                continue
            if pattern is None:
                return "%s: unexpected attribute %s='%s'" % (path, name, value)
            if value is None:
                return "%s: the attribute %s='%s' is missing" % (path, name, pattern)
            reason = self._value(pattern, value, captured, "%s@%s" % (path, name))
            if reason:
                return reason
        return None

    def _implied(self, name, pattern, value):
        """RFC 6120 §8.1: what a stanza's absent `to`, `from` and `type` mean to the client that receives it."""
        if name in ("to", "from"):
            if pattern is None:
                return value in self._own
            pattern = expand(pattern, self._names) if pattern.startswith("{") and pattern[1:-1] in self._names else pattern
            return value is None and pattern in self._own
        if name == "xml:lang":  # §8.1.5: the server may say the stream's language
            return pattern is None
        return name == "type" and {pattern, value} == {None, "normal"}

    def _value(self, pattern, value, captured, path):
        names = {**self._names, **captured}
        groups = []
        regex = ""
        position = 0
        for match in PLACEHOLDER.finditer(pattern):
            regex += re.escape(pattern[position:match.start()])
            position = match.end()
            word = match.group(1)
            kind, _, capture = word.partition(":")
            if word in names:
                regex += re.escape(names[word])
            elif kind == "re":
                regex += "(?:%s)" % capture
            elif kind not in KINDS:
                regex += re.escape(expand(match.group(0), names))
            elif not capture:
                regex += KINDS[kind]
            elif capture in names:
                regex += re.escape(names[capture])
            else:
                groups.append(capture)
                regex += "(%s)" % KINDS[kind]
        found = re.fullmatch(regex + re.escape(pattern[position:]), value, re.DOTALL)
        if not found:
            return "%s: expected '%s', got '%s'" % (path, pattern, value)
        captured.update(zip(groups, found.groups()))
        return None

    def _children(self, expected, got_children, captured, path, open_end):
        if expected.get("{%s}ordered" % NS_SCS):
            return self._in_order(expected.children, got_children, captured, path)
        return self._unordered(expected.children, got_children, captured, path, open_end)

    def _in_order(self, expected, got, captured, path):
        for index, child in enumerate(expected):
            if index >= len(got):
                return "%s: <%s/> is missing" % (path, child.name)
            reason = self._alternatives(child, got[index], captured, "%s/%s[%d]" % (path, child.name, index + 1))
            if reason:
                return reason
        if len(got) > len(expected):
            return "%s: unexpected %s" % (path, got[len(expected)])
        return None

    def _unordered(self, expected, got, captured, path, open_end):
        if not expected:
            return None if open_end or not got else "%s: unexpected %s" % (path, got[0])
        child, closest = expected[0], None
        for index, candidate in enumerate(got):
            trial = dict(captured)
            reason = self._alternatives(child, candidate, trial, "%s/%s" % (path, child.name))
            if reason is None:
                rest = self._unordered(expected[1:], got[:index] + got[index + 1:], trial, path, open_end)
                if rest is None:
                    captured.update(trial)
                    return None
                closest = rest
            elif candidate.name == child.name and closest is None:
                closest = reason
        if child.get("{%s}optional" % NS_SCS):
            return self._unordered(expected[1:], got, captured, path, open_end)
        return closest or "%s: %s is missing" % (path, child)

    def _alternatives(self, expected, got, captured, path, top=False):
        if (expected.name, expected.ns) != ("one-of", NS_SCS):
            return self._element(expected, got, captured, path, top)
        reason = None
        for choice in expected.children:
            trial = dict(captured)
            reason = self._element(choice, got, trial, path, top)
            if reason is None:
                captured.update(trial)
                return None
        return reason


def _mentions(expected, child):
    return any((c.name, c.ns) == (child.name, child.ns) for c in expected.children)


def is_optional(element):
    return element.get("{%s}optional" % NS_SCS) is not None


def plain_copy(element, names):
    """An element to send: placeholders in attributes and text filled in."""
    return Element(element.name, element.ns, {k: expand(v, names) for k, v in element.attrs.items()},
                   [plain_copy(c, names) for c in element.children], expand(element.text, names))
