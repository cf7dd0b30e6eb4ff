"""The files of deploy/ are what their programs understand: each is given to HAProxy, NATS, Prometheus, coturn, systemd or rookeryd
itself; what only Docker, Kubernetes or Patroni could judge is at least complete in itself."""

from operate_case import ROOT, unittest  # first: it says where the others are

import glob
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

import yaml

from haproxy_server import CONFIG, find_haproxy
from rookery_server import find_binary
from server_process import free_ports

DEPLOY = os.path.join(ROOT, "deploy")


def read(*path):
    with open(os.path.join(DEPLOY, *path)) as file:
        return file.read()


def documents(*path):
    return [document for document in yaml.safe_load_all(read(*path)) if document]


def answers_stun(port):
    """RFC 8489 §5: a Binding request, and is there a success response?"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.5)
        try:
            udp.connect(("127.0.0.1", port))
            udp.send(b"\x00\x01\x00\x00\x21\x12\xa4\x42" + os.urandom(12))
            return udp.recv(500).startswith(b"\x01\x01")
        except OSError:
            return False


class DeployFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="rookery-deploy-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", cls.path("server.key"), "-out", cls.path("server.pem")],
                       check=True, capture_output=True)
        shutil.copy(cls.path("server.pem"), cls.path("ca.pem"))

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def run_program(self, *command, **options):
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
        self.assertEqual(result.returncode, 0, " ".join(command) + "\n" + result.stdout + result.stderr)
        return result.stdout + result.stderr

    def check_rookery_config(self, text):
        self.run_program(find_binary("rookeryd"), "--check", "--config", self.write("rookery.toml", text))

    # ---- what a program can judge

    def test_haproxy_takes_its_configuration(self):
        output = self.run_program(find_haproxy(), "-c", "-f", CONFIG)
        warnings = [line for line in output.splitlines() if "WARNING" in line and "could not resolve" not in line]
        self.assertEqual(warnings, [])

    def nats(self, text, **environment):
        environment = {**os.environ, **environment}
        path = self.write("nats.conf", text.replace("/etc/nats/tls", self.folder))
        self.run_program("nats-server", "-t", "-c", path, env=environment)
        return path, environment

    def test_nats_takes_its_configurations(self):
        routes = '["nats://127.0.0.1:6222", "nats://127.0.0.2:6222"]'
        names = {"NATS_NAME": "nats-1", "NATS_CLUSTER": "east", "NATS_ROUTES": routes}
        self.nats(read("nats", "nats.conf"), **names)
        self.nats(read("nats", "nats.conf") + read("nats", "gateways.conf"), **names)
        self.nats(read("compose", "nats.conf"), **names)
        self.nats(self.config_map("nats.yaml", "nats", "nats.conf").replace("/var/run/nats", self.folder), POD_NAME="nats-0")

    def test_prometheus_takes_its_configuration_and_rules(self):
        os.makedirs(self.path("prometheus"), exist_ok=True)
        for name in ("prometheus.yml", "rookery.rules.yml"):
            self.write("prometheus/" + name, read("prometheus", name).replace("/etc/prometheus/rookery-token", self.write("token", "x")))
        self.run_program("promtool", "check", "config", self.path("prometheus/prometheus.yml"))

    def test_rookeryd_takes_every_configuration(self):
        self.check_rookery_config(read("compose", "rookery.toml"))
        self.check_rookery_config(self.config_map("rookery.yaml", "rookery", "rookery.toml"))
        self.check_rookery_config(read("rookery.toml.example"))

    def test_systemd_takes_the_units(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd-analyze here")
        units = self.path("units")
        shutil.copytree(os.path.join(DEPLOY, "systemd"), units)
        for path in glob.glob(units + "/*.service"):
            with open(path) as file:
                text = file.read().replace("/usr/local/bin/rookeryd", find_binary("rookeryd"))
            with open(path, "w") as file:
                file.write(text)
        for unit in ("rookeryd.service", "rookeryd@example.service"):
            if unit.startswith("rookeryd@"):
                shutil.copy(units + "/rookeryd@.service", units + "/" + unit)
            output = self.run_program("systemd-analyze", "verify", "--man=no", os.path.join(units, unit),
                                      env={**os.environ, "SYSTEMD_UNIT_PATH": units + ":"})
            self.assertNotIn("Unknown", output)
            self.assertNotIn("rookery", output)
        output = self.run_program("systemd-analyze", "security", "--offline=true", "--threshold=20", units + "/rookeryd.service")
        self.assertIn("OK", output.splitlines()[-1])

    def test_coturn_starts_and_answers(self):
        for name in (("coturn", "turnserver.conf"), ("compose", "turnserver.conf")):
            port, tls_port = free_ports(2)
            text = re.sub(r"(?m)^listening-port=.*", "listening-port=%d" % port, read(*name))
            text = re.sub(r"(?m)^tls-listening-port=.*", "tls-listening-port=%d" % tls_port, text)
            text = re.sub(r"(?m)^cert=.*", "cert=" + self.path("server.pem"), text)
            text = re.sub(r"(?m)^pkey=.*", "pkey=" + self.path("server.key"), text)
            path = self.write("turnserver.conf", text)
            with open(self.path("turn.log"), "w") as log:
                server = subprocess.Popen(["turnserver", "-c", path, "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--userdb=" + self.path("turn.db"),
                                           "--pidfile=" + self.path("turn.pid"), "--log-file=stdout"], stdout=log, stderr=log, cwd=self.folder)
            try:
                deadline = time.monotonic() + 20
                while not answers_stun(port):
                    self.assertIsNone(server.poll(), "it has ended")
                    self.assertLess(time.monotonic(), deadline, "it does not answer")
            finally:
                server.terminate()
                server.wait(20)
            with open(self.path("turn.log")) as log:
                text = log.read()
            bad = [line for line in text.splitlines() if re.search("bad configuration|unknown argument|unrecognized|cannot (?:find|open)", line, re.I)]
            self.assertEqual(bad, [], name)

    # ---- what is complete in itself

    def config_map(self, file, name, key):
        return next(d["data"][key] for d in documents("kubernetes", file) if d["kind"] == "ConfigMap" and d["metadata"]["name"] == name)

    def test_compose_names_only_what_is_there(self):
        compose = documents("compose.yaml")[0]
        self.assertLessEqual({"rookery-1", "rookery-2", "rookery-3", "nats-1", "nats-2", "nats-3", "postgres", "haproxy", "coturn"}, set(compose["services"]))
        for name, service in compose["services"].items():
            self.assertTrue("image" in service, name)
            self.assertLessEqual(set(service.get("networks", [])), set(compose["networks"]), name)
            self.assertLessEqual(set(service.get("secrets", [])), set(compose["secrets"]), name)
            self.assertLessEqual(set(service.get("depends_on", [])), set(compose["services"]), name)
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("."):
                    self.assertTrue(os.path.exists(os.path.join(DEPLOY, source)), "%s: %s" % (name, source))
                else:
                    self.assertIn(source, compose["volumes"], name)
        config = read("compose", "rookery.toml")
        for secret in re.findall(r"/run/secrets/(\w+)", config):
            self.assertIn(secret, compose["services"]["rookery-1"]["secrets"])
        subnet = compose["networks"]["inside"]["ipam"]["config"][0]["subnet"]
        self.assertIn('proxies = ["%s"]' % subnet, config)
        self.assertEqual(set(re.findall(r"nats://([\w-]+):", config)), {"nats-1", "nats-2", "nats-3"})
        self.assertEqual(re.search(r'turn_secret = "([^"]*)"', config).group(1),
                         re.search(r"(?m)^static-auth-secret=(.*)", read("compose", "turnserver.conf")).group(1))

    def test_the_image_has_what_its_files_name(self):
        text = read("Dockerfile")
        self.assertEqual(text.count("FROM debian:12"), 2)
        # The second stage's libraries are those that the program is linked with here, on the same Debian.
        linked = subprocess.run(["ldd", find_binary("rookeryd")], capture_output=True, text=True).stdout
        runtime = text[text.rindex("FROM debian:12"):]
        for library, package in (("libexpat", "libexpat1"), ("libssl", "libssl3"), ("libsqlite3", "libsqlite3-0"), ("librocksdb", "librocksdb7.8"),
                                 ("libpq", "libpq5"), ("libicuuc", "libicu72"), ("libidn2", "libidn2-0"), ("libspdlog", "libspdlog1.10"),
                                 ("libsystemd", "libsystemd0"), ("libnats", "libnats3.4")):
            if library in linked:
                self.assertIn(" %s " % package, runtime.replace("\\\n", " ") + " ")
        self.assertIn("useradd --system --uid 5222 ", runtime)

    def check_pods(self, workload, kinds):
        spec = workload["spec"]
        labels = spec["template"]["metadata"]["labels"]
        self.assertEqual(spec["selector"]["matchLabels"].items() - labels.items(), set())
        self.assertIn(("Service", spec["serviceName"]), kinds)
        pod = spec["template"]["spec"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        for volume in volumes.values():
            for kind, reference, key in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName"), ("PersistentVolumeClaim", "persistentVolumeClaim", "claimName")):
                if reference in volume and volume[reference][key] != "rookery-tls":  # a comment says how that is made
                    self.assertIn((kind, volume[reference][key]), kinds)
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            self.assertLessEqual({mount["name"] for mount in container["volumeMounts"]}, set(volumes))
            self.assertTrue(container["securityContext"]["readOnlyRootFilesystem"])
            self.assertFalse(container["securityContext"]["allowPrivilegeEscalation"])
            ports = {port["name"] for port in container.get("ports", [])}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if probe in container:
                    self.assertIn(container[probe]["httpGet"]["port"], ports)
        return pod, labels

    def test_kubernetes_manifests_refer_to_each_other_rightly(self):
        all_documents = documents("kubernetes", "rookery.yaml") + documents("kubernetes", "nats.yaml")
        kinds = {(d["kind"], d["metadata"]["name"]): d for d in all_documents}
        self.assertEqual(len(kinds), len(all_documents), "two of one name")
        apis = {"ConfigMap": "v1", "Secret": "v1", "Service": "v1", "PersistentVolumeClaim": "v1", "PodDisruptionBudget": "policy/v1",
                "StatefulSet": "apps/v1", "NetworkPolicy": "networking.k8s.io/v1"}
        for (kind, _), document in kinds.items():
            self.assertEqual(document["apiVersion"], apis[kind])
        labels = []
        for name in ("rookery", "nats"):
            pod, of_pod = self.check_pods(kinds["StatefulSet", name], kinds)
            labels.append(of_pod)
            budget = kinds["PodDisruptionBudget", name]["spec"]
            self.assertEqual((budget["maxUnavailable"], budget["selector"]["matchLabels"]), (1, of_pod))
        for (kind, name), document in kinds.items():
            if kind != "Service":
                continue
            self.assertIn(document["spec"]["selector"], labels, name)
        rookery = kinds["StatefulSet", "rookery"]["spec"]["template"]["spec"]
        container = rookery["containers"][0]
        self.assertEqual(container["readinessProbe"]["httpGet"]["path"], "/readyz")
        self.assertIn("rookeryctl drain", container["lifecycle"]["preStop"]["exec"]["command"][-1])
        self.assertGreater(rookery["terminationGracePeriodSeconds"], 60)
        named = {port["name"] for port in container["ports"]}
        for port in kinds["Service", "rookery"]["spec"]["ports"]:
            self.assertIn(port["targetPort"], named)
        config = self.config_map("rookery.yaml", "rookery", "rookery.toml")
        mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
        for path in re.findall(r'(?m)^[^#\n]*"(/[^"]+)"', config):
            self.assertTrue(any(path.startswith(mount) for mount in mounts), path)
        for number in range(3):
            self.assertIn("nats://nats-%d.nats:4222" % number, config)

    def test_patroni_and_rookery_agree(self):
        patroni = documents("patroni", "patroni.yml")[0]
        for section in ("scope", "name", "restapi", "etcd3", "bootstrap", "postgresql"):
            self.assertIn(section, patroni)
        self.assertTrue(patroni["bootstrap"]["dcs"]["synchronous_mode"], "an acknowledged message is on two machines")
        self.assertIn({"encoding": "UTF8"}, patroni["bootstrap"]["initdb"])
        self.assertTrue(patroni["postgresql"]["bin_dir"].startswith("/usr/lib/postgresql/15"))

    def test_the_dashboard_has_unique_panels_and_a_data_source_of_its_own_choosing(self):
        dashboard = json.loads(read("grafana", "rookery.json"))
        panels = dashboard["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        cells = set()
        for panel in panels:
            place = panel["gridPos"]
            mine = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & mine, "%s lies on another panel" % panel["title"])
            self.assertLessEqual(place["x"] + place["w"], 24)
            cells |= mine
            for target in panel.get("targets", []):
                self.assertEqual(target["datasource"]["uid"], "${datasource}")


if __name__ == "__main__":
    unittest.main()
