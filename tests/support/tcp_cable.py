"""A network cable for tests: a TCP relay on loopback that can be cut, so that a process is alone in the world.

    with Cable(("127.0.0.1", 5432)) as cable:
        connect("127.0.0.1", cable.port)
        cable.cut()     # nothing passes, nothing is refused either: as when a switch has died
        cable.mend()    # what was on its way arrives, late
"""

import asyncio
import threading


class Cable:
    def __init__(self, target, tls=None):
        """`tls`: an ssl.SSLContext; this end of the cable speaks TLS then."""
        self.target, self.tls, self.port = target, tls, None
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

    def cut(self):
        """What is sent after this returns does not pass."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (self._whole.clear(), done.set()))
        done.wait(10)

    def mend(self):
        self._loop.call_soon_threadsafe(self._whole.set)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._whole = asyncio.Event()
        self._whole.set()
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))

    async def _serve(self, reader, writer):
        await self._whole.wait()
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:
            return writer.transport.abort()
        pumps = [asyncio.ensure_future(self._pump(reader, far_writer)), asyncio.ensure_future(self._pump(far_reader, writer))]
        try:
            await asyncio.gather(*pumps)
        finally:
            for each in (writer, far_writer):
                each.transport.abort()

    async def _pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
            await self._whole.wait()
            writer.write_eof()
        except (OSError, RuntimeError):
            writer.transport.abort()
