"""Federation with Debian's Prosody."""

import os
import sys
import unittest

from interop_case import InteropCase, Talk
from federation import FederatedProsody

if not os.path.exists("/usr/bin/prosody") or not os.path.exists("/usr/lib/x86_64-linux-gnu/lua/5.4/lunbound.so"):
    print("Debian's prosody and lua-unbound are not both there")
    sys.exit(77)


class Dialback(Talk, InteropCase):
    method = "dialback"

    def other_server(self, domain, dns):
        return FederatedProsody(domain, dns, self.authority)


class Certificates(Talk, InteropCase):
    method = "EXTERNAL"
    dialback = False

    def other_server(self, domain, dns):
        return FederatedProsody(domain, dns, self.authority, dialback=False)


if __name__ == "__main__":
    unittest.main()
