"""Find out which column is what: sequence, label, split, group and id."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from polymath.data.readers.columns import PLACE, file_of
from polymath.data.splits import ALIASES, commonest
from polymath.own_data.forms import ORIGIN, Form, is_decimal, is_number
from polymath.own_data.options import Asked
from polymath.own_data.several_labels import (
    FEWEST_COLUMNS,
    find_label_separator,
    find_separators,
    is_flag,
    join_lists,
)
from polymath.own_data.symbols import Symbols, find_symbols, without_blanks
from polymath.own_data.words import (
    GROUP_NAMES,
    ID_NAMES,
    LABEL_NAMES,
    LIKELY_LABEL_NAMES,
    SEQUENCE_NAMES,
    SPLIT_NAMES,
)
from polymath.util.errors import PolymathError, list_names, suggest

# The columns that every file has, in the order in which they may be labels.
PLACES = {
    "folder": "the names of the folders",
    "file": "the names of the files",
    "parent": "the names of the folders above",
}
PAIRS = (("1", "2"), ("a", "b"), ("first", "second"), ("premise", "hypothesis"), ("left", "right"))
MOST_CLASSES = 200
ROWS_PER_CLASS = 3  # on average, at least, in a column of classes
FEWEST_PER_CLASS = 3  # rows: one for each split
MOSTLY_NUMBERS = 0.8  # share of numbers, with units and signs, in a column of them
IS_SPLIT = re.compile(r"(?:is|in)[_ ]?(?:train|test|dev|val)\w*")
DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?!\d|\1)")
DISTINCT = 0.3  # share of distinct values in a column of sequences


@dataclass
class ColumnRoles:
    """Which column is what, and why.

    Attributes:
        sequences: one column, or the two of a pair.
        symbols: of the first sequence.
        label: one column, or several of 0 and 1.
        label_separator: between the labels of a row; None if each row has one.
        decimal: the decimal mark of labels; None where it is a point, or there is none.
        split_names: what the split column's own words mean.
        facts: what was concluded, and why.
    """

    sequences: list[str]
    symbols: Symbols
    label: str | tuple[str, ...]
    split: str | None = None
    group: str | None = None
    id: str | None = None
    label_separator: str | None = None
    decimal: str | None = None
    split_names: dict[str, str] = field(default_factory=dict)
    facts: list[str] = field(default_factory=list)

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns of labels."""
        return (self.label,) if isinstance(self.label, str) else self.label

    @property
    def is_multi_label(self) -> bool:
        """Whether a row may have several labels."""
        return self.label_separator is not None or not isinstance(self.label, str)


def find_column_roles(form: Form, asked: Asked) -> ColumnRoles:
    """Find out which column is what.

    Raises:
        PolymathError: if a role fits no column, or several equally well; names the option.
    """
    names = [*form.columns, *(name for name in ORIGIN if name not in form.columns)]
    for option, chosen in _named(asked):
        if chosen not in names:
            raise PolymathError(f"{option}: no column '{chosen}': {suggest(chosen, names)}")
    split, words = _find_split(form, asked)
    sequences, symbols, why = _find_sequences(form, asked, [split])
    label, label_why = _find_label(form, asked, [*sequences, split])
    roles = ColumnRoles(sequences, symbols, label, split, split_names=words)
    roles.facts += [f"sequence: {why}", f"label: {label_why}", *_unused_splits(form, roles)]
    roles.label_separator = find_label_separator(form, asked, roles)
    roles.group = _find_group(form, asked, roles)
    roles.id = _find_id(form, roles)
    return roles


def _named(asked: Asked) -> Iterator[tuple[str, str]]:
    for name in asked.sequence or ():
        yield "--sequence", name
    for name in asked.labels:
        yield "--label", name
    for option in ("split", "group"):
        if getattr(asked, option) is not None:
            yield f"--{option}", getattr(asked, option)


def texts(table: pd.DataFrame, name: str) -> pd.Series:
    """Return a column's values without blanks around them."""
    return table[name].astype(str).str.strip()


