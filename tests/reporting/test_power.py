"""What `plan` prints of power."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.power import TTestPower

from polymath.evaluation.claims import LEAST_PAIRS, decide
from polymath.evaluation.mean_test import power, standard_error
from polymath.reporting.power import REPLICATES, describe_missing, describe_power, power_of
from polymath.reporting.rerun import PLAIN, Rerun
from support.report import judged
from support.tables import table

WIDE = np.array([0.10, 0.02, 0.08])
RERUN = Rerun(["--configfile", "my data.yaml"])


def claims(*tasks: Any, **changes: Any) -> pd.DataFrame:
    rows = [
        judged("better", "", float(np.mean(differences)), task=f"task{place}", n=len(differences),
               differences=differences, shared_error=0.0, **changes)
        for place, differences in enumerate(tasks)
    ]  # fmt: skip
    return decide(table(rows, "claims"))


@pytest.mark.parametrize("n", [LEAST_PAIRS, 12])
def test_the_power_is_that_of_the_paired_test_with_the_scatter_seen(n: int) -> None:
    (row,) = claims(WIDE).to_dict("records")
    expected = TTestPower().power(WIDE.mean() / WIDE.std(ddof=1), n, 0.05)
    assert power_of(row, n) == pytest.approx(expected)
    assert power_of(row, LEAST_PAIRS - 1) == 0


def test_test_items_bound_the_power_that_replicates_can_reach() -> None:
    (row,) = claims(WIDE).to_dict("records")
    bounded = {**row, "shared_error": 0.06, "shared_df": 39}
    assert power_of(bounded, 20) < 0.3 < power_of(row, 20)


def test_the_error_of_a_target_falls_with_the_replicates_that_make_it() -> None:
    (row,) = claims(WIDE).to_dict("records")
    faster = {**row, "claim": "faster", "shared_error": 0.06, "shared_df": 2}
    error, df = standard_error(WIDE.std(ddof=1), 12, 0.06 / 2, 11)
    assert power_of(faster, 12) == pytest.approx(power(WIDE.mean(), error, df))


def test_the_plan_prints_a_line_per_task_and_the_command_that_adds_replicates() -> None:
    lines = [*describe_power(claims(WIDE, WIDE + 0.1), RERUN)]
    counts = [int(word) for word in lines[1].split()[1:]]
    assert counts == [*REPLICATES]
    first, second = ([int(word) for word in line.split()[-len(counts) :]] for line in lines[2:4])
    assert first[:2] == second[:2] == [0, 0]
    assert first == sorted(first)
    needed = next(n for n, value in zip(counts, first, strict=True) if value >= 80)
    assert any(
        line.endswith(
            f"snakemake --cores all --configfile 'my data.yaml' --config replicates={needed}"
        )
        for line in lines
    )
    assert any("each of the 2 undecided comparisons" in line for line in lines)


def test_no_replicates_are_added_for_what_is_decided_or_out_of_reach() -> None:
    clear = np.array([0.1, 0.11, 0.09, 0.1, 0.12])
    assert not any("replicates=" in line for line in describe_power(claims(clear), PLAIN))
    lines = [*describe_power(claims(np.array([0.1, -0.1, 0.02])), PLAIN)]
    assert not any("replicates=" in line for line in lines)
    assert str(REPLICATES[-1]) in lines[-1]
    assert "the undecided comparison would need more than" in lines[-1]
    assert [*describe_power(claims(), PLAIN)] == []


def test_test_items_that_no_replicates_overcome_are_not_called_scatter() -> None:
    rows = claims(WIDE, WIDE / 20).assign(shared_error=[0.0, 0.05], shared_df=39)
    lines = [*describe_missing(rows, PLAIN)]
    assert lines[0].startswith("For 1 of the 2 undecided comparisons")
    assert lines[0].endswith("the test items set the limit.")
    assert "replicates=" in lines[1]
    assert not any("more than 20" in line for line in lines)


def test_more_pairs_of_models_are_asked_for_by_the_setting_that_gives_them() -> None:
    rows = pd.concat([claims(WIDE), claims(WIDE).assign(claim="similar")])
    of_runs, _, of_models, _ = describe_missing(rows, PLAIN)
    assert "representations" not in of_runs
    replicates = int(of_runs.rpartition("=")[2])
    assert (
        f"'representations={{replicates: {replicates}}}' replicates={replicates + 1}" in of_models
    )
    assert "of representations" in of_models


def test_a_claim_without_a_test_for_want_of_pairs_names_the_command() -> None:
    rows = claims(np.array([0.1]))
    assert rows["p"].isna().all()
    (line,) = describe_missing(rows, PLAIN)
    assert line.endswith(f"replicates={LEAST_PAIRS}")
