"""The charts' specifications. Each takes rows that are in `summary.json`, and makes no figure.

A row's `mark` is `row N`, its place in the panel's table: the page's points carry it (see `drawing`).
"""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from loadtests.report.heights import HEIGHT, Ends, height_of, spread
from loadtests.report.palette import BAND, GROUND, INK, SOFT, Looks

ChartRow = dict[str, Any]
Layers = list[Any]

WIDTH = 330
HEADROOM = 1.5
CUT = 4.0  # an interval of two blocks may be a million wide: no axis goes beyond so many times its figures
LABEL = 11
LETTER = 7.4  # width of a letter at 12 px: the reader's font may be wider than the converter's
TIMES, NBSP = "\N{MULTIPLICATION SIGN}", "\N{NO-BREAK SPACE}"
DIRECTION = f"\N{LEFTWARDS ARROW} worse{NBSP}{NBSP}|{NBSP}{NBSP}better \N{RIGHTWARDS ARROW}"
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 1, 1.25, 1.5, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)


def ratio_chart(rows: Sequence[ChartRow], width: int, *, labels_above: bool) -> alt.TopLevelMixin:
    """Rows of {id, question, sides, ratio, low, high, least, most, colour, fill, shape}; right is better.

    `least` to `most` is the range within which a difference does not matter, shaded around 1.
    """
    least, most = min(r["ratio"] for r in rows), max(r["ratio"] for r in rows)
    ends = [
        min(max(v, least / CUT), most * CUT) for r in rows for v in (r["ratio"], r["low"], r["high"]) if v
    ]
    low, high = min([0.8, *[e * 0.85 for e in ends]]), max([1.25, *[e * 1.18 for e in ends]])
    rows = [_within(row, low, high) for row in rows]
    y = alt.Y("id:N", sort=None, axis=None, scale=alt.Scale(paddingInner=0.4))
    x = alt.X(
        "ratio:Q",
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(
            values=[v for v in TICKS if low <= v <= high],
            labelExpr=f"datum.value + '{TIMES}'",
            labelOverlap=True,
            title=DIRECTION,
        ),
    )
    base = _chart(rows)
    zone = base.mark_bar(color=BAND, height={"band": 1.7}).encode(y=y, x=alt.X("least:Q"), x2="most:Q")
    unity = _chart([{"ratio": 1}]).mark_rule(color=SOFT, strokeWidth=1.2).encode(x=x)
    whiskers = (
        base.transform_filter("datum.low != null")
        .mark_rule(strokeWidth=2.5)
        .encode(y=y, x=alt.X("low:Q"), x2="high:Q", color=alt.Color("colour:N", scale=None))
    )
    dots = base.mark_point(size=90, strokeWidth=2, opacity=1, aria=True).encode(
        y=y,
        x=x,
        description="mark:N",
        stroke=alt.Stroke("colour:N", scale=None),
        fill=alt.Fill("fill:N", scale=None),
        shape=alt.Shape("shape:N", scale=None),
    )
    if labels_above:
        labels = []
        for field, dy in (("question", -29), ("sides", -16)):
            words = base.encode(y=y, x=alt.value(0), text=f"{field}:N")
            halo = words.mark_text(align="left", dy=dy, fontSize=11, stroke=GROUND, strokeWidth=4)
            labels += [halo, words.mark_text(align="left", dy=dy, fontSize=11, color=INK)]
    else:
        labels = [_labels(base, y, "label", rows)]
    step = alt.Step(62 if labels_above else 30)
    cuts = [
        base.transform_filter(f"datum.{side} == datum.{side}_cut")
        .mark_text(text=arrow, fontSize=11, dx=dx)
        .encode(y=y, x=alt.X(f"{side}:Q"), color=alt.Color("colour:N", scale=None))
        for side, arrow, dx in (("low", "◂", -3), ("high", "▸", 3))
    ]
    return alt.layer(zone, unity, *labels, whiskers, *cuts, dots).properties(width=width, height=step)


