"""Between one node and its NATS server: it makes one side of the network speak as a node of the next version might.

    with NewerVersion(nats.port, who="node") as proxy:      # this node speaks like a newer one, the others hear it
    with NewerVersion(nats.port, who="others") as proxy:    # the others do, and this node hears it

What is newer: every packet and every body ends with tags that nobody knows, and before every third packet of a stream comes one of an
unknown topic. It has a number of its own, so the receiver must count and acknowledge it; acknowledgements and gaps are told in the
sender's own numbers. The rules are in server/cluster/tlv.h and wire.h; the code is not shared. NATS' text protocol: PUB, HPUB, MSG, HMSG.
"""

import asyncio
import collections
import threading

DATA, ACK, GAP = 1, 2, 3
KIND, SEQ, BASE, TOPIC, BODY = 2, 4, 5, 7, 8  # tags of a packet
STREAM = 3
COMMAND, NOTHING, UNKNOWN = 8, 9, 4711  # topics; a command is words, not tags
EVERY = 3


def read_tags(data):
    """[(tag, number or bytes)]"""
    found, at = [], 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value
    while at < len(data):
        key, value = varint(), varint()
        if key & 1:
            found.append((key >> 1, bytes(data[at:at + value])))
            at += value
        else:
            found.append((key >> 1, value))
    return found


def write_tags(tags):
    out = bytearray()

    def varint(value):
        while value >= 0x80:
            out.append(value & 0x7f | 0x80)
            value >>= 7
        out.append(value)
    for tag, value in tags:
        is_text = isinstance(value, bytes)
        varint(tag << 1 | is_text)
        varint(len(value) if is_text else value)
        if is_text:
            out.extend(value)
    return bytes(out)


def renumbered(seq):
    """Packet `seq` of the sender, when one has been put before every third."""
    return seq + seq // EVERY


def original(seq):
    """The last packet of the sender's up to number `seq` of the newer stream."""
    return seq - (seq + 1) // (EVERY + 1)


UNKNOWN_TAGS = [(900, b"what only a newer version knows"), (901, 1 << 40)]


class Rewriter:
    def __init__(self):
        self.counts = collections.Counter()  # data packets by topic; "acknowledged": inserted ones that the receiver has taken

    def newer(self, data):
        """What a newer node would have sent instead of this: packets, in order."""
        tags = read_tags(data)
        fields = dict(tags)
        if fields.get(KIND) == DATA and STREAM in fields:
            return self._data(tags, fields)
        return [data + write_tags(UNKNOWN_TAGS)]  # an answer, or news that are no packet

    def _data(self, tags, fields):
        seq, base, topic = fields[SEQ], fields[BASE], fields.get(TOPIC, 0)
        self.counts[topic] += 1
        first = renumbered(base) - (base % EVERY == 0)  # the unknown one before it counts, too
        changes = {SEQ: renumbered(seq), BASE: first}
        if topic not in (COMMAND, NOTHING):
            changes[BODY] = fields.get(BODY, b"") + write_tags(UNKNOWN_TAGS)
        packets = [write_tags([(tag, changes.get(tag, value)) for tag, value in tags] + UNKNOWN_TAGS)]
        if seq % EVERY == 0:
            unknown = {SEQ: renumbered(seq) - 1, BASE: first, TOPIC: UNKNOWN, BODY: b"a thing of the future"}
            packets.insert(0, write_tags([(tag, unknown.get(tag, value)) for tag, value in tags]))
            self.counts[UNKNOWN] += 1
        return packets

    def answered(self, data):
        """An answer to the newer node's packets, in the numbers that the real sender knows."""
        tags = read_tags(data)
        fields = dict(tags)
        if fields[KIND] == ACK:
            seq = original(fields[SEQ])
            self.counts["acknowledged"] = max(self.counts["acknowledged"], fields[SEQ] - seq)
        else:
            seq = original(fields[SEQ] - 1) + 1  # of an unknown one: the packet behind it, which brings it again
        return write_tags([(tag, seq if tag == SEQ else value) for tag, value in tags])


def is_answer(subject):
    return b".a." in subject


class NewerVersion:
    def __init__(self, nats_port, who):
        self.nats_port, self.port = nats_port, None
        self.rewriter = Rewriter()
        # Which way data packets go that are made newer; the answers to them come the other way.
        self._verbs = {b"node": (b"PUB", b"MSG"), b"others": (b"MSG", b"PUB")}[who.encode()]
        self.problems = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()

    def __enter__(self):
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))

    async def _serve(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.nats_port)
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass  # one side has gone, so the other goes, too
        except Exception as error:
            self.problems.append(repr(error))
            raise
        finally:
            for each in (writer, far_writer):
                each.transport.abort()

    async def _pump(self, reader, writer):
        """Line by line; PUB SUBJECT [REPLY] SIZE and MSG SUBJECT SID [REPLY] SIZE are followed by so many bytes and CRLF."""
        while True:
            line = await reader.readuntil(b"\r\n")
            words = line.split()
            verb = words[0].upper() if words else b""
            if verb in (b"PUB", b"MSG", b"HPUB", b"HMSG"):
                payload = (await reader.readexactly(int(words[-1]) + 2))[:-2]
                messages = [payload] if verb.startswith(b"H") else self._rewritten(verb, words[1], payload)
                for each in messages:
                    words[-1] = b"%d" % len(each)
                    writer.write(b" ".join(words) + b"\r\n" + each + b"\r\n")
            else:
                writer.write(line)
            await writer.drain()

    def _rewritten(self, verb, subject, payload):
        newer, answers = self._verbs
        if not payload:
            return [payload]
        if is_answer(subject):
            return [self.rewriter.answered(payload) if verb == answers else payload + write_tags(UNKNOWN_TAGS)]
        return self.rewriter.newer(payload) if verb == newer else [payload]
