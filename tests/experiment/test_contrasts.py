"""Which conditions are compared."""

from dataclasses import replace

from polymath.experiment.conditions import NONE, Condition
from polymath.experiment.contrasts import find_contrasts
from polymath.experiment.lineage import Lineage

LINEAGE = Lineage(
    domains={"text-bert": "text", "protein-bert": "protein", "dna-mlm": "dna"},
    bases={"dna-mlm": "text-bert"},
)
DOMAINS = {"splice": "dna", "amp": "protein", "reuters": "text"}


def condition(init: str = "pretrained", **changes: str) -> Condition:
    return replace(Condition("amp", "text-bert", init, "random", "1", "default"), **changes)


def compared(*conditions: Condition) -> list[tuple[str, Condition]]:
    return [
        (contrast.against, contrast.reference)
        for contrast in find_contrasts(conditions, DOMAINS, LINEAGE)
    ]


def test_every_arm_is_compared_with_the_same_from_scratch() -> None:
    scratch = condition("scratch")
    others = [condition(), condition("re-emb"), condition("scratch", fraction="0.1")]
    assert compared(scratch, *others) == [("scratch", scratch)] * 2


def test_a_text_model_is_compared_with_in_domain_models_that_see_their_own_symbols() -> None:
    own = condition(model="protein-bert", mapping="character")
    strange = condition(model="protein-bert", mapping="random")
    random = condition("scratch", model="protein-bert", mapping="identity")
    elsewhere = replace(own, task="splice")
    less = replace(own, fraction="0.1")
    found = compared(condition(), own, strange, random, elsewhere, less)
    assert found == [("in-domain", own)]


def test_a_model_made_here_is_in_domain_where_it_was_pre_trained_and_its_base_is_scratch() -> None:
    made = condition(task="splice", model="dna-mlm", mapping="character")
    base = condition("scratch", task="splice", mapping="character")
    text = condition(task="splice")
    assert compared(made, base, text) == [("scratch", base), ("in-domain", made)]


def test_on_text_there_is_no_in_domain_model_of_another_field() -> None:
    text = condition(task="reuters", mapping="permute")
    assert compared(text, replace(text, mapping="identity")) == []


def test_baselines_are_compared_with_nothing() -> None:
    assert compared(Condition("amp", "ngram", NONE, NONE, "1", NONE), condition("scratch")) == []
