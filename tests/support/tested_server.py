"""The server that a suite tests. One rookeryd; with ROOKERY_TEST_EDGE=remote a network of two nodes, where every client is connected to one
and has its home on the other: what a suite expects must hold there unchanged.

    server = tested_server(config={"archive": {"enabled": False}})
"""

import atexit
import os

from cluster import Nats, RemoteEdge
from postgres_server import PostgresServer
from rookery_server import RookeryServer

_services = []


def edge_is_remote():
    return os.environ.get("ROOKERY_TEST_EDGE") == "remote"


def services():
    """PostgreSQL and NATS for all servers of this run."""
    if not _services:
        for service in (PostgresServer(sync=True), Nats()):
            _services.append(service.__enter__())
            atexit.register(service.close)
    return _services


def tested_server(config=None, keep=False, binaries=None):
    return RemoteEdge(*services(), config, keep, binaries) if edge_is_remote() else RookeryServer(config, keep, binaries)
