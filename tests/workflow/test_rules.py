"""Which rules go to a cluster's queue."""

import re

from support import ROOT

QUEUED = {"finetune", "pretrain", "baseline", "compare_representations", "probe"}


def test_only_what_takes_long_goes_to_the_queue() -> None:
    """A rule that is added without a thought would be a job of its own on a cluster."""
    text = "".join(path.read_text() for path in sorted(ROOT.glob("workflow/rules/*.smk")))
    rules = re.findall(r"^rule (\w+):", text, re.MULTILINE)
    (listed,) = re.findall(r"^localrules:\n((?:    \w+,\n)+)", text, re.MULTILINE)
    local = re.findall(r"\w+", listed)
    assert {*local} - {"all"} == {*rules} - QUEUED
    assert {*rules} > QUEUED


def test_what_takes_a_gpu_asks_for_memory_and_time_and_for_more_when_tried_again() -> None:
    text = "".join(path.read_text() for path in sorted(ROOT.glob("workflow/rules/*.smk")))
    bodies = dict(re.findall(r"^rule (\w+):\n((?:    .*\n|\n)+)", text, re.MULTILINE))
    taking = {rule for rule, body in bodies.items() if "gpu=1" in body}
    assert taking == QUEUED - {"baseline"}
    for rule in taking:
        body = " ".join(bodies[rule].split())
        for name in ("mem_mb", "runtime"):
            assert re.search(rf"\b{name}=lambda wildcards, attempt: [^,]+? \* attempt,", body), rule
        assert "retries: 2 if workflow.is_main_process else 0" in body
