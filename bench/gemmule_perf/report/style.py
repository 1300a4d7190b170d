# SPDX-License-Identifier: BSD-3-Clause
"""The style sheet of the report. Colours have two values each, for light and for dark; text is at least 4.5 : 1 on what
it stands on, marks at least 3 : 1 (tests/perf/test_report.py computes it). Faster and slower differ in hue for every
kind of sight, blue against orange, and in shape and words besides.
"""

# name: (light, dark)
SURFACES = {"paper": ("#fdfdfc", "#14161a"), "panel": ("#ffffff", "#1a1d22")}
TEXTS = {
    "ink": ("#1c1e21", "#e6e7e9"),
    "muted": ("#5a6068", "#a0a6af"),
    "link": ("#0b5cad", "#7db8ff"),
    "better": ("#0b5cad", "#7db8ff"),
    "worse": ("#a84300", "#ff9f63"),
}
MARKS = {
    "s0": ("#0b5cad", "#7db8ff"),
    "s1": ("#b8500a", "#ff9f63"),
    "s2": ("#00745a", "#4fcfa4"),
    "s3": ("#8b3f86", "#e59bd8"),
    "s4": ("#857000", "#e2c64b"),
    "s5": ("#5a6068", "#a9b0ba"),
    "s6": ("#b3263e", "#ff8f9c"),
    "bad": ("#a84300", "#ff9f63"),
    "better": ("#0b5cad", "#7db8ff"),
    "worse": ("#a84300", "#ff9f63"),
    "same": ("#5a6068", "#a0a6af"),
    "unclear": ("#5a6068", "#a0a6af"),
}
LINES = {"rule": ("#dfe1e4", "#33373e"), "grid": ("#e9ebed", "#2a2e35"), "axis": ("#9aa0a8", "#6b727c"),
         "band": ("#cfe0f1", "#25405c")}  # fmt: skip

