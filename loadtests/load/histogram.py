"""HdrHistograms of latencies in µs, filled from arrays: what Locust workers exchange."""

import numpy as np
import numpy.typing as npt
from hdrh.histogram import HdrHistogram

LARGEST_US = 2**32
DIGITS = 3


def empty_histogram() -> HdrHistogram:
    """From 1 µs to 71 minutes, to three digits."""
    return HdrHistogram(1, LARGEST_US, DIGITS)


def add_values(histogram: HdrHistogram, values_us: npt.NDArray[np.integer]) -> None:
    """Record many values at once, at a few nanoseconds each."""
    if not len(values_us):
        return
    values = np.clip(values_us.astype(np.int64), 0, LARGEST_US)
    half = histogram.sub_bucket_half_count_magnitude
    # the library's own index: the bucket is the power of two, its sub-bucket the leading bits
    power = np.frexp((values | histogram.sub_bucket_mask).astype(np.float64))[1]
    bucket = power - (half + 1)
    index = ((bucket + 1) << half) + (values >> bucket) - histogram.sub_bucket_half_count
    counts = np.frombuffer(histogram.counts, dtype=np.int64)
    counts += np.bincount(index, minlength=len(counts))
    histogram.total_count += len(values)
    histogram.min_value = min(histogram.min_value, int(values.min()))
    histogram.max_value = max(histogram.max_value, int(values.max()))


def figures(histogram: HdrHistogram) -> dict[str, float | None]:
    """p50, p99 and max in µs; null where nothing was recorded."""
    if not histogram.total_count:
        return {"p50": None, "p99": None, "max": None}
    return {
        "p50": float(histogram.get_value_at_percentile(50)),
        "p99": float(histogram.get_value_at_percentile(99)),
        "max": float(histogram.max_value),
    }
