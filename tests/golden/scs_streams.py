"""The steps of golden scripts that drive a stream byte by byte; a part of the runner."""

from scs_match import expand
from scs_steps import Failure, step


class StreamSteps:
    @step(r"(\w+) opens a (TCP|TLS) connection")
    async def open_connection(self, name, kind):
        await self.client(name).open_tcp(kind == "TLS")

    @step(r"(\w+) opens a stream(?: to (\S+))?")
    async def open_stream(self, name, to):
        header = await self.client(name).open_stream(self.timeout, expand(to, self.names) if to else None)
        self.note("    %s <-- header %s" % (name, header))
        if not header.get("id"):
            raise Failure("the stream header has no id (RFC 6120 §4.7.3): %s" % header)
        previous = self.names.get(name + ".stream")
        if previous == header.get("id"):
            raise Failure("the new stream has the id of the old one (RFC 6120 §4.7.3)")
        self.names[name + ".stream"] = header.get("id")

    @step(r"(\w+) receives a header:")
    async def receive_header(self, name, block):
        client = self.client(name)
        expected = block.elements()[0]
        await client.wait_for(lambda: client.headers, self.timeout)
        captures, reason = self._matcher(name).match(expected, client.headers.popleft())
        if reason:
            raise Failure(reason)
        self.names.update(captures)

    @step(r"(\w+) awaits a header")
    async def await_header(self, name):
        client = self.client(name)
        await client.wait_for(lambda: client.headers, self.timeout)
        client.headers.popleft()

    @step(r"(\w+) writes:")
    async def write(self, name, block):
        self.client(name).write(expand(block.block, self.names))

    @step(r"(\w+) writes bytes:")
    async def write_bytes(self, name, block):
        """Text with Python's escapes: \\xff, \\0, \\n."""
        text = expand(block.block, self.names)
        self.client(name).write(text.encode().decode("unicode_escape").encode("latin-1"))

    @step(r"(\w+) starts TLS")
    async def start_tls(self, name):
        await self.client(name).start_tls()

    @step(r"(\w+) resets its parser")
    async def reset_parser(self, name):
        self.client(name)._new_parser()

    @step(r"(\w+) tries to log in as (\w+) using (\S+)(?: with password \"([^\"]*)\")?(?: and authzid (\S+))?")
    async def try_sasl(self, name, account, mechanism, password, authzid):
        """A SASL exchange; the server's last word is the next element to be received."""
        client = self.client(name)
        authzid = expand(authzid, self.names) if authzid else ""
        answer = await client.authenticate(mechanism, authzid, password or self.names[account + ".password"],
                                           self.names[account + ".user"], self.timeout)
        client.inbox.appendleft(answer)
