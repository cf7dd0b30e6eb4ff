"""Fills a server, whichever it is, with what two people have after a while: what a move must bring along."""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

from xmpp_client import XmppClient  # noqa: E402

PASSWORD = "Wherefore art thou 4"
PEOPLE = ("romeo", "juliet", "mercutio")
PIXEL = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
VCARD = ("<vCard xmlns='vcard-temp'><FN>Juliet Capulet</FN><NICKNAME>Jule &amp; Co</NICKNAME>"
         "<PHOTO><TYPE>image/png</TYPE><BINVAL>" + PIXEL + "</BINVAL></PHOTO></vCard>")
PRIVATE = "<query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'><defaultnick>Jule</defaultnick></exodus></query>"
BOOKMARK = ("<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'>"
            "<item id='theplay@conference.localhost'><conference xmlns='urn:xmpp:bookmarks:1' name='The Play' autojoin='true'>"
            "<nick>Jule</nick></conference></item></publish><publish-options><x xmlns='jabber:x:data' type='submit'>"
            "<field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>"
            "<field var='pubsub#persist_items'><value>true</value></field>"
            "<field var='pubsub#access_model'><value>whitelist</value></field></x></publish-options></pubsub>")
NICK = ("<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='http://jabber.org/protocol/nick'>"
        "<item id='current'><nick xmlns='http://jabber.org/protocol/nick'>Jule</nick></item></publish></pubsub>")
BLOCK = "<block xmlns='urn:xmpp:blocking'><item jid='tybalt@capulet.example'/></block>"


async def log_in(server, user, online=True):
    client = XmppClient(server.endpoint, user + "@localhost", PASSWORD, resource="old", direct_tls=server.kind == "rookery")
    await client.connect()
    if online:
        await client.iq("get", "<query xmlns='jabber:iq:roster'/>")  # who asked for it hears of subscriptions (RFC 6121 §3.1.6)
        await client.go_online()
    return client


async def asked(client, kind, payload, needed=True):
    answer = await client.iq(kind, payload)
    if needed and answer.get("type") != "result":
        raise AssertionError("refused: %s %s" % (payload, answer.to_xml()))
    return answer


async def says(sender, receiver, text, number):
    sender.send("<message to='%s' type='chat' id='%s'><body>%s</body></message>" % (receiver.jid, number, text))
    await receiver.receive_where(lambda e: e.name == "message" and e.find("body") is not None and e.find("body").text == text)


async def populate(server):
    """The accounts exist, with PASSWORD."""
    romeo, juliet, mercutio = [await log_in(server, user) for user in PEOPLE]
    await asked(juliet, "set", "<query xmlns='jabber:iq:roster'><item jid='romeo@localhost' name='Romeo &lt;3'>"
                               "<group>Friends</group><group>Verona</group></item></query>")
    await asked(juliet, "set", "<query xmlns='jabber:iq:roster'><item jid='nurse@capulet.example' name='Nurse'/></query>")
    juliet.send("<presence to='romeo@localhost' type='subscribe'/>")
    await romeo.receive_where(lambda e: e.name == "presence" and e.get("type") == "subscribe")
    romeo.send("<presence to='juliet@localhost' type='subscribed'/><presence to='juliet@localhost' type='subscribe'/>")
    await juliet.receive_where(lambda e: e.name == "presence" and e.get("type") == "subscribe")
    juliet.send("<presence to='romeo@localhost' type='subscribed'/>")
    await romeo.receive_where(lambda e: e.name == "presence" and e.get("type") == "subscribed")
    mercutio.send("<presence to='juliet@localhost' type='subscribe'/>")
    await juliet.receive_where(lambda e: e.name == "presence" and e.get("type") == "subscribe")
    await asked(juliet, "set", VCARD)
    await asked(juliet, "set", PRIVATE)
    await asked(juliet, "set", BOOKMARK)
    await asked(juliet, "set", NICK)
    await asked(juliet, "set", BLOCK)
    await asked(juliet, "set", "<prefs xmlns='urn:xmpp:mam:2' default='always'><always/><never/></prefs>", needed=False)
    await asked(romeo, "set", "<prefs xmlns='urn:xmpp:mam:2' default='always'><always/><never/></prefs>", needed=False)
    for number in range(3):
        await says(romeo, juliet, "Shall I hear more? %d" % number, "r%d" % number)
        await says(juliet, romeo, "O Romeo, Romeo! %d" % number, "j%d" % number)
    await juliet.close()
    romeo.send("<message to='juliet@localhost' type='chat' id='late'><body>By yonder blessed moon I vow</body></message>")
    await asked(romeo, "get", "<query xmlns='jabber:iq:roster'/>")
    await romeo.iq("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to="juliet@localhost")
    for client in (romeo, mercutio):
        await client.close()
