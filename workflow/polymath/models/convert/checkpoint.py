"""Convert a fetched model to a standard folder: config.json, model.safetensors, tokenizer.json."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from polymath.experiment.sources import MODEL_FILES
from polymath.models.convert.config_limits import check_config
from polymath.models.convert.model_json import read_dictionary
from polymath.models.convert.native import AUTO_MAP, require_native
from polymath.models.convert.weights import WEIGHTS, convert_weights, find_weights, refuse_wrapped
from polymath.util.errors import PolymathError, list_names, suggest
from polymath.util.storage import whole_file, write_json

CONFIG, TOKENIZER = "config.json", "tokenizer.json"


def convert_checkpoint(files: list[Path], folder: Path, log: Callable[[str], None]) -> list[Path]:
    """Return a model's files as they are if its folder is standard, else converted into `folder`.

    Converted originals inside `folder` are removed; the user's own, which lie elsewhere, stay.

    Raises:
        PolymathError: if a file is missing or cannot be converted, or if the model needs the code
            that came with it.
    """
    files = sorted(files, key=lambda file: (len(file.parts), file))
    config_file = next((file for file in files if file.name == CONFIG), None)
    if config_file is None:
        raise PolymathError(
            f"no {CONFIG} among {', '.join(file.name for file in files)}: add it to the model's "
            "source in the catalogue"
        )
    root = config_file.parent
    _refuse_several(files, config_file)
    beside = {file.name: file for file in files if file.parent == root}
    config = read_config(config_file)
    if all(name in beside for name in MODEL_FILES) and config == json.loads(
        config_file.read_bytes()
    ):
        refuse_wrapped(beside[WEIGHTS])
        return files
    brings_code = AUTO_MAP in read_dictionary(config_file)
    standard = _convert(beside, config, folder, log)
    if brings_code:
        require_native(folder / WEIGHTS, config, str(root), log)
    for file in files:
        if file.is_relative_to(folder) and file not in standard:
            file.unlink()
    return standard


def _refuse_several(files: list[Path], config_file: Path) -> None:
    """Refuse several models in one folder, as a Trainer's checkpoints, unless one is its own."""
    depth = len(config_file.parts)
    folders = sorted(
        {file.parent for file in files if file.name == CONFIG and len(file.parts) == depth}
    )
    if len(folders) > 1:
        names = list_names([folder.name for folder in folders])
        raise PolymathError(
            f"{config_file.parent.parent}: several models, {names}: name the folder of one in "
            "'path'"
        )


def _convert(
    beside: Mapping[str, Path],
    config: dict[str, Any],
    folder: Path,
    log: Callable[[str], None],
) -> list[Path]:
    place = str(beside[CONFIG].parent)
    weights = find_weights(beside, place)
    if weights != [folder / WEIGHTS]:
        if [file.name for file in weights] == [WEIGHTS]:
            _copy(weights[0], folder / WEIGHTS)
        else:
            convert_weights(weights, config, folder / WEIGHTS, log)
    if TOKENIZER not in beside:
        from polymath.models.convert.tokenizer import convert_tokenizer

        log(f"converting the tokenizer to {TOKENIZER}")
        convert_tokenizer(beside, config, folder / TOKENIZER, place)
    elif beside[TOKENIZER] != folder / TOKENIZER:
        _copy(beside[TOKENIZER], folder / TOKENIZER)
    refuse_wrapped(folder / WEIGHTS)
    write_json(config, folder / CONFIG)
    return [folder / name for name in MODEL_FILES]


def _copy(source: Path, target: Path) -> None:
    with whole_file(target) as temporary:
        shutil.copyfile(source, temporary)


def read_config(path: Path) -> dict[str, Any]:
    """Read a model's configuration without the code that it names.

    A missing model_type is filled in from its architecture.

    Raises:
        PolymathError: if it is no JSON dictionary, has absurd sizes or asks for compiled code, or
            if transformers has no such kind of model.
    """
    config = read_dictionary(path)
    check_config(config, str(path))
    kind = config.get("model_type") or _kind_of(config.get("architectures"))
    if not isinstance(kind, str):
        raise PolymathError(f"{path}: 'model_type' is missing: add it, as {{'model_type': 'bert'}}")
    require_kind(kind, str(path))
    return {name: config[name] for name in config if name != AUTO_MAP} | {"model_type": kind}


def _kind_of(architectures: object) -> str | None:
    if not isinstance(architectures, list):
        return None
    from transformers.models.auto import modeling_auto as auto

    tables = (
        auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        auto.MODEL_FOR_PRETRAINING_MAPPING_NAMES,
        auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        auto.MODEL_MAPPING_NAMES,
    )
    names = ((kind, name) for table in tables for kind, name in table.items())
    return next((str(kind) for kind, name in names if name in architectures), None)


def require_kind(kind: str, place: str) -> None:
    """Check that there is code for a kind of model.

    Raises:
        PolymathError: with the nearest kind.
    """
    # Names alone: the classes import torch, which a standard folder does not need.
    from transformers.models.auto.auto_mappings import CONFIG_MAPPING_NAMES

    if kind in CONFIG_MAPPING_NAMES:
        return
    from transformers import CONFIG_MAPPING

    import polymath.models.cnn  # noqa: F401, registers Polymath's own kind of model

    if kind not in CONFIG_MAPPING:
        close = suggest(kind, CONFIG_MAPPING.keys())
        remedy = f"{close} " if close.startswith("did") else ""
        raise PolymathError(
            f"{place}: transformers has no model_type '{kind}': {remedy}Polymath never runs code "
            "that came with a model"
        )
