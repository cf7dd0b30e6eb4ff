"""Starts a real rookeryd for a test, on free ports and in a temporary folder.

    with RookeryServer(config={"archive": {"enabled": False}}) as server:
        server.add_account("romeo", "secret")
        client = XmppClient(server.endpoint, "romeo@localhost", "secret")

The programs come from `binaries`, ROOKERY_BIN or the release build of this tree.
"""

import os
import sqlite3
import subprocess

import exposition
from server_process import ServerFailed, ServerProcess, free_ports
from xmpp_client import Endpoint

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def find_binary(name, folder=None):
    folders = [folder or os.environ.get("ROOKERY_BIN")]
    if not folders[0]:
        build = os.path.join(ROOT, "build", "release")
        folders = [build, os.path.join(build, "server"), os.path.join(build, "bin")]
    for each in folders:
        path = os.path.join(each, name)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    raise ServerFailed("no %s in %s; build it or set ROOKERY_BIN" % (name, ", ".join(folders)))


class RookeryServer(ServerProcess):
    kind = "rookery"

    def __init__(self, config=None, keep=False, binaries=None, host="127.0.0.1", ports=None):
        """`host` and `ports` (five of them) are for servers that are found by rule, such as those behind HAProxy."""
        super().__init__(keep)
        self.host = host
        self.daemon = find_binary("rookeryd", binaries)
        self.ctl_program = find_binary("rookeryctl", os.path.dirname(self.daemon))
        port, tls_port, self.https_port, self.http_port, self.metrics_port = ports or free_ports(5)
        self.endpoint = Endpoint(host, port, tls_port, self.domain, self.https_port)
        self.data_dir = os.path.join(self.folder, "data")
        self.socket = os.path.join(self.folder, "rookery.sock")
        self.config_path = os.path.join(self.folder, "rookery.toml")
        os.mkdir(self.data_dir, 0o700)
        self.config = {
            "server": {"domains": [self.domain], "data_dir": self.data_dir, "threads": 2},
            "listen": {"c2s": [self.address(port)], "c2s_tls": [self.address(tls_port)]},
            "http": {"listen": [self.address(self.https_port)], "plain": [self.address(self.http_port)]},
            "tls": {"certificate": os.path.join(self.folder, "cert.pem"), "key": os.path.join(self.folder, "key.pem")},
            "admin": {"socket": self.socket},
            "metrics": {"listen": [self.address(self.metrics_port)]},
            # RFC 7677 §4's minimum would be 4096; REQUIREMENTS 11 allows no less than 10,000.
            # Tests guess wrong on purpose, and all from one address.
            "auth": {"scram_iterations": 10000, "backoff_first_ms": 10, "backoff_most_ms": 100},
        }
        for section, keys in (config or {}).items():
            if isinstance(keys, list):
                self.config[section] = keys  # an array of tables
            else:
                self.config.setdefault(section, {}).update(keys)
        self.write_config()

    def address(self, port):
        return "%s:%d" % (self.host, port)

    def expect_proxies(self, *networks):
        """Clients come through HAProxy from now on, by PROXY protocol; before start()."""
        public = [*self.config["listen"]["c2s"], *self.config["listen"]["c2s_tls"], *self.config["http"]["listen"]]
        self.config["listen"].update({"proxy_protocol": public, "proxies": list(networks)})
        self.write_config()

    def write_config(self):
        with open(self.config_path, "w") as file:
            file.write(to_toml(self.config))

    def command(self):
        return [self.daemon, "--config", self.config_path]

    def is_ready(self):
        return "event=ready" in self.log()

    def ctl(self, *arguments, stdin=None):
        """Runs rookeryctl and returns its output; ServerFailed when it fails."""
        result = subprocess.run([self.ctl_program, "--socket", self.socket, *arguments], input=stdin,
                                capture_output=True, text=True, timeout=30)
        if result.returncode != 0:
            raise ServerFailed("rookeryctl %s: %s%s" % (" ".join(arguments), result.stdout, result.stderr))
        return result.stdout

    def probe(self, path):
        """(status, text) of /healthz or /readyz."""
        status, _, text = exposition.get("http://%s%s" % (self.address(self.metrics_port), path))
        return status, text.strip()

    def metrics(self):
        return exposition.scrape("http://%s/metrics" % self.address(self.metrics_port))

    def change_database(self, sql, *values):
        """What no client or operator could do; `sql` has a ? for each value."""
        if "storage" in self.config:
            # psql has no placeholders for values but quotes what it is given as variables.
            for number in range(len(values)):
                sql = sql.replace("?", ":'v%d'" % number, 1)
            subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *("-vv%d=%s" % pair for pair in enumerate(values)),
                            self.config["storage"]["postgres"]], input=sql, text=True, check=True, timeout=30)
            return
        database = sqlite3.connect(os.path.join(self.data_dir, "rookery.sqlite"), timeout=10)
        with database:
            database.execute(sql, values)
        database.close()

    def add_account(self, user, password, domain=None):
        self.ctl("account", "add", "%s@%s" % (user, domain or self.domain), "--password-stdin", stdin=password + "\n")


def to_toml(tables):
    lines = []
    for section, content in tables.items():
        for keys in content if isinstance(content, list) else [content]:
            lines.append(("[[%s]]" if isinstance(content, list) else "[%s]") % section)
            lines += ["%s = %s" % (key, _toml_value(value)) for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def _toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[%s]" % ", ".join(map(_toml_value, value))
    if isinstance(value, dict):
        return "{ %s }" % ", ".join("%s = %s" % (_toml_value(key), _toml_value(each)) for key, each in value.items())
    if isinstance(value, str):
        return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"')
    return str(value)
