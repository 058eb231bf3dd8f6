from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/functions/data.smk"
include: "workflow/rules/functions/training.smk"
include: "workflow/rules/functions/results.smk"
include: "workflow/rules/fetch.smk"
include: "workflow/rules/prepare.smk"
include: "workflow/rules/tokenize.smk"
include: "workflow/rules/vocabulary.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/finetune.smk"
include: "workflow/rules/baseline.smk"
include: "workflow/rules/evidence.smk"
include: "workflow/rules/representations.smk"
include: "workflow/rules/probes.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/run.smk"


rule all:
    input:
        all_results(),
    localrule: True
