"""Places that are far apart: network namespaces, joined by a router that can stop to carry what comes from one of them or goes there.

    with Network("east", "west") as network:
        ServerProcess.namespace = network.namespace("east")    # listens on network.inner("east"), or on network.access("east")
        network.cut("east")     # silence, as where a cable is dug up: no reset, no ICMP
        network.mend("east")

Programs in east reach those in west at their inner addresses. We reach each place at its access address, always.
"""

import os
import subprocess


def in_namespace(name, command):
    return ["ip", "netns", "exec", name, *command] if name else command


def ip(*arguments, namespace=None):
    subprocess.run(["ip", *(["-n", namespace] if namespace else []), *arguments], check=True, capture_output=True)


def why_not():
    """Why there can be no namespaces here; empty when there can."""
    name = "rookery-probe-%d" % os.getpid()
    try:
        result = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    except FileNotFoundError:
        return "there is no program ip (Debian: iproute2)"
    if result.returncode == 0:
        ip("netns", "del", name)
    return result.stderr.strip()


class Network:
    def __init__(self, *places):
        self.places = places
        self._id = "rk%d" % os.getpid()
        self._net = "10.%d" % (64 + os.getpid() % 128)
        self._made = []

    def namespace(self, place):
        return "%s-%s" % (self._id, place)

    def inner(self, place):
        return "%s.%d.2" % (self._net, self.places.index(place))

    def access(self, place):
        return "%s.%d.2" % (self._net, 100 + self.places.index(place))

    def __enter__(self):
        try:
            self._add("router")
            subprocess.run(in_namespace(self.namespace("router"), ["sysctl", "-qw", "net.ipv4.ip_forward=1"]), check=True)
            for number, place in enumerate(self.places):
                self._add(place)
                self._join(place, number, self.namespace("router"))
                self._join(place, 100 + number, None)
                ip("route", "add", self._net + ".0.0/16", "via", "%s.%d.1" % (self._net, number), namespace=self.namespace(place))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for name in self._made:
            ip("netns", "del", name)  # and every interface in it
        self._made = []

    def cut(self, place):
        for way in ("from", "to"):
            ip("rule", "add", "priority", "1", way, self.inner(place), "blackhole", namespace=self.namespace("router"))

    def mend(self, place):
        for way in ("from", "to"):
            ip("rule", "del", "priority", "1", way, self.inner(place), "blackhole", namespace=self.namespace("router"))

    def _add(self, place):
        ip("netns", "add", self.namespace(place))
        self._made.append(self.namespace(place))
        ip("link", "set", "lo", "up", namespace=self.namespace(place))

    def _join(self, place, number, other):
        """A cable from `place`, which is .2 of its net, to the namespace `other` (None: ours), which is .1."""
        here, there = "%s.%d" % (self._id, number), "%s-%d" % (self._id, number)
        ip("link", "add", here, "type", "veth", "peer", "name", there)
        for name, end, host in ((here, self.namespace(place), 2), (there, other, 1)):
            if end:
                ip("link", "set", name, "netns", end)
            ip("address", "add", "%s.%d.%d/24" % (self._net, number, host), "dev", name, namespace=end)
            ip("link", "set", name, "up", namespace=end)