SHEET = """
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100% }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans", "DejaVu Sans",
    sans-serif
}
.page { max-width: 1160px; margin: 0 auto; padding: 40px 32px 72px }
h1, h2, h3 { font-weight: 650; overflow-wrap: anywhere }
h1 { font-size: 29px; line-height: 1.2; letter-spacing: -.015em; margin: 0 0 6px }
h2 { font-size: 20px; line-height: 1.3; letter-spacing: -.01em; margin: 0 0 4px }
h3 { font-size: 15px; line-height: 1.4; margin: 28px 0 6px }
h3 .note { font-weight: 400 }
p { margin: 0 0 12px; max-width: 76ch; overflow-wrap: anywhere }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: 2px }
code {
  font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere
}
.lead { color: var(--muted); margin-bottom: 24px }
.note { color: var(--muted); font-size: 13.5px }
.missing { color: var(--muted) }
.better { color: var(--better) }
.worse { color: var(--worse) }
.warning { border-left: 3px solid var(--worse); padding: 2px 0 2px 14px; margin: 0 0 18px; overflow-wrap: anywhere }
.warning ul { margin: 4px 0 0; padding-left: 18px; font-size: 13.5px }
section { margin-top: 44px; padding-top: 20px }
section > h2 + p { color: var(--muted); font-size: 13.5px; margin-bottom: 16px }
section, footer { border-top: 1px solid var(--rule) }
footer { margin-top: 56px; padding-top: 14px; color: var(--muted); font-size: 12.5px }

dl.facts, .tiles, .small, .medium { display: grid }
dl.facts { grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); gap: 0 32px; margin: 0 0 24px }
dl.facts div {
  display: grid; grid-template-columns: 104px 1fr; gap: 0 14px; padding: 6px 0; border-top: 1px solid var(--rule);
  font-size: 13.5px
}
dt { color: var(--muted) }
dd { margin: 0; overflow-wrap: anywhere }
nav ol { list-style: none; margin: 0; padding: 0; columns: 2; column-gap: 32px; font-size: 13.5px }
nav li { break-inside: avoid; padding: 3px 0 }
.tiles { grid-template-columns: repeat(auto-fit, minmax(min(100%, 200px), 1fr)); gap: 20px 28px; margin: 8px 0 24px }
.tile span { display: block; overflow-wrap: anywhere }
.tile .value { font-size: 27px; line-height: 1.2; font-weight: 600; letter-spacing: -.02em }
.tile .words { color: var(--muted); font-size: 13px; line-height: 1.4; margin-top: 2px }

.scroll { overflow-x: auto; margin: 0 0 8px }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; line-height: 1.4 }
table, .value, dd, svg text { font-variant-numeric: tabular-nums lining-nums }
caption { text-align: left; color: var(--muted); padding: 0 0 6px; font-size: 13px }
th, td { padding: 5px 14px 5px 0; text-align: left }
th:last-child, td:last-child { padding-right: 0 }
th { border-bottom: 1px solid var(--axis); color: var(--muted); font-size: 12.5px; font-weight: 500 }
th { vertical-align: bottom }
td { border-bottom: 1px solid var(--rule) }
.num { text-align: right; white-space: nowrap }
.word { white-space: nowrap }
.name, .text { overflow-wrap: break-word }
.name { min-width: 92px }
.plot { width: 34%; min-width: 170px }
.fill { width: 40% }
.cell { display: block; width: 100%; height: 18px; overflow: visible }
th .cell { height: 16px }
details { margin: 10px 0 }
summary { cursor: pointer; color: var(--link); font-size: 13.5px; padding: 3px 0 }

figure { margin: 0 }
figcaption { font-size: 13px; line-height: 1.4; margin: 0 0 2px; overflow-wrap: anywhere }
figcaption .note { font-size: 12.5px }
.small, .medium { gap: 26px; margin: 14px 0 10px }
.small { grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr)) }
.medium { grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)) }
.small figure { display: flex; flex-direction: column; justify-content: flex-end }
.chart { display: block; width: 100%; height: auto; overflow: visible }
.panel { max-width: calc(var(--w) * 1.3) }
.middle, .narrow { display: none }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 8px 0 4px; padding: 0 }
.legend li { font-size: 13px; display: flex; align-items: center; gap: 7px; overflow-wrap: anywhere }
.swatch { width: 18px; height: 16px; flex: none }

svg text { font-family: inherit; fill: var(--ink); font-size: 12px }
svg .tick { fill: var(--muted); font-size: 11.5px }
svg .title { fill: var(--muted) }
svg .pointlabel, svg .clifflabel { font-size: 11px }
svg .rooflabel { fill: var(--muted); font-size: 11.5px }
svg .changelabel { font-size: 11.5px; font-weight: 600 }
svg .changelabel.worse, svg .clifflabel { fill: var(--worse) }
svg .changelabel.better { fill: var(--better) }
svg .changelabel.unclear { fill: var(--muted) }
svg path { fill: none }
.grid { stroke: var(--grid) }
.axis, .zero { stroke: var(--axis) }
.roof { stroke: var(--axis); stroke-width: 1.5; stroke-dasharray: 5 4 }
svg path.band { fill: var(--band) }
.median { stroke: var(--s0); stroke-width: 1.6; stroke-linejoin: round }
.level { stroke: var(--ink); opacity: .65 }
.run { fill: var(--s0) }
.change { stroke-width: 1.2; stroke-dasharray: 2 2 }
.change.worse { stroke: var(--worse) }
.change.better { stroke: var(--better) }
.change.unclear { stroke: var(--axis) }
.curve { stroke-width: 1.3; stroke-linejoin: round }
.mark { stroke: var(--panel); stroke-width: .7 }
svg path.mark.stroke { stroke-width: 1.7 }
.whisker { stroke-width: 2.2 }
.limit { stroke: var(--ink); stroke-width: 1.4 }
.leader { stroke: var(--axis); stroke-width: .8 }

@media (max-width: 900px) {
  .wide { display: none }
  .middle { display: block }
}
@media (max-width: 720px) {
  .page { padding: 24px 16px 48px }
  h1 { font-size: 24px }
  section { margin-top: 34px }
  nav ol { columns: 1 }
  dl.facts div { grid-template-columns: 92px 1fr }
  .rest { display: none }
  table { font-size: 13px }
  th, td { padding-right: 9px }
  .plot { min-width: 84px; width: auto }
  .fill { width: auto }
}
@media (max-width: 520px) {
  .middle { display: none }
  .narrow { display: block }
}
@media print {
  body { font-size: 10.5pt }
  .page { max-width: none; padding: 0 }
  figure, tr, .tile { break-inside: avoid }
  h2, h3 { break-after: avoid }
  .scroll { overflow: visible }
  nav { display: none }
}
"""


def variables(which):
    groups = (SURFACES, {**TEXTS, **MARKS}, LINES)
    return ";".join(f"--{name}:{colours[which]}" for group in groups for name, colours in group.items())


def series_rules():
    rules = []
    for name in MARKS:
        rules.append(f"svg .mark.{name} {{ fill: var(--{name}) }}")
        rules.append(f"svg .mark.{name}.stroke {{ fill: none; stroke: var(--{name}) }}")
        if name[1:].isdigit():
            rules.append(f"svg .curve.l{name[1:]} {{ stroke: var(--{name}) }}")
    return "\n".join(rules)


def style_sheet():
    """Light by default and on paper, dark where the reader's system is."""
    cells = "".join(
        f".bar.{kind}{{fill:var(--{kind})}}.whisker.{kind}{{stroke:var(--{kind})}}"
        for kind in ("better", "worse", "same", "unclear")
    )
    return (
        f":root{{color-scheme:light dark;{variables(0)}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{variables(1)}}}}}"
        f"{SHEET}{series_rules()}\n{cells}\n"
    )
