"""Variance components of crossed seeds, against statsmodels' mixed model and known truths."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from numpy.typing import NDArray
from scipy import stats

from polymath.evaluation.arrays import Floats
from polymath.evaluation.variance_components import RESIDUAL, components, split_variance
from polymath.util.seeds import VARIED, seed_levels
from support.figures import CONDITION

Seeds = dict[str, NDArray[np.int64]]


def design(**levels: int) -> Seeds:
    cells = np.array([*product(*(range(count) for count in levels.values()))])
    return dict(zip(levels, cells.T, strict=True))


def draw(seeds: Seeds, generator: np.random.Generator, **deviations: float) -> Floats:
    """Scores with normal effects of each stream, and noise."""
    values = generator.normal(0.8, deviations["noise"], len(next(iter(seeds.values()))))
    for stream, levels in seeds.items():
        values += generator.normal(0, deviations[stream], levels.max() + 1)[levels]
    return values


def parts(values: Floats, seeds: Seeds) -> dict[str, float]:
    return {part.stream: part.variance for part in components(values, seeds)}


def test_the_components_are_those_of_a_mixed_model() -> None:
    """Balanced and positive, moments and restricted likelihood agree."""
    seeds = design(init=6, mapping=5)
    values = draw(seeds, np.random.default_rng(2), init=0.3, mapping=0.5, noise=0.1)
    table = pd.DataFrame({**seeds, "value": values, "all": 1})
    formulas = {stream: f"0 + C({stream})" for stream in seeds}
    fit = smf.mixedlm("value ~ 1", table, groups="all", vc_formula=formulas).fit(reml=True)
    found = parts(values, seeds)
    assert found["init"] == pytest.approx(fit.vcomp[0], rel=0.02)
    assert found["mapping"] == pytest.approx(fit.vcomp[1], rel=0.02)
    assert found[RESIDUAL] == pytest.approx(fit.scale, rel=0.02)


def test_on_average_they_are_the_true_ones() -> None:
    seeds = design(init=3, mapping=2, order=2)
    generator = np.random.default_rng(5)
    truth = {"init": 0.04, "mapping": 0.01, "order": 0.0, RESIDUAL: 0.0025}
    deviations = {**{name: value**0.5 for name, value in truth.items()}, "noise": 0.05}
    found = pd.DataFrame(
        [parts(draw(seeds, generator, **deviations), seeds) for _ in range(1500)]
    ).agg(["mean", "sem"])
    for name, variance in truth.items():
        assert abs(found[name]["mean"] - variance) < 4 * found[name]["sem"], name


def test_the_interval_of_the_ratio_covers_as_often_as_it_says() -> None:
    seeds = design(init=3, mapping=2)
    generator = np.random.default_rng(6)
    inside = rejected = 0
    for _ in range(2000):
        drawn = draw(seeds, generator, init=0.1, mapping=0.0, noise=0.1)
        init, mapping, _ = components(drawn, seeds)
        inside += init.ratio_low <= 1 <= init.ratio_high
        rejected += mapping.p <= 0.05
    assert inside / 2000 == pytest.approx(0.95, abs=0.02)
    assert rejected / 2000 == pytest.approx(0.05, abs=0.02)


def test_with_one_stream_all_is_its_own() -> None:
    values = np.array([0.1, 0.4, 0.2])
    (part,) = components(values, design(init=3))
    assert part.variance == pytest.approx(values.var(ddof=1))
    assert np.isnan(part.p)


def test_p_is_that_of_the_analysis_of_variance() -> None:
    seeds = design(init=4, mapping=2)
    values = draw(seeds, np.random.default_rng(8), init=0.1, mapping=0.1, noise=0.1)
    gaps = values[seeds["mapping"] == 1] - values[seeds["mapping"] == 0]
    # Of two levels, the F test is the paired t test.
    expected = stats.ttest_1samp(gaps, 0).pvalue
    found = {part.stream: part for part in components(values, seeds)}
    assert found["mapping"].p == pytest.approx(expected)


def scores_of(crossed: dict[str, int], diverged: bool = False) -> pd.DataFrame:
    count = int(np.prod([*crossed.values()]))
    rows = []
    for replicate in range(count):
        levels = seed_levels(replicate, crossed)
        rows.append(
            {**CONDITION, "replicate": replicate, "split": "test", "headline": True,
             "value": 0.1 * levels["init"] + 0.01 * levels["mapping"],
             **{f"{stream}_seed": levels[stream] for stream in VARIED}}
        )  # fmt: skip
    table = pd.DataFrame(rows)
    if diverged:
        table.loc[1, "value"] = np.nan
    return table


def test_the_table_names_the_streams_that_vary() -> None:
    crossed = {"init": 3, "mapping": 2, "order": 1}
    table = split_variance(scores_of(crossed), crossed).set_index("stream")
    assert list(table.index) == ["init", "mapping", RESIDUAL]
    assert table["variance"].tolist() == pytest.approx([0.01, 0.00005, 0.0], abs=1e-12)
    assert table.loc["init", "deviation"] == pytest.approx(0.1)
    assert table["levels"].tolist() == [3, 2, 6]


def test_a_design_with_a_hole_is_left_out() -> None:
    crossed = {"init": 3, "mapping": 2}
    assert split_variance(scores_of(crossed, diverged=True), crossed).empty
