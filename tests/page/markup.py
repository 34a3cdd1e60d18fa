"""A strict reader of the page's HTML: what a browser would silently mend is a fault here. `faults(text)` returns sentences."""

import re
from html.parser import HTMLParser

VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])
FOREIGN_VOID = frozenset(
    ["path", "circle", "rect", "line", "use", "polyline", "polygon", "ellipse"]
)  # inside an SVG; they close themselves
INSIDE_P = frozenset(
    [
        "a",
        "audio",
        "abbr",
        "b",
        "bdi",
        "br",
        "button",
        "code",
        "em",
        "i",
        "img",
        "input",
        "kbd",
        "label",
        "mark",
        "output",
        "progress",
        "q",
        "s",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "svg",
        "time",
        "u",
        "wbr",
    ]
)
ASKS = frozenset({"input", "select", "textarea"})
ACTS = frozenset({"a", "button", "label", "select", "textarea", "input", "summary"})
REFERS = ("for", "aria-labelledby", "aria-describedby", "aria-controls", "list")


class Strict(HTMLParser):
    """Reads one document and notes what is wrong with it."""

    def __init__(self):
        super().__init__(convert_charrefs=False)
        self.wrong, self.open, self.ids, self.refers = [], [], set(), []
        self.asks, self.labelled, self.heads, self.counts, self.texts = [], set(), [], {}, {}

    def fault(self, what):
        self.wrong.append(f"line {self.getpos()[0]}: {what}")

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        if len(set(names)) < len(names):
            self.fault(f"<{tag}> has an attribute twice")
        self.counts[tag] = self.counts.get(tag, 0) + 1
        has = dict(attrs)
        self.look(tag, has)
        if tag not in VOID:
            self.open.append((tag, has, self.getpos()[0], []))

    def handle_startendtag(self, tag, attrs):
        if not any(t == "svg" for t, *_ in self.open) and tag not in VOID:
            self.fault(f"<{tag}/> does not close itself")
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            self.fault(f"</{tag}> closes {self.open[-1][0] if self.open else 'nothing'}")
            return
        _, has, _, said = self.open.pop()
        text = "".join(said).strip()
        if self.open:
            self.open[-1][3].append(text)
        around = [t for t, *_ in self.open]
        named = text or has.get("aria-label") or has.get("aria-labelledby") or has.get("title")
        if tag in {"a", "button", "h1", "h2", "h3", "summary", "label", "option", "title", "th"} and not (
            named or has.get("value") == "" or "datalist" in around
        ):
            self.fault(f"<{tag}> says nothing")

    def handle_data(self, data):
        if self.open:
            self.open[-1][3].append(data)
            if data.strip() and self.open[-1][0] in {"ul", "ol", "dl", "table", "tr", "select", "thead", "tbody", "tfoot"}:
                self.fault(f"text right inside <{self.open[-1][0]}>: {data.strip()[:30]!r}")

    def handle_entityref(self, name):
        if self.open:
            self.open[-1][3].append(f"&{name};")

    def handle_charref(self, name):
        if self.open:
            self.open[-1][3].append(f"&#{name};")

    def look(self, tag, has):
        around = [t for t, *_ in self.open]
        parent = around[-1] if around else ""
        if "id" in has:
            if has["id"] in self.ids or not has["id"] or re.search(r"\s", has["id"]):
                self.fault(f"id {has['id']!r} is empty, has a blank, or is there twice")
            self.ids.add(has["id"])
        self.refers += [(name, word, self.getpos()[0]) for name in REFERS for word in (has.get(name) or "").split()]
        if tag == "label" and has.get("for"):
            self.labelled.add(has["for"])
        if tag in ASKS and has.get("type") not in {"hidden", "submit", "button"}:
            inside = "label" in around or has.get("aria-label") or has.get("aria-labelledby") or has.get("aria-hidden") == "true"
            self.asks.append((tag, has.get("id"), has.get("name"), bool(inside), self.getpos()[0]))
        if (
            tag in {"input", "button"}
            and has.get("type") == "password"
            and not any(t == "form" and dict(h).get("method") == "post" for t, h, *_ in self.open)
        ):
            self.fault("a password outside a form that posts")
        if tag == "form" and has.get("method") != "post" and "action" not in has:
            self.fault("a form that does not say where it goes")
        if tag == "form" and "form" in around:
            self.fault("a form in a form")
        if tag in ACTS and any(t in {"a", "button"} for t in around) and has.get("type") != "hidden":
            self.fault(f"<{tag}> inside <{next(t for t in around if t in {'a', 'button'})}>")
        if tag == "img" and "alt" not in has:
            self.fault("<img> without alt")
        pictures = [h for _, h, *_ in self.open if h.get("role") == "img"] + [has]
        if tag == "svg" and has.get("aria-hidden") != "true" and not any(h.get("role") == "img" and h.get("aria-label") for h in pictures):
            self.fault("<svg> neither hidden nor named")
        if tag == "a" and not has.get("href"):
            self.fault("<a> leads nowhere")
        if parent == "p" and tag not in INSIDE_P:
            self.fault(f"<{tag}> inside <p>")
        if parent in {"ul", "ol"} and tag != "li":
            self.fault(f"<{tag}> right inside <{parent}>")
        if tag in {"li", "dt", "dd", "tr", "td", "th", "option"} and parent not in {
            "ul",
            "ol",
            "dl",
            "div",
            "table",
            "thead",
            "tbody",
            "tfoot",
            "tr",
            "select",
            "datalist",
            "optgroup",
        }:
            self.fault(f"<{tag}> inside <{parent}>")
        if re.fullmatch("h[1-6]", tag):
            if self.heads and int(tag[1]) > self.heads[-1] + 1:
                self.fault(f"<{tag}> after <h{self.heads[-1]}>")
            self.heads.append(int(tag[1]))
        if any(name.startswith("on") for name in has) or "style" in has:
            self.fault(f"<{tag}> has script or style of its own, which the policy forbids")
        if tag == "script" and not has.get("src"):
            self.fault("script in the page, which the policy forbids")


def faults(text, *, whole=True):
    """Return what is wrong. `whole`: a document; else a part of one, whose labels may refer to what is outside."""
    read = Strict()
    read.feed(text)
    read.close()
    wrong = list(read.wrong)
    wrong += [f"line {line}: <{tag}> is never closed" for tag, _, line, _ in read.open]
    if whole:
        wrong += [f"line {line}: {name}={word!r} refers to nothing" for name, word, line in read.refers if word not in read.ids]
        wrong += [
            f"there are {read.counts.get(tag, 0)} <{tag}>"
            for tag in ("html", "head", "body", "title", "main", "h1")
            if read.counts.get(tag) != 1
        ]
        if not text.lower().startswith("<!doctype html>") or not re.search(r'<html lang="[a-zA-Z-]+"', text):
            wrong.append("no doctype at its very beginning, or no language")
    wrong += [
        f"line {line}: <{tag} name={name}> has no label"
        for tag, name_id, name, inside, line in read.asks
        if not inside and name_id not in read.labelled
    ]
    return wrong
