"""Catalogue entries of models."""

from pydantic import Field

from polymath.experiment.base import Name, StrictModel
from polymath.experiment.sources import ModelSource


class ModelSize(StrictModel):
    """A model's dimensions, for estimates before it is fetched."""

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
    domain: Name = Field("text", description="field that its own tokenizer reads")
    kmer: int | None = Field(
        None, ge=1, le=8, description="its tokenizer reads words of so many characters, as `A C G`"
    )
    size: ModelSize | None = None
    title: str = ""
    licence: str = "not stated"
    citation: str = ""
