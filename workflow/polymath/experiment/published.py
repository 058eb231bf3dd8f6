"""Scores that others published on tasks of the catalogue, to be shown beside a run's own."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from polymath.experiment.base import StrictModel
from polymath.experiment.config_errors import parse
from polymath.experiment.config_files import read_config
from polymath.experiment.datasets import MetricName


class PublishedScore(StrictModel):
    """One number of a source."""

    model: str = Field(min_length=1, description="in the words of the source")
    start: Literal["pretrained", "scratch", "re-emb", "in-domain", "none"]
    score: float = Field(ge=-1, le=1)


class PublishedTask(StrictModel):
    """What a source says of one task."""

    metric: MetricName
    differs: str = Field(description="what its split has that the catalogue's has not")
    scores: tuple[PublishedScore, ...] = Field(min_length=1)


class PublishedSource(StrictModel):
    """A source and its numbers, by task of the catalogue."""

    source: str = Field(min_length=1)
    citation: str = Field(min_length=1)
    remark: str
    tasks: dict[str, PublishedTask] = Field(min_length=1)


def published_scores(path: Path, tasks: Collection[str]) -> list[dict[str, Any]]:
    """Return the published scores of these tasks of the catalogue, one row each.

    Raises:
        PolymathError: if the file has a mistake, with its place.
    """
    entries = read_config(path)
    rows = []
    for name, entry in entries.items():
        source = parse(PublishedSource, entry, f"{path.name}: {name}")
        about = {"source": source.source, "citation": source.citation, "remark": source.remark}
        for task, published in source.tasks.items():
            if task in tasks:
                where = {"task": task, "metric": published.metric, "differs": published.differs}
                rows += [{**where, **score.model_dump(), **about} for score in published.scores]
    return rows
