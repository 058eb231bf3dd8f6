"""The base of all configuration types, and the form of names and checksums."""

from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=60)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


LARGEST = 10**9  # of any number but a seed
LARGEST_SEED = 2**63 - 1


class StrictModel(BaseModel):
    """A frozen pydantic model that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_sensible(cls, values: Any) -> Any:
        """Refuse `steps: on`, which YAML reads as true and pydantic as 1, and absurd numbers."""
        for name, value in values.items() if isinstance(values, dict) else ():
            field = cls.model_fields.get(name)
            kinds = _kinds_in(field.annotation) if field else {StrictModel}
            if any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds):
                continue  # it checks its own values
            items = _items(value)
            if bool not in kinds and any(isinstance(item, bool) for item in items):
                raise ValueError(
                    f"'{name}' is {value!r}: on, off, yes, no, true and false are neither numbers "
                    "nor names: write the number, or the name in quotes"
                )
            limit = LARGEST_SEED if name == "seed" else LARGEST
            if field and any(hasattr(bound, "le") for bound in field.metadata):
                continue  # pydantic states the field's own bound
            if any(isinstance(item, int | float) and abs(item) > limit for item in items):
                raise ValueError(f"'{name}' is {value!r}: at most {limit:,}")
        return values


def _items(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else [value]


def _kinds_in(annotation: Any) -> set[Any]:
    """Return a type and the types that it is made of."""
    return {annotation}.union(*map(_kinds_in, get_args(annotation)))
