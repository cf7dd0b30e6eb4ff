"""Stanzas of every feature as a hostile client might send them: valid ones, and the same ones bent. Seeded, so that what broke
a server can be sent again."""

from xmpp_xml import NS_CLIENT, Element, parse_all

AWKWARD = ("", "0", "-1", "1", "true", "4294967296", "99999999999999999999", "NaN", "@", "a@b@c", "/", "romeo@localhost", "localhost",
           "conference.localhost", "pubsub.localhost", "upload.localhost", "nobody@nowhere.example", "2026-13-45T99:99:99Z",
           "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "\u202e\u0301", "\U0001f4a3" * 40, "x" * 1100, "0000000000000001", "none",
           "both", "owner", "member", "remove", "set", "get", "result", "error", "submit", "urn:xmpp:bookmarks:1", "&<>'\"")

FORM = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>%s</value></field>%s</x>"
FIELD = "<field var='%s'><value>%s</value></field>"

# {who}: an account, {full}: a session, {room}, {nick}: room/nick, {word}, {id}: perhaps a stanza-id, {n}: a small number
MESSAGES = (
    "<body>{word}</body><origin-id xmlns='urn:xmpp:sid:0' id='{word}{n}'/>",
    "<body>{word}</body><request xmlns='urn:xmpp:receipts'/><store xmlns='urn:xmpp:hints'/>",
    "<body>{word}</body><no-permanent-store xmlns='urn:xmpp:hints'/><private xmlns='urn:xmpp:carbons:2'/>",
    "<subject>{word}</subject>",
    "<active xmlns='http://jabber.org/protocol/chatstates'/><no-store xmlns='urn:xmpp:hints'/>",
    "<displayed xmlns='urn:xmpp:chat-markers:0' id='{id}'/>",
    "<retract xmlns='urn:xmpp:message-retract:1' id='{id}'/><body>{word}</body>",
    "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='{who}'><reason>{word}</reason></invite></x>",
    "<x xmlns='http://jabber.org/protocol/muc#user'><decline to='{who}'/></x>",
    "<x xmlns='jabber:x:conference' jid='{room}'/>",
    "<stanza-id xmlns='urn:xmpp:sid:0' by='{who}' id='{id}'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='{word}'/><body>{word}</body>",
    "<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>{word}</body></message></forwarded></sent>",
    "<result xmlns='urn:xmpp:mam:2' id='{id}'><forwarded xmlns='urn:xmpp:forward:0'/></result>",
    "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='{word}'><item/></items></event>",
    "<propose xmlns='urn:xmpp:jingle-message:0' id='{word}'/>",
    FORM % ("http://jabber.org/protocol/muc#request", FIELD % ("muc#role", "participant")),
    FORM % ("http://jabber.org/protocol/pubsub#subscribe_authorization", FIELD % ("pubsub#node", "{word}") + FIELD % ("pubsub#allow", "true")),
    "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='{n}'/></encrypted>",
)
PRESENCES = (
    "<presence/>", "<presence><priority>{n}</priority><show>away</show></presence>", "<presence type='unavailable'/>",
    "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:{word}' ver='{word}{n}='/></presence>",
    "<presence><x xmlns='vcard-temp:x:update'><photo>{word}</photo></x></presence>",
    "<presence to='{who}'/>", "<presence to='{full}' type='unavailable'/>", "<presence to='{who}' type='probe'/>",
    "<presence to='{who}' type='subscribe'/>", "<presence to='{who}' type='subscribed'/>",
    "<presence to='{who}' type='unsubscribe'/>", "<presence to='{who}' type='unsubscribed'/>",
    "<presence to='{who}' type='subscribe'><preauth xmlns='urn:xmpp:pars:0' token='{word}'/></presence>",
    "<presence to='{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
    "<presence to='{nick}'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='{n}' since='2020-01-01T00:00:00Z'/><password>{word}</password></x></presence>",
    "<presence to='{nick}'/>", "<presence to='{nick}' type='unavailable'/>", "<presence to='{nick}' type='error'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>",
)
PUBSUB, OWNER = "http://jabber.org/protocol/pubsub", "http://jabber.org/protocol/pubsub#owner"
MUC = "http://jabber.org/protocol/muc"
REQUESTS = (
    ("get", "", "<query xmlns='jabber:iq:roster' ver='{n}'/>"),
    ("set", "", "<query xmlns='jabber:iq:roster'><item jid='{who}' name='{word}'><group>{word}</group></item></query>"),
    ("set", "", "<query xmlns='jabber:iq:roster'><item jid='{who}' subscription='remove'/></query>"),
    ("get", "{any}", "<query xmlns='http://jabber.org/protocol/disco#info'/>"),
    ("get", "{any}", "<query xmlns='http://jabber.org/protocol/disco#items'><set xmlns='http://jabber.org/protocol/rsm'><max>{n}</max><after>{word}</after></set></query>"),
    ("get", "{any}", "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>"),
    ("get", "{any}", "<query xmlns='jabber:iq:last'/>"), ("get", "{any}", "<ping xmlns='urn:xmpp:ping'/>"),
    ("get", "{any}", "<query xmlns='jabber:iq:version'/>"), ("get", "localhost", "<time xmlns='urn:xmpp:time'/>"),
    ("get", "{any}", "<vCard xmlns='vcard-temp'/>"),
    ("set", "", "<vCard xmlns='vcard-temp'><FN>{word}</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>aGVsbG8=</BINVAL></PHOTO></vCard>"),
    ("get", "", "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>"),
    ("set", "", "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference jid='{room}' name='{word}' autojoin='1'/></storage></query>"),
    ("set", "", "<query xmlns='jabber:iq:private'><a xmlns='urn:{word}'/><b xmlns='urn:{word}{n}'/></query>"),
    ("get", "", "<blocklist xmlns='urn:xmpp:blocking'/>"),
    ("set", "", "<block xmlns='urn:xmpp:blocking'><item jid='{who}'><report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'><text>{word}</text></report></item></block>"),
    ("set", "", "<unblock xmlns='urn:xmpp:blocking'><item jid='{who}'/></unblock>"), ("set", "", "<unblock xmlns='urn:xmpp:blocking'/>"),
    ("set", "", "<enable xmlns='urn:xmpp:carbons:2'/>"), ("set", "", "<disable xmlns='urn:xmpp:carbons:2'/>"),
    ("set", "", "<enable xmlns='urn:xmpp:push:0' jid='{who}' node='{word}'/>"), ("set", "", "<disable xmlns='urn:xmpp:push:0' jid='{who}'/>"),
    ("get", "", "<prefs xmlns='urn:xmpp:mam:2'/>"),
    ("set", "", "<prefs xmlns='urn:xmpp:mam:2' default='roster'><always><jid>{who}</jid></always><never/></prefs>"),
    ("set", "{archive}", "<query xmlns='urn:xmpp:mam:2' queryid='{word}'>" + FORM % ("urn:xmpp:mam:2", FIELD % ("with", "{who}")) + "<set xmlns='http://jabber.org/protocol/rsm'><max>{n}</max><before/></set></query>"),
    ("set", "{archive}", "<query xmlns='urn:xmpp:mam:2'>" + FORM % ("urn:xmpp:mam:2", FIELD % ("start", "2020-01-01T00:00:00Z") + FIELD % ("after-id", "{id}") + FIELD % ("ids", "{id}")) + "<flip-page/></query>"),
    ("get", "{archive}", "<query xmlns='urn:xmpp:mam:2'/>"), ("get", "{archive}", "<metadata xmlns='urn:xmpp:mam:2'/>"),
    ("get", "", "<query xmlns='urn:xmpp:raa:0'/>"), ("get", "", "<list xmlns='urn:xmpp:cam:0'/>"), ("set", "", "<revoke xmlns='urn:xmpp:cam:0' id='{word}'/>"),
    ("get", "", "<strangers xmlns='urn:rookery:strangers:0'/>"), ("set", "", "<strangers xmlns='urn:rookery:strangers:0' policy='hold'/>"),
    ("set", "", "<strangers xmlns='urn:rookery:strangers:0' policy='default'/>"), ("set", "", "<accept xmlns='urn:rookery:strangers:0' jid='{who}'/>"),
    ("get", "localhost", "<services xmlns='urn:xmpp:extdisco:2'/>"), ("get", "", "<query xmlns='jabber:iq:register'/>"),
    ("get", "upload.localhost", "<request xmlns='urn:xmpp:http:upload:0' filename='{word}.png' size='{n}' content-type='image/png'/>"),
    ("set", "localhost", "<command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:invite#invite' action='execute'/>"),
    ("set", "localhost", "<command xmlns='http://jabber.org/protocol/commands' node='{word}' sessionid='{word}' action='next'>" + FORM % ("{word}", "") + "</command>"),
    # XEP-0060 and 0163
    ("set", "{nodes}", "<pubsub xmlns='%s'><publish node='{word}'><item id='{word}'><a xmlns='urn:{word}'/></item></publish></pubsub>" % PUBSUB),
    ("set", "{nodes}", "<pubsub xmlns='%s'><publish node='urn:xmpp:bookmarks:1'><item id='{room}'><conference xmlns='urn:xmpp:bookmarks:1' name='{word}'/></item></publish><publish-options>%s</publish-options></pubsub>"
     % (PUBSUB, FORM % (PUBSUB + "#publish-options", FIELD % ("pubsub#access_model", "whitelist") + FIELD % ("pubsub#max_items", "max")))),
    ("set", "{nodes}", "<pubsub xmlns='%s'><publish node='urn:xmpp:avatar:metadata'><item id='{word}'><metadata xmlns='urn:xmpp:avatar:metadata'><info bytes='{n}' id='{word}' type='image/png'/></metadata></item></publish></pubsub>" % PUBSUB),
    ("set", "{nodes}", "<pubsub xmlns='%s'><publish node='urn:xmpp:avatar:data'><item id='{word}'><data xmlns='urn:xmpp:avatar:data'>aGVsbG8=</data></item></publish></pubsub>" % PUBSUB),
    ("set", "{nodes}", "<pubsub xmlns='%s'><retract node='{word}' notify='1'><item id='{word}'/></retract></pubsub>" % PUBSUB),
    ("get", "{nodes}", "<pubsub xmlns='%s'><items node='{word}' max_items='{n}'><item id='{word}'/></items></pubsub>" % PUBSUB),
    ("get", "{nodes}", "<pubsub xmlns='%s'><items node='{word}'/><set xmlns='http://jabber.org/protocol/rsm'><max>{n}</max></set></pubsub>" % PUBSUB),
    ("set", "{nodes}", "<pubsub xmlns='%s'><create node='{word}'/><configure>%s</configure></pubsub>" % (PUBSUB, FORM % (PUBSUB + "#node_config", FIELD % ("pubsub#access_model", "authorize")))),
    ("set", "{nodes}", "<pubsub xmlns='%s'><subscribe node='{word}' jid='{self}'/></pubsub>" % PUBSUB),
    ("set", "{nodes}", "<pubsub xmlns='%s'><unsubscribe node='{word}' jid='{self}'/></pubsub>" % PUBSUB),
    ("get", "{nodes}", "<pubsub xmlns='%s'><subscriptions/></pubsub>" % PUBSUB), ("get", "{nodes}", "<pubsub xmlns='%s'><affiliations/></pubsub>" % PUBSUB),
    ("get", "{nodes}", "<pubsub xmlns='%s'><options node='{word}' jid='{self}'/></pubsub>" % PUBSUB),
    ("set", "{nodes}", "<pubsub xmlns='%s'><options node='{word}' jid='{self}'>%s</options></pubsub>" % (PUBSUB, FORM % (PUBSUB + "#subscribe_options", FIELD % ("pubsub#deliver", "0")))),
    ("get", "{nodes}", "<pubsub xmlns='%s'><configure node='{word}'/></pubsub>" % OWNER), ("get", "{nodes}", "<pubsub xmlns='%s'><default/></pubsub>" % OWNER),
    ("set", "{nodes}", "<pubsub xmlns='%s'><configure node='{word}'>%s</configure></pubsub>" % (OWNER, FORM % (PUBSUB + "#node_config", FIELD % ("pubsub#max_items", "{n}") + FIELD % ("pubsub#item_expire", "{n}")))),
    ("set", "{nodes}", "<pubsub xmlns='%s'><delete node='{word}'><redirect uri='xmpp:x'/></delete></pubsub>" % OWNER), ("set", "{nodes}", "<pubsub xmlns='%s'><purge node='{word}'/></pubsub>" % OWNER),
    ("set", "{nodes}", "<pubsub xmlns='%s'><affiliations node='{word}'><affiliation jid='{who}' affiliation='member'/></affiliations></pubsub>" % OWNER),
    ("set", "{nodes}", "<pubsub xmlns='%s'><subscriptions node='{word}'><subscription jid='{who}' subscription='subscribed'/></subscriptions></pubsub>" % OWNER),
    ("get", "{nodes}", "<pubsub xmlns='%s'><subscriptions node='{word}'/></pubsub>" % OWNER),
    # XEP-0045
    ("get", "{room}", "<query xmlns='%s#owner'/>" % MUC),
    ("set", "{room}", "<query xmlns='%s#owner'>%s</query>" % (MUC, FORM % (MUC + "#roomconfig", FIELD % ("muc#roomconfig_persistentroom", "1") + FIELD % ("muc#roomconfig_membersonly", "{n}") + FIELD % ("muc#roomconfig_roomname", "{word}")))),
    ("set", "{room}", "<query xmlns='%s#owner'><x xmlns='jabber:x:data' type='cancel'/></query>" % MUC),
    ("set", "{room}", "<query xmlns='%s#owner'><destroy jid='{room}'><reason>{word}</reason></destroy></query>" % MUC),
    ("get", "{room}", "<query xmlns='%s#admin'><item affiliation='member'/></query>" % MUC), ("get", "{room}", "<query xmlns='%s#admin'><item role='visitor'/></query>" % MUC),
    ("set", "{room}", "<query xmlns='%s#admin'><item affiliation='outcast' jid='{who}'><reason>{word}</reason></item></query>" % MUC),
    ("set", "{room}", "<query xmlns='%s#admin'><item affiliation='owner' jid='{who}' nick='{word}'/><item affiliation='none' jid='{who}'/></query>" % MUC),
    ("set", "{room}", "<query xmlns='%s#admin'><item role='none' nick='{word}'/><item role='visitor' nick='{word}'/></query>" % MUC),
    ("get", "{room}", "<query xmlns='jabber:iq:register'/>"),
    ("set", "{room}", "<query xmlns='jabber:iq:register'>%s</query>" % (FORM % (MUC + "#register", FIELD % ("muc#register_roomnick", "{word}")))),
    ("set", "{room}", "<moderate xmlns='urn:xmpp:message-moderate:1' id='{id}'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>"),
    ("set", "{room}", "<command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:hats:commands:create' action='execute'/>"),
    ("set", "{room}", "<vCard xmlns='vcard-temp'><PHOTO><BINVAL>aGVsbG8=</BINVAL></PHOTO></vCard>"),
    ("get", "{nick}", "<ping xmlns='urn:xmpp:ping'/>"), ("get", "{nick}", "<vCard xmlns='vcard-temp'/>"), ("get", "{nick}", "<query xmlns='jabber:iq:version'/>"),
    ("set", "{full}", "<query xmlns='jabber:iq:roster'><item jid='{who}'/></query>"), ("result", "{full}", ""), ("error", "{room}", ""),
)


