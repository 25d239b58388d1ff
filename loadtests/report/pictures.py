"""`charts/`: the page's first charts as files, for Markdown and for slides."""

from collections.abc import Mapping
from typing import Any

import altair as alt

from loadtests.report import charts
from loadtests.report.curves import scaling_panels
from loadtests.report.keys import Keyed
from loadtests.report.page import drawn_scenarios, ratio_alternative, server_looks
from loadtests.report.panels import ratio_rows

RATIO_WIDTH = 380
MOST_PANELS = 9


def pictures(document: Mapping[str, Any]) -> dict[str, tuple[str, alt.TopLevelMixin]]:
    """File stem to (text alternative, chart): `ratios` and `throughput`, where the run has them."""
    looks = server_looks(document)
    drawn: dict[str, tuple[str, alt.TopLevelMixin]] = {}
    rows = ratio_rows(document, looks)
    if rows and document["state"] != "invalid":
        chart = charts.ratio_chart(rows, RATIO_WIDTH, labels_above=False)
        drawn["ratios"] = (ratio_alternative(document), chart)
    panels = scaling_panels(Keyed(document), looks, drawn_scenarios(document), "throughput")[:MOST_PANELS]
    if panels:
        named = ", ".join(panel.title for panel in panels)
        chart = charts.picture([(panel.title, panel.chart) for panel in panels], looks)
        drawn["throughput"] = (f"Throughput over users: {named}", chart)
    return drawn
