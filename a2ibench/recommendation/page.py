"""A recommendation as a page that can be sent to others: one file of HTML, without scripts."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from a2ibench.inspection import Finding
from a2ibench.recommendation.expectations import WARNING
from a2ibench.recommendation.ranking import Ranked

_STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1a1a1a; --soft: #555555; --line: #dddddd;
  --shade: #f4f4f4; --good: #0b6e4f; --good-shade: #f2f8f5; --bad: #a34f00; --bad-shade: #fdf5ec }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #15181c; --ink: #e8e8ea; --soft: #a9adb5; --line: #363b42;
    --shade: #1f242a; --good: #6fd3ae; --good-shade: #1a2723; --bad: #ffb26b; --bad-shade: #2b231a }
}
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; margin-bottom: .2rem }
h1, p { overflow-wrap: anywhere }
h2 { font-size: 1.15rem; margin-top: 2rem }
.answer { border-left: 4px solid var(--good); padding: .4rem 1rem; background: var(--good-shade) }
.warning { border-left: 4px solid var(--bad); padding: .4rem 1rem; background: var(--bad-shade) }
.scroll { overflow-x: auto }
:focus-visible { outline: 3px solid var(--good); outline-offset: 2px }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top }
tbody th { font-weight: inherit }
td.number, th.number { text-align: right }
td.number { white-space: nowrap }
code, pre { font: .85rem/1.4 ui-monospace, monospace; background: var(--shade); overflow-wrap: anywhere }
pre { padding: .7rem; white-space: pre-wrap }
tr.chosen { font-weight: 600 }
.check { color: var(--bad); font-weight: 600 }
img { max-width: 100%; background: #ffffff }
small { color: var(--soft) }
"""
_HEADINGS = (
    ("method", ""),
    ("in-plane PSNR (dB)", "number"),
    ("gain over cubic (dB)", "number"),
    ("consistency", "number"),
    ("million voxels a second", "number"),
    ("remark", ""),
)


def page(
    stack: str,
    method: str,
    command: str,
    expectations: Iterable[str],
    findings: Iterable[Finding],
    ranking: Iterable[Ranked],
    figures: Iterable[Path] = (),
) -> str:
    """Return the page of a recommendation, with its figures in it.

    Parameters
    ----------
    stack, method, command, expectations, findings, ranking
        As of a `Recommendation`.
    figures : iterable of Path
        PNG files.
    """
    name = escape(Path(stack).name)
    ranked = list(ranking)
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{name}: which method</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body><main>",
        f"<h1>{name}</h1><p><small>{escape(stack)}</small></p>",
        f'<div class="answer"><p>Use <strong>{escape(method)}</strong>:</p>',
        f"<pre>{escape(command)}</pre></div>",
        "<h2>What to expect</h2>",
        *(_expectation(line) for line in expectations),
        *_ranking(ranked, method),
        *(_figure(file) for file in figures),
        "<h2>The stack</h2>",
        *_findings(findings),
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _expectation(line: str) -> str:
    kind = ' class="warning"' if WARNING in line else ""
    return f"<p{kind}>{escape(line[:1].upper() + line[1:])}</p>"


def _ranking(ranked: list[Ranked], method: str) -> Iterator[str]:
    if not ranked:
        return
    yield "<h2>Methods</h2>"
    yield (
        "<p>All trained equally long on a sample of the stack, without an eighth of its slices. These were "
        "degraded as the axial direction is, restored, and compared with themselves: the higher the in-plane "
        "PSNR, the better. Consistency tells whether a reconstruction fits the input, and ranks nothing.</p>"
    )
    yield '<div class="scroll" role="region" tabindex="0" aria-label="Methods"><table><thead><tr>'
    yield "".join(f'<th scope="col" class="{kind}">{escape(text)}</th>' for text, kind in _HEADINGS)
    yield "</tr></thead><tbody>"
    for one in ranked:
        yield f'<tr class="{"chosen" if one.method == method else ""}">'
        yield f'<th scope="row">{escape(one.method)}</th>'
        yield "".join(f'<td class="number">{text}</td>' for text in numbers(one))
        yield f"<td>{escape(one.reason)}</td></tr>"
    yield "</tbody></table></div>"


def numbers(one: Ranked) -> tuple[str, str, str, str]:
    """Return score, gain with its interval, consistency, and speed of a method as texts."""
    gain = number(one.gain, "+.2f")
    if math.isfinite(one.low):
        gain += f" [{one.low:.2f}, {one.high:.2f}]"
    speed = number(one.voxels_per_second / 1e6, ".2f")
    return number(one.score, ".2f"), gain, number(one.consistency, ".2f"), speed


def number(value: float, form: str) -> str:
    """Return a number, or a dash where it is NaN."""
    return "-" if math.isnan(value) else f"{value:{form}}"


def _figure(file: Path) -> str:
    content = base64.b64encode(file.read_bytes()).decode("ascii")
    alt = "An axial plane of the sample, as interpolated and as each method reconstructs it"
    return f'<p><img alt="{alt}" src="data:image/png;base64,{content}"></p>'


def _findings(findings: Iterable[Finding]) -> Iterator[str]:
    yield "<table><tbody>"
    for one in findings:
        state = "ok" if one.passed else '<span class="check">check</span>'
        remedy = f"<br><code>{escape(one.remedy)}</code>" if one.remedy else ""
        yield f'<tr><th scope="row">{state}</th><td>{escape(one.text)}{remedy}</td></tr>'
    yield "</tbody></table>"
