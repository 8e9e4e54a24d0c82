"""The parts of a page that are words, as HTML; whatever came over a topic is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from hardware.page import Fault
from hardware.page_control import Control

STYLE = """<style>
.rr-status{border-radius:8px;padding:10px 14px;margin:0 10px 8px;color:#fff;line-height:1.25}
.rr-status small{opacity:.8;letter-spacing:.08em;text-transform:uppercase;font-size:11px}
.rr-status b{display:block;font-size:30px}
.rr-status span{font-size:13px;opacity:.95}
.rr-person{background:#1c64d1}.rr-policy{background:#2b8a3e}.rr-nobody{background:#495057}
.rr-stopped{background:#c92a2a}.rr-unknown,.rr-blocked{background:#b35c00}
.rr-lines{margin:0 12px 8px;font-size:12.5px;line-height:1.45;overflow-wrap:anywhere}
.rr-lines i{font-style:normal;opacity:.6;margin-right:.5em}
.rr-lines .warn{color:#f0b429}.rr-lines .error,.rr-lines .stale{color:#ff6b6b}
.rr-facts{display:grid;gap:1px;margin:0 12px 8px;font-size:12.5px}
.rr-facts div{display:flex;justify-content:space-between;gap:8px}.rr-facts span{opacity:.65}
div:has(> i.rr-mark){display:none}
div:has(> div > i.rr-stop){display:grid;grid-template-columns:3fr 1fr;padding:8px 10px}
div:has(> div > i.rr-stop)>div{margin:0;padding:0}
div:has(> div > i.rr-stop)>div:first-child{grid-column:1/-1}
div:has(> div > i.rr-stop) .rr-status{margin:0 0 8px}
div:has(> div > i.rr-stop)>div:nth-child(2){margin-right:8px}
div:has(> div > i.rr-stop) button{height:58px!important;letter-spacing:.05em}
div:has(> div > i.rr-stop)>div:nth-child(2) button{font-size:24px}
div:has(> div > i.rr-stop)>div:nth-child(2) button *{font-weight:800}
div:has(> div > i.rr-stop) .mantine-Button-section{margin-right:14px}
div:has(> div > i.rr-two),div:has(> div > i.rr-four){display:grid;gap:6px;padding:0 10px 8px}
div:has(> div > i.rr-two){grid-template-columns:repeat(2,minmax(0,1fr))}
div:has(> div > i.rr-two) button{padding:0 6px}
div:has(> div > i.rr-four){grid-template-columns:repeat(4,1fr)}
div:has(> div > i.rr-two)>div,div:has(> div > i.rr-four)>div{margin:0;padding:0}
div:has(> div > i.rr-four) button{height:42px!important;padding:0 2px}
div:has(> div > i.rr-hold) button{touch-action:none;user-select:none}
div:has(> div > i.rr-hold) button:active{background:#1c64d1;outline:2px solid #74a7f5}
div:has(> div > i.rr-pictures) img{width:100%;border-radius:6px;image-rendering:pixelated}
</style>"""
"""viser stacks everything; where a mark stands, what is beside it becomes a grid."""


def mark(name: str) -> str:
    """Gives the container that it is put into the style of its name."""
    return f'<i class="rr-mark rr-{name}"></i>'


def status(control: Control) -> str:
    """Who is in control, to be read from across the room."""
    headline, detail = escape(control.headline), escape(control.detail)
    return (
        f'{STYLE}<div class="rr-status rr-{control.who}" id="in-control"><small>in control</small>'
        f"<b>{headline}</b><span>{detail}</span></div>"
    )


def answers(said: Iterable[tuple[str, str]]) -> str:
    """What came back, newest first."""
    lines = [f"<div><i>{escape(at)}</i>{escape(text)}</div>" for at, text in said]
    return f'<div class="rr-lines" id="answers">{"".join(reversed(lines)) or "nothing yet"}</div>'


def faults(found: Iterable[Fault]) -> str:
    """What is not well, or that all is."""
    lines = [
        f'<div class="{fault.level}"><i>{escape(fault.node)}</i>{escape(fault.message)}</div>'
        for fault in found
    ]
    return f'<div class="rr-lines">{"".join(lines) or "all nodes are well"}</div>'


def facts(values: Mapping[str, float]) -> str:
    """Named numbers."""
    cells = [
        f"<div><span>{escape(name.replace('_', ' '))}</span><b>{number(value)}</b></div>"
        for name, value in values.items()
    ]
    nobody = '<div class="rr-lines">no actor tells anything: robot-rl finetune</div>'
    return f'<div class="rr-facts">{"".join(cells)}</div>' if cells else nobody


def number(value: float) -> str:
    """A number as short as it is clear."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == round(value) else f"{value:.3g}"
