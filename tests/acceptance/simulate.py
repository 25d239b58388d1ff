"""Simulate the verdicts against known truths at full size: `python -m tests.acceptance.simulate`.

Prints every figure with its limit; exits 1 where one is missed.
"""

from tests.acceptance.figures import end, show
from tests.analysis.simulation import experiments, simultaneous

REPEATS = 10_000
BLOCKS = (3, 5, 10)


def figures() -> None:
    """Print every figure; `end` tells whether all hold."""
    for blocks in BLOCKS:
        for seed, ratio in enumerate((1.0, 1.05, 1.1, 1.5)):
            coverage = experiments(ratio, blocks, REPEATS, seed=10 * blocks + seed).coverage
            name = f"coverage at {blocks} blocks, true ratio {ratio}"
            show(name, coverage, 0.93)
            show(name, coverage, 0.97, at_least=False)
    for blocks in BLOCKS:
        same = experiments(1.0, blocks, REPEATS, seed=100 + blocks)
        show(
            f"false faster or slower at {blocks} blocks", same.share("faster", "slower"), 0.05, at_least=False
        )
        for ratio in (1.05, 1 / 1.05):
            apart = experiments(ratio, blocks, REPEATS, seed=200 + blocks)
            name = f"false equivalent at {blocks} blocks, true ratio {ratio:.3f}"
            show(name, apart.share("equivalent"), 0.05, at_least=False)
    show("power for 10 % at 10 blocks", experiments(1.1, 10, REPEATS, seed=300).share("faster"), 0.9)
    show("power for -10 % at 10 blocks", experiments(1 / 1.1, 10, REPEATS, seed=301).share("slower"), 0.9)
    show("five primaries all held at once, 5 blocks", simultaneous(5, 5, REPEATS // 5, seed=400), 0.94)


if __name__ == "__main__":
    figures()
    end()
