"""The acceptance figures of one's own applications: `python -m tests.acceptance.own`.

The shop of five faces on eleven servers, from their commands alone: each combination is measured by the whole
mix, and all of them answer alike. Prints a row each; exits 1 where one is not sound.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.acceptance.figures import end, show
from tests.shops import FACES, FOLDER, SHOP_SERVERS, shop_entry, shop_plan, stock_running

HEAD = "blocks = 1\n[time]\nwarmup_s = 1\nmeasure_s = 3\ndrain_s = 2\n[load]\nusers = 8\n"


def combinations() -> dict[str, tuple[str, str]]:
    """Name in the plan to server and face."""
    return {
        f"{server}-{face}".replace("_", "-"): (server, face)
        for server, kind in SHOP_SERVERS.items()
        for face, interface in FACES.items()
        if interface == kind.interface
    }


def main() -> None:
    wanted = combinations()
    with tempfile.TemporaryDirectory(prefix="twins-own-") as name, stock_running() as upstream:
        folder = Path(name)
        (folder / "shop").symlink_to(FOLDER / "shop")
        entries = [shop_entry(label, *side) for label, side in wanted.items()]
        (folder / "plan.toml").write_text(shop_plan(HEAD, *entries))
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "SHOP_PASSWORD": "open the door please",
            "SHOP_UPSTREAM": upstream,
        }
        subprocess.run(  # noqa: S603 - our own command
            [Path(sys.executable).with_name("twins"), "suite", "plan.toml"],
            cwd=folder,
            env=environment,
            check=False,
        )
        (run,) = (folder / "results").iterdir()
        summary = json.loads((run / "summary.json").read_text())
    sound = 0
    for cell in sorted(summary["cells"].values(), key=lambda cell: -(cell["throughput_per_s"] or 0)):
        figure = cell["throughput_per_s"]
        print(f"     {cell['server']:32} {figure and round(figure)}/s, {cell['slots']} {cell['slot_kind']}s")
        sound += cell["state"] != "invalid"
        if cell["reason"]:
            print(f"       {cell['state']}: {cell['reason'][:300]}")
    show("combinations measured", sound, len(wanted))
    (looked,) = summary["sameness"]
    show("differences between them", sum(not one["note"] for one in looked["mismatches"]), 0, at_least=False)
    end()


if __name__ == "__main__":
    main()
