# Records to symbol ids, in the task's own alphabet or by the model's tokenizer.

from polymath.experiment.lineage import OWN_TOKENIZER, spelling_of


def model_with_tokenizer(wildcards):
    """The model whose tokenizer is asked for, unless the task has its own alphabet."""
    if wildcards.tokenizer == OWN_TOKENIZER:
        return []
    return PATHS.model_manifest(wildcards.tokenizer)


def tokenization_job(wildcards):
    """How a task's sequences are cut into symbols, or spelled for a model's own tokenizer."""
    dataset = EXPERIMENT.datasets[wildcards.task]
    alphabet = dataset.alphabet
    if wildcards.tokenizer != OWN_TOKENIZER and alphabet.kind != "model":
        alphabet = spelling_of(EXPERIMENT, wildcards.tokenizer)
    windows = {"windows": as_param(dataset.windows)} if dataset.windows else {}
    return {
        "alphabet": as_param(alphabet),
        "max_length": dataset.max_length,
        **windows,
    }


rule tokenize_records:
    input:
        records=PATHS.records(),
        model=model_with_tokenizer,
    output:
        tokens=PATHS.tokens(),
        tokenizer=PATHS.symbols(),
    log:
        PATHS.log("tokenize", "{task}", "{tokenizer}"),
    priority: 20
    localrule: True
    params:
        job=tokenization_job,
        code_version=versions.TOKENS,
    script:
        "../scripts/tokenize_records.py"
