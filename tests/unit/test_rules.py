"""Which rules go to a cluster's queue."""

import re

from conftest import ROOT

QUEUED = {"finetune", "pretrain", "baseline", "compare_representations", "probe"}


def test_only_what_takes_long_goes_to_the_queue() -> None:
    """A rule that is added without a thought would be a job of its own on a cluster."""
    text = "".join(path.read_text() for path in sorted(ROOT.glob("workflow/rules/*.smk")))
    rules = re.findall(r"^rule (\w+):", text, re.MULTILINE)
    (listed,) = re.findall(r"^localrules:\n((?:    \w+,\n)+)", text, re.MULTILINE)
    local = re.findall(r"\w+", listed)
    assert {*local} - {"all"} == {*rules} - QUEUED
    assert {*rules} > QUEUED
