"""The configuration of analyses beside the matrix: what each takes, and how much of it."""

from pydantic import Field

from polymath.typed import Typed


class Representations(Typed):
    """Compare the hidden states of a text model, a random one and an in-domain one."""

    tokens: int = Field(
        20_000, ge=100, description="tokens of dev and test to compare on, whole sequences"
    )
    items: int = Field(
        300, ge=10, description="sequences for RSA and for the matching of attention heads"
    )
    replicates: int = Field(
        1, ge=1, description="of each model; the floor takes one more of the random ones"
    )
    bootstraps: int = Field(30, ge=2, description="resamples behind an interval")
    permutations: int = Field(39, ge=1, description="orders of sequences behind a null")