def _within(row: ChartRow, low: float, high: float) -> ChartRow:
    """The row with its interval cut at the axis' ends, and where it was cut."""
    kept = dict(row)
    for side, beyond, end in (("low", row["low"], low), ("high", row["high"], high)):
        cut = beyond is not None and (beyond < end if side == "low" else beyond > end)
        kept |= {side: end if cut else beyond, f"{side}_cut": end if cut else None}
    return kept


def scaling_chart(
    rows: Sequence[ChartRow],
    fits: Sequence[ChartRow],
    bounds: Sequence[ChartRow],
    looks: Looks,
    *,
    x_title: str,
    y_title: str,
    log_y: bool,
    frame: Ends | None = None,
) -> alt.TopLevelMixin:
    """Rows of {server, n, value, low, high, hollow}, fits and bounds of {server, n, value, perhaps label}."""
    levels = sorted({row["n"] for row in rows})
    ends = frame or ends_of([*rows, *bounds] if not log_y else rows, log_y)
    bounds = [bound for bound in bounds if levels[0] <= bound["n"] <= levels[-1]]
    x = alt.X(
        "n:Q",
        title=x_title,
        scale=alt.Scale(type="log", base=2, domain=[levels[0] * 0.9, levels[-1] * 1.12], nice=False),
        axis=alt.Axis(values=levels, format="~s", labelOverlap=True),
    )
    y = alt.Y("value:Q", title=y_title, scale=_scale(ends, log_y), axis=_axis(ends, log_y))
    colour = _colour(looks)
    base = _chart(rows)
    band = base.transform_filter("datum.low != null").mark_area(opacity=0.16, aria=True, clip=True)
    layers: Layers = [
        band.encode(
            x=x,
            y=alt.Y("low:Q", title=y_title),
            y2="high:Q",
            fill=_colour(looks, alt.Fill),
            detail="server:N",
            description="server:N",
        )
    ]
    if bounds:
        limit = _chart(bounds)
        line = limit.mark_line(strokeDash=[3, 3], strokeWidth=1.3, aria=True, clip=True)
        layers.append(line.encode(x=x, y=y, color=colour, description="server:N"))
    if fits:
        law = _chart(fits).mark_line(strokeWidth=1, strokeDash=[1, 2], aria=True)
        layers.append(law.encode(x=x, y=y, color=colour, description="server:N"))
    named = _named(rows, "n", ends, looks, log=log_y)
    return alt.layer(*layers, _line(base, x, y, looks), *_dots(base, x, y, looks), *named).properties(
        width=WIDTH, height=HEIGHT
    )


def nines_chart(rows: Sequence[ChartRow], looks: Looks, frame: Ends, most: float) -> alt.TopLevelMixin:
    """Rows of {server, nines, value, low, high}: `nines` is -log10(1 - quantile), values in ms."""
    title = "response time, ms"
    x = alt.X(
        "nines:Q",
        title="percentile",
        scale=alt.Scale(domain=[0.25, max(1.0, most) + 0.05], nice=False),
        axis=alt.Axis(
            values=[-math.log10(0.5), 1, 2, 3, 4],
            labelExpr="datum.value < 1 ? '50' : datum.value == 1 ? '90' : datum.value == 2 ? '99' : "
            "datum.value == 3 ? '99.9' : '99.99'",
        ),
    )
    y = alt.Y("value:Q", title=title, scale=_scale(frame, True), axis=_axis(frame, True))
    base = _chart(rows)
    band = base.mark_area(opacity=0.16, aria=True, clip=True).encode(
        x=x,
        y=alt.Y("low:Q", title=title),
        y2="high:Q",
        fill=_colour(looks, alt.Fill),
        detail="server:N",
        description="server:N",
    )
    dots = _dots(base, x, y, looks, size=22)
    named = _named(rows, "nines", frame, looks, log=True)
    return alt.layer(band, _line(base, x, y, looks), *dots, *named).properties(width=WIDTH, height=HEIGHT)