def _find_split(form: Form, asked: Asked) -> tuple[str | None, dict[str, str]]:
    """Return the column whose words are those of splits, and what other words mean."""
    if asked.split is not None:
        return asked.split, _split_words(texts(form.table, asked.split)) or {}
    for name in (*form.columns, *ORIGIN):
        if name in asked.labels:
            continue
        words = _split_words(texts(form.table, name))
        if words is not None:
            return name, words
    return None, {}


def _unused_splits(form: Form, roles: ColumnRoles) -> Iterator[str]:
    """Yield why a column that is named as one of splits is not used."""
    for name in form.columns:
        others = (*roles.sequences, *roles.labels)
        is_named = name.lower() in SPLIT_NAMES or IS_SPLIT.fullmatch(name.lower())
        if roles.split is None and is_named and name not in others:
            words = list_names([f"'{word}'" for word in sorted(set(texts(form.table, name)))])
            yield (
                f"split: '{name}' is not used, as its values do not name a training and a test "
                f"set: {words}"
            )


def _split_words(values: pd.Series) -> dict[str, str] | None:
    """Return what words mean that are not splits' own names; None if they name no splits.

    As a file's name, `promoters_train` means train.
    """
    distinct = sorted(set(values))
    if len(distinct) > len(ALIASES):
        return None
    meaning = {word: _split_of(word) for word in distinct}
    if None in meaning.values() or not {"train", "test"} <= set(meaning.values()):
        return None
    if len(set(meaning.values())) < len(distinct):
        return None
    return {word: split for word, split in meaning.items() if split and word.lower() not in ALIASES}


def _split_of(word: str) -> str | None:
    last = re.split(r"[_.\-]", word.lower())
    return ALIASES.get(word.lower()) or ALIASES.get(last[-1]) or ALIASES.get(last[0])


def _find_sequences(
    form: Form, asked: Asked, taken: Sequence[str | None]
) -> tuple[list[str], Symbols, str]:
    """Return the columns of sequences, their symbols and why they were chosen."""
    kinds = {}
    candidates = asked.sequence or [
        name for name in form.columns if name not in (*taken, *asked.labels, asked.group)
    ]
    for name in candidates:
        values = texts(form.table, name)
        if asked.sequence or _is_sequence(values, name):
            kinds[name] = without_blanks(find_symbols(list(values)), form.table[name].astype(str))
    if not kinds:
        raise PolymathError(
            "no column looks like sequences: name it by --sequence; the columns are "
            f"{list_names(form.columns)}"
        )
    if asked.sequence:
        first = asked.sequence[0]
        return list(asked.sequence), kinds[first], _describe(first, kinds[first], "as asked")
    named = [name for name in kinds if name.lower() in SEQUENCE_NAMES] if form.has_names else []
    pair = _find_pair(candidates, kinds) if form.has_names else None
    if pair is not None:
        symbols = kinds.get(pair[0]) or kinds[pair[1]]
        return list(pair), symbols, f"'{pair[0]}' and '{pair[1]}', a pair in each row"
    best = _surest({name: kinds[name] for name in named or kinds}, form)
    if len(best) > 1:
        raise _ambiguous("sequence", [f"'{name}' ({kinds[name].reason})" for name in best])
    if _names_rows(best[0]):
        raise PolymathError(
            f"{file_of(form.table)}: no column looks like sequences but '{best[0]}', which has the "
            "name of ids: give the file that has the sequences, or name the column by --sequence"
        )
    why = "by its name" if named else "the only such column" if len(kinds) == 1 else "its values"
    return best, kinds[best[0]], _describe(best[0], kinds[best[0]], why)


def _names_rows(column: str) -> bool:
    """Whether a column's name is one of ids."""
    return column.lower() in ID_NAMES or column.lower().endswith(("_id", " id"))


def _describe(name: str, symbols: Symbols, why: str) -> str:
    return f"'{name}' ({why}): {symbols.reason}"


