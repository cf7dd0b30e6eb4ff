#!/usr/bin/python3
"""OpenStack Swift with its S3 interface, whole, in one process: python3-swift of Debian, driven as its own in-process tests do.

    swift_s3.py FOLDER PORT BUCKET ACCESS_KEY SECRET_KEY

It verifies signatures and content digests, which the small S3 fakes do not. Everything lies in FOLDER; prints "ready" when it listens."""

import os
import sys

import eventlet

eventlet.monkey_patch(all=False, socket=True, select=True, thread=True)

from eventlet import wsgi  # noqa: E402 (before anything else takes sockets)
from swift.account.server import AccountController  # noqa: E402
from swift.common import utils  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.storage_policy import reload_storage_policies  # noqa: E402
from swift.common.swob import Request  # noqa: E402
from swift.common.wsgi import loadapp  # noqa: E402
from swift.container.server import ContainerController  # noqa: E402
from swift.obj.server import ObjectController  # noqa: E402

PROXY = """[DEFAULT]
swift_dir = %(folder)s
[pipeline:main]
pipeline = catch_errors s3api tempauth proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
node_timeout = 30
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = false
storage_domain = localhost
cors_preflight_allow_origin = *
[filter:tempauth]
use = egg:swift#tempauth
user_%(account)s_%(user)s = %(secret)s .admin
"""


class Cache:
    """What stands in for memcached, which tempauth insists on. It remembers nothing, so nothing is stale."""

    def get(self, *_, **__):
        return None

    def set(self, *_, **__):
        pass

    delete = set


def with_cache(application):
    cache = Cache()

    def call(environment, start_response):
        environment["swift.cache"] = cache
        return application(environment, start_response)
    return call


def make_ring(folder, name, port):
    builder = RingBuilder(part_power=1, replicas=1, min_part_hours=0)
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1.0, "ip": "127.0.0.1", "port": port, "device": "disk", "replication_ip": "127.0.0.1",
                     "replication_port": port, "meta": ""})
    builder.rebalance()
    builder.get_ring().save(os.path.join(folder, name + ".ring.gz"))


def serve(listener, application):
    return eventlet.spawn(wsgi.server, listener, application, log=open(os.devnull, "w"), log_output=False, socket_timeout=60)


def main(folder, port, bucket, access_key, secret_key):
    os.makedirs(os.path.join(folder, "devices", "disk"), exist_ok=True)
    with open(os.path.join(folder, "swift.conf"), "w") as file:
        file.write("[swift-hash]\nswift_hash_path_suffix = test\n[storage-policy:0]\nname = only\ndefault = yes\n")
    utils.SWIFT_CONF_FILE = os.path.join(folder, "swift.conf")
    utils.HASH_PATH_SUFFIX = b"test"
    reload_storage_policies()
    conf = {"devices": os.path.join(folder, "devices"), "swift_dir": folder, "mount_check": "false", "fallocate_reserve": "0"}
    for name, controller in (("account", AccountController), ("container", ContainerController), ("object", ObjectController)):
        listener = eventlet.listen(("127.0.0.1", 0))
        make_ring(folder, name, listener.getsockname()[1])
        serve(listener, controller(conf))
    account, user = access_key.split(":")
    path = os.path.join(folder, "proxy.conf")
    with open(path, "w") as file:
        file.write(PROXY % {"folder": folder, "account": account, "user": user, "secret": secret_key})
    proxy = loadapp(path, global_conf={})
    application = proxy
    while hasattr(application, "app"):
        application = application.app  # behind the authentication
    request = Request.blank("/v1/AUTH_%s/%s" % (account, bucket), method="PUT", headers={"X-Timestamp": utils.Timestamp.now().internal})
    request.environ["swift_owner"] = True
    status = request.get_response(with_cache(application)).status_int
    if status not in (201, 202):
        sys.exit("the bucket could not be made: %d" % status)
    server = serve(eventlet.listen(("127.0.0.1", port), backlog=128), with_cache(proxy))
    print("ready", flush=True)
    server.wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
