"""What belongs to an account or a service outlives the node that owned it: the owner is killed (-9), everybody else goes on.

Everything is set up while node X owns it: accounts whose home is there, the pubsub service, clients who talk to it from other nodes. Then X
dies, others take its shards, and each thing is asked for through another node. Sessions: cluster_resume.py; rooms: cluster_rooms*.py;
components: components/cluster_test.py.

    cluster_owners.py [--binary PATH/rookeryd]
"""
# REQ 13, REQ 26, REQ 29: in a cluster.

import asyncio
import base64
import hashlib
import http.client
import os
import sys
import time
import unittest
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
from cluster import Cluster, run_tests  # noqa: E402
from push_app_server import PushAppServer  # noqa: E402
from sasl2 import NS_BIND2, authenticate  # noqa: E402
from xmpp_client import XmppClient  # noqa: E402

NS_PUBSUB = "http://jabber.org/protocol/pubsub"
NS_EVENT = NS_PUBSUB + "#event"
NS_COMMANDS = "http://jabber.org/protocol/commands"
NS_FAST = "urn:xmpp:fast:0"
NS_STRANGERS = "urn:rookery:strangers:0"
NS_UPLOAD = "urn:xmpp:http:upload:0"
PUBSUB = "pubsub.localhost"
LEASE = 3
PATIENCE = 30.0
AGENT = "<user-agent xmlns='urn:xmpp:sasl:2' id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>S</software><device>D</device></user-agent>"


class World:
    """Three nodes, of which `gone` will die, and clients by the name of their node."""

    def __init__(self, case):
        self.case = case
        self.cluster = Cluster(3, 1, {"cluster": {"lease": LEASE}, "strangers": {"policy": "hold"}, "admin": {"accounts": ["boss@localhost"]}}).__enter__()
        case.addCleanup(self.cluster.close)
        self.cluster.wait_until_owned(by=["node-1", "node-2", "node-3"])
        self.gone = self.cluster.owner(PUBSUB)
        self.others = [name for name in ("node-1", "node-2", "node-3") if name != self.gone]
        self.is_over = False

    def account(self, node, prefix):
        return self.cluster.account_at(node, prefix) + "@localhost"

    def edge(self, number=0):
        """Of a node that will live."""
        return self.cluster.node(self.others[number]).endpoint

    async def log_in(self, bare, endpoint, online=True, intercept=None):
        client = XmppClient(endpoint, bare, "secret")
        client.intercept = intercept
        self.case.addCleanup(client.cut)
        await client.connect()
        if online:
            await client.go_online()
        return client

    async def on_gone(self, bare, online=True):
        return await self.log_in(bare, self.cluster.node(self.gone).endpoint, online)

    async def befriend(self, one, other):
        """A subscription both ways; both are online."""
        for asker, asked in ((one, other), (other, one)):
            asker.send("<presence type='subscribe' to='%s'/>" % asked.bare)
            await asked.receive_where(lambda e: e.name == "presence" and e.get("type") == "subscribe")
            asked.send("<presence type='subscribed' to='%s'/>" % asker.bare)
            await asker.receive_where(lambda e: e.name == "presence" and e.get("type") == "subscribed")

    async def kill(self):
        began = time.monotonic()
        self.cluster.node(self.gone).kill()
        await asyncio.get_running_loop().run_in_executor(None, self.cluster.wait_until_owned, PATIENCE, self.others)
        print("%s owned all of it; others do after %.2f s" % (self.gone, time.monotonic() - began), flush=True)


def is_result(answer):
    if answer.get("type") != "result":
        raise AssertionError("refused: %s" % answer)
    return answer


def body_is(text):
    return lambda e: e.name == "message" and e.get("type") != "error" and e.find("body") is not None and e.find("body").text == text


