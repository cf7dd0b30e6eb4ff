#!/usr/bin/python3
"""Starts Gajim and is its user's hand and eye: each line on the input is Python to be evaluated in Gajim's main loop.

The answer is a line of JSON. What is here looks for widgets as a person does, by what they show."""

import json
import os
import sys
import threading
import traceback

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # Gajim prints, too

import gi  # noqa: E402

gi.require_version("Gtk", "3.0")
gi.require_version("Gdk", "3.0")
from gi.repository import Gdk, Gio, GLib, Gtk  # noqa: E402

ACCOUNT = "test"


def widgets():
    def below(widget):
        yield widget
        if isinstance(widget, Gtk.Container):
            found = []
            widget.forall(found.append)
            for child in found:
                yield from below(child)
    for window in Gtk.Window.list_toplevels():
        if window.get_mapped():
            yield from (widget for widget in below(window) if widget.get_mapped())


def texts():
    shown = []
    for widget in widgets():
        if isinstance(widget, Gtk.Label):
            shown.append(widget.get_text())
        elif isinstance(widget, Gtk.TextView):
            buffer = widget.get_buffer()
            shown.append(buffer.get_text(*buffer.get_bounds(), True))
    return "\n".join(shown)


def sees(text):
    return text in texts()


def click(label):
    """The first button with that on it; False when there is none yet."""
    for widget in widgets():
        if isinstance(widget, Gtk.Button) and widget.get_sensitive():
            found = []
            widget.forall(found.append)
            names = [widget.get_label()] + [each.get_text() for each in found if isinstance(each, Gtk.Label)]
            if label in names:
                widget.clicked()
                return True
    return False


def say(text):
    """Into the line for messages of the open chat, then Enter; False when it cannot be written into yet."""
    for widget in widgets():
        if type(widget).__name__ == "MessageInputTextView" and widget.get_sensitive() and widget.get_editable():
            widget.get_buffer().set_text(text)
            act("send-message")
            return True
    return False


def act(name, value=None):
    from gajim.common import app
    app.window.lookup_action(name).activate(value)
    return True


def choose(name, value):
    """A menu item with a choice."""
    from gajim.common import app
    app.window.lookup_action(name).change_state(value)
    return True


def app_is_there():
    from gajim.common import app
    return bool(app.window)


def log_in(jid, password, host, port, certificate, plugins):
    """What the account assistant does, after its pages."""
    from gajim.common import app
    from nbxmpp.const import ConnectionProtocol, ConnectionType
    trusted = Gio.TlsCertificate.new_from_file(certificate)
    app.cert_store._certs.append(trusted)  # accepted by the user
    # Uploads ask the system's authorities.
    Gio.TlsBackend.get_default().set_default_database(Gio.TlsFileDatabase.new(certificate))
    app.settings.set_app_setting("use_keyring", False)
    from gajim.common import passwords
    passwords.init()
    for plugin in list(app.plugin_manager.plugins):
        if plugin.manifest.short_name in plugins:
            app.plugin_manager.activate_plugin(plugin)
    user, domain = jid.split("@")
    app.app.create_account(ACCOUNT, user, domain, password, None,
                           ("%s:%d" % (host, port), ConnectionProtocol.TCP, ConnectionType.START_TLS))
    app.app.enable_account(ACCOUNT)
    return [plugin.manifest.short_name for plugin in app.plugin_manager.active_plugins]


def is_online():
    from gajim.common import app
    return app.account_is_available(ACCOUNT)


def is_contact(jid):
    from gajim.common import app
    contact = app.get_client(ACCOUNT).get_module("Contacts").get_contact(jid)
    return contact.subscription == "both" and contact.is_available


def open_account_page():
    from gajim.common import app
    app.window.show_account_page(ACCOUNT)
    return True


def open_chat(jid):
    from gajim.common import app
    from nbxmpp.protocol import JID
    app.window.add_chat(ACCOUNT, JID.from_string(jid), "contact", select=True)
    return True


def enter_room(jid):
    from gajim.common import app
    app.window.show_add_join_groupchat(ACCOUNT, jid)
    return True


def can_encrypt_to(jid):
    """It has fetched the keys of that person's devices; before, it sends to the others only."""
    from gajim.common import app
    backend = app.get_client(ACCOUNT).get_module("OMEMO").backend
    return bool(backend.get_devices(jid)) and not backend.devices_without_sessions(jid)


def close_window(kind):
    for window in Gtk.Window.list_toplevels():
        if type(window).__name__ == kind and window.get_mapped():
            window.close()
            return True
    return False


def screenshot(path):
    root = Gdk.get_default_root_window()
    Gdk.pixbuf_get_from_window(root, 0, 0, root.get_width(), root.get_height()).savev(path, "png", [], [])
    return True


def evaluate(line):
    try:
        result = {"value": eval(line, globals())}
        text = json.dumps(result)
    except Exception:
        text = json.dumps({"error": traceback.format_exc()})
    answers.write(text + "\n")
    answers.flush()
    return GLib.SOURCE_REMOVE


def listen():
    for line in sys.stdin:
        GLib.idle_add(evaluate, line.strip())
    GLib.idle_add(os._exit, 0)  # the test has gone


threading.Thread(target=listen, daemon=True).start()
sys.argv = ["gajim", "--verbose"]

from gajim import gajim  # noqa: E402

gajim.main()
