"""The charts' specifications. Each takes rows that are in `summary.json`, and makes no figure."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from loadtests.report.palette import BAND, GROUND, INK, SOFT, Look

Row = dict[str, Any]
Layers = list[Any]
WIDTH, HEIGHT = 270, 190


def ratio_chart(rows: Sequence[Row], looks: Mapping[str, Look], width: int) -> alt.TopLevelMixin:
    """Rows of {label, ratio, low, high, bound, colour}, on a log axis around 1, right is better."""
    ends = [v for r in rows for v in (r["ratio"], r["low"], r["high"]) if v]
    low, high = min([0.8, *[e * 0.85 for e in ends]]), max([1.25, *[e * 1.18 for e in ends]])
    y = alt.Y("label:N", sort=None, axis=None, scale=alt.Scale(paddingInner=0.5))
    x = alt.X(
        "ratio:Q",
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(
            values=[v for v in TICKS if low <= v <= high],
            labelExpr="datum.value + '\N{MULTIPLICATION SIGN}'",
            title="\N{LEFTWARDS ARROW} worse     better \N{RIGHTWARDS ARROW}",
            orient="bottom",
        ),
    )
    base = _chart(rows)
    one = _chart([{"ratio": 1}]).mark_rule(color=SOFT, strokeWidth=1.2).encode(x=x)
    words = base.mark_text(align="left", baseline="bottom", dy=-9, color=INK, fontSize=12).encode(
        y=y, x=alt.value(0), text="label:N"
    )
    whiskers = (
        base.transform_filter("datum.low != null")
        .mark_rule(strokeWidth=2.5)
        .encode(y=y, x=alt.X("low:Q"), x2="high:Q", color=alt.Color("colour:N", scale=None))
    )
    dots = (
        base.transform_filter("datum.ratio != null")
        .mark_point(size=90, strokeWidth=2, opacity=1)
        .encode(
            y=y,
            x=x,
            stroke=alt.Stroke("colour:N", scale=None),
            fill=alt.Fill("fill:N", scale=None),
            shape=alt.Shape("shape:N", scale=None),
        )
    )
    return alt.layer(one, words, whiskers, dots).properties(width=width, height=alt.Step(44))


TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 1, 1.25, 1.5, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)


def scaling_chart(
    rows: Sequence[Row],
    fits: Sequence[Row],
    bounds: Sequence[Row],
    looks: Mapping[str, Look],
    *,
    x_title: str,
    y_title: str,
    log_y: bool,
) -> alt.TopLevelMixin:
    """Rows of {server, n, value, low, high, hollow}; fits of {server, n, value}; bounds likewise."""
    n = sorted({row["n"] for row in rows})
    x = alt.X(
        "n:Q",
        title=x_title,
        scale=alt.Scale(type="log", base=2, domain=[n[0] * 0.9, n[-1] * 1.12], nice=False),
        axis=alt.Axis(values=n, format="~s", labelOverlap=True),
    )
    scale = alt.Scale(type="log") if log_y else alt.Scale(zero=True)
    y = alt.Y("value:Q", title=y_title, scale=scale, axis=alt.Axis(format="~s", tickCount=5))
    colour = _colour(looks)
    base = _chart(rows)
    layers: Layers = [
        base.transform_filter("datum.low != null")
        .mark_area(opacity=0.16)
        .encode(x=x, y=alt.Y("low:Q", title=y_title), y2="high:Q", fill=_fill(looks), detail="server:N")
    ]
    if bounds:
        layers.append(_chart(bounds).mark_rule(strokeDash=[3, 3], strokeWidth=1.3).encode(y=y, color=colour))
    if fits:
        layers.append(_chart(fits).mark_line(strokeWidth=1, strokeDash=[1, 2]).encode(x=x, y=y, color=colour))
    layers += [base.mark_line(strokeWidth=1.8).encode(x=x, y=y, color=colour, strokeDash=_dash(looks))]
    layers += _dots(base, x, y, looks)
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)


def nines_chart(rows: Sequence[Row], looks: Mapping[str, Look]) -> alt.TopLevelMixin:
    """Rows of {server, nines, value, low, high}: `nines` is -log10(1 - quantile), values in ms."""
    x = alt.X(
        "nines:Q",
        title="percentile",
        axis=alt.Axis(
            values=[0, 0.30103, 1, 2, 3, 4],
            labelExpr=(
                "datum.value < 0.1 ? 'min' : datum.value < 0.5 ? '50' : datum.value == 1 ? '90' : "
                "datum.value == 2 ? '99' : datum.value == 3 ? '99.9' : '99.99'"
            ),
        ),
    )
    y = alt.Y("value:Q", title="response time, ms", scale=alt.Scale(type="log"), axis=_log_axis())
    base = _chart(rows)
    band = base.mark_area(opacity=0.16).encode(
        x=x, y=alt.Y("low:Q", title="response time, ms"), y2="high:Q", fill=_fill(looks), detail="server:N"
    )
    line = base.mark_line(strokeWidth=1.8).encode(x=x, y=y, color=_colour(looks), strokeDash=_dash(looks))
    return alt.layer(band, line, *_dots(base, x, y, looks, size=22)).properties(width=WIDTH, height=HEIGHT)


def time_chart(rows: Sequence[Row], warmup_s: float, looks: Mapping[str, Look]) -> alt.TopLevelMixin:
    """Rows of {server, second, value}: throughput over time, the warm-up shaded."""
    x = alt.X("second:Q", title="seconds", axis=alt.Axis(format="d", tickMinStep=1, tickCount=6))
    y = alt.Y(
        "value:Q", title="requests/s", scale=alt.Scale(zero=True), axis=alt.Axis(format="~s", tickCount=5)
    )
    shade = _chart([{"second": 0, "end": warmup_s}]).mark_rect(color=BAND, opacity=1).encode(x=x, x2="end:Q")
    line = (
        _chart(rows)
        .mark_line(strokeWidth=1.8, interpolate="step-after")
        .encode(x=x, y=y, color=_colour(looks), strokeDash=_dash(looks))
    )
    return alt.layer(shade, line).properties(width=WIDTH, height=HEIGHT)


def resource_chart(rows: Sequence[Row], looks: Mapping[str, Look]) -> alt.TopLevelMixin:
    """Rows of {server, side, value}: cores busy, the server's bar filled and the generator's hollow."""
    y = alt.Y(
        "server:N",
        sort=None,
        title=None,
        axis=alt.Axis(ticks=False, grid=False, labelColor=INK, labelLimit=130),
    )
    x = alt.X("value:Q", title="cores busy", scale=alt.Scale(domainMin=0), axis=alt.Axis(tickCount=5))
    bars: alt.Chart = (
        _chart(rows)
        .mark_bar(height={"band": 0.85}, strokeWidth=1.2)
        .encode(
            y=y,
            x=x,
            yOffset=alt.YOffset("side:N", sort=["server", "generator"]),
            fill=alt.Fill("fill:N", scale=None),
            stroke=alt.Stroke("colour:N", scale=None),
        )
    )
    sized: alt.Chart = bars.properties(width=WIDTH - 60, height=alt.Step(11))
    return sized


def _chart(rows: Sequence[Row]) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=list(rows)))


def _dots(base: alt.Chart, x: alt.X, y: alt.Y, looks: Mapping[str, Look], size: int = 42) -> Layers:
    """Filled points; hollow where the generator was the limit."""
    names = list(looks)
    shape = alt.Shape(
        "server:N", legend=None, scale=alt.Scale(domain=names, range=[looks[n].shape for n in names])
    )
    encoded = base.encode(x=x, y=y, color=_colour(looks), shape=shape)
    return [
        encoded.transform_filter("!datum.hollow").mark_point(filled=True, size=size, opacity=1),
        encoded.transform_filter("datum.hollow").mark_point(fill=GROUND, size=size + 18, opacity=1),
    ]


def _colour(looks: Mapping[str, Look]) -> alt.Color:
    names = list(looks)
    return alt.Color(
        "server:N", legend=None, scale=alt.Scale(domain=names, range=[looks[n].colour for n in names])
    )


def _fill(looks: Mapping[str, Look]) -> alt.Fill:
    names = list(looks)
    return alt.Fill(
        "server:N", legend=None, scale=alt.Scale(domain=names, range=[looks[n].colour for n in names])
    )


def _dash(looks: Mapping[str, Look]) -> alt.StrokeDash:
    names = list(looks)
    return alt.StrokeDash(
        "server:N", legend=None, scale=alt.Scale(domain=names, range=[looks[n].dash for n in names])
    )


def _log_axis() -> alt.Axis:
    return alt.Axis(format="~s", tickCount=4)
