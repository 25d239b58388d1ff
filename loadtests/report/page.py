"""`report.html`: one file that reads offline and without JavaScript."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

ENVIRONMENT = Environment(
    loader=PackageLoader("loadtests.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def page(document: dict[str, Any]) -> str:
    return ENVIRONMENT.get_template("page.html").render(summary=document)
