"""An embedded node moves to PostgreSQL with one command, and its users notice nothing.

    migrate_to_postgres.py [--binary PATH/rookeryd]
"""

import argparse
import asyncio
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
from postgres_server import PostgresServer  # noqa: E402
from rookery_server import RookeryServer  # noqa: E402
from xmpp_client import XmppClient  # noqa: E402

MESSAGES = 30


def check(condition, what):
    if not condition:
        sys.exit("FAILED: " + what)


async def write_to_one_who_is_away(server):
    romeo = XmppClient(server.endpoint, "romeo@localhost", "secret", resource="orchard")
    await romeo.connect()
    await romeo.iq("set", "<query xmlns='jabber:iq:roster'><item jid='juliet@localhost' name='J'><group>Capulet</group></item></query>")
    for number in range(MESSAGES):
        romeo.send("<message to='juliet@localhost' type='chat'><body>%d</body></message>" % number)
    await romeo.iq("get", "<query xmlns='jabber:iq:roster'/>")
    await romeo.close()


async def read_what_waited(server):
    received = []
    juliet = XmppClient(server.endpoint, "juliet@localhost", "geheim", resource="balcony")
    juliet.intercept = lambda stanza: stanza.name == "message" and (received.append(stanza.find("body").text) or True)
    await juliet.connect()
    await juliet.go_online()
    await juliet.wait_for(lambda: len(received) >= MESSAGES, 20)
    check(received == [str(n) for n in range(MESSAGES)], "offline messages are %s" % received)
    await juliet.close()
    romeo = XmppClient(server.endpoint, "romeo@localhost", "secret", resource="orchard")
    await romeo.connect()
    roster = await romeo.iq("get", "<query xmlns='jabber:iq:roster'/>")
    check("Capulet" in str(roster) and "juliet@localhost" in str(roster), "the roster is %s" % roster)
    await romeo.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary")
    arguments = parser.parse_args()
    binaries = os.path.dirname(os.path.abspath(arguments.binary)) if arguments.binary else None
    with PostgresServer() as postgres, RookeryServer(binaries=binaries) as server:
        connection = postgres.create_database()
        migrate = [server.daemon, "--config", server.config_path, "--migrate-to-postgres", connection]
        server.add_account("romeo", "secret")
        server.add_account("juliet", "geheim")
        asyncio.run(write_to_one_who_is_away(server))
        refused = subprocess.run(migrate, capture_output=True, text=True)
        check(refused.returncode != 0 and "stopped" in refused.stderr, "a running node was migrated: " + refused.stdout + refused.stderr)

        server.stop()
        moved = subprocess.run(migrate, capture_output=True, text=True)
        print(moved.stdout + moved.stderr)
        check(moved.returncode == 0, "the migration failed")
        again = subprocess.run(migrate, capture_output=True, text=True)
        check(again.returncode != 0 and "empty" in again.stderr, "an occupied database was overwritten: " + again.stdout + again.stderr)

        # What is left in the folder must not be what answers.
        os.rename(os.path.join(server.data_dir, "rookery.sqlite"), os.path.join(server.folder, "old.sqlite"))
        os.rename(os.path.join(server.data_dir, "log"), os.path.join(server.folder, "old-log"))
        server.config["storage"] = {"kind": "postgres", "postgres": connection}
        server.write_config()
        server.start()
        asyncio.run(read_what_waited(server))
    print("ok")


main()