def _is_sequence(values: pd.Series, name: str) -> bool:
    """Return whether a column may hold sequences: long, mostly distinct, no numbers or dates."""
    named = name.lower() in SEQUENCE_NAMES
    distinct = values.nunique() / len(values)
    others = all(is_number(value) or (not named and DATE.match(value)) for value in values.head(50))
    return not others and values.str.len().median() >= 3 and (named or distinct >= DISTINCT)


def _surest(kinds: dict[str, Symbols], form: Form) -> list[str]:
    """Return the columns whose values are surest to be sequences; of ids, only the last resort."""
    ranks = {name: symbols.rank + 2 * _names_rows(name) for name, symbols in kinds.items()}
    first = [name for name, rank in ranks.items() if rank == min(ranks.values())]
    lengths = {name: texts(form.table, name).str.len().median() for name in first}
    longest = max(lengths.values())
    return [name for name in first if lengths[name] >= longest / 3]


def _find_pair(names: Sequence[str], kinds: Mapping[str, Symbols]) -> tuple[str, str] | None:
    """Return two columns whose names differ as those of a pair, as sentence1 and sentence2.

    Args:
        kinds: the columns that hold sequences: at least one of the pair.
    """
    for first in names:
        for ending, partner in PAIRS:
            if first.lower().endswith(ending):
                second = first[: len(first) - len(ending)] + partner
                if second in names and {first, second} & kinds.keys():
                    return first, second
    return None


def _ambiguous(role: str, candidates: list[str]) -> PolymathError:
    return PolymathError(
        f"several columns may be the {role}: {list_names(candidates)}: choose one by --{role}"
    )


def _find_label(
    form: Form, asked: Asked, taken: Sequence[str | None]
) -> tuple[str | tuple[str, ...], str]:
    """Return the column of labels, or several of 0 and 1, and why they were chosen."""
    if asked.label is not None:
        return asked.label, f"{list_names([repr(name) for name in asked.labels])} (as asked)"
    own = [name for name in form.columns if name not in taken and name != asked.group]
    suited = [name for name in own if _is_label(texts(form.table, name), name)]
    joined = [
        name for name in own if find_separators(texts(form.table, name)) or join_lists(form, name)
    ]
    for names in (LABEL_NAMES, LIKELY_LABEL_NAMES):
        named = [name for name in own if name in (*suited, *joined) and name.lower() in names]
        if len(named) == 1:
            return named[0], f"'{named[0]}' (by its name)"
        if named:
            raise _ambiguous("label", [_count_classes(form, name) for name in named])
        for name in own:
            if name.lower() in LABEL_NAMES:  # no other may stand in for it
                raise PolymathError(
                    f"column {_count_classes(form, name)} does not hold labels, which are few "
                    "values that recur, or numbers: correct it, or name the labels by --label"
                    f"{_describe_numbers(form, name)}"
                )
    suited = [name for name in suited if name.lower() not in (*GROUP_NAMES, *ID_NAMES)] or suited
    if len(suited) >= FEWEST_COLUMNS and all(is_flag(texts(form.table, name)) for name in suited):
        return tuple(suited), f"{list_names(suited)}: columns of 0 and 1, one per label"
    if len(suited) > 1:
        raise _ambiguous("label", [_count_classes(form, name) for name in suited])
    if not suited and len(joined) > 1:
        raise _ambiguous("label", [_count_classes(form, name) for name in joined])
    if not suited and len(joined) == 1:
        return joined[0], f"'{joined[0]}' (the only column of joined labels)"
    if suited:
        return suited[0], f"'{suited[0]}' (the only column of classes or numbers)"
    for name, what in PLACES.items():
        if name not in taken and name not in form.columns:
            values = texts(form.table, name)
            if is_class(values) and not values.map(is_number).any():
                return name, f"'{name}': {what} (one per class)"
    raise _no_label(form, own)