class PubsubService:
    """XEP-0060 at the service: node, items, subscriptions; and who subscribed is told, without logging in again."""

    async def before(self, world):
        self.author = await world.log_in(world.account(world.others[0], "author"), world.edge(0))
        self.reader = await world.log_in(world.account(world.others[1], "reader"), world.edge(0))
        is_result(await self.ask(self.author, "<create node='news'/>"))
        is_result(await self.ask(self.reader, "<subscribe node='news' jid='%s'/>" % self.reader.bare))
        await self.publish("one")

    async def ask(self, client, payload, kind="set", ns=NS_PUBSUB):
        return await client.iq(kind, "<pubsub xmlns='%s'>%s</pubsub>" % (ns, payload), to=PUBSUB, timeout=PATIENCE)

    async def publish(self, number):
        is_result(await self.ask(self.author, "<publish node='news'><item id='%s'><entry xmlns='urn:example:entry'/></item></publish>" % number))
        told = await self.reader.receive_where(lambda e: e.name == "message" and e.find("event", NS_EVENT) is not None, PATIENCE)
        assert told.find("event", NS_EVENT).find("items").find("item").get("id") == number, str(told)

    async def after(self, world):
        await self.publish("two")
        items = is_result(await self.ask(self.reader, "<items node='news'/>", "get")).find("pubsub").find("items").children
        assert sorted(item.get("id") for item in items) == ["one", "two"], items
        subscriptions = is_result(await self.ask(self.reader, "<subscriptions/>", "get")).find("pubsub").find("subscriptions").children
        assert [s.get("node") for s in subscriptions] == ["news"], subscriptions
        affiliations = is_result(await self.ask(self.author, "<affiliations/>", "get")).find("pubsub").find("affiliations").children
        assert [(a.get("node"), a.get("affiliation")) for a in affiliations] == [("news", "owner")], affiliations
        await self.only_who_is_there(world)


    async def only_who_is_there(self, world):
        """pubsub#presence_based_delivery holds for homes of other nodes, too."""
        fields = "".join("<field var='%s'><value>%s</value></field>" % pair for pair in (
            ("FORM_TYPE", NS_PUBSUB + "#node_config"), ("pubsub#presence_based_delivery", "1"), ("pubsub#notification_type", "normal")))
        is_result(await self.ask(self.author, "<create node='here'/><configure><x xmlns='jabber:x:data' type='submit'>%s</x></configure>" % fields))
        away = await world.log_in(world.account(world.others[0], "away"), world.edge(1))
        for reader in (self.reader, away):
            is_result(await self.ask(reader, "<subscribe node='here' jid='%s'/>" % reader.bare))
        await away.close()
        is_result(await self.ask(self.author, "<publish node='here'><item id='missed'><entry xmlns='urn:example:entry'/></item></publish>"))

        def is_event(element):
            return element.name == "message" and element.find("event", NS_EVENT) is not None
        await self.reader.receive_where(is_event, PATIENCE)
        back = await world.log_in(away.bare, world.edge(0))
        await back.iq("get", "<query xmlns='jabber:iq:roster'/>")
        assert not any(map(is_event, back.inbox)), "what only those who were there should get has waited"


