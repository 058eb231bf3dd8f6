"""A model's weights, in whatever file, as one model.safetensors."""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polymath.util.errors import PolymathError
from polymath.util.storage import read_json, whole_file

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "model.safetensors"
INDEX = ".index.json"
# Whole files first, then those in parts; safetensors before formats that must be converted.
KNOWN = (WEIGHTS, WEIGHTS + INDEX, "pytorch_model.bin", "pytorch_model.bin" + INDEX)
SUFFIXES = (".safetensors", ".bin", ".pt", ".onnx")


def find_weights(files: Mapping[str, Path], place: str) -> list[Path]:
    """Return the file, or the parts, that a model's weights are in.

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
            parts = sorted(set(read_json(files[name])["weight_map"].values()))
            lost = [part for part in parts if part not in files]
            if lost:
                raise PolymathError(f"{place}: {name} names '{lost[0]}', which is not there")
            return [files[part] for part in parts]
    for suffix in SUFFIXES:
        found = [path for name, path in sorted(files.items()) if name.endswith(suffix)]
        if len(found) == 1:
            return found
        if found:
            names = ", ".join(path.name for path in found)
            raise PolymathError(f"{place}: which of {names} are the weights? Name one alone")
    raise PolymathError(
        f"{place}: no weights among {', '.join(sorted(files)) or 'no files'}: they are looked for "
        "in model.safetensors, pytorch_model.bin or an .onnx file"
    )


def convert_weights(
    files: list[Path], config: Mapping[str, Any], target: Path, log: Callable[[str], None]
) -> None:
    """Write the tensors of one or several files to `target`, as safetensors.

    Every tensor is kept under every name it has: one that is tied to another is written twice.

    Args:
        config: of the model; an .onnx file's tensors are named after it.

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


def _read(
    file: Path, config: Mapping[str, Any], log: Callable[[str], None]
) -> "Mapping[str, Tensor]":
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(file)
    if file.suffix == ".onnx":
        from polymath.models.convert.onnx_weights import read_onnx

        return read_onnx(file, config, log)
    return _read_torch(file)


def _read_torch(file: Path) -> "Mapping[str, Tensor]":
    import torch

    try:
        stored = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise PolymathError(
            f"{file}: not weights that can be read without running code from the file, or "
            f"damaged: {reason} Use a model.safetensors, or a file that you saved by "
            "torch.save(model.state_dict(), path)"
        ) from None
    remedy = "save that by torch.save(model.state_dict(), path)"
    if not isinstance(stored, dict):
        raise PolymathError(
            f"{file}: a {type(stored).__name__}, not a model's state_dict: {remedy}"
        )
    odd = [name for name, value in stored.items() if not isinstance(value, torch.Tensor)]
    if odd:
        raise PolymathError(
            f"{file}: '{odd[0]}' is no tensor: this is not a model's state_dict alone: {remedy}"
        )
    tensors: Mapping[str, Tensor] = stored
    return tensors
