"""Reads Prometheus' text format, version 0.0.4, strictly: what a scraper might forgive is an error here.

    metrics = scrape("http://127.0.0.1:9551/metrics")
    metrics.value("rookery_sessions", state="all")
"""

import re
import urllib.error
import urllib.request

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(r"(%s)(?:\{(.*)\})? (\S+)\Z" % NAME)
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|\Z)')
TYPES = ("counter", "gauge", "histogram")


class Malformed(Exception):
    pass


class Family:
    def __init__(self, name, help_text):
        self.name, self.help, self.type = name, help_text, None
        self.samples = {}  # (name, ((label, value), ...)) -> number


class Metrics:
    def __init__(self, text):
        self.families = {}
        if not text.endswith("\n"):
            raise Malformed("the last line does not end")
        family = None
        for line in text[:-1].split("\n"):
            try:
                family = self._read(line, family)
            except (ValueError, Malformed) as error:
                raise Malformed("%s in %r" % (error, line)) from None
        for each in self.families.values():
            self._check(each)

    def _read(self, line, family):
        if line.startswith("# HELP "):
            _, _, name, help_text = line.split(" ", 3)
            if name in self.families or not re.fullmatch(NAME, name):
                raise Malformed("the metric has begun before, or its name is none")
            self.families[name] = Family(name, help_text)
            return self.families[name]
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if family is None or family.name != name or family.type or family.samples or kind not in TYPES:
                raise Malformed("a type out of place")
            family.type = kind
            return family
        found = SAMPLE.match(line)
        if not found or family is None:
            raise Malformed("no sample")
        name, labels, number = found.groups()
        suffixes = ("_bucket", "_sum", "_count") if family.type == "histogram" else ("",)
        if name not in [family.name + suffix for suffix in suffixes]:
            raise Malformed("a sample of another metric")
        key = (name, tuple(sorted(self._labels(labels or ""))))
        if key in family.samples:
            raise Malformed("the same sample twice")
        family.samples[key] = float(number)
        return family

    @staticmethod
    def _labels(text):
        at, labels = 0, []
        while at < len(text):
            found = LABEL.match(text, at)
            if not found:
                raise Malformed("bad labels")
            labels.append(found.groups())
            at = found.end()
        if len({name for name, _ in labels}) != len(labels):
            raise Malformed("a label twice")
        return labels

    @staticmethod
    def _check(family):
        if family.type is None or not family.samples:
            raise Malformed("%s has no type or no samples" % family.name)
        if (family.type == "counter") != family.name.endswith("_total"):
            raise Malformed("%s: counters, and they alone, end with _total" % family.name)
        if family.type == "counter" and min(family.samples.values()) < 0:
            raise Malformed("%s is a negative counter" % family.name)
        if family.type != "histogram":
            return
        buckets = [(float(dict(labels)["le"].replace("+Inf", "inf")), value)
                   for (name, labels), value in family.samples.items() if name.endswith("_bucket")]
        counts = [value for _, value in buckets]
        if buckets != sorted(buckets) or counts != sorted(counts) or buckets[-1][0] != float("inf"):
            raise Malformed("%s: its buckets are not in order" % family.name)
        if counts[-1] != family.samples[(family.name + "_count", ())] or (family.name + "_sum", ()) not in family.samples:
            raise Malformed("%s: its count or sum is wrong" % family.name)

    def value(self, name, **labels):
        """Of one sample; of a histogram ask for NAME_count or NAME_sum."""
        family = self.families.get(name) or self.families.get(re.sub("_(count|sum|bucket)$", "", name))
        return family.samples[(name, tuple(sorted(labels.items())))]

    def names(self):
        """All that a query may name."""
        return {name for family in self.families.values() for name, _ in family.samples}


def get(url, token=None, context=None):
    """(status, headers, text), whatever the status."""
    request = urllib.request.Request(url, headers={"Authorization": "Bearer " + token} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=20, context=context) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


def scrape(url, token=None):
    status, headers, text = get(url, token)
    if status != 200 or not headers["Content-Type"].startswith("text/plain; version=0.0.4"):
        raise Malformed("%s: %s, %s" % (url, status, headers["Content-Type"]))
    return Metrics(text)