class PersonalEvents:
    """XEP-0163 of an account: nodes, items; a contact elsewhere hears of what it is interested in (XEP-0115), without logging in again."""
    FEATURES = ("http://jabber.org/protocol/disco#info", "urn:example:mood+notify")

    async def before(self, world):
        self.bare = world.account(world.gone, "pep")
        romeo = await world.on_gone(self.bare)
        self.friend = await world.log_in(world.account(world.others[0], "friend"), world.edge(1), intercept=self.answer_discovery)
        await world.befriend(romeo, self.friend)
        # XEP-0115 §5.1
        version = base64.b64encode(hashlib.sha1("".join(each + "<" for each in ("client/pc//Test", *self.FEATURES)).encode()).digest()).decode()
        self.friend.send("<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:example:client' ver='%s'/></presence>" % version)
        await self.publish(romeo, "one")
        await self.hears("one")

    def answer_discovery(self, stanza):
        query = stanza.find("query", "http://jabber.org/protocol/disco#info")
        if stanza.name != "iq" or stanza.get("type") != "get" or query is None:
            return False
        known = "<identity category='client' type='pc' name='Test'/>" + "".join("<feature var='%s'/>" % each for each in self.FEATURES)
        self.friend.send("<iq type='result' id='%s' to='%s'><query xmlns='%s' node='%s'>%s</query></iq>"
                         % (stanza.get("id"), stanza.get("from"), query.ns, query.get("node", ""), known))
        return True

    async def hears(self, number):
        def is_news(element):
            event = element.find("event", NS_EVENT) if element.name == "message" else None
            return event is not None and event.find("items").find("item").get("id") == number
        await self.friend.receive_where(is_news, PATIENCE)

    async def publish(self, romeo, number):
        is_result(await romeo.iq("set", "<pubsub xmlns='%s'><publish node='urn:example:mood'><item id='%s'><mood xmlns='urn:example:mood'/></item></publish></pubsub>"
                                 % (NS_PUBSUB, number)))

    async def after(self, world):
        romeo = await world.log_in(self.bare, world.edge(0))
        items = is_result(await self.friend.iq("get", "<pubsub xmlns='%s'><items node='urn:example:mood'/></pubsub>" % NS_PUBSUB, to=self.bare, timeout=PATIENCE))
        assert [item.get("id") for item in items.find("pubsub").find("items").children] == ["one"], str(items)
        await self.publish(romeo, "two")
        await self.hears("two")
        roster = is_result(await romeo.iq("get", "<query xmlns='jabber:iq:roster'/>"))
        assert [(i.get("jid"), i.get("subscription")) for i in roster.find("query").children] == [(self.friend.bare, "both")], str(roster)


class FastToken:
    """XEP-0484: a token of one node is good at another; a count that was seen is a replay there, too; a token that was replaced is none."""

    async def before(self, world):
        self.bare = world.account(world.gone, "fast")
        at = world.cluster.node(world.gone).endpoint
        success = await self.try_at(world, at, "SCRAM-SHA-256", "secret", "<request-token xmlns='%s' mechanism='HT-SHA-256-NONE'/>" % NS_FAST)
        self.token = success.find("token", NS_FAST).get("token")
        success = await self.try_with_token(world, at, self.token, 5)
        assert success.name == "success", str(success)

    async def try_at(self, world, endpoint, mechanism, secret, more):
        client = XmppClient(endpoint, self.bare, "secret")
        world.case.addCleanup(client.cut)
        await client.open_tcp(True)
        await client.open_stream(sender=self.bare)
        client.features = await client.receive()
        return await authenticate(client, mechanism, client.user, secret, AGENT + more, timeout=PATIENCE)

    async def try_with_token(self, world, endpoint, token, count, more=""):
        return await self.try_at(world, endpoint, "HT-SHA-256-NONE", token, "<fast xmlns='%s' count='%d'/>%s" % (NS_FAST, count, more))

    async def after(self, world):
        here, there = world.edge(0), world.edge(1)
        for count in (5, 4):
            replayed = await self.try_with_token(world, here, self.token, count)
            assert replayed.name == "failure", "replayed: %s" % replayed
        bind = "<bind xmlns='%s'/><request-token xmlns='%s' mechanism='HT-SHA-256-NONE'/>" % (NS_BIND2, NS_FAST)
        success = await self.try_with_token(world, here, self.token, 6, bind)
        assert success.name == "success" and success.find("bound", NS_BIND2) is not None, str(success)
        second = success.find("token", NS_FAST).get("token")
        assert (await self.try_with_token(world, there, second, 1)).name == "success"
        for token, count in ((second, 1), (self.token, 7)):
            replayed = await self.try_with_token(world, here, token, count)
            assert replayed.name == "failure", "replayed: %s" % replayed


