"""Errors of a configuration: the key, what is wrong, and the nearest valid name."""

import re
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from polymath.experiment.base import NAME_PATTERN
from polymath.util.errors import PolymathError, suggest
from polymath.util.runtime import CHECKPOINT_SECONDS, CONDITIONS_PER_GPU, LOCK
from polymath.util.secrets import redact

QUOTED = re.compile(r"'([^']*)'").findall
# What pydantic puts into an error's place where a key takes one number or a list.
TUPLE = "tuple["
FORM = re.compile(r"constrained-float|tuple\[.*").fullmatch
M = TypeVar("M", bound=BaseModel)
# Kinds of pydantic's errors in a user's words.
TRANSLATED = {
    "string_type": "must be text, and YAML reads it as something else: put it in quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dict_type": "must be keys and values",
    "model_type": "must be keys and values",
    "model_attributes_type": "must be keys and values",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}
# Former keys on which no result depends, and the environment variables that replace them.
MOVED_TO_ENVIRONMENT = {
    "lock": LOCK,
    "checkpoint_seconds": CHECKPOINT_SECONDS,
    "conditions_per_gpu": CONDITIONS_PER_GPU,
}


def parse(kind: type[M], value: Any, place: str) -> M:
    """Validate a value as a typed model.

    Raises:
        PolymathError: one line per mistake, with the nearest valid key or value.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        lines = [
            _explain(detail, kind)
            for detail in error.errors()
            # A list whose values are all refused is short of values only to pydantic.
            if not (detail["type"] == "too_short" and detail["input"]) and _fits_form(detail)
        ]
        raise PolymathError("\n".join(f"{place}: {line}" for line in lines)) from None


def _fits_form(detail: Any) -> bool:
    """Whether an error of one value or several is about the form that the user chose."""
    is_list = isinstance(detail["input"], list | tuple)
    if detail["type"] in ("tuple_type", "float_type"):
        forms = [key for key in detail["loc"] if FORM(str(key))]
        return not any(str(key).startswith(TUPLE) != is_list for key in forms)
    return True


def _explain(detail: Any, kind: type[BaseModel]) -> str:
    """Return one pydantic error as text: the key, what is wrong, and the nearest valid name."""
    keys = [str(key) for key in detail["loc"] if not FORM(str(key))]
    path, models = _locate(kind, keys)
    where, value = ".".join(path) or "configuration", detail["input"]
    match detail["type"]:
        case "extra_forbidden" if where in MOVED_TO_ENVIRONMENT:
            variable = MOVED_TO_ENVIRONMENT[where]
            return f"{where}: remove this key and set the environment variable {variable} instead"
        case "extra_forbidden":
            known = {name for model in models for name in model.model_fields}
            return f"{where}: unknown key: {suggest(path[-1], known)}"
        case "literal_error":
            expected = str(detail["ctx"]["expected"])
            return f"{where}: unknown value '{value}': {suggest(str(value), QUOTED(expected))}"
        case "union_tag_invalid":
            tag, expected = detail["ctx"]["tag"], str(detail["ctx"]["expected_tags"])
            return f"{where}.kind: unknown value '{tag}': {suggest(tag, QUOTED(expected))}"
        case "union_tag_not_found":
            return f"{where}.kind: this key is required"
        case "missing":
            return f"{where}: this key is required"
        case "value_error":
            return f"{where}: {str(detail['msg']).removeprefix('Value error, ')}"
        case "string_pattern_mismatch" if detail["ctx"]["pattern"] == NAME_PATTERN:
            return f"{where}: {_explain_name(str(value))}"
        case "tuple_type" | "list_type":
            shown = f"[{redact(str(value))}]"
            command = f"--config '{where}={shown}'"
            return f"{where}: must be a list, as {shown} (on the command line: {command})"
        case "string_type" if isinstance(value, list | tuple):
            return f"{where}: takes one value, and no list (value: {redact(repr(value))})"
        case kind_of_error if kind_of_error in TRANSLATED:
            return f"{where}: {TRANSLATED[kind_of_error]} (value: {redact(repr(value))})"
        case _:
            message = str(detail["msg"]).replace("Input should be", "must be")
            return f"{where}: {message} (value: {redact(repr(value))})"


def _explain_name(value: str) -> str:
    lower = value.lower()
    remedy = f"did you mean '{lower}'?" if re.match(NAME_PATTERN, lower) else "rename it"
    return f"'{value}': a name has lower-case letters, digits, '.', '_' and '-' only: {remedy}"


def _locate(kind: type[BaseModel], loc: list[str]) -> tuple[list[str], list[type[BaseModel]]]:
    """Return the user's key path for pydantic's `loc` inside `kind`, and the models that have,
    or could have had, its last key.
    """
    path: list[str] = []
    models, owners = [kind], [kind]
    in_container = False
    for key in loc:
        chosen = [model for model in models if _tag_of(model) == key]
        if chosen and len(models) > 1 and not in_container:
            models = chosen  # pydantic names the chosen member of a union; the user did not
            continue
        path.append(key)
        if in_container:  # a dictionary's key or a list's index
            in_container = False
            continue
        owners = models
        fields = [model.model_fields[key] for model in models if key in model.model_fields]
        models = [inner for field in fields for inner in _models_in(field.annotation)]
        in_container = any(get_origin(field.annotation) in (dict, tuple) for field in fields)
    return path, owners


def _tag_of(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("kind")
    values = get_args(field.annotation) if field else ()
    return str(values[0]) if len(values) == 1 else None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]
