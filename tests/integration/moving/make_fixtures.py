"""Makes fixtures/ with real servers: make_fixtures.py ejabberd|prosody. Their versions are in fixtures/README.md."""

import asyncio
import os
import shutil
import subprocess
import sys

from populate import PASSWORD, PEOPLE, ROOT, populate
from prosody_server import ProsodyServer

HERE = os.path.dirname(os.path.abspath(__file__))
# What /etc/prosody/migrator.cfg.lua lists; the target writes below Prosody's data folder, which is another one here.
MIGRATOR = """\
old {{ type = "internal"; path = "{data}"; hosts = {{ ["localhost"] = {{
  "accounts", "roster", "vcard", "private", "archive-archive", "pep-pubsub" }} }} }}
new {{ type = "xep0227" }}
"""
PROGRAM = "/usr/bin/prosody-migrator"


def fresh(name):
    folder = os.path.join(HERE, "fixtures", name)
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def ejabberd():
    from ejabberd_server import EjabberdServer
    with EjabberdServer() as server:
        for user in PEOPLE:
            server.add_account(user, PASSWORD)
        asyncio.run(populate(server))
        server.export(fresh("ejabberd"))


def prosody_export(server, target):
    """`prosody-migrator` from what the server stored to XEP-0227; the server has stopped."""
    config, program = os.path.join(server.folder, "migrator.cfg.lua"), os.path.join(server.folder, "migrator")
    export = os.path.join(server.folder, "export")
    os.mkdir(export)
    with open(config, "w") as file:
        file.write(MIGRATOR.format(data=os.path.join(server.folder, "data")))
    with open(PROGRAM) as original, open(program, "w") as copy:
        copy.write(original.read().replace("CFG_DATADIR='/var/lib/prosody'", "CFG_DATADIR='%s'" % export))
    os.chmod(server.folder, 0o755)
    if os.getuid() == 0:  # then it changes to its own user
        subprocess.run(["chown", "-R", "prosody", server.folder], check=True)
    result = subprocess.run(["lua5.4", program, "--config", config, "old", "new"], capture_output=True, text=True, timeout=60)
    if result.returncode != 0 or not os.listdir(export):
        raise RuntimeError(result.stdout + result.stderr)
    shutil.copytree(export, target, dirs_exist_ok=True)


def prosody():
    with ProsodyServer() as server:
        for user in PEOPLE:
            server.add_account(user, PASSWORD)
        asyncio.run(populate(server))
        server.stop()
        prosody_export(server, fresh("prosody"))


if __name__ == "__main__":
    assert os.path.isdir(ROOT)
    {"ejabberd": ejabberd, "prosody": prosody}[sys.argv[1]]()
