"""Servers that talk to one another: several rookeryd, Prosody and ejabberd, each with a domain of its own on loopback.

    a, b = FederatedRookery("a.example"), FederatedRookery("b.example")
    introduce(a, b)
    with a, b:
        ...
"""

import asyncio
import glob
import os
import subprocess
import threading

from prosody_server import ProsodyServer
from rookery_server import RookeryServer
from server_process import ServerFailed, ServerProcess, free_ports
from xmpp_client import Endpoint, XmppClient


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if result.returncode != 0:
        raise ServerFailed("%s: %s%s" % (" ".join(command), result.stdout, result.stderr))
    return result.stdout


MOST_BYTES = 100000  # that the other programs' servers take of a stanza: less than we do


class Authority:
    """Signs certificates for a test."""

    def __init__(self, folder):
        self.key, self.certificate = os.path.join(folder, "ca-key.pem"), os.path.join(folder, "ca.pem")
        self._new(self.key, self.certificate, "-x509", "-subj", "/CN=Test authority", "-days", "30")

    @staticmethod
    def _new(key, out, *more):
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", out, *more)

    def issue(self, folder, *domains):
        """cert.pem and key.pem in `folder`, for the domains and all below them."""
        names = ",".join("DNS:%s,DNS:*.%s" % (domain, domain) for domain in domains)
        extensions = os.path.join(folder, "extensions")
        with open(extensions, "w") as file:
            file.write("subjectAltName=%s\nbasicConstraints=CA:FALSE\n" % names)
        self._new(folder + "/key.pem", folder + "/request.pem", "-subj", "/CN=" + domains[0])
        run("openssl", "x509", "-req", "-in", folder + "/request.pem", "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
            "-days", "30", "-extfile", extensions, "-out", folder + "/cert.pem")


class FederatedRookery(RookeryServer):
    def __init__(self, domain, config=None, authority=None, **more):
        self.domain = domain
        self.s2s_port, self.s2s_tls_port = free_ports(2)
        merged = {
            "listen": {"s2s": ["127.0.0.1:%d" % self.s2s_port], "s2s_tls": ["127.0.0.1:%d" % self.s2s_tls_port]},
            "s2s": {"enabled": "on", "retry_most": 1, "hosts": {}, "dialback": authority is None},
        }
        for section, keys in (config or {}).items():
            if isinstance(keys, list):
                merged[section] = keys
            else:
                merged.setdefault(section, {}).update(keys)
        super().__init__(merged, **more)
        if authority is not None:
            authority.issue(self.folder, domain)
            self.config["s2s"]["ca"] = authority.certificate
            self.write_config()

    def find_at(self, domain, port):
        """The other domain, and its rooms, are at this port of loopback."""
        for name in (domain, "conference." + domain, "pubsub." + domain):
            self.config["s2s"]["hosts"][name] = "127.0.0.1:%d" % port
        self.write_config()


def introduce(*servers):
    """Each rookeryd learns where the others are."""
    for server in servers:
        for other in servers:
            if other is not server and isinstance(server, FederatedRookery):
                server.find_at(other.domain, other.s2s_port)


PROSODY = """\
run_as_root = true
daemonize = false
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
log = {{ debug = "*console" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ {tls_port} }}
s2s_ports = {{ {s2s_port} }}
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "ping", "version", "private", "pep", "carbons", "mam", "smacks", "s2s",
  "s2s_auth_certs"{dialback} }}
authentication = "internal_hashed"
c2s_require_encryption = true
s2s_require_encryption = true
s2s_secure_auth = {secure}
s2s_tcp_keepalives = true
s2s_stanza_size_limit = {most_bytes}
unbound = {{ resolvconf = false, forward = {{ "127.0.0.1@{dns_port}" }}, options = {{ ["do-not-query-localhost:"] = "no" }} }}
storage = "internal"
archive_expires_after = "never"
default_archive_policy = true
ssl = {{ certificate = "{folder}/cert.pem", key = "{folder}/key.pem", cafile = "{ca}" }}

VirtualHost "{domain}"

Component "conference.{domain}" "muc"
  modules_enabled = {{ "muc_mam" }}
"""


