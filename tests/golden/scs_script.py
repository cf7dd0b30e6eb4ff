"""Reads a golden script: one step a line, an indented block below a step that ends in a colon (see README.md)."""

import json
import re
import shlex
from dataclasses import dataclass, field

from scs_match import NS_SCS, ScriptError
from xmpp_xml import parse_all

PREFIXES = (("scs", NS_SCS),)
_ENTITY = re.compile(r"^\s*#.*$", re.MULTILINE)


@dataclass
class Step:
    line: int
    text: str
    block: str = ""

    def elements(self):
        try:
            return [_without_layout(e) for e in parse_all(self.block, PREFIXES)]
        except Exception as error:
            raise ScriptError("line %d: the XML does not parse: %s" % (self.line, error)) from error


@dataclass
class Script:
    name: str
    path: str
    steps: list = field(default_factory=list)
    servers: tuple = ("rookery", "prosody")
    config: dict = field(default_factory=dict)
    known: dict = field(default_factory=dict)  # server -> why the script is known to fail there


def read_script(path, name):
    script = Script(name, path)
    with open(path) as file:
        lines = file.read().split("\n")
    index = 0
    while index < len(lines):
        line, number = lines[index], index + 1
        index += 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace():
            raise ScriptError("%s:%d: an indented line without a step above it" % (path, number))
        if line.startswith("@"):
            _directive(script, line, number)
            continue
        step = Step(number, line.split(" #")[0].rstrip())
        block = []
        while index < len(lines) and (not lines[index].strip() or lines[index][0].isspace()):
            block.append(lines[index])
            index += 1
        step.block = _ENTITY.sub("", "\n".join(block)).strip()
        if step.text.endswith(":") != bool(step.block):
            raise ScriptError("%s:%d: a step ends with a colon exactly when an indented block follows" % (path, number))
        script.steps.append(step)
    return script


def _without_layout(element):
    if element.children:
        element.text = element.text.strip()
    for child in element.children:
        _without_layout(child)
    return element


def _directive(script, line, number):
    word, _, rest = line[1:].partition(" ")
    if word == "server":
        script.servers = tuple(rest.split())
    elif word == "config":  # @config section.key = TOML-like value
        key, _, value = rest.partition("=")
        section, _, key = key.strip().partition(".")
        script.config.setdefault(section, {})[key] = _value(value.strip())
    elif word == "except":  # @except prosody: reason
        server, _, reason = rest.partition(":")
        script.known[server.strip()] = reason.strip()
    else:
        raise ScriptError("%s:%d: unknown directive @%s" % (script.path, number, word))


def _value(text):
    if text in ("true", "false"):
        return text == "true"
    if text.startswith("["):
        return json.loads(text)  # TOML's list of strings is one of JSON's
    return int(text) if re.fullmatch(r"-?[0-9]+", text) else shlex.split(text)[0]
