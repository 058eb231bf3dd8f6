"""Convert a model's weights, in whatever file, to one model.safetensors.

By torch and safetensors alone: transformers' save_pretrained writes the tensors of one head only,
drops tied ones and renames others by its own version, while the file's checksum identifies results.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polymath.experiment.sources import WEIGHT_SUFFIXES
from polymath.models.convert.model_json import read_dictionary
from polymath.util.errors import PolymathError, first_line
from polymath.util.remedies import remedy_for
from polymath.util.storage import whole_file

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "model.safetensors"
INDEX = ".index.json"
# Whole files before sharded ones, safetensors before formats that must be converted.
KNOWN = (WEIGHTS, WEIGHTS + INDEX, "pytorch_model.bin", "pytorch_model.bin" + INDEX)
WRAPPER = "module."
MAX_HEADER = 100_000_000  # bytes, as safetensors itself allows


def find_weights(files: Mapping[str, Path], place: str) -> list[Path]:
    """Return the file or the shards that hold a model's weights.

    Args:
        files: by name, of one folder.
        place: the folder, for messages.

    Raises:
        PolymathError: if there is none, or several.
    """
    for name in KNOWN:
        if name in files and not name.endswith(INDEX):
            return [files[name]]
        if name in files:
            shards = _shards_in(files[name])
            absent = [shard for shard in shards if shard not in files]
            if absent:
                raise PolymathError(
                    f"{place}: {name} names '{absent[0]}', which is missing: add it"
                )
            return [files[shard] for shard in shards]
    for suffix in WEIGHT_SUFFIXES:
        named = [path for name, path in sorted(files.items()) if name.endswith(suffix)]
        if len(named) == 1:
            return named
        if named:
            names = ", ".join(path.name for path in named)
            raise PolymathError(f"{place}: several files of weights, {names}: list one only")
    raise PolymathError(
        f"{place}: no weights among {', '.join(sorted(files)) or 'no files'}: add "
        "model.safetensors, pytorch_model.bin or an .onnx file"
    )


def _shards_in(index: Path) -> list[str]:
    """Return the names of the files that an index of shards lists."""
    shards = read_dictionary(index).get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(name, str) for name in shards.values()):
        raise PolymathError(
            f"{index}: no 'weight_map' of tensors to files: get the model's {index.name} again"
        )
    return sorted(set(shards.values()))


def convert_weights(
    files: list[Path], config: Mapping[str, Any], target: Path, log: Callable[[str], None]
) -> None:
    """Write the tensors of one or several files to `target`, as safetensors.

    Tied tensors are written once under each of their names.

    Args:
        config: the model's; it names the tensors of an .onnx file.

    Raises:
        PolymathError: if a file cannot be read without running code from it.
    """
    from safetensors.torch import save_file

    log(f"converting {', '.join(file.name for file in files)} to {WEIGHTS}")
    tensors: dict[str, Tensor] = {}
    for file in files:
        for name, tensor in _read(file, config, log).items():
            tensors[name] = tensor.clone().contiguous()
    with whole_file(target) as temporary:
        save_file(tensors, temporary, metadata={"format": "pt"})


def refuse_wrapped(file: Path) -> None:
    """Refuse weights that DataParallel saved, whose names all begin with `module.`.

    Raises:
        PolymathError: with the remedy.
    """
    with file.open("rb") as handle:
        size = int.from_bytes(handle.read(8), "little")
        header = handle.read(size) if size <= MAX_HEADER else b""
    try:
        stored = json.loads(header or b"{}")
    except (ValueError, RecursionError):  # a damaged file, which is refused where it is read
        return
    names = {*stored} - {"__metadata__"} if isinstance(stored, dict) else set()
    if names and all(name.startswith(WRAPPER) for name in names):
        raise PolymathError(
            f"{file}: all tensors begin with '{WRAPPER}', as DataParallel saves them: save "
            "the model inside, as model.module.save_pretrained(folder)"
        )


def _read(
    file: Path, config: Mapping[str, Any], log: Callable[[str], None]
) -> "Mapping[str, Tensor]":
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(file)
        if file.suffix == ".onnx":
            from polymath.models.convert.onnx_weights import read_onnx

            return read_onnx(file, config, log)
        return _read_torch(file)
    except PolymathError:
        raise
    except Exception as error:  # whatever a library makes of odd bytes
        if remedy_for(error):
            raise
        raise PolymathError(
            f"{file}: damaged, or not in the format {file.suffix}: {first_line(error)}: get the "
            "file again"
        ) from None


def _read_torch(file: Path) -> "Mapping[str, Tensor]":
    import torch

    try:
        stored = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever torch makes of odd bytes
        if remedy_for(error):
            raise
        raise PolymathError(
            f"{file}: damaged, or not readable without running code from the file: "
            f"{first_line(error)} Use a model.safetensors, or a file saved by "
            "torch.save(model.state_dict(), path)"
        ) from None
    remedy = "save one by torch.save(model.state_dict(), path)"
    if not isinstance(stored, dict):
        raise PolymathError(
            f"{file}: a {type(stored).__name__}, not a model's state_dict: {remedy}"
        )
    others = [name for name, value in stored.items() if not isinstance(value, torch.Tensor)]
    if others:
        raise PolymathError(
            f"{file}: '{others[0]}' is not a tensor, so this is more than a state_dict: {remedy}"
        )
    tensors: Mapping[str, Tensor] = stored
    return tensors
