#!/usr/bin/env python3
"""Includes point one way only (docs/ARCHITECTURE.md):

    server/features -> server -> storage -> xmpp -> crypto
    client/cli, client/ui -> client/core -> storage -> xmpp -> crypto

Features never include one another; the list of all of them, server/features/features.cpp, may. xmpp/ and crypto/ know no
sockets, threads or Asio. Prints every offence as FILE:LINE and exits with 1 if there is one.
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

MAY_INCLUDE = {
    "crypto": {"crypto"},
    "xmpp": {"xmpp", "crypto"},
    "storage": {"storage", "xmpp", "crypto"},
    "server": {"server", "storage", "xmpp", "crypto"},
    "server/features": {"server", "storage", "xmpp", "crypto"},
    "client/core": {"client/core", "storage", "xmpp", "crypto"},
    "client/cli": {"client/cli", "client/core", "storage", "xmpp", "crypto"},
    "client/ui": {"client/ui", "client/core", "storage", "xmpp", "crypto"},
}
NO_IO = re.compile(r"^(sys/socket\.h|sys/epoll\.h|poll\.h|netdb\.h|thread|boost/(asio|beast)(/|\.hpp).*)$")


def area(path):
    """The longest folder of MAY_INCLUDE that `path` lies in, or None."""
    parts = path.split("/")
    for length in (2, 1):
        folder = "/".join(parts[:length])
        if len(parts) > length and folder in MAY_INCLUDE:
            return folder
    return None


def feature(path):
    """The name of the feature a file belongs to: its folder or its stem below server/features."""
    below = path.split("/", 2)[2]
    return below.split("/")[0].split(".")[0]


def offence(path, bracket, included):
    """What is wrong with one include, or None."""
    source = area(path)
    if source in ("crypto", "xmpp") and bracket == "<" and NO_IO.match(included):
        return "%s/ knows no sockets, threads or Asio" % source
    target = area(included)
    if target is None:
        own = included.split("/")[0] in {"client", "crypto", "server", "storage", "xmpp"}
        local = bracket == '"' and "/" not in included
        return "write includes from the root" if local and not own else None
    if source == "server/features" and target == "server/features":
        # features.h only declares how each one is added, so every feature may see it; features.cpp is the list.
        free = path.endswith("/features.cpp") or feature(included) in ("features", feature(path))
        return None if free else "features never include one another"
    if source == "server" and target == "server/features":
        # The one place that names all features is asked for them by the node.
        return None if feature(included) == "features" else "%s/ may not include %s/" % (source, target)
    return None if target in MAY_INCLUDE[source] else "%s/ may not include %s/" % (source, target)


def source_files(root):
    for top in ("client", "crypto", "server", "storage", "xmpp"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if name.endswith((".h", ".cpp", ".c")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def offences(root):
    for path in source_files(root):
        if area(path) is None:
            continue
        with open(os.path.join(root, path), encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                match = INCLUDE.match(line)
                problem = match and offence(path, match[1], match[2])
                if problem:
                    yield "%s:%d: %s: %s" % (path, number, problem, line.strip())


def self_test():
    """The rules refuse what they are for; a lint that cannot fail is worth nothing."""
    assert offence("crypto/a.cpp", '"', "xmpp/jid.h")
    assert offence("xmpp/a.cpp", '"', "server/loop.h")
    assert offence("server/a.cpp", '"', "client/core/event.h")
    assert offence("client/core/a.cpp", '"', "server/loop.h")
    assert offence("client/core/a.cpp", '"', "client/cli/main.h")
    assert offence("server/features/ping.cpp", '"', "server/features/carbons.h")
    assert offence("server/home/home.cpp", '"', "server/features/ping.h")
    assert offence("xmpp/a.cpp", "<", "sys/socket.h")
    assert offence("server/home/home.cpp", '"', "home.h")
    assert offence("server/features/features.h", '"', "server/features/ping.h")
    assert not offence("server/features/ping.cpp", '"', "server/features/features.h")
    assert not offence("server/features/pubsub/node.cpp", '"', "server/features/pubsub/item.h")
    assert not offence("server/node.cpp", '"', "server/features/features.h")
    assert not offence("server/a.cpp", '"', "xmpp/jid.h")


def main():
    self_test()
    found = list(offences(ROOT))
    print("\n".join(found) if found else "include_arrows: all includes point the right way")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
