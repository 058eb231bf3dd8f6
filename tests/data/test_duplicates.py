"""Equal sequences: kept together, dropped, or refused where their labels differ."""

from pathlib import Path

import pytest

from support.labelled_words import OFFICIAL, WORDS, class_of, good_rows, split_rows
from support.own_data import CSV, prepare_csv, refusal


def with_copies() -> list[str]:
    """Each sequence twice, far apart in the file."""
    return [*good_rows(), *good_rows()]


@pytest.mark.parametrize("seed", range(5))
def test_grouped_duplicates_never_straddle(tmp_path: Path, seed: int) -> None:
    done = prepare_csv(tmp_path, with_copies(), duplicates="group", seed=seed)
    assert len(done.table) == 128
    assert all(len(done.splits(word)) == 1 for word in WORDS)
    assert done.card["duplicates"] == {
        "policy": "group",
        "rows_kept_with_an_equal_one": 128,
        "surplus_rows_kept": 64,
    }


def test_copies_join_the_groups_that_share_them(tmp_path: Path) -> None:
    rows = [f"{row},g{number // 2}" for number, row in enumerate(good_rows())]
    rows.append(f"{WORDS[0]},purine,g31")  # joins g0 and g31
    done = prepare_csv(tmp_path, rows, "seq,y,g", reader={**CSV, "group": "g"})
    group = dict(zip(done.table["sequence"], done.table["group"], strict=True))
    assert len({group[WORDS[number]] for number in (0, 1, 62, 63)}) == 1
    assert done.card["groups"] == 31


def test_dropped_duplicates_leave_one(tmp_path: Path) -> None:
    done = prepare_csv(tmp_path, with_copies(), duplicates="drop")
    assert sorted(done.table["sequence"]) == sorted(WORDS)
    assert done.rejected() == {"duplicate sequence": 64}
    assert done.card["duplicates"]["surplus_rows_kept"] == 0


def test_contradictions_are_dropped_entirely(tmp_path: Path) -> None:
    rows = [*good_rows(), f"{WORDS[0]},pyrimidine"]
    done = prepare_csv(tmp_path, rows, duplicates="drop")
    assert set(done.table["sequence"]) == set(WORDS[1:])
    assert done.rejected() == {"equal sequences with different labels": 2}


def test_contradictions_alone_are_refused(tmp_path: Path) -> None:
    lines = ["ACGT,0", "ACGT,1", "ACGT,0"]
    text = refusal(tmp_path, lines, duplicates="drop")
    assert "own.csv: line 2: every sequence is there with different labels" in text


@pytest.mark.parametrize("policy", ["drop", "group"])
def test_of_an_official_split_the_test_copy_survives(tmp_path: Path, policy: str) -> None:
    rows = split_rows()
    tested, developed = rows[0].split(",")[0], rows[8].split(",")[0]
    copies = [f"{word},{class_of(word)},train" for word in (tested, developed)]
    done = prepare_csv(tmp_path, [*copies, *rows], "seq,y,s", reader=OFFICIAL, duplicates=policy)
    assert done.splits(tested) == {"test"}
    assert done.splits(developed) == {"dev"}
    assert done.rejected() == {
        "same sequence or group as a test row": 1,
        "same sequence or group as a dev row": 1,
    }
    assert done.card["splits"] == {"train": 48, "dev": 8, "test": 8}


def test_copies_within_a_split(tmp_path: Path) -> None:
    rows = [*split_rows(), split_rows()[0]]
    kept = prepare_csv(tmp_path, rows, "seq,y,s", reader=OFFICIAL, duplicates="group")
    assert kept.card["splits"]["test"] == 9
    once = prepare_csv(tmp_path, rows, "seq,y,s", reader=OFFICIAL, duplicates="drop")
    assert once.card["splits"]["test"] == 8
    assert once.rejected() == {"duplicate sequence": 1}