def _no_label(form: Form, own: list[str]) -> PolymathError:
    """Return that no column is one of labels, with what the files' other columns may be."""
    if not own:
        return PolymathError(
            f"{file_of(form.table)}: there are sequences and no column of labels, so that nothing "
            "can be learned: add a column with each sequence's class or number, or put each "
            "class into a file of its own"
        )
    numbers = "".join(_describe_numbers(form, name) for name in own)
    return PolymathError(
        "no column looks like labels, which are few values that recur, or numbers: name it by "
        f"--label; it may be {list_names([_count_classes(form, name) for name in own])}, or "
        f"the name of the {list_names(ORIGIN)}{numbers}"
    )


def _count_classes(form: Form, name: str) -> str:
    values = texts(form.table, name)
    count = values.nunique()
    return f"'{name}' ({count:,} value{'s' * (count != 1)}, as {values.iloc[0][:20]})"


def _describe_numbers(form: Form, name: str) -> str:
    """Return which values are numbers with more than digits around them, as `>32` and `5 °C`."""
    values = texts(form.table, name)
    if values.str.fullmatch(r"\W{0,3}\d[\d.,]*\s?\S{0,8}").mean() < MOSTLY_NUMBERS:
        return ""
    wrong = ~values.map(is_decimal)
    if not wrong.any():
        return ""
    return (
        f"; {wrong.sum():,} values of '{name}' are not numbers alone, the first is "
        f"{values[wrong].iloc[0]!r} ({form.table.loc[wrong, PLACE].iloc[0]}): to predict numbers, "
        "leave out their units, signs and marks of thousands"
    )


def is_class(values: pd.Series) -> bool:
    """Return whether values are few and recur."""
    return 2 <= values.nunique() <= min(MOST_CLASSES, len(values) / ROWS_PER_CLASS)


def _is_label(values: pd.Series, name: str) -> bool:
    """Return whether a column may hold labels: classes that recur, or numbers by that name."""
    count = values.nunique()
    is_sure = name.lower() in LABEL_NAMES and 2 <= count <= len(values) / 2
    if is_class(values) or is_sure:
        return True
    named = name.lower() in LABEL_NAMES | LIKELY_LABEL_NAMES
    return count > 2 and all(map(is_decimal, values)) and (named or has_fractions(values))


def has_fractions(values: pd.Series) -> bool:
    """Return whether numbers are not all whole."""
    return bool(values.str.contains(r"[.,]\d*[1-9]", regex=True).any())


def _find_group(form: Form, asked: Asked, roles: ColumnRoles) -> str | None:
    """Return the column of groups that the names suggest, if rows can be split by it."""
    if asked.group is not None:
        roles.facts.append(f"group: '{asked.group}' (as asked)")
        return asked.group
    taken = {*roles.sequences, *roles.labels, roles.split}
    for name in form.columns:
        plain = name.lower().removesuffix("_id").removesuffix(" id")
        if name in taken or plain not in GROUP_NAMES:
            continue
        values = texts(form.table, name)
        filled = values[values != ""]
        if not 2 < filled.nunique() < len(filled):
            continue
        labels = texts(form.table, roles.labels[0])
        classes = form.table.groupby(labels)[name].nunique()
        # As splits are drawn, a group of several classes counts for its commonest one.
        as_drawn = commonest(labels, values).value_counts()
        classes = as_drawn.combine(classes, min, fill_value=MOST_CLASSES)
        is_scarce = is_class(labels) and not has_fractions(labels) and classes.min() < 3
        if roles.split is None and is_scarce and not roles.is_multi_label:
            roles.facts.append(
                f"group: none, as class '{classes.idxmin()}' is the commonest in only "
                f"{classes.min():.0f} of the groups of '{name}', and each split needs one: "
                f"--group {name} to use it nevertheless"
            )
            continue
        roles.facts.append(
            f"group: '{name}' (by its name): {filled.nunique():,} groups, each on one side of the "
            "split"
        )
        return name
    return None


def _find_id(form: Form, roles: ColumnRoles) -> str | None:
    taken = {*roles.sequences, *roles.labels, roles.split, roles.group}
    for name in form.columns:
        if name in taken or not _names_rows(name):
            continue
        values = texts(form.table, name)
        if form.has_names and values.is_unique and (values != "").all():
            return name
    return None
