# SPDX-License-Identifier: BSD-3-Clause
"""The page around the sections: one file, nothing fetched, no script; tables, figures and lists in its style."""
import re
from dataclasses import dataclass

from gemmule_perf.report.markup import Markup, element
from gemmule_perf.report.style import style_sheet

# Nothing may be fetched and nothing may run, whatever stands in the page.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


@dataclass
class Section:
    """`status` is its line in the contents. Without content it is missing, and `how` says where it would come from."""

    anchor: str
    title: str
    status: str = ""
    intro: object = ""
    content: object = None
    how: str = ""


@dataclass(frozen=True)
class Column:
    title: object
    kind: str = "word"  # num, word, text (which wraps), name, plot, fill
    rest: bool = False  # left out on narrow screens

    @property
    def class_(self):
        return self.kind + (" rest" if self.rest else "")

    def shown(self, cell):
        return breakable(cell) if self.kind == "name" and not isinstance(cell, Markup) else cell


def table(columns, rows, caption=None):
    """Cells are markup or text, one a column."""
    head = element("tr", [element("th", column.title, class_=column.class_, scope="col") for column in columns])
    body = [
        element("tr", [element("td", column.shown(cell), class_=column.class_) for column, cell in zip(columns, row)])
        for row in rows
    ]
    parts = [element("caption", caption) if caption else None, element("thead", head), element("tbody", body)]
    return element("div", element("table", parts), class_="scroll")


def breakable(name):
    """A name that may be broken behind its signs."""
    parts = re.split("(?<=[×/:x])(?=[0-9])", name)
    return [part for piece in parts for part in (piece, element("wbr"))][:-1]


def figure(caption, *pictures):
    return element("figure", element("figcaption", caption) if caption else None, pictures)


def responsive(draw, wide, middle, narrow):
    """A chart in three sizes, of which the style sheet shows one; to shrink one would make its words illegible."""
    sizes = {"wide": wide, "middle": middle, "narrow": narrow}
    return [element("div", draw(*size), class_=name) for name, size in sizes.items()]


def command(words):
    return element("code", words)


def note(*words):
    return element("p", words, class_="note")


def details(title, *content, open_=False):
    return element("details", element("summary", title), content, open="open" if open_ else None)


def listed(entries):
    return element("ul", [element("li", entry) for entry in entries])


def warning(title, entries, most=20):
    """What went wrong while reading: never silently left out."""
    shown = list(entries[:most])
    if len(entries) > most:
        shown.append(f"and {len(entries) - most} more")
    return element("div", element("strong", title), listed(shown) if shown else None, class_="warning", role="note")


def facts(pairs):
    rows = [element("div", element("dt", name), element("dd", value)) for name, value in pairs if value]
    return element("dl", rows, class_="facts") if rows else Markup("")


def tile(value, words, kind=None):
    value = element("span", value, class_="value" + (f" {kind}" if kind else ""))
    return element("div", value, element("span", words, class_="words"), class_="tile")


def contents(sections):
    entries = []
    for section in sections:
        link = element("a", section.title, href="#" + section.anchor)
        if section.content is None:
            entries.append(element("li", link, element("span", " – no data", class_="note")))
        else:
            entries.append(
                element("li", link, element("span", " – ", section.status, class_="note") if section.status else None)
            )
    return element("nav", element("ol", entries), aria_label="Contents")


def block(section):
    parts = [element("h2", section.title)]
    if section.content is None:
        parts.append(element("p", section.how, class_="missing"))
    else:
        parts += [element("p", section.intro) if section.intro else None, section.content]
    return element("section", parts, id=section.anchor)


def page(title, lead, head, sections, foot):
    """The document. `head` are facts and warnings, above the contents."""
    meta = [
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Markup(style_sheet())),
    ]
    body = element(
        "div",
        element("header", element("h1", title), element("p", lead, class_="lead"), head, contents(sections)),
        element("main", [block(section) for section in sections]),
        element("footer", foot),
        class_="page",
    )
    html = element("html", element("head", meta), element("body", body), lang="en")
    return "<!DOCTYPE html>\n" + html + "\n"
