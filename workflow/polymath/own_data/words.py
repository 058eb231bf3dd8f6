"""Words by which columns and text are recognised."""

# Names of columns of sequences, in lower case.
SEQUENCE_NAMES = frozenset(
    {"events", "input", "moves", "peptide", "sentence", "seq", "sequence", "sequences", "smiles",
     "text", "tokens"}
)  # fmt: skip

# Names of columns that are surely labels.
LABEL_NAMES = frozenset(
    {"class", "classification", "gold_label", "label", "labels", "target", "y"}
)  # fmt: skip

# Names of columns that are labels if no name is surer.
LIKELY_LABEL_NAMES = frozenset(
    {"active", "activity", "affinity", "anomaly", "category", "composer", "fitness", "genre",
     "is_active", "localization", "location", "outcome", "rating", "response", "score",
     "sentiment", "species", "stability", "topic", "type", "value"}
)  # fmt: skip

# Names of columns whose values must not straddle splits.
GROUP_NAMES = frozenset(
    {"author", "batch", "cluster", "donor", "family", "group", "host", "participant", "patient",
     "piece", "plate", "protein_family", "scaffold", "session", "speaker", "subject", "user",
     "work"}
)  # fmt: skip

# Names of columns of ids.
ID_NAMES = frozenset(
    {"accession", "entry", "id", "identifier", "index", "key", "name", "uid"}
)  # fmt: skip

# Names of columns of splits.
SPLIT_NAMES = frozenset({"fold", "partition", "set", "split", "subset"})

# The commonest words of several languages, by which text differs from symbols.
FUNCTION_WORDS = frozenset(
    {"a", "an", "and", "are", "as", "at", "be", "by", "das", "de", "der", "di", "die", "e", "el",
     "est", "et", "for", "i", "il", "in", "is", "ist", "it", "la", "le", "les", "los", "nicht",
     "of", "on", "que", "that", "the", "this", "to", "un", "und", "une", "was", "with", "y",
     "you"}
)  # fmt: skip
