"""Debian's ejabberd on free ports, to make export files with. Needs root, because its scripts change to its own user."""

import os
import shutil
import subprocess

from server_process import ServerFailed, ServerProcess, free_ports
from xmpp_client import Endpoint

CONFIG = """\
hosts: [localhost]
loglevel: info
certfiles: ["{folder}/both.pem"]
listen:
  - port: {port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    starttls: true
auth_method: internal
auth_password_format: scram
acl: {{ local: {{ user_regexp: "" }} }}
access_rules: {{ local: {{ allow: local }}, c2s: {{ allow: all }} }}
modules:
  mod_adhoc: {{}}
  mod_admin_extra: {{}}
  mod_blocking: {{}}
  mod_caps: {{}}
  mod_disco: {{}}
  mod_last: {{}}
  mod_mam: {{ default: always }}
  mod_offline: {{}}
  mod_ping: {{}}
  mod_privacy: {{}}
  mod_private: {{}}
  mod_pubsub:
    plugins: [flat, pep]
    force_node_config:
      "urn:xmpp:bookmarks:1": {{ access_model: whitelist }}
  mod_roster: {{}}
  mod_vcard: {{}}
"""


class EjabberdServer(ServerProcess):
    kind = "ejabberd"

    def __init__(self):
        super().__init__()
        port, self.dist_port = free_ports(2)
        self.endpoint = Endpoint("127.0.0.1", port, None, self.domain)
        for name in ("spool", "logs", "export"):
            os.mkdir(os.path.join(self.folder, name))
        with open(os.path.join(self.folder, "ejabberd.yml"), "w") as file:
            file.write(CONFIG.format(folder=self.folder, port=port))
        with open(os.path.join(self.folder, "ejabberdctl.cfg"), "w") as file:
            file.write("ERL_DIST_PORT=%d\n" % self.dist_port)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "30", "-keyout",
                        self.folder + "/key.pem", "-out", self.folder + "/cert.pem"], check=True, capture_output=True)
        with open(os.path.join(self.folder, "both.pem"), "w") as both:
            for name in ("cert.pem", "key.pem"):
                both.write(open(os.path.join(self.folder, name)).read())
        os.chmod(self.folder, 0o755)
        subprocess.run(["chown", "-R", "ejabberd", self.folder], check=True)

    def ctl_command(self, *words):
        return ["ejabberdctl", "--config-dir", self.folder, "--config", self.folder + "/ejabberd.yml", "--ctl-config",
                self.folder + "/ejabberdctl.cfg", "--spool", self.folder + "/spool", "--logs", self.folder + "/logs",
                "--node", "rookerytest@localhost", *words]

    def command(self):
        return self.ctl_command("foreground")

    def ctl(self, *words):
        result = subprocess.run(self.ctl_command(*words), capture_output=True, text=True, timeout=60, cwd=self.folder)
        if result.returncode != 0:
            raise ServerFailed("ejabberdctl %s: %s%s" % (" ".join(words), result.stdout, result.stderr))
        return result.stdout

    def is_ready(self):
        return "Start accepting TCP connections" in self.log()

    def add_account(self, user, password, domain=None):
        self.ctl("register", user, domain or self.domain, password)

    def export(self, to):
        self.ctl("export_piefxis", self.folder + "/export")
        shutil.copytree(self.folder + "/export", to, dirs_exist_ok=True)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            try:
                self.ctl("stop")
                self.process.wait(20)
            except (ServerFailed, subprocess.TimeoutExpired):
                pass
        super().close()
