"""Starts Debian's Prosody for a test, so that our expectations can be tried on a server that others trust."""

import os
import subprocess

from server_process import ServerFailed, ServerProcess, free_ports
from xmpp_client import Endpoint

CONFIG = """\
run_as_root = true
daemonize = false
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
log = {{ info = "*console" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ {tls_port} }}
modules_enabled = {{
  "roster", "saslauth", "tls", "disco", "ping", "version", "time", "private", "vcard", "pep", "blocklist",
  "carbons", "mam", "smacks", "lastactivity",
}}
modules_disabled = {{ "s2s" }}
authentication = "internal_hashed"
c2s_require_encryption = true
allow_unencrypted_plain_auth = false
storage = "internal"
archive_expires_after = "never"
default_archive_policy = true
smacks_hibernation_time = 300
ssl = {{ certificate = "{folder}/cert.pem", key = "{folder}/key.pem" }}
c2s_direct_tls_ssl = {{ certificate = "{folder}/cert.pem", key = "{folder}/key.pem" }}

VirtualHost "localhost"

Component "conference.localhost" "muc"
  modules_enabled = {{ "muc_mam", "vcard_muc" }}
"""


class ProsodyServer(ServerProcess):
    kind = "prosody"

    def __init__(self, config=None, keep=False):
        super().__init__(keep)
        port, tls_port = free_ports(2)
        self.endpoint = Endpoint("127.0.0.1", port, tls_port, self.domain)
        self.config_path = os.path.join(self.folder, "prosody.cfg.lua")
        os.mkdir(os.path.join(self.folder, "data"))
        _run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
              "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "30",
              "-keyout", self.folder + "/key.pem", "-out", self.folder + "/cert.pem"])
        with open(self.config_path, "w") as file:
            file.write(CONFIG.format(folder=self.folder, port=port, tls_port=tls_port))

    def command(self):
        return ["prosody", "--config", self.config_path, "-F"]

    def is_ready(self):
        log = self.log()
        return "Activated service 'c2s' on" in log and "Activated service 'c2s_direct_tls' on" in log

    def add_account(self, user, password, domain=None):
        _run(["prosodyctl", "--config", self.config_path, "register", user, domain or self.domain, password])


def _run(command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if result.returncode != 0:
        raise ServerFailed("%s: %s%s" % (" ".join(command), result.stdout, result.stderr))