class UploadSlot:
    """XEP-0363: a slot that one node gave is good at another (its signature is the network's), for that file only, and once."""

    async def before(self, world):
        romeo = await world.on_gone(world.account(world.gone, "upload"))
        slot = is_result(await romeo.iq("get", "<request xmlns='%s' filename='a.png' size='5' content-type='image/png'/>" % NS_UPLOAD, to="upload.localhost"))
        self.put, self.get = (urllib.parse.urlsplit(slot.find("slot").find(each).get("url")) for each in ("put", "get"))

    def request(self, world, method, parts, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", world.cluster.node(world.others[0]).http_port, timeout=PATIENCE)
        try:
            connection.request(method, parts.path + "?" + parts.query, body, {"Content-Type": "image/png"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    async def after(self, world):
        results = [self.request(world, "PUT", self.put, body)[0] for body in (b"123456", b"12345", b"54321")]
        assert results == [403, 201, 409], results
        assert self.request(world, "GET", self.get) == (200, b"12345")


class Command:
    """XEP-0050: what was begun with a node that is dead is told to be over; begun anew it works."""
    NODE = "http://jabber.org/protocol/admin#add-user"

    async def before(self, world):
        # The operator's home may be anywhere; it is the run that must not be half there.
        world.cluster.add_account("boss", "secret")
        boss = await world.on_gone("boss@localhost")
        self.session = is_result(await self.ask(boss, "action='execute'")).find("command").get("sessionid")

    async def ask(self, boss, attributes, form=""):
        return await boss.iq("set", "<command xmlns='%s' node='%s' %s>%s</command>" % (NS_COMMANDS, self.NODE, attributes, form), to="localhost", timeout=PATIENCE)

    async def after(self, world):
        boss = await world.log_in("boss@localhost", world.edge(0))
        late = await self.ask(boss, "sessionid='%s' action='complete'" % self.session)
        assert late.get("type") == "error", str(late)
        session = is_result(await self.ask(boss, "action='execute'")).find("command").get("sessionid")
        fields = "".join("<field var='%s'><value>%s</value></field>" % pair for pair in (
            ("FORM_TYPE", "http://jabber.org/protocol/admin"), ("accountjid", "made@localhost"), ("password", "secret"), ("password-verify", "secret")))
        done = is_result(await self.ask(boss, "sessionid='%s'" % session, "<x xmlns='jabber:x:data' type='submit'>%s</x>" % fields))
        assert done.find("command").get("status") == "completed", str(done)
        await world.log_in("made@localhost", world.edge(1))


class PushRegistration:
    """XEP-0357: a device that is away is told by whoever owns its account now."""

    async def before(self, world):
        self.bare = world.account(world.gone, "push")
        phone = await world.on_gone(self.bare)
        self.friend = await world.log_in(world.account(world.others[0], "pushfriend"), world.edge(1))
        await world.befriend(phone, self.friend)
        self.app = PushAppServer(await world.log_in(world.account(world.others[1], "app"), world.edge(0)))
        self.app.nodes.add("n1")
        is_result(await phone.iq("set", "<enable xmlns='urn:xmpp:push:0' jid='%s' node='n1'/>" % self.app.client.jid))
        await phone.close()

    async def after(self, world):
        self.friend.send("<message to='%s' type='chat'><body>one</body></message>" % self.bare)
        told = await self.app.notification(PATIENCE)
        assert (told.account, told.node, told.count) == (self.bare, "n1", 1), vars(told)


class BlockList:
    """XEP-0191: who is blocked stays so."""

    async def before(self, world):
        self.bare = world.account(world.gone, "block")
        romeo = await world.on_gone(self.bare)
        self.paris = await world.log_in(world.account(world.others[0], "paris"), world.edge(1))
        is_result(await romeo.iq("set", "<block xmlns='urn:xmpp:blocking'><item jid='%s'/></block>" % self.paris.bare))

    async def after(self, world):
        romeo = await world.log_in(self.bare, world.edge(0))
        blocked = is_result(await romeo.iq("get", "<blocklist xmlns='urn:xmpp:blocking'/>")).find("blocklist").children
        assert [item.get("jid") for item in blocked] == [self.paris.bare], blocked
        self.paris.send("<message to='%s' type='chat' id='b1'><body>no</body></message>" % self.bare)
        answer = await self.paris.receive_where(lambda e: e.get("id") == "b1", PATIENCE)
        assert answer.find("error").find("service-unavailable") is not None, str(answer)


class ArchivePreferences:
    """XEP-0313 §7, and the archive itself."""

    async def before(self, world):
        self.bare = world.account(world.gone, "prefs")
        self.romeo = await world.on_gone(self.bare)
        self.friend = await world.log_in(world.account(world.others[0], "prefsfriend"), world.edge(1))
        self.other = await world.log_in(world.account(world.others[1], "prefsother"), world.edge(1))
        for each in (self.friend, self.other):
            await world.befriend(self.romeo, each)
        is_result(await self.romeo.iq("set", "<prefs xmlns='urn:xmpp:mam:2' default='always'><always/><never><jid>%s</jid></never></prefs>" % self.other.bare))
        await self.say(self.friend, "before", self.romeo)

    async def say(self, friend, text, romeo):
        friend.send("<message to='%s' type='chat'><body>%s</body></message>" % (self.bare, text))
        await romeo.receive_where(body_is(text), PATIENCE)

    async def after(self, world):
        romeo = await world.log_in(self.bare, world.edge(0))
        prefs = is_result(await romeo.iq("get", "<prefs xmlns='urn:xmpp:mam:2'/>")).find("prefs")
        assert [jid.text for jid in prefs.find("never").children] == [self.other.bare], str(prefs)
        await self.say(self.friend, "after", romeo)
        await self.say(self.other, "not kept", romeo)
        is_result(await romeo.iq("set", "<query xmlns='urn:xmpp:mam:2' queryid='q'/>"))
        kept = [e.find("result").find("forwarded").find("message").find("body").text for e in romeo.inbox if e.name == "message" and e.find("result") is not None]
        assert kept == ["before", "after"], kept


class HeldRequest:
    """docs/adr/0004: what a stranger wrote is held until the account answers; whom the account wrote to is known."""

    async def before(self, world):
        self.bare = world.account(world.gone, "held")
        self.stranger = await world.log_in(world.account(world.others[0], "stranger"), world.edge(1))
        self.known = await world.log_in(world.account(world.others[1], "known"), world.edge(1))
        romeo = await world.on_gone(self.bare)
        self.stranger.send("<message to='%s' type='chat'><body>held</body></message>" % self.bare)
        await romeo.receive_where(lambda e: e.name == "message" and e.find("request", NS_STRANGERS) is not None)
        romeo.send("<message to='%s' type='chat'><body>hello</body></message>" % self.known.bare)
        is_result(await romeo.iq("set", "<query xmlns='jabber:iq:private'><x xmlns='urn:example:x'>the store has all up to here</x></query>"))

    async def after(self, world):
        self.known.send("<message to='%s' type='chat'><body>an answer</body></message>" % self.bare)
        romeo = await world.log_in(self.bare, world.edge(0))
        await romeo.receive_where(body_is("an answer"), PATIENCE)
        await romeo.receive_where(lambda e: e.name == "message" and e.find("request", NS_STRANGERS) is not None, PATIENCE)
        is_result(await romeo.iq("set", "<accept xmlns='%s' jid='%s'/>" % (NS_STRANGERS, self.stranger.bare)))
        await romeo.receive_where(body_is("held"), PATIENCE)


class OwnersDie(unittest.IsolatedAsyncioTestCase):
    async def test_what_they_owned_goes_on_elsewhere(self):
        world = World(self)
        things = [make() for make in (PubsubService, PersonalEvents, FastToken, UploadSlot, Command, PushRegistration, BlockList, ArchivePreferences, HeldRequest)]
        for thing in things:
            await thing.before(world)
        await world.kill()
        for thing in things:
            with self.subTest(type(thing).__name__):
                await thing.after(world)
                print("%s: goes on" % type(thing).__name__, flush=True)


if __name__ == "__main__":
    run_tests()
