# SPDX-License-Identifier: BSD-3-Clause
"""HTML and SVG as nested elements. Text is escaped by construction: only what element() made goes out as it is, so no
label of a file can become markup. The output is both HTML and well-formed XML.
"""
import re

# What XML cannot hold, and what turns the direction of the text around it.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
VOID = {"meta", "br", "col", "circle", "line", "path", "polygon", "polyline", "rect", "wbr"}


class Markup(str):
    """Text that is markup already."""


def escape(value):
    """Any value as markup."""
    if isinstance(value, Markup):
        return value
    text = UNPRINTABLE.sub("\ufffd", str(value))
    return Markup("".join(ESCAPES.get(character, character) for character in text))


def join(parts):
    """A list of anything, nested lists and None included, as markup."""
    if parts is None:
        return Markup("")
    if isinstance(parts, (list, tuple)):
        return Markup("".join(join(part) for part in parts))
    return escape(parts)


def number(value, digits=2):
    """A coordinate: short, and the same on every machine."""
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
    return "0" if text == "-0" else text


def element(name, /, *content, **attributes):
    """<name attribute="value">content</name>. A trailing underscore lets Python's words be attributes (class_), other
    underscores are hyphens; None leaves an attribute out, floats are coordinates."""
    text = [f"<{name}"]
    for key, value in attributes.items():
        if value is None:
            continue
        key = key.rstrip("_").replace("_", "-")
        text.append(f' {key}="{escape(number(value) if isinstance(value, float) else value)}"')
    inside = join(content)
    if name in VOID and not inside:
        text.append("/>")
    else:
        text.append(f">{inside}</{name}>")
    return Markup("".join(text))
