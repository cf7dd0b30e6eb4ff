"""An app server as XEP-0357 has it, for tests: a client whose full JID is the push service. It takes notifications at the nodes
that it knows, answers as the XEP says, and remembers what it was told.

    app = PushAppServer(client)            a connected XmppClient
    app.nodes.add("n1")
    told = await app.notification()        the next one that it took
"""

from xmpp_xml import Element

NS_PUBSUB = "http://jabber.org/protocol/pubsub"
NS_PUSH = "urn:xmpp:push:0"
NS_FORMS = "jabber:x:data"
NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"


class Notification:
    def __init__(self, account, node, fields, options):
        self.account, self.node, self.fields, self.options = account, node, fields, options

    @property
    def count(self):
        return int(self.fields["message-count"])


class PushAppServer:
    def __init__(self, client):
        self.client = client
        self.nodes = set()
        self.answers = True  # false: it takes them and stays silent
        self.refuses_with = None  # the condition of an error for all of them
        self.told, self.refused = [], []
        self._read = 0
        client.intercept = self._on_stanza

    async def notification(self, timeout=10.0):
        await self.client.wait_for(lambda: len(self.told) > self._read, timeout)
        self._read += 1
        return self.told[self._read - 1]

    def _on_stanza(self, stanza):
        pubsub = stanza.find("pubsub", NS_PUBSUB) if stanza.name == "iq" and stanza.get("type") == "set" else None
        publish = pubsub.find("publish", NS_PUBSUB) if pubsub is not None else None
        if publish is None:
            return False
        account, node = stanza.get("from"), publish.get("node", "")
        notification = publish.find("item", NS_PUBSUB).find("notification", NS_PUSH)
        # §4.2.3: only a server may publish, which shows by the bare JID.
        if self.refuses_with is not None:
            self.refused.append(node)
            self._refuse(stanza, self.refuses_with, "wait")
        elif "/" in account or notification is None:
            self._refuse(stanza, "forbidden", "auth")
        elif node not in self.nodes:
            self._refuse(stanza, "item-not-found", "cancel")
        else:
            options = pubsub.find("publish-options", NS_PUBSUB)
            self.told.append(Notification(account, node, _fields(notification), _fields(options) if options is not None else {}))
            if self.answers:
                self.client.send(Element("iq", attrs={"type": "result", "id": stanza.get("id"), "to": account}))
        return True

    def _refuse(self, stanza, condition, kind):
        error = Element("error", attrs={"type": kind}, children=[Element(condition, NS_STANZAS)])
        self.client.send(Element("iq", attrs={"type": "error", "id": stanza.get("id"), "to": stanza.get("from")}, children=[error]))


def _fields(parent):
    form = parent.find("x", NS_FORMS)
    return {field.get("var"): field.find("value", NS_FORMS).text for field in form.find_all("field", NS_FORMS)}
