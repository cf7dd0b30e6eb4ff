#!/usr/bin/python3
"""Two people with Debian's slixmpp live through a day on rookeryd: each test is one thing that they do.

slixmpp shares no code with us, so it says whether another client understands our server. Exit status 77: it is not installed.
"""

import asyncio
import logging
import os
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

try:
    import slixmpp
    from slixmpp.exceptions import IqError, PresenceError
except ImportError:
    print("python3-slixmpp is not installed")
    sys.exit(77)

from rookery_server import RookeryServer  # noqa: E402 (needs the path above)
from slixmpp_person import TIMEOUT, Person  # noqa: E402


class SlixmppTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.server = RookeryServer(config=getattr(self, "config", None))
        self.server.__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)
        self.people = []
        for user in ("romeo", "juliet"):
            self.server.add_account(user, "secret of " + user)

    async def asyncTearDown(self):
        for person in self.people:
            if person.transport is not None:
                person.abort()

    def person(self, user, resource, **options):
        self.people.append(Person(self.server, user, resource, **options))
        return self.people[-1]

    async def friends(self):
        romeo = await self.person("romeo", "orchard").log_in()
        juliet = await self.person("juliet", "balcony").log_in(direct_tls=True)
        # slixmpp accepts requests and asks back (auto_authorize, auto_subscribe).
        juliet.send_presence_subscription(pto="romeo@localhost")
        await romeo.wait("got_online", lambda presence: presence["from"] == juliet.boundjid)
        await juliet.wait("got_online", lambda presence: presence["from"] == romeo.boundjid)
        return romeo, juliet


class Conversation(SlixmppTest):
    async def test_both_log_in_with_channel_binding_over_either_kind_of_tls(self):
        romeo = await self.person("romeo", "orchard").log_in()
        juliet = await self.person("juliet", "balcony").log_in(direct_tls=True)
        for person in (romeo, juliet):
            self.assertEqual(person.socket.version(), "TLSv1.3")
            self.assertIn("-PLUS", person.mechanism)
        await romeo.wait("sm_enabled")
        self.assertTrue(romeo["xep_0198"].sm_id)

    async def test_a_wrong_password_is_refused(self):
        mallory = self.person("romeo", "orchard", password="not his")
        mallory.connect((self.server.endpoint.host, self.server.endpoint.port))
        await mallory.wait("failed_auth")
        self.assertTrue(mallory.queues["session_start"].empty())

    async def test_they_subscribe_to_one_another_and_chat(self):
        romeo, juliet = await self.friends()
        for person, other in ((romeo, "juliet@localhost"), (juliet, "romeo@localhost")):
            await person.get_roster(timeout=TIMEOUT)  # what was pushed before has been read when this comes
            self.assertEqual({jid: person.client_roster[jid]["subscription"] for jid in person.client_roster
                              if jid != person.boundjid.bare}, {other: "both"})
        juliet.send_message(mto="romeo@localhost", mbody="Wherefore art thou?", mtype="chat")
        heard = await romeo.heard("Wherefore art thou?")
        self.assertEqual(heard["from"], juliet.boundjid)
        heard.reply("Call me but love").send()
        self.assertEqual((await juliet.heard("Call me but love"))["from"], romeo.boundjid)

    async def test_what_comes_while_nobody_is_there_arrives_at_the_next_login(self):
        romeo, juliet = await self.friends()
        await romeo.log_out()
        juliet.send_message(mto="romeo@localhost", mbody="Good night", mtype="chat")
        await juliet["xep_0199"].ping("localhost", timeout=TIMEOUT)  # the server has it
        later = await self.person("romeo", "mantua").log_in()
        heard = await later.heard("Good night")
        self.assertEqual(heard["from"], juliet.boundjid)
        self.assertIsNotNone(heard["delay"]["stamp"])

    async def test_carbons_show_both_directions_on_the_other_device(self):
        romeo, juliet = await self.friends()
        phone = await self.person("juliet", "phone").log_in()
        await phone["xep_0280"].enable(timeout=TIMEOUT)
        juliet.send_message(mto="romeo@localhost", mbody="from the balcony", mtype="chat")
        sent = (await phone.wait("carbon_sent"))["carbon_sent"]
        self.assertEqual((sent["body"], sent["to"]), ("from the balcony", "romeo@localhost"))
        romeo.send_message(mto=juliet.boundjid, mbody="to the balcony alone", mtype="chat")
        received = (await phone.wait("carbon_received"))["carbon_received"]
        self.assertEqual((received["body"], received["from"]), ("to the balcony alone", romeo.boundjid))

    async def test_the_archive_answers_queries(self):
        romeo, juliet = await self.friends()
        for number in range(5):
            juliet.send_message(mto="romeo@localhost", mbody="line %d" % number, mtype="chat")
            await romeo.heard("line %d" % number)
        bodies = []
        async for result in romeo["xep_0313"].iterate(with_jid=slixmpp.JID("juliet@localhost"), rsm={"max": 2}):
            bodies.append(result["mam_result"]["forwarded"]["stanza"]["body"])
        self.assertEqual(bodies, ["line %d" % number for number in range(5)])


