"""A DNS server that knows only what a test tells it, on a UDP port of loopback.

    with DnsServer() as dns:
        dns.add("example.org", "A", "127.0.0.2")
        dns.add("_xmpp-server._tcp.example.org", "SRV", (10, 0, 5269, "xmpp.example.org"))
"""

import socket
import struct
import threading

TYPES = {"A": 1, "SOA": 6, "SRV": 33}


def _encode_name(name):
    labels = [label for label in name.strip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def _read_name(data, at):
    labels = []
    while data[at]:
        labels.append(data[at + 1:at + 1 + data[at]].decode())
        at += 1 + data[at]
    return ".".join(labels).lower(), at + 1


class DnsServer:
    def __init__(self):
        self.records = {}  # (name, type): values
        self.asked = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    @property
    def address(self):
        return "127.0.0.1:%d" % self.port

    def add(self, name, kind, *values):
        self.records.setdefault((name.lower(), TYPES[kind]), []).extend(values)

    def _run(self):
        while True:
            data, peer = self._socket.recvfrom(4096)
            if not data:
                return
            self._socket.sendto(self._answer(data), peer)

    def _answer(self, query):
        identifier, _, _ = struct.unpack("!HHH", query[:6])
        name, end = _read_name(query, 12)
        kind, = struct.unpack("!H", query[end:end + 2])
        self.asked.append((name, kind))
        values = self.records.get((name, kind), [])
        known = any(key[0] == name or key[0].endswith("." + name) for key in self.records)
        header = struct.pack("!HHHHHH", identifier, 0x8580 | (0 if known else 3), 1, len(values), 0, 0)
        answers = b""
        for value in values:
            rdata = socket.inet_aton(value) if kind == TYPES["A"] else struct.pack("!HHH", *value[:3]) + _encode_name(value[3])
            answers += b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 5, len(rdata)) + rdata
        return header + query[12:end + 4] + answers
