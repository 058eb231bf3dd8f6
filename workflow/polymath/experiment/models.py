"""Catalogue entries of models."""

from typing import Literal

from pydantic import Field

from polymath.experiment.base import Name, StrictModel
from polymath.experiment.sources import ModelSource


class ModelSize(StrictModel):
    """A model's dimensions, for cost estimates before it is fetched."""

    layers: int = Field(ge=1)
    width: int = Field(ge=1, description="of the hidden states")
    intermediate: int = Field(ge=1, description="of the feed-forward layers")
    vocabulary: int = Field(ge=1)


class ModelEntry(StrictModel):
    """A checkpoint: config.json, model.safetensors and tokenizer.json in one folder.

    Weights in a .bin file (read without pickled code) or an .onnx file, and a tokenizer that is
    only a vocab.txt, are converted when they are fetched.
    """

    source: ModelSource
    domain: Name = Field(
        "text",
        description="domain that its weights were pre-trained on and its tokenizer reads; a "
        "configured model has its base's tokenizer, one pre-trained here its source's domain",
    )
    kmer: int | None = Field(
        None,
        ge=1,
        le=8,
        description="number of characters per word that its tokenizer reads, as 1 for `A C G`",
    )
    size: ModelSize | None = None
    model_type: str | None = Field(
        None,
        description="as its config.json states it, so that what such a model cannot do is refused "
        "before it is fetched",
    )
    title: str = ""
    licence: str = "not stated"
    citation: str = ""
    notes: str = Field("", description="for the models' page: differences, checks")
    tried: Literal["run", "family", "tokenizer"] | None = Field(
        None,
        description="for the models' page: whether the files themselves were run here, or only "
        "their architecture, or their tokenizer, in tests",
    )