class Account(SlixmppTest):
    async def test_the_server_and_the_account_tell_what_they_can(self):
        romeo = await self.person("romeo", "orchard").log_in()
        info = (await romeo["xep_0030"].get_info(jid="localhost", timeout=TIMEOUT))["disco_info"]
        self.assertIn(("server", "im"), {identity[:2] for identity in info["identities"]})
        self.assertIn("urn:xmpp:carbons:2", info["features"])
        own = (await romeo["xep_0030"].get_info(jid="romeo@localhost", timeout=TIMEOUT))["disco_info"]
        self.assertIn(("pubsub", "pep"), {identity[:2] for identity in own["identities"]})
        self.assertIn("urn:xmpp:mam:2", own["features"])
        version = await romeo["xep_0092"].get_version("localhost", timeout=TIMEOUT)
        self.assertEqual(version["software_version"]["name"], "Rookery")

    async def test_a_vcard_is_read_by_a_friend(self):
        romeo, juliet = await self.friends()
        card = juliet["xep_0054"].make_vcard()
        card["FN"] = "Juliet Capulet"
        await juliet["xep_0054"].publish_vcard(vcard=card, timeout=TIMEOUT)
        read = await romeo["xep_0054"].get_vcard("juliet@localhost", timeout=TIMEOUT)
        self.assertEqual(read["vcard_temp"]["FN"], "Juliet Capulet")

    async def test_a_tune_reaches_a_friend_who_is_interested(self):
        romeo, juliet = await self.friends()
        romeo["xep_0163"].add_interest("http://jabber.org/protocol/tune")
        await romeo["xep_0115"].update_caps()
        await juliet["xep_0118"].publish_tune(title="The lark", artist="Juliet", timeout=TIMEOUT)
        event = await romeo.wait("user_tune_publish", lambda message: message["from"].bare == "juliet@localhost")
        item = event["pubsub_event"]["items"]["item"]
        self.assertEqual(item["tune"]["title"], "The lark")

    async def test_one_who_is_blocked_gets_an_error_and_one_who_is_unblocked_is_heard(self):
        romeo, juliet = await self.friends()
        await juliet["xep_0191"].block("romeo@localhost", timeout=TIMEOUT)
        blocked = await juliet["xep_0191"].get_blocked(timeout=TIMEOUT)
        self.assertEqual({str(jid) for jid in blocked["blocklist"]["items"]}, {"romeo@localhost"})
        romeo.send_message(mto="juliet@localhost", mbody="is it the lark?", mtype="chat")
        refused = await romeo.wait("message_error")
        self.assertEqual(refused["error"]["condition"], "service-unavailable")
        await juliet["xep_0191"].unblock("romeo@localhost", timeout=TIMEOUT)
        romeo.send_message(mto="juliet@localhost", mbody="it is the nightingale", mtype="chat")
        heard = await juliet.wait("message")
        self.assertEqual(heard["body"], "it is the nightingale")

    async def test_what_does_not_exist_is_an_error(self):
        romeo = await self.person("romeo", "orchard").log_in()
        with self.assertRaises(IqError) as refused:
            await romeo["xep_0060"].get_items("romeo@localhost", "urn:example:nothing", timeout=TIMEOUT)
        self.assertEqual(refused.exception.iq["error"]["condition"], "item-not-found")


