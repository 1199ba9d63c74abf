# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A bar chart as SVG, without scripts: a few kilobytes, for pages that must be light."""

import math
from collections.abc import Sequence
from html import escape

from .volume import human

WIDTH, HEIGHT, BASE, LEFT, RIGHT = 640, 210, 180, 84, 16
#: The chart shrinks with the page, its letters must not: on a narrow one they are larger, and fewer labels have room ("w": on a wide page only).
_STYLE = (
    "<style>.isp-chart{width:100%;max-width:52rem;height:auto;font:12px sans-serif;fill:#5b6478}.isp-chart .n{display:none}"
    "@media(max-width:600px){.isp-chart{font-size:22px}.isp-chart .n{display:inline}.isp-chart .w{display:none}}</style>"
)
#: Width of a letter or digit of a label, on a wide and on a narrow page.
_LETTER = {"w": 6.9, "n": 12.5}


def bars(points: Sequence[tuple[str, int, int]], down: str, up: str) -> str:
    """:param points: (label, bytes down, bytes up), in order; :param down, up: names of the two in the reader's language
    :return: ``<svg>``; every bar says its figures when it is pointed at or read aloud

    >>> text = bars([("1 <b>", 9_000_000, 1_000_000), ("2", 0, 0)], "Download", "Upload")
    >>> text.count("<rect"), "1 &lt;b&gt;: Download 9.00 MB, Upload 1.00 MB" in text, "<b>" in text
    (4, True, False)
    >>> bars([], "Download", "Upload")
    ''

    Labels do not lie on each other: of twelve months a wide page shows every other, a narrow one every third.

    >>> text = bars([(f"2026-{month:02}", 1, 1) for month in range(1, 13)], "Download", "Upload")
    >>> text.count('class="w"'), text.count('class="n"')
    (4, 2)

    The last one is not cut off: it ends where the chart ends.

    >>> text = bars([(f"10-{day:02}", 1, 1) for day in range(1, 32)], "Download", "Upload")
    >>> text.partition(">10-31</text>")[0].rpartition("<text ")[2]
    'x="640.0" y="202" text-anchor="end"'
    """
    if not points:
        return ""
    top = _nice(max(down_bytes + up_bytes for _label, down_bytes, up_bytes in points))
    room = (WIDTH - LEFT - RIGHT) / len(points)
    longest = max(len(label) for label, _down, _up in points)
    every = {page: math.ceil(longest * letter * 1.25 / room) for page, letter in _LETTER.items()}
    parts = []
    for part in (0, 1, 2):
        y = BASE - part * (BASE - 16) // 2
        parts.append(f'<path d="M{LEFT} {y}H{WIDTH}" stroke="#c8cedb"/><text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{_short(top * part // 2)}</text>')
    for number, (label, down_bytes, up_bytes) in enumerate(points):
        x, name = LEFT + number * room, escape(label)
        low, high = (size * (BASE - 16) / top for size in (down_bytes, down_bytes + up_bytes))
        title = f"{name}: {escape(down)} {human(down_bytes)}, {escape(up)} {human(up_bytes)}"
        parts.append(
            f"<g><title>{title}</title>"
            f'<rect x="{x + room * 0.1:.1f}" y="{BASE - low:.1f}" width="{room * 0.8:.1f}" height="{low:.1f}" fill="#1f5fa8"/>'
            f'<rect x="{x + room * 0.1:.1f}" y="{BASE - high:.1f}" width="{room * 0.8:.1f}" height="{high - low:.1f}" fill="#f2b632"/></g>'
        )
        shown = "".join(page for page, step in every.items() if number % step == 0)
        if shown:
            only = f' class="{shown}"' if len(shown) == 1 else ""
            place, anchor = (WIDTH, "end") if x + room / 2 + longest * _LETTER["n"] / 2 > WIDTH else (x + room / 2, "middle")
            parts.append(f'<text x="{place:.1f}" y="{BASE + 22}" text-anchor="{anchor}"{only}>{name}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" direction="ltr" role="img" class="isp-chart"'
        f' aria-label="{escape(down)}, {escape(up)}">{_STYLE}{"".join(parts)}</svg>'
    )


def _short(size: int) -> str:
    """A mark of the scale, without noughts behind the point.

    >>> _short(0), _short(500_000_000), _short(2_500_000)
    ('0', '500 MB', '2.5 MB')
    """
    number, _space, unit = human(size).partition(" ")
    return f"{float(number):g} {unit}" if size else "0"


def _nice(size: int) -> int:
    """The end of the scale: 1, 2 or 5 with zeros, not below ``size``.

    >>> _nice(0), _nice(1000), _nice(1001), _nice(4_100_000_000)
    (1000, 1000, 2000, 5000000000)
    """
    scale = 1000
    while True:
        for step in (1, 2, 5):
            if step * scale >= size:
                return step * scale
        scale *= 10
