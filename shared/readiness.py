"""What `/ready` says: whether a request that needs the catalogue or the database can be answered now."""

import os
from typing import Any

from shared.catalogue import Catalogue
from shared.errors import Unavailable
from shared.schema import Rows
from shared.settings import DATABASE_RETRY_S


def check_catalogue(catalogue: Catalogue) -> None:
    """Raise Unavailable where the folder that is served cannot be read."""
    try:
        os.scandir(catalogue.root).close()
    except OSError as error:
        raise Unavailable(
            f"The catalogue cannot be read: {os.strerror(error.errno or 0)}.",
            (("Retry-After", str(DATABASE_RETRY_S)),),
        ) from None


def describe_readiness(kind: str | None, rows: Rows | None) -> dict[str, Any]:
    """`rows` is the database's answer to `VERSION`, None where jobs are not recorded."""
    database = {"kind": kind, "schema_version": rows[0][0]} if rows is not None else None
    return {"status": "ready", "catalogue": "readable", "database": database}
