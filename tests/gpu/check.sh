#!/usr/bin/env bash
# Check a machine with a GPU in one command: facts, correctness, speed, replicates side by side, a
# profile and two real conditions, in at most BUDGET seconds. Every figure is in OUT/results.jsonl as
# soon as it exists; the summary is printed last.
#
#   bash tests/gpu/check.sh prepare RESULTS   where the default experiment was run: copy the inputs of
#                                             two conditions, and the wheels of pinned packages, to
#                                             .gpu/, which travels to the GPU machine with the project
#   bash tests/gpu/check.sh                   on the GPU machine, in an environment with torch
#   bash tests/gpu/check.sh rehearse          the same parts on any machine, small, in few processes
#   PARTS="smoke scale" bash tests/gpu/check.sh   these parts alone
set -u -o pipefail

MODE=${1:-run}
SHAPES="16x62 32x128"
BUDGET=${BUDGET:-525}
PATIENCE=1 # times each part's limit
if [[ $MODE == rehearse ]]; then
    SHAPES="4x16" BUDGET=3600 PATIENCE=6 # a rehearsal may share its cores
fi
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TRAVELS=${TRAVELS:-$ROOT/.gpu}
export OUT=${OUT:-$TRAVELS/out} INPUTS=$TRAVELS/inputs
PYTHON=${PYTHON:-python3}
COMPUTE=("$PYTHON" "$ROOT/tests/gpu/check_parts.py")
FILES=("$PYTHON" "$ROOT/tests/gpu/check_files.py")
export PYTHONPATH=${PYTHONPATH:+$PYTHONPATH:}$ROOT/workflow:$ROOT/tests:$ROOT/tests/benchmarks
cd "$ROOT" || exit 1

# What a machine may lack, or have in another version than is pinned; torch stays its own.
WHEELS="pydantic pydantic_core annotated-types typing-inspection typing_extensions transformers peft pandas filelock"

prepare() {
    local name version
    mkdir -p "$TRAVELS/wheels"
    version=${GPU_PYTHON:-3.12}
    for name in $WHEELS; do
        "$PYTHON" -m pip download -q --no-deps --only-binary=:all: --python-version "$version" \
            --implementation cp --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 \
            -d "$TRAVELS/wheels" "$(grep -i "^$name==" envs/constraints.txt | head -n 1)" ||
            { echo "no wheel of $name for Python $version" >&2; exit 1; }
    done
    "${FILES[@]}" gather "$1"
}

wanted() { [[ -z ${PARTS:-} || " $PARTS " == *" $1 "* ]]; }

# part NAME SECONDS COMMAND...: run it within its limit and within what is left of the budget.
part() {
    local name=$1 limit=$(($2 * PATIENCE)) left began=$SECONDS status
    shift 2
    left=$((BUDGET - SECONDS - 15)) # the summary's
    [[ $name == summary ]] && left=$limit
    if ((left < 10)); then
        echo "=== $name: left out, the budget is spent"
        return 0
    fi
    ((limit < left)) || limit=$left
    echo "=== $name (at most $limit s; $SECONDS s so far)"
    timeout -k 4 "$limit" "$@"
    status=$?
    printf '{"part": "status", "of": "%s", "status": %d, "seconds": %d}\n' "$name" "$status" \
        "$((SECONDS - began))" >>"$OUT/results.jsonl"
}

# compute NAME SECONDS WORDS...: a part of check_parts.py, in a process of its own. A rehearsal, where
# importing torch takes longer than most parts, does them in one process afterwards.
rehearsed=()
compute() {
    local name=$1 limit=$2
    shift 2
    if ! wanted "$name"; then
        return 0
    elif [[ $MODE == rehearse ]]; then
        rehearsed+=("$@" ,)
    else
        part "$name" "$limit" "${COMPUTE[@]}" "$@"
    fi
}

check() {
    mkdir -p "$OUT"
    : >"$OUT/results.jsonl"
    if [[ $MODE == run ]] && compgen -G "$TRAVELS/wheels/*.whl" >/dev/null; then
        "$PYTHON" -m pip install -q --no-index --no-deps --upgrade --target "$OUT/site" \
            "$TRAVELS"/wheels/*.whl || echo "=== the wheels were not installed"
        export PYTHONPATH=$OUT/site:$PYTHONPATH
    fi
    export PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
    local shape scheme
    local -a pytest=("$PYTHON" -m pytest tests/gpu/test_gpu*.py -q -p no:cacheprovider "--junitxml=$OUT/tests.xml")
    [[ $MODE == run ]] && "$PYTHON" -c 'import xdist' 2>/dev/null && pytest+=(-n 4)
    compute machine 75 machine # before anything else: the first use of CUDA in a process
    compute smoke 80 smoke "${SHAPES%% *}"
    wanted tests && part tests 150 "${pytest[@]}"
    for shape in $SHAPES; do
        for scheme in polymath trainer; do
            compute bench 60 bench "$scheme" "$shape"
        done
    done
    compute bench 20 bench gemm
    compute scale 110 scale $SHAPES
    compute profile 70 profile "${SHAPES%% *}" 1 10
    compute conditions 90 conditions
    for shape in $SHAPES; do
        compute bench 60 bench authors "$shape"
    done
    ((${#rehearsed[@]} == 0)) || part rehearsal 100 "${COMPUTE[@]}" "${rehearsed[@]}"
    part summary 15 "${FILES[@]}" summary
}

case $MODE in
prepare) prepare "${2:-results}" ;;
run | rehearse) mkdir -p "$OUT" && check 2>&1 | tee "$OUT/check.log" ;;
*)
    echo "usage: check.sh [prepare [RESULTS] | rehearse | run]" >&2
    exit 2
    ;;
esac
