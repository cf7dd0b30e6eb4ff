"""A private PostgreSQL for tests: in a temporary folder, on unix sockets there and nowhere else unless told, ended by PID.

    with PostgresServer() as postgres:
        connection = postgres.create_database()
        standby = postgres.clone()          # a streaming standby of it
"""

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

from namespaces import in_namespace
from server_process import ServerFailed, free_ports


def find_programs():
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda f: int(f.split("/")[4]), reverse=True)
    for folder in folders:
        if os.access(os.path.join(folder, "initdb"), os.X_OK) and int(folder.split("/")[4]) >= 15:
            return folder
    return None


class PostgresServer:
    """`sync` False: what is written survives a kill of the processes but not of the machine; quicker.

    `addresses`: listens on TCP there too, at `port`. `namespace` of the network: see namespaces.py. `settings`: beside ours."""

    detached = False  # as in ServerProcess

    def __init__(self, sync=False, port=5432, addresses=(), namespace=None, settings=()):
        self.programs = find_programs()
        if self.programs is None:
            raise ServerFailed("PostgreSQL 15 or newer is not installed (Debian: postgresql)")
        # It does not run as root; Debian's user does it then.
        self._user = "postgres" if os.getuid() == 0 else None
        self.addresses, self.namespace, self.settings = addresses, namespace, settings
        self.sync, self.port = sync, free_ports(1)[0] if addresses and not namespace else port
        self.folder = tempfile.mkdtemp(prefix="rookery-pg-")
        self.data = os.path.join(self.folder, "data")
        self.log_path = os.path.join(self.folder, "log")
        self.process = None
        self._databases = 0
        self._standbys = []
        if self._user:
            owner = pwd.getpwnam(self._user)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)

    def __enter__(self):
        try:
            self._run("initdb", "-D", self.data, "-U", "rookery", "-A", "trust", "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync",
                      *(["--data-checksums"] if self.namespace else []))
            if self.namespace:
                with open(os.path.join(self.data, "pg_hba.conf"), "a") as rules:
                    rules.write("host all all 10.0.0.0/8 trust\nhost replication all 10.0.0.0/8 trust\n")
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _run(self, program, *arguments):
        result = subprocess.run([os.path.join(self.programs, program), *arguments], user=self._user, group=self._user, extra_groups=[] if self._user else None,
                                capture_output=True, text=True, cwd="/", timeout=120)
        if result.returncode != 0:
            raise ServerFailed("%s: %s%s" % (program, result.stdout, result.stderr))
        return result.stdout

    def start(self, wait=True):
        settings = ["listen_addresses=" + ",".join(self.addresses), "max_connections=60", "shared_buffers=64MB", "wal_level=replica", "hot_standby=on",
                    "fsync=%s" % ("on" if self.sync else "off"), *self.settings]
        command = [os.path.join(self.programs, "postgres"), "-D", self.data, "-k", self.folder, "-p", str(self.port)]
        for setting in settings:
            command += ["-c", setting]
        user = self._user
        if self.namespace:  # only root gets into one
            command, user = in_namespace(self.namespace, ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", *command]), None
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=self.detached,
                                            user=user, group=user, extra_groups=[] if user else None)
        deadline = time.monotonic() + 60
        while wait and not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(self.log_path) as log:
                    raise ServerFailed("PostgreSQL did not start:\n" + log.read()[-3000:])
            time.sleep(0.02)

    def is_ready(self):
        return subprocess.run([os.path.join(self.programs, "pg_isready"), "-q", "-h", self.folder, "-p", str(self.port)]).returncode == 0

    def processes(self):
        children = open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)).read().split()
        return [self.process.pid] + [int(child) for child in children]

    def kill(self):
        """kill -9 of the server and all of its sessions, and waits for their end."""
        family = self.processes()
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        while any(os.path.exists("/proc/%d/stat" % pid) and "Z" not in open("/proc/%d/stat" % pid).read().split(")")[-1].split()[0]
                  for pid in family if os.path.exists("/proc/%d" % pid)):
            time.sleep(0.01)

    def clone(self, **options):
        """A standby that streams from this server."""
        standby = PostgresServer(self.sync, self.port, **options)
        self._standbys.append(standby)
        # The folder of a standby belongs to the same user, so this is no matter of rights.
        self._run("pg_basebackup", "-h", self.folder, "-p", str(self.port), "-U", "rookery", "-D", standby.data, "-R", "-X", "stream",
                  "-c", "fast", "--no-sync")
        standby.start()
        return standby

    def follow(self, upstream):
        """A standby streams from another server now, over TCP; from none: None."""
        source = "host=%s port=%d user=rookery connect_timeout=2" % (upstream.addresses[0], upstream.port) if upstream else ""
        self.query("ALTER SYSTEM SET primary_conninfo = '%s'" % source)
        self.query("SELECT pg_reload_conf()")

    def rewind(self, upstream):
        """A former primary, which has ended, gives up what `upstream` does not have, and is its standby."""
        self._run("pg_rewind", "-D", self.data, "--source-server", upstream.connection("postgres"), "-R", "--no-sync")
        self.start()
        self.follow(upstream)

    def query(self, sql, database="postgres"):
        return self._run("psql", "-h", self.folder, "-p", str(self.port), "-U", "rookery", "-d", database, "-XAtq", "-v", "ON_ERROR_STOP=1",
                         "-c", sql).strip()

    def create_database(self):
        """Its connection string."""
        self._databases += 1
        name = "rookery%d" % self._databases
        self.query("CREATE DATABASE " + name)
        return self.connection(name)

    def connection(self, name, *standbys):
        hosts = [self, *standbys]
        return "host=%s port=%s user=rookery dbname=%s" % (",".join(h.folder for h in hosts), ",".join(str(h.port) for h in hosts), name)

    def close(self):
        for standby in self._standbys:
            standby.close()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)
