"""The page of the report: content and figures in one HTML file."""

import base64
import json
import platform
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from polymath.evaluation.claims import RULE
from polymath.experiment import stage_versions as versions
from polymath.reporting.figures.registry import FIGURES
from polymath.reporting.html.content import (
    Picture,
    Sources,
    gather_content,
    settings_table,
)
from polymath.reporting.provenance import commit_of
from polymath.util.storage import whole_file

TEMPLATE = Path(__file__).with_name("page.html.j2")
REPOSITORY = Path(__file__).parents[4]


def write_report(sources: Sources, configuration: dict[str, Any], page: Path) -> None:
    """Write the report as one HTML file that needs neither a network nor other files.

    Args:
        configuration: as given to Snakemake.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        autoescape=True,  # names and labels come from users
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    content = gather_content(sources)
    made = content["made"]
    text = environment.get_template(TEMPLATE.name).render(
        **content,
        pictures=[_embed(picture) for picture in sources.pictures],
        rule=RULE,
        machines=settings_table(
            {f"machine {n}": machine for n, machine in enumerate(made.get("machines", []), 1)}
        ),
        recipes=settings_table(made.get("recipes", {})),
        versions=_versions(made),
        configuration=_to_yaml(configuration),
    )
    with whole_file(page) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _to_yaml(configuration: dict[str, Any]) -> str:
    plain = json.loads(json.dumps(configuration))  # Snakemake nests ordered dicts, unknown to YAML
    return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))


def _embed(picture: Picture) -> dict[str, str]:
    data = base64.b64encode(picture.svg.read_bytes()).decode("ascii")
    return {
        "name": picture.figure,
        "caption": FIGURES[picture.figure].caption.format(**picture.wildcards),
        "data": f"data:image/svg+xml;base64,{data}",
    }


def _versions(made: dict[str, Any]) -> dict[str, str]:
    stages = {name.lower(): value for name, value in vars(versions).items() if name.isupper()}
    of_runs = {
        "Seed of the experiment": str(made["experiment_seed"]),
        "Precision": ", ".join(made["precisions"]),
    } if made else {}  # fmt: skip
    return {
        "Polymath, commit": commit_of(REPOSITORY) or "not a repository",
        "Python (this page)": platform.python_version(),
        **of_runs,
        "Code versions of stages": json.dumps(stages).strip("{}").replace('"', ""),
    }
