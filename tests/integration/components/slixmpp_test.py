"""Debian's slixmpp as a component: an echo bot. Exit status 77: it is not installed."""

import asyncio
import sys
import unittest

try:
    from slixmpp.componentxmpp import ComponentXMPP
except ImportError:
    print("python3-slixmpp is not installed")
    sys.exit(77)

from component_case import SECRET, ComponentCase

TIMEOUT = 30


class EchoBot(ComponentXMPP):
    def __init__(self, port):
        super().__init__("bridge.localhost", SECRET, "127.0.0.1", port)
        self.started = asyncio.get_running_loop().create_future()
        self.add_event_handler("session_start", lambda _: self.started.done() or self.started.set_result(True))
        self.add_event_handler("message", self.echo)
        for name in ("xep_0030", "xep_0199"):
            self.register_plugin(name)

    def echo(self, message):
        if message["type"] in ("chat", "normal"):
            message.reply("You said: " + message["body"]).send()


class Echo(ComponentCase):
    async def test_an_echo_bot_of_slixmpp_logs_in_answers_and_is_discovered(self):
        bot = EchoBot(self.port)
        bot.connect()
        await asyncio.wait_for(bot.started, TIMEOUT)
        try:
            romeo = await self.log_in()
            for number in range(20):
                romeo.send("<message to='echo@bridge.localhost' type='chat'><body>%d</body></message>" % number)
            for number in range(20):
                heard = await romeo.receive_where(lambda e: e.name == "message")
                self.assertEqual((heard.get("from"), heard.find("body").text), ("echo@bridge.localhost", "You said: %d" % number))
            info = await romeo.iq("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to="bridge.localhost")
            self.assertEqual(info.find("query").find("identity").get("category"), "component")
        finally:
            bot.abort()


if __name__ == "__main__":
    unittest.main()