class RoomsAndFiles(SlixmppTest):
    async def test_they_talk_in_a_room_made_for_encryption_and_a_stranger_stays_outside(self):
        room = "capulets@conference.localhost"
        self.server.add_account("mercutio", "secret of mercutio")
        juliet = await self.person("juliet", "balcony").log_in()
        await juliet.make_room(room, "Juliet", members=["romeo@localhost"])
        romeo = await self.person("romeo", "orchard").log_in()
        own, _, occupants, _ = await romeo["xep_0045"].join_muc_wait(room, "Romeo", timeout=TIMEOUT)
        # XEP-0045 §7.2.3: code 100 says that everyone sees everyone's address, which OMEMO needs.
        self.assertIn(100, own["muc"]["status_codes"])
        self.assertEqual({str(each["muc"]["jid"]) for each in occupants}, {str(juliet.boundjid), str(romeo.boundjid)})
        romeo.send_message(mto=room, mbody="Is she a Capulet?", mtype="groupchat")
        for person in (juliet, romeo):
            heard = await person.wait("groupchat_message", lambda message: message["body"] == "Is she a Capulet?")
            self.assertEqual(str(heard["from"]), room + "/Romeo")
        # Who may come is who must be encrypted to.
        self.assertEqual(await romeo["xep_0045"].get_affiliation_list(room, "member", timeout=TIMEOUT), ["romeo@localhost"])
        mercutio = await self.person("mercutio", "street").log_in()
        with self.assertRaises(PresenceError) as refused:
            await mercutio["xep_0045"].join_muc_wait(room, "Mercutio", timeout=TIMEOUT)
        self.assertEqual(refused.exception.condition, "registration-required")

    async def test_a_file_is_uploaded_and_fetched_by_the_other(self):
        romeo, juliet = await self.friends()
        content = os.urandom(300000)
        url = await juliet.upload("balcony.jpg", content, "image/jpeg")
        message = juliet.make_message(mto="romeo@localhost", mbody=url, mtype="chat")
        message["oob"]["url"] = url
        message.send()
        heard = await romeo.heard(url)
        self.assertEqual(await romeo.download(heard["oob"]["url"]), content)


class Administrator(SlixmppTest):
    config = {"admin": {"accounts": ["romeo@localhost"]}}
    COMMAND = "http://jabber.org/protocol/admin#"

    async def test_an_administrator_counts_and_addresses_who_is_online(self):
        romeo = await self.person("romeo", "orchard").log_in()
        juliet = await self.person("juliet", "balcony").log_in()
        commands = romeo["xep_0050"]
        answer = await commands.send_command("localhost", self.COMMAND + "get-online-users-num", timeout=TIMEOUT)
        self.assertEqual(answer["command"]["status"], "completed")
        self.assertEqual(answer["command"]["form"].get_values()["onlineusersnum"], "2")
        asked = await commands.send_command("localhost", self.COMMAND + "announce", timeout=TIMEOUT)
        form = asked["command"]["form"]
        form.reply()
        form.set_values({"announcement": ["The lights go out at ten"], "subject": "Tonight"})
        done = await commands.send_command("localhost", self.COMMAND + "announce", sessionid=asked["command"]["sessionid"],
                                           action="complete", payload=form, timeout=TIMEOUT)
        self.assertEqual(done["command"]["notes"], [("info", "Sent to 2 sessions")])
        for person in (romeo, juliet):
            heard = await person.heard("The lights go out at ten")
            self.assertEqual((heard["type"], heard["from"], heard["subject"]), ("headline", "localhost", "Tonight"))

    async def test_nobody_else_may(self):
        juliet = await self.person("juliet", "balcony").log_in()
        with self.assertRaises(IqError) as refused:
            await juliet["xep_0050"].send_command("localhost", self.COMMAND + "get-online-users-num", timeout=TIMEOUT)
        self.assertEqual(refused.exception.iq["error"]["condition"], "forbidden")


class WithoutChannelBinding(SlixmppTest):
    config = {"auth": {"channel_binding": False}}

    async def test_login_works_where_the_operator_turned_it_off(self):
        romeo = await self.person("romeo", "orchard").log_in()
        self.assertTrue(romeo.mechanism.startswith("SCRAM-"), romeo.mechanism)
        self.assertNotIn("-PLUS", romeo.mechanism)


if __name__ == "__main__":
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # or it tells which step was slow
    unittest.main()