def time_chart(
    rows: Sequence[ChartRow], warmup_s: float, looks: Looks, longest_s: float
) -> alt.TopLevelMixin:
    """Rows of {server, second, value}: throughput over time, the warm-up shaded."""
    ends = ends_of(rows, False)
    seconds = alt.Scale(domain=[0, longest_s], nice=False)
    x = alt.X("second:Q", title="seconds", scale=seconds, axis=alt.Axis(format="~g", tickCount=5))
    y = alt.Y("value:Q", title="requests/s", scale=_scale(ends, False), axis=_axis(ends, False))
    shade = _chart([{"second": 0, "end": warmup_s}]).mark_rect(color=BAND, opacity=1).encode(x=x, x2="end:Q")
    base = _chart(rows)
    dots = _dots(base, x, y, looks, size=16)
    named = _named(rows, "second", ends, looks, log=False)
    return alt.layer(shade, _line(base, x, y, looks), *dots, *named).properties(width=WIDTH, height=HEIGHT)


def resource_chart(rows: Sequence[ChartRow], most: float) -> alt.TopLevelMixin:
    """Rows of {server, side, value, colour, fill}: the server's bar filled and the generator's hollow."""
    y = alt.Y("server:N", sort=None, axis=None)
    scale = alt.Scale(domain=[0, most], nice=False)
    x = alt.X("value:Q", title="cores busy", scale=scale, axis=alt.Axis(tickCount=4))
    base = _chart(rows)
    bars = base.mark_bar(height={"band": 0.85}, strokeWidth=1.2, aria=True).encode(
        y=y,
        x=x,
        description="mark:N",
        yOffset=alt.YOffset("side:N", sort=["server", "generator"]),
        fill=alt.Fill("fill:N", scale=None),
        stroke=alt.Stroke("colour:N", scale=None),
    )
    words = _labels(base.transform_filter("datum.side == 'server'"), y, "server", rows)
    return alt.layer(words, bars).properties(width=WIDTH - 110, height=26 * len({r["server"] for r in rows}))


def picture(panels: Sequence[tuple[str, Any]], looks: Looks, across: int = 2) -> alt.TopLevelMixin:
    """Titled charts side by side with one legend, for a file that stands alone."""
    titled = [chart.properties(title=title) for title, chart in panels]
    rows = [alt.hconcat(*titled[at : at + across]) for at in range(0, len(titled), across)]
    legend = _chart([{"server": name, "value": place} for place, name in enumerate(looks)])
    x = alt.X("value:O", axis=None)
    marks = legend.mark_point(filled=True, size=70, opacity=1).encode(
        x=x,
        color=_colour(looks),
        shape=alt.Shape("server:N", legend=None, scale=_looked(looks, "shape")),
    )
    words = legend.mark_text(align="left", dx=9, color=INK, fontSize=12).encode(x=x, text="server:N")
    step = LETTER * max(len(name) for name in looks) + 30
    return alt.vconcat(*rows, alt.layer(marks, words).properties(width=alt.Step(step), height=16))


def _chart(rows: Sequence[ChartRow]) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=list(rows)))


def _labels(base: alt.Chart, y: alt.Y, field: str, rows: Sequence[ChartRow]) -> alt.Chart:
    """Left-aligned labels beside the plot."""
    room = LETTER * max(len(row[field]) for row in rows)
    words = base.mark_text(align="left", color=INK, fontSize=12)
    labels: alt.Chart = words.encode(y=y, x=alt.value(-room), text=f"{field}:N")
    return labels


