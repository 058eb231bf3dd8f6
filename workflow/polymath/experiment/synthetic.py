"""Which synthetic sequences a model is pre-trained on."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from polymath.experiment.base import StrictModel

SyntheticKind = Literal["iid", "zipf", "markov", "dyck", "shuffle-dyck", "copy"]
OF_BRACKETS = ("dyck", "shuffle-dyck")
IN_HALVES = (*OF_BRACKETS, "copy")
# Of a Markov chain, whose steps are a table of as many rows and columns, and of a shuffle's kinds
# of brackets and length, whose words are counted in steps of kinds times length squared.
MOST_STATES = 2_000
MOST_SYMBOLS = 10**8  # of all sequences, which are in memory at once, some 3 GB
DEV_SEQUENCES = 256  # to score the model on, beside those to train on
DOMAIN = "synthetic"


class SyntheticData(StrictModel):
    """Sequences that are generated from the seed, of a distribution or a formal language."""

    kind: SyntheticKind = Field(
        description="iid: independent, all symbols equally likely; zipf: independent, by Zipf's "
        "law; markov: each depends on the one before; dyck: nested brackets; shuffle-dyck: "
        "brackets whose kinds may cross; copy: the second half repeats the first"
    )
    symbols: int = Field(
        64, ge=2, le=100_000, description="how many there are; of brackets, half of them open"
    )
    length: int = Field(64, ge=2, le=100_000, description="symbols per sequence")
    sequences: int = Field(
        20_000,
        ge=1,
        le=10_000_000,
        description="how many to generate for training; an epoch reads each once",
    )

    @model_validator(mode="after")
    def _parts_come_in_pairs(self) -> "SyntheticData":
        if self.kind in OF_BRACKETS and self.symbols % 2:
            raise ValueError(
                f"'symbols' is {self.symbols}: of {self.kind} it must be even, as each kind of "
                "bracket has two"
            )
        if self.kind in IN_HALVES and self.length % 2:
            raise ValueError(f"'length' is {self.length}: of {self.kind} it must be even")
        if self.kind == "shuffle-dyck" and max(self.symbols, self.length) > MOST_STATES:
            raise ValueError(
                f"'symbols' is {self.symbols:,} and 'length' {self.length:,}: of shuffle-dyck at "
                f"most {MOST_STATES:,} each, as its words are counted"
            )
        if self.sequences * self.length > MOST_SYMBOLS:
            raise ValueError(
                f"'sequences' times 'length' is {self.sequences * self.length:,}: at most "
                f"{MOST_SYMBOLS:,} symbols are generated: lower one"
            )
        if self.kind == "markov" and self.symbols > MOST_STATES:
            raise ValueError(
                f"'symbols' is {self.symbols:,}: of markov at most {MOST_STATES:,}, as each has a "
                "row of probabilities"
            )
        return self


def _from_kind(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


Synthetic = Annotated[SyntheticData, BeforeValidator(_from_kind)]
