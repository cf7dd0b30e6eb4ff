"""PostgreSQL dies under load: writes wait, then go on; nothing is lost and nothing is doubled.

    postgres_outage.py kill        kill -9 of PostgreSQL, and its restart
    postgres_outage.py failover    kill -9 of the primary; its standby is promoted

The server itself lives, so no client may lose its connection.
"""
# REQ 25: PostgreSQL's part of it.

import argparse
import asyncio
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import nothing_lost  # noqa: E402
from postgres_server import PostgresServer  # noqa: E402
from rookery_server import RookeryServer  # noqa: E402


class Outage(nothing_lost.Test):
    """The violence is done to the database instead of to the server."""

    def __init__(self, server, postgres, standby, arguments):
        super().__init__(server, arguments)
        self.postgres, self.standby = postgres, standby
        self.outages = []

    async def kill_in_the_middle(self):
        loop = asyncio.get_running_loop()
        for at in self.kill_at:
            while self.received < at and not self.gave_up:
                self.progress.clear()
                try:
                    await asyncio.wait_for(self.progress.wait(), 0.1)
                except TimeoutError:
                    pass
            began = time.monotonic()
            self.postgres.kill()
            received = self.received
            # While there is no database nothing new may be acknowledged; what is under way in sockets may still come.
            await self.wait_until_unhealthy()
            acked = self.acknowledged()
            await asyncio.sleep(0.3)
            if self.acknowledged() > acked:
                self.violations.add("%d messages were acknowledged without a database", self.acknowledged() - acked)
            if self.standby:
                self.standby.query("SELECT pg_promote(true, 30)")
            else:
                await loop.run_in_executor(None, self.postgres.start)
            back = time.monotonic()
            while self.received == received and not self.gave_up:
                await asyncio.sleep(0.01)
            self.kills_left -= 1
            print("database killed at %d received, away for %.2f s; the next message came %.2f s after its return"
                  % (received, back - began, time.monotonic() - back), flush=True)

    def acknowledged(self):
        return sum(c.sent - len(c.unacked_messages()) for c in self.chatters)

    async def wait_until_unhealthy(self):
        loop = asyncio.get_running_loop()
        for _ in range(200):
            if "log_healthy no" in await loop.run_in_executor(None, self.server.ctl, "stats"):
                # What was acknowledged before is on its way to the clients: until nothing more comes, or it does not end.
                for _ in range(10):
                    acked = self.acknowledged()
                    await asyncio.sleep(0.2)
                    if self.acknowledged() == acked:
                        return
                return
            await asyncio.sleep(0.05)
        self.violations.add("the server did not notice that the database is away")

    def judge(self, took):
        super().judge(took)
        stored = int((self.standby or self.postgres).query(
            "SELECT count(*) FROM (SELECT owner, xml FROM log_entries WHERE flags & 4 = 0 GROUP BY owner, xml HAVING count(*) = 1) AS once",
            "rookery1"))
        twice = int((self.standby or self.postgres).query(
            "SELECT count(*) FROM (SELECT owner, xml FROM log_entries WHERE flags & 4 = 0 GROUP BY owner, xml HAVING count(*) > 1) AS twice",
            "rookery1"))
        print("in the archives of the receivers: %d once, %d more than once" % (stored, twice))
        if twice or stored != self.total:
            self.violations.add("the archives hold %d messages once and %d more than once, not %d once", stored, twice, self.total)


def run(kind, arguments, binaries):
    with PostgresServer(sync=True) as postgres:
        name = "rookery1"
        connection = postgres.create_database()
        standby = None
        if kind == "failover":
            standby = postgres.clone()
            connection = postgres.connection(name, standby)
            # Without a synchronous standby a failover may lose what was committed: nobody could promise otherwise.
            postgres.query("ALTER SYSTEM SET synchronous_standby_names = '*'")
            postgres.query("SELECT pg_reload_conf()")
        config = {"storage": {"kind": "postgres", "postgres": connection}}
        with RookeryServer(config=config, binaries=binaries, keep=arguments.keep) as server:
            test = Outage(server, postgres, standby, arguments)
            asyncio.run(test.run())
            print(*[line for line in server.log().splitlines() if "level=error" in line][:10], sep="\n")
            return test.violations.found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("kill", "failover"))
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--kills", type=int, default=2, help="of PostgreSQL; a failover is one")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--pace", type=float, default=0.05, help="mean seconds between two messages of a client")
    parser.add_argument("--binary", help="rookeryd; rookeryctl lies beside it")
    parser.add_argument("--keep", action="store_true", help="keep the server's folder")
    arguments = parser.parse_args()
    arguments.cut, arguments.pause, arguments.part = False, True, None  # for clients it is a server that pauses: none may lose its connection
    if arguments.kind == "failover":
        arguments.kills = 1
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1 << 32)
    print("seed %d" % arguments.seed, flush=True)
    binaries = os.path.dirname(os.path.abspath(arguments.binary)) if arguments.binary else None
    found = run(arguments.kind, arguments, binaries)
    for line in found[:40]:
        print("VIOLATION " + line)
    print("%d violations" % len(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
