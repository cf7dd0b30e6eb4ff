"""Federation with Debian's ejabberd."""

import os
import sys
import unittest

from interop_case import InteropCase, Talk
from federation import FederatedEjabberd

if not os.path.exists("/usr/sbin/ejabberdctl"):
    print("Debian's ejabberd is not there")
    sys.exit(77)


class Dialback(Talk, InteropCase):
    method = "dialback"

    def other_server(self, domain, dns):
        return FederatedEjabberd(domain, dns, self.authority)


class Certificates(Talk, InteropCase):
    method = "EXTERNAL"
    dialback = False

    def other_server(self, domain, dns):
        return FederatedEjabberd(domain, dns, self.authority, dialback=False)


if __name__ == "__main__":
    unittest.main()
