"""`new` finds out what files are, and writes a configuration that runs as it is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from polymath.__main__ import main
from polymath.own_data.check import describe_check
from polymath.own_data.draft import name_of
from polymath.own_data.symbols import find_symbols
from polymath.own_data.yaml_text import format_value, write_yaml
from support.drafts import MOST_LINES, draft_csv, draft_of, load
from support.kinds import KINDS, ROWS, write_kind

EXPECTED: dict[str, dict[str, Any]] = {
    "peptides": {
        "domain": "protein", "alphabet": "protein", "positive": "yes",
        "reader": {"format": "csv", "sequence": "seq", "label": "activity", "id": "id"},
    },
    "smiles": {
        "domain": "molecules", "alphabet": "smiles", "type": "regression",
        "reader": {"format": "csv", "sequence": "smiles",
                   "label": "measured log solubility in mols per litre"},
    },
    "log": {
        "domain": "text", "alphabet": "model", "metric": "macro_f1", "positive": "anomaly",
        "label_map": {"-": "normal", "*": "anomaly"},
        "reader": {"format": "lines", "pattern": r"(?P<label>\S+)\s+(?P<sequence>.+)"},
    },
    "scores": {
        "domain": "music", "alphabet": "pitch",
        "reader": {"format": "midi", "columns": {"file": "(?P<label>.+?)_.+"}},
    },
    "promoters": {
        "domain": "dna", "alphabet": "dna", "reader": {"format": "fasta", "label": "file"},
    },
    "sentences": {
        "domain": "text", "alphabet": "model",
        "reader": {"format": "tsv", "header": ["sequence", "label"]},
    },
    "excel": {
        "domain": "symbols", "alphabet": "character",
        "reader": {"format": "xlsx", "sequence": "Sequence", "label": "Class", "group": "Family"},
    },
    "fasta.gz": {
        "domain": "protein", "alphabet": {"preset": "protein", "illegal": "X"},
        "reader": {"format": "fasta", "id": "id",
                   "columns": {"header": r"[^|]+\|(?P<id>[^|]+)\|(?P<label>[^|]+)"}},
    },
    "parquet lists": {
        "domain": "symbols", "alphabet": {"kind": "separator", "separator": " "},
        "reader": {"format": "parquet", "sequence": "events", "label": "outcome",
                   "group": "user_id"},
    },
    "json lines": {
        "domain": "text", "alphabet": "model",
        "reader": {"format": "json", "sequence": "premise", "sequence2": "hypothesis",
                   "label": "gold_label", "split": "set"},
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_recognised_and_its_configuration_passes_the_check(
    kind: str, tmp_path: Path
) -> None:
    path, output = write_kind(kind, tmp_path), tmp_path / "my.yaml"
    draft = draft_of(path)
    assert draft.entry.items() >= EXPECTED[kind].items()
    write_yaml(draft, output)
    text = output.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    assert yaml.safe_load(text)["datasets"][draft.name] == draft.entry
    experiment = load(output)
    assert experiment.replicates == 5
    assert [len(recipe.rates) for recipe in experiment.recipes.values()] == [3]
    assert [recipe.evaluations for recipe in experiment.recipes.values()] == [16]
    lines = list(describe_check(experiment))
    assert any(line.startswith("  5 rows as symbols") for line in lines)
    counts = draft.counts
    assert f"train {counts['train']:,}, dev {counts['dev']:,}" in "\n".join(lines)
    assert sum(counts.values()) == (16 if kind == "scores" else ROWS)


def test_the_command_writes_a_file_once_and_says_what_it_costs_and_what_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_kind("peptides", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["polymath", "new", "peptides.csv"])
    main()
    printed = capsys.readouterr().out
    assert "of this machine" in printed
    assert "random for peptides" in printed
    assert "snakemake --cores all --configfile peptides.yaml" in printed
    before = (tmp_path / "peptides.yaml").read_bytes()
    with pytest.raises(SystemExit, match=r"peptides.yaml exists .* --output"):
        main()
    assert (tmp_path / "peptides.yaml").read_bytes() == before
    monkeypatch.setattr("sys.argv", ["polymath", "check", "peptides.yaml"])
    main()
    assert "WARNING: peptides: 15 test rows" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("values", "alphabet"),
    [
        (["ACGTTA", "ACGTNA", "acgtca"], {"preset": "dna", "illegal": "N"}),
        (["ACGUUA", "GGCUCA"], "rna"),
        (["MKLVWRDE*", "ACDEFGHIKL*"], {"preset": "protein", "remove": "*"}),
        (["CCO", "c1ccccc1C(=O)O"], "smiles"),
        (["60 62 64", "60 59"], {"kind": "separator", "separator": " "}),
        (["up, down, up", "left, up"], {"kind": "separator", "separator": ","}),
        (["['up' 'down']", "['left']"], {"kind": "separator", "separator": " "}),
        (["up down up up up down", "left up up left down up"] * 3,
         {"kind": "separator", "separator": " "}),
        (["A C D E", "Y I A E"], {"kind": "separator", "separator": " "}),
        (["ACGT CGTA GTAC", "ACGA TTTT"], {"kind": "separator", "separator": " "}),
        (["ACDEFGHIKL MNPQRSTVWY AC", "MNPQRSTVWY ACDEF"],
         {"preset": "protein", "remove": " "}),
        (["ACGTACGTAC GGTTAACCGA T", "TTGACCATGA CG"], {"preset": "dna", "remove": " "}),
        (["[C][=O][N]", "[N][Branch1][C]"], {"kind": "regex", "pattern": r"\[[^\[\]]+\]"}),
        ([*["MKLVWRDE", "ACDEFGHIKL"] * 20, "Total"], {"preset": "protein", "illegal": "X"}),
        (["it is a good film", "the food was bad"], "model"),
        (["天气很好", "我不喜欢"], "model"),
        (["((..))", "(...)"], "character"),
        (["Souza", "Novak", "Bauer", "Kowalski", "Johnson", "Brown", "Dubois"], "character"),
    ],
)  # fmt: skip
def test_symbols_that_fit_values(values: list[str], alphabet: Any) -> None:
    assert find_symbols(values).alphabet == alphabet


def test_a_symbol_or_label_far_down_the_file_counts(tmp_path: Path) -> None:
    lines = [f"{'ACGT' * 5}{n:b}".translate({48: "A", 49: "C"}) for n in range(600)]
    rows = [f"{line}{'R' if n == 590 else ''},{n % 2}" for n, line in enumerate(lines)]
    draft = draft_csv(tmp_path, ["sequence,label", *rows])
    assert draft.entry["alphabet"] == {"preset": "dna", "illegal": "N"}
    log = tmp_path / "far.log"
    log.write_text(
        "".join(f"{'FAIL' if n > 560 else '-'} the unit {n} is up\n" for n in range(600))
    )
    assert draft_of(log).entry["label_map"] == {"-": "normal", "*": "anomaly"}


def test_a_column_of_splits_that_is_not_used_is_named(tmp_path: Path) -> None:
    lines = [f"ACGT{'ACGT' * n},{n % 2},{('train', 'test', '')[n % 3]}" for n in range(60)]
    draft = draft_csv(tmp_path, ["sequence,label,split", *lines])
    assert any("'split' is not used" in fact and "train" in fact for fact in draft.facts)


def test_dates_are_no_sequences(tmp_path: Path) -> None:
    lines = [f"2024-{n % 12 + 1:02}-{n % 28 + 1:02},it was the film {n},{n % 2}" for n in range(60)]
    draft = draft_csv(tmp_path, ["date,review,label", *lines])
    assert draft.entry["reader"]["sequence"] == "review"
    lines = [f"{n % 7 + 1}-{n % 28 + 1}-{n},{n % 2}" for n in range(60)]
    draft = draft_csv(tmp_path, ["moves,label", *lines])
    assert draft.entry["alphabet"] == {"kind": "separator", "separator": "-"}


def test_near_duplicates_are_kept_together(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    bases = ["".join(generator.choice(list("ACDEFGHIKLMNPQRSTVWY"), 20)) for _ in range(20)]
    lines = [f"{base}{end},{n % 2}" for n, base in enumerate(bases) for end in "AWY"]
    draft = draft_csv(tmp_path, ["sequence,label", *lines])
    assert draft.entry["similarity_groups"] == {"threshold": 0.8}


@pytest.mark.parametrize(
    "value", ["no", "1", "a: b", "it's", "- x", "#", "", "~", "été", "a\tb",
              "a\x85\u2028\x7f'\\\"b", "👩\u200d👧", "{x}", "1e3", True, 3,
              0.5, {"-": "normal", "*": "y"}, ["NO", "0", "x y"]],
)  # fmt: skip
def test_values_are_written_as_yaml_reads_them(value: Any) -> None:
    assert yaml.safe_load(f"key: {format_value(value)}") == {"key": value}


@pytest.mark.parametrize(
    ("path", "name"),
    [("My Data (1).csv", "my-data-1"), ("x.fasta.gz", "x"), ("Ångström.tsv", "angstrom"),
     ("数据.csv", "task")],
)  # fmt: skip
def test_the_name_of_a_task(path: str, name: str) -> None:
    assert name_of(Path(path)) == name