def _dots(base: alt.Chart, x: alt.X, y: alt.Y, looks: Looks, size: int = 42) -> Layers:
    """Filled points; hollow where the generator was the limit."""
    shape = alt.Shape("server:N", legend=None, scale=_looked(looks, "shape"))
    encoded = base.encode(x=x, y=y, color=_colour(looks), shape=shape, description="mark:N")
    return [
        encoded.transform_filter("!datum.hollow").mark_point(filled=True, size=size, opacity=1, aria=True),
        encoded.transform_filter("datum.hollow").mark_point(
            fill=GROUND, size=size + 18, opacity=1, aria=True
        ),
    ]


def _line(base: alt.Chart, x: alt.X, y: alt.Y, looks: Looks, **options: Any) -> alt.Chart:
    mark = base.mark_line(strokeWidth=1.8, aria=True, **options)
    line: alt.Chart = mark.encode(
        x=x, y=y, color=_colour(looks), strokeDash=_dash(looks), description="server:N"
    )
    return line


def _colour(looks: Looks, channel: Any = alt.Color) -> Any:
    return channel("server:N", legend=None, scale=_looked(looks, "colour"))


def _dash(looks: Looks) -> alt.StrokeDash:
    return alt.StrokeDash("server:N", legend=None, scale=_looked(looks, "dash"))


def _looked(looks: Looks, what: str) -> alt.Scale:
    return alt.Scale(domain=list(looks), range=[getattr(look, what) for look in looks.values()])


def _named(rows: Sequence[ChartRow], x: str, ends: Ends, looks: Looks, *, log: bool) -> Layers:
    """Each line's server at its right end, one below the other where the lines end close together."""
    last: dict[str, ChartRow] = {}
    for row in rows:
        if row["server"] not in last or row[x] >= last[row["server"]][x]:
            last[row["server"]] = row
    places = sorted((height_of(row["value"], ends, log=log), server) for server, row in last.items())
    heights = spread([place for place, _ in places])
    labels = [
        {"server": server, "height": height} for (_, server), height in zip(places, heights, strict=True)
    ]
    words = _chart(labels).mark_text(align="left", fontSize=LABEL, aria=True)
    # the reader's letters may be wider than the converter's: room for them
    room = WIDTH + 8 + LETTER * max(len(server) for server in last)
    space = _chart([{}]).mark_rule(opacity=0).encode(x=alt.value(WIDTH), x2=alt.value(room), y=alt.value(0))
    return [
        space,
        words.encode(
            x=alt.value(WIDTH + 8),
            y=alt.Y("height:Q", scale=None, axis=None),
            text="server:N",
            color=_colour(looks),
            description="server:N",
        ),
    ]


def _scale(ends: Ends, log: bool) -> alt.Scale:
    return alt.Scale(type="log" if log else "linear", domain=list(ends), nice=False)


def _axis(ends: Ends, log: bool) -> alt.Axis:
    """On a log axis few, plain ticks: 1, 2 and 5 of each decade where values span little, else fewer."""
    if not log:
        return alt.Axis(format=",~f", tickCount=4)
    low, high = (math.log10(end) for end in ends)
    steps = (1, 2, 5) if high - low < 1.8 else (1,) if high - low > 3 else (1, 3)
    decades = range(math.floor(low) - 1, math.ceil(high) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    return alt.Axis(values=[tick for tick in ticks if ends[0] <= tick <= ends[1]], format=",~f")


def ends_of(rows: Sequence[ChartRow], log: bool) -> Ends:
    """The axis: all figures, and of their intervals what does not blow it up."""
    values = [row["value"] for row in rows if row["value"] or not log]
    lows = [row["low"] for row in rows if row.get("low")]
    highs = [row["high"] for row in rows if row.get("high")]
    if not log:
        most = max(values)
        return 0.0, (min(max([most, *highs]), HEADROOM * most) * 1.04) or 1.0
    least, most = min(values), max(values)
    return max(min([least, *lows]), least / CUT) * 0.8, min(max([most, *highs]), most * CUT) * 1.25
