"""Elements and an incremental XML stream parser: the part of XMPP that is only XML (RFC 6120 §4 and §11)."""

import xml.parsers.expat as expat
from xml.sax.saxutils import escape

NS_CLIENT = "jabber:client"
NS_STREAM = "http://etherx.jabber.org/streams"
NS_XML = "http://www.w3.org/XML/1998/namespace"


# Prefixes that to_xml() uses without declaring them: for reading only.
UNDECLARED = {}


class Element:
    """One element: local name, namespace, attributes, children, and its own text joined together."""

    __slots__ = ("name", "ns", "attrs", "children", "text")

    def __init__(self, name, ns=NS_CLIENT, attrs=None, children=None, text=""):
        self.name = name
        self.ns = ns
        self.attrs = attrs or {}
        self.children = children or []
        self.text = text

    def get(self, attribute, default=None):
        return self.attrs.get(attribute, default)

    def find(self, name, ns=None):
        """The first child of that name, in `ns` or, without one, in any namespace."""
        for child in self.children:
            if child.name == name and (ns is None or child.ns == ns):
                return child
        return None

    def find_all(self, name, ns=None):
        return [c for c in self.children if c.name == name and (ns is None or c.ns == ns)]

    def is_stanza(self):
        return self.ns == NS_CLIENT and self.name in ("message", "presence", "iq")

    def to_xml(self, parent_ns=NS_CLIENT):
        out = []
        self._write(out, parent_ns)
        return "".join(out)

    def _write(self, out, parent_ns):
        stream = self.ns == NS_STREAM
        tag = "stream:" + self.name if stream else self.name
        out.append("<" + tag)
        if not stream and self.ns != parent_ns:
            out.append(" xmlns=%s" % quote(self.ns))
        for prefix, (name, value) in enumerate(self.attrs.items()):
            if name.startswith("{"):
                ns, name = name[1:].split("}")
                if ns in UNDECLARED:
                    out.append(" %s:%s=%s" % (UNDECLARED[ns], name, quote(value)))
                    continue
                out.append(" xmlns:a%d=%s a%d:%s=%s" % (prefix, quote(ns), prefix, name, quote(value)))
            else:
                out.append(" %s=%s" % (name, quote(value)))
        if not self.children and not self.text:
            out.append("/>")
            return
        out.append(">" + escape(self.text))
        for child in self.children:
            child._write(out, parent_ns if stream else self.ns)
        out.append("</%s>" % tag)

    __str__ = to_xml

    def __repr__(self):
        return "<Element %s>" % self.to_xml()


def quote(value):
    return "'" + escape(value, {"'": "&apos;", "\n": "&#10;", "\t": "&#9;"}) + "'"


def _split(name):
    ns, _, local = name.rpartition(" ")
    return ns, local


def _attribute_name(name):
    ns, local = _split(name)
    if not ns:
        return local
    return "xml:" + local if ns == NS_XML else "{%s}%s" % (ns, local)


class StreamParser:
    """Turns the bytes of one stream into on_header(Element), on_element(Element) and on_end() calls."""

    def __init__(self, on_header, on_element, on_end):
        self._on_header, self._on_element, self._on_end = on_header, on_element, on_end
        self._stack = []
        self._header_seen = False
        self._parser = expat.ParserCreate("UTF-8", " ")
        self._parser.buffer_text = True
        self._pending = b""
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def feed(self, data):
        """Bytes as they come. Expat gets them up to the last '>': its reparse deferral holds back a token of which it
        has seen only the beginning until much more has come, and this Python has no way to switch that off."""
        end = data.rfind(b">") + 1
        self._pending += data[:end]
        if end:
            whole, self._pending = self._pending, b""
            self._parser.Parse(whole, False)
        self._pending += data[end:]

    def _start(self, name, attributes):
        ns, local = _split(name)
        element = Element(local, ns, {_attribute_name(k): v for k, v in attributes.items()})
        if not self._header_seen:
            self._header_seen = True
            self._on_header(element)
            return
        if self._stack:
            self._stack[-1].children.append(element)
        self._stack.append(element)

    def _end(self, _name):
        if not self._stack:
            self._on_end()
            return
        element = self._stack.pop()
        if not self._stack:
            self._on_element(element)

    def _characters(self, text):
        if self._stack:
            self._stack[-1].text += text


def parse_all(text, prefixes=()):
    """Parses a sequence of elements in the default namespace jabber:client; further (prefix, namespace) pairs apply."""
    declarations = "".join(" xmlns:%s='%s'" % pair for pair in prefixes)
    found = []
    parser = StreamParser(lambda e: None, found.append, lambda: None)
    parser.feed(("<w xmlns='%s' xmlns:stream='%s'%s>%s</w>" % (NS_CLIENT, NS_STREAM, declarations, text)).encode())
    return found