class HostileStanzas:
    """`accounts`: bare JIDs. What one client sends; what it has seen of ids and sessions it may use."""

    def __init__(self, random, accounts):
        self.random = random
        self.accounts = accounts
        self.words = ["lark", "nightingale", "poison", "eu.siacs.conversations.axolotl.devicelist", "urn:xmpp:microblog:0"]
        self.rooms = ["%s@conference.localhost" % name for name in ("vault", "orchard", "balcony")]
        self.sessions, self.ids = list(accounts), ["0000000000000001"]

    def saw(self, element):
        """Something came: its sender and its ids are worth knowing."""
        if element.get("from"):
            self.sessions = (self.sessions + [element.get("from")])[-40:]
        for child in element.children:
            if child.name in ("stanza-id", "result") and child.get("id"):
                self.ids = (self.ids + [child.get("id")])[-40:]

    def _fill(self, text, own):
        room, pick = self.random.choice(self.rooms), self.random.choice
        values = {"who": pick(self.accounts), "full": pick(self.sessions), "room": room, "nick": room + "/" + pick(self.words[:3]),
                  "word": pick(self.words), "id": pick(self.ids), "n": str(self.random.randrange(12)), "self": own,
                  "any": pick(self.accounts + self.rooms + ["localhost", "conference.localhost", "pubsub.localhost", "upload.localhost", ""]),
                  "archive": pick(["", room]), "nodes": pick(["", "", "pubsub.localhost", pick(self.accounts)])}
        for name, value in values.items():
            text = text.replace("{%s}" % name, value.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&apos;"))
        return text

    def next(self, own):
        """One stanza as text; `own` is the sender's bare JID."""
        kind = self.random.choices(("message", "presence", "iq"), (4, 3, 6))[0]
        if kind == "presence":
            text = self.random.choice(PRESENCES)
        elif kind == "message":
            to, how = self.random.choice((("{who}", "chat"), ("{full}", "chat"), ("{room}", "groupchat"), ("{nick}", "chat"), ("{room}", "normal"),
                                          ("{any}", "headline"), ("{who}", "error"), ("{nick}", "groupchat")))
            text = "<message to='%s' type='%s'>%s</message>" % (to, how, self.random.choice(MESSAGES))
        else:
            how, to, payload = self.random.choice(REQUESTS)
            text = "<iq type='%s' id='i%d'%s>%s</iq>" % (how, self.random.randrange(1 << 30), " to='%s'" % to if to else "", payload)
        stanza = parse_all(self._fill(text, own))[0]
        if not stanza.get("to", True):
            del stanza.attrs["to"]
        for _ in range(self.random.choice((0, 0, 0, 1, 1, 3))):
            self._bend(stanza)
        stanza.name, stanza.ns = kind, NS_CLIENT
        return stanza.to_xml()

    def _bend(self, stanza):
        element = stanza
        while element.children and self.random.random() < 0.75:
            element = self.random.choice(element.children)
        way = self.random.randrange(8)
        if way <= 1 and element.attrs:
            element.attrs[self.random.choice(sorted(element.attrs))] = self.random.choice(AWKWARD)
        elif way == 2 and element.attrs:
            del element.attrs[self.random.choice(sorted(element.attrs))]
        elif way == 3:
            element.text = self.random.choice(AWKWARD)
        elif way == 4 and element.children:
            element.children *= self.random.choice((0, 2, 30))
        elif way == 5:
            deepest = element
            for _ in range(self.random.choice((2, 20))):
                deepest.children = deepest.children + [Element("nested", "urn:x")]
                deepest = deepest.children[-1]
        elif way == 6 and element is not stanza:
            element.ns = self.random.choice(("", "urn:x", NS_CLIENT, PUBSUB, "jabber:x:data"))
        elif way == 7 and element is not stanza:
            element.name = self.random.choice(("query", "item", "x", "pubsub", "set", "body"))
