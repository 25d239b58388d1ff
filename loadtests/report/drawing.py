"""A chart's one specification as inline SVG for the page, and as SVG and PNG files for Markdown."""

import re
from collections.abc import Mapping

import altair as alt
import vl_convert
from markupsafe import Markup

from loadtests.report.palette import GRID, GROUND, INK, SOFT, Look, variables

PNG_SCALE = 2.0
# what a mark's description becomes: `row N` is a point's place in its panel's table, else a server's name
MARK = re.compile(r' aria-label="(?:row (\d+)|([^"]*))" role="graphics-symbol" aria-roledescription="[^"]*"')
# the page hides its drawings from screen readers, which have the tables, and styles none of their parts
UNREAD = re.compile(r' (?:role|class|aria-[a-z]+)="[^"]*"|<path[^>]* d="" display="none"/>')


LONG = re.compile(r"(\d+\.\d)\d+")  # a tenth of a pixel is fine enough for a page

# what says only what holds without it
IDLE = re.compile(
    r' (?:opacity="1"|[xy]2="0"|pointer-events="none"|font-weight="normal")'
    r'|<path d=""[^>]*display="none"/>|<path d="M0,0h0v0h0Z"[^>]*/>'
)


def themed(chart: alt.TopLevelMixin) -> alt.TopLevelMixin:
    """Restrained: no frame, faint grid, text that stays legible when the page is narrow."""
    themed_chart: alt.TopLevelMixin = (
        chart.configure(font="sans-serif", background=GROUND, aria=False, padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            grid=True,
            gridColor=GRID,
            gridWidth=0.7,
            domain=False,
            tickColor=GRID,
            labelColor=SOFT,
            titleColor=SOFT,
            labelFontSize=11,
            titleFontSize=11,
            titleFontWeight="normal",
            titlePadding=6,
            labelFlush=False,
        )
        .configure_title(anchor="start", fontSize=13, color=INK, fontWeight=600, offset=8)
        .configure_header(labelFontSize=12, labelColor=INK, title=None)
        .configure_legend(labelColor=INK, labelFontSize=11, title=None, orient="bottom", symbolSize=70)
    )
    return themed_chart


def inline(chart: alt.TopLevelMixin, name: str, looks: Mapping[str, Look]) -> Markup:
    """SVG for the page: colours become CSS variables, ids unique, the size its container's.

    Points carry `data-row`, whatever else belongs to a server `data-series`: for the page's script.
    """
    drawn = MARK.sub(
        lambda mark: f' data-row="{mark[1]}"' if mark[1] else f' data-series="{mark[2]}"',
        _drawn(chart),
    )
    drawn = IDLE.sub("", LONG.sub(r"\1", UNREAD.sub("", drawn)))
    for colour, variable in variables(looks).items():
        drawn = re.sub(re.escape(f'"{colour}"'), f'"var({variable})"', drawn, flags=re.IGNORECASE)
    drawn = re.sub(r'(id="|url\(#)(?=[A-Za-z])', rf"\g<1>{name}-", drawn)
    drawn = drawn.replace('font-family="sans-serif"', "").replace(
        ' xmlns:xlink="http://www.w3.org/1999/xlink"', ""
    )
    width, height = (float(size) for size in re.findall(r'(?:width|height)="([\d.]+)"', drawn)[:2])
    opening = (
        f'<svg class="chart" viewBox="0 0 {width:g} {height:g}" '
        f'style="max-width:{width * 1.25:g}px" aria-hidden="true" focusable="false">'
    )
    # ours: every text in it was escaped by the converter
    return Markup(re.sub(r"<svg[^>]*>", opening, drawn, count=1))  # noqa: S704


def svg(chart: alt.TopLevelMixin) -> str:
    """A file's text, in the light colours."""
    return MARK.sub("", _drawn(chart))


def png(chart: alt.TopLevelMixin) -> bytes:
    """A file's bytes, at twice the size for fine screens."""
    return vl_convert.vegalite_to_png(_specification(chart), scale=PNG_SCALE)


def _drawn(chart: alt.TopLevelMixin) -> str:
    """The converter numbers clip paths through its whole life: here they count from 0 in each chart."""
    drawn = vl_convert.vegalite_to_svg(_specification(chart))
    seen: dict[str, str] = {}
    return re.sub(r'(?<=[("#])clip\d+', lambda clip: seen.setdefault(clip[0], f"clip{len(seen)}"), drawn)


def _specification(chart: alt.TopLevelMixin) -> str:
    return themed(chart).to_json(validate=False, indent=None)
