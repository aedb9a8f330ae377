"""The names of what is measured, and what may be said of many values: means with intervals, paired differences, convergence.

Plain numbers in, plain numbers out: the write-up reads records and needs no tensor.
"""

import numpy as np

# Name -> (label with unit, True where more is better).
METRICS = {
    "psnr": ("hole PSNR (dB)", True),
    "l1": ("hole L1 (0 to 1)", False),
    "ssim": ("SSIM", True),
    "lpips": ("LPIPS", False),
    "style": ("style distance", False),
}


def interval(values, *, repeats: int = 2000, seed: int = 0) -> tuple[float, float, float]:
    """Mean of the values with its 95 % percentile bootstrap interval: (mean, low, high).

    For paired comparisons pass the differences.
    """
    values = np.asarray(values, dtype=float)
    if values.size == 0:
        return float("nan"), float("nan"), float("nan")
    picks = np.random.default_rng(seed).integers(0, values.size, (repeats, values.size))
    low, high = np.percentile(values[picks].mean(1), [2.5, 97.5])
    return float(values.mean()), float(low), float(high)


def difference(a, b) -> tuple[float, float, float]:
    """Mean of the paired differences a - b with its 95 % bootstrap interval."""
    return interval(np.asarray(a, dtype=float) - np.asarray(b, dtype=float))


def over_runs(means) -> tuple[float, float, float]:
    """Mean of a few independent runs' means with its 95 % interval by Student's t: (mean, low, high)."""
    from scipy.stats import t

    means = np.asarray(means, dtype=float)
    half = t.ppf(0.975, len(means) - 1) * means.std(ddof=1) / len(means)**0.5
    return float(means.mean()), float(means.mean() - half), float(means.mean() + half)


def rank_correlation(a, b) -> float:
    """Spearman's rank correlation of two lists of numbers, ties at their mean rank; 0 where one of them does not vary."""
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic) if len(a) and np.ptp(a) and np.ptp(b) else 0.0


def against_best(scored: dict[str, dict[str, dict[str, list[float]]]], method: str, others: list[str],
                 metric: str = "psnr") -> dict[str, tuple[str, float, float, float]]:
    """For each mask family the best of `others` by its mean, and `method`'s paired gain over it: (name, mean, low, high).

    A gain is positive where `method` is better, whatever the metric's direction. Others without that metric are passed over.
    """
    sign = 1 if METRICS[metric][1] else -1
    gains = {}
    for family, values in scored.items():
        measured = [name for name in others if metric in values.get(name, {})]
        best = max(measured, key=lambda name: sign * np.mean(values[name][metric]))
        gains[family] = (best, *difference(sign * np.array(values[method][metric]), sign * np.array(values[best][metric])))
    return gains


def convergence(curve: list[float], *, tolerance: float = 0.05, repeats: int = 2000, seed: int = 0) -> dict:
    """Has a curve come to rest? An equivalence test of its last quarter against the quarter before.

    The change of the mean from the one to the other, relative to the mean size of the two, gets a 95 % interval by a
    moving-block bootstrap (Künsch 1989; neighbouring values of a loss depend on each other). The curve has converged if
    the whole interval lies within the tolerance, has not if it lies wholly outside, and else nothing is decided; fewer
    than 40 values decide nothing either.

    Returns:
        {"change", "low", "high", "converged": True, False, or None where nothing is decided}.
    """
    values = np.asarray(curve, dtype=float)
    quarter = len(values) // 4
    if quarter < 10:
        return {"change": None, "low": None, "high": None, "converged": None}
    before, last = values[-2 * quarter:-quarter], values[-quarter:]
    size = max(np.abs(np.concatenate([before, last])).mean(), 1e-12)
    block = max(1, round(quarter**0.5))
    rng = np.random.default_rng(seed)

    def means(part: np.ndarray) -> np.ndarray:
        starts = rng.integers(0, quarter - block + 1, (repeats, -(-quarter // block)))
        return part[(starts[..., None] + np.arange(block)).reshape(repeats, -1)[:, :quarter]].mean(1)

    low, high = np.percentile((means(last) - means(before)) / size, [2.5, 97.5])
    return {"change": float((last.mean() - before.mean()) / size), "low": float(low), "high": float(high),
            "converged": True if -tolerance < low and high < tolerance else
            False if high < -tolerance or low > tolerance else None}
