"""Intervals cover what they promise, differences are paired, and convergence is a test and not an impression."""

import numpy as np
import pytest

from studylib import intervals


def test_intervals_cover_the_true_mean_as_often_as_they_promise():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        mean, low, high = intervals.interval(rng.normal(3, 1, 50), repeats=400)
        assert low < mean < high
        held += low < 3 < high
    assert 0.90 < held / 300 < 0.98


def test_interval_of_one_value_and_of_none():
    assert intervals.interval([4.5]) == (4.5, 4.5, 4.5)
    assert np.isnan(intervals.interval([])).all()


def test_interval_is_reproducible():
    assert intervals.interval([1, 2, 5, 9]) == intervals.interval([1, 2, 5, 9])


def test_differences_are_paired_and_signed():
    a, b = np.array([10.0, 20.0, 30.0]), np.array([9.0, 18.5, 29.0])
    mean, low, high = intervals.difference(a, b)
    assert mean == pytest.approx(3.5 / 3)
    assert 1 <= low <= mean <= high <= 1.5
    assert intervals.difference(b, a)[0] == -mean


def test_over_few_runs_the_interval_is_student_s():
    assert intervals.over_runs([1, 2, 3]) == pytest.approx((2, 2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5), rel=1e-6)
    assert intervals.over_runs([2.5, 2.5, 2.5]) == (2.5, 2.5, 2.5)


def scored(**methods):
    """Two pictures a method: PSNR as given and one more, and a hundredth of that as L1."""
    return {"circle": {name: {"psnr": [value, value + 1], "l1": [value / 100, (value + 1) / 100]}
                       for name, value in methods.items()}}


@pytest.mark.parametrize(("metric", "best", "gain"), [("psnr", "strong", -2), ("l1", "weak", -0.03)])
def test_the_best_of_the_others_is_the_bar_whatever_the_direction(metric, best, gain):
    found = intervals.against_best(scored(ours=18, weak=15, strong=20), "ours", ["weak", "strong"], metric)
    assert found["circle"][0] == best
    assert found["circle"][1:] == pytest.approx((gain, gain, gain))


def test_a_flat_noisy_curve_has_converged():
    curve = np.random.default_rng(0).normal(1, 0.05, 400)
    found = intervals.convergence(list(curve))
    assert found["converged"] is True
    assert found["low"] < found["change"] < found["high"]


@pytest.mark.parametrize("curve", [np.linspace(2, 1, 400), np.linspace(1, 2, 400), np.linspace(-1, -2, 400)])
def test_a_slope_has_not_converged(curve):
    found = intervals.convergence(list(curve))
    assert found["converged"] is False
    assert np.sign(found["change"]) == np.sign(curve[-1] - curve[0])


def test_noise_wider_than_the_tolerance_decides_nothing():
    assert intervals.convergence(list(np.random.default_rng(0).normal(1, 2, 80)))["converged"] is None


def test_fewer_than_forty_values_decide_nothing():
    assert intervals.convergence([1.0] * 39)["converged"] is None
    assert intervals.convergence([1.0] * 40)["converged"] is True


def test_a_rank_correlation_sees_order_alone():
    values = [3.0, 1.0, 2.0, 10.0]
    assert intervals.rank_correlation(values, np.exp(values)) == pytest.approx(1)
    assert intervals.rank_correlation(values, [-value for value in values]) == pytest.approx(-1)
    assert intervals.rank_correlation([1, 1, 2], [1, 2, 2]) == pytest.approx(0.5)
    assert intervals.rank_correlation([1, 1, 1], [1, 2, 3]) == 0