class FederatedProsody(ProsodyServer):
    """Finds others through `dns`, a DnsServer (Debian's lua-unbound)."""

    def __init__(self, domain, dns, authority, dialback=True):
        ServerProcess.__init__(self)
        self.domain = domain
        port, tls_port, self.s2s_port = free_ports(3)
        self.endpoint = Endpoint("127.0.0.1", port, tls_port, domain)
        self.config_path = os.path.join(self.folder, "prosody.cfg.lua")
        os.mkdir(os.path.join(self.folder, "data"))
        authority.issue(self.folder, domain)
        with open(self.config_path, "w") as file:
            file.write(PROSODY.format(folder=self.folder, port=port, tls_port=tls_port, s2s_port=self.s2s_port, dns_port=dns.port, domain=domain,
                                      most_bytes=MOST_BYTES,
                                      ca=authority.certificate, secure="false" if dialback else "true", dialback=', "dialback"' if dialback else ""))

    def is_ready(self):
        return super().is_ready() and "Activated service 's2s' on" in self.log()


EJABBERD = """\
loglevel: info
registration_timeout: infinity
hosts: ["{domain}"]
certfiles: ["{folder}/cert.pem", "{folder}/key.pem"]
ca_file: "{ca}"
s2s_use_starttls: {starttls}
s2s_cafile: "{ca}"
listen:
  - port: {port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    starttls_required: true
    access: c2s
  - port: {tls_port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    tls: true
    access: c2s
  - port: {s2s_port}
    ip: "127.0.0.1"
    module: ejabberd_s2s_in
    max_stanza_size: {most_bytes}
acl:
  local:
    user_regexp: ""
shaper_rules:
  max_user_offline_messages: 5000
access_rules:
  local: {{allow: local}}
  c2s: {{allow: all}}
modules:
  mod_disco: {{}}
  mod_ping: {{}}
  mod_roster: {{}}
  mod_private: {{}}
  mod_offline: {{}}
  mod_stream_mgmt: {{}}
  mod_register: {{ip_access: all}}
  mod_muc: {{host: "conference.{domain}", access_create: local}}
{dialback}
"""


class FederatedEjabberd(ServerProcess):
    """Debian's ejabberd, which finds others through `dns`."""

    kind = "ejabberd"

    def __init__(self, domain, dns, authority, dialback=True):
        super().__init__()
        self.domain = domain
        port, tls_port, self.s2s_port = free_ports(3)
        self.endpoint = Endpoint("127.0.0.1", port, tls_port, domain)
        authority.issue(self.folder, domain)
        inetrc = os.path.join(self.folder, "inetrc")
        with open(inetrc, "w") as file:
            file.write("{lookup, [dns]}.\n{resolv_conf, \"\"}.\n{hosts_file, \"\"}.\n{nameserver, {127,0,0,1}, %d}.\n" % dns.port)
        with open(os.path.join(self.folder, "ejabberd.yml"), "w") as file:
            file.write(EJABBERD.format(folder=self.folder, domain=domain, port=port, tls_port=tls_port, s2s_port=self.s2s_port, ca=authority.certificate,
                                       most_bytes=MOST_BYTES, starttls="required" if dialback else "required_trusted", dialback="  mod_s2s_dialback: {}" if dialback else ""))
        self.environment = {
            "HOME": self.folder, "EJABBERD_CONFIG_PATH": self.folder + "/ejabberd.yml", "EJABBERD_LOG_PATH": self.folder + "/ejabberd.log",
            "ERL_CRASH_DUMP": self.folder + "/crash.dump", "ERL_INETRC": inetrc, "ERL_MAX_PORTS": "4096",
        }

    def command(self):
        # Without a node name, so that no epmd stays behind.
        code = glob.glob("/usr/lib/*/ejabberd-*/ebin")
        return ["erl", "-noinput", "-pa", *code, "-mnesia", "dir", '"%s/mnesia"' % self.folder, "-s", "ejabberd"]

    def start(self, timeout=20.0):
        if os.path.exists(self.folder + "/ejabberd.log"):
            os.remove(self.folder + "/ejabberd.log")  # what an earlier run said
        super().start(timeout)

    def is_ready(self):
        if not os.path.exists(self.folder + "/ejabberd.log"):
            return False
        with open(self.folder + "/ejabberd.log", errors="replace") as file:
            return file.read().count("Start accepting") >= 3

    def add_account(self, user, password, domain=None):
        # In band, and in a thread: a test may have a loop of its own.
        thread = threading.Thread(target=lambda: asyncio.run(self._register(user, password)))
        thread.start()
        thread.join()

    async def _register(self, user, password):
        client = XmppClient(self.endpoint, "%s@%s" % (user, self.domain), password)
        await client.open_tcp(True)
        await client.open_stream()
        await client.receive()
        answer = await client.iq("set", "<query xmlns='jabber:iq:register'><username>%s</username><password>%s</password></query>" % (user, password))
        client.cut()
        if answer.get("type") != "result":
            raise ServerFailed("no account: " + answer.to_xml())
