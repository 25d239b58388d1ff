"""The folders that a command writes to, looked at before it begins."""

import os
from pathlib import Path

from loadtests.lab.plan import PlanError
from loadtests.model.paths import cache_directory


def check_places(results: Path | None = None) -> None:
    """Raise PlanError where a folder cannot be written, with the variable that names another for each.

    The cache, with what is kept between runs; and the folder of the archives, where one is to be made.
    """
    places = {"XDG_CACHE_HOME": cache_directory()} | ({"TWINS_RESULTS": results} if results else {})
    refused = {variable: folder for variable, folder in places.items() if not _can_be_written(folder)}
    if refused:
        folders = " and ".join(str(folder) for folder in refused.values())
        others = "a folder" if len(refused) == 1 else "folders"
        raise PlanError(f"{folders} cannot be written: set {' and '.join(refused)} to {others} that can.")


def _can_be_written(folder: Path) -> bool:
    """Whether it, or the nearest folder above it that is there, takes new files."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place.is_dir() and os.access(place, os.W_OK | os.X_OK)
