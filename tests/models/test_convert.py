"""Models in other forms than config.json, model.safetensors and tokenizer.json."""

import errno
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoModel, AutoModelForMaskedLM, BertTokenizer, EsmTokenizer

from polymath.data.fetch.manifest import MANIFEST, Manifest
from polymath.experiment.config_errors import parse
from polymath.experiment.models import ModelEntry
from polymath.experiment.sources import ConfiguredSource, HubSource, PathSource
from polymath.models.build import build_classifier
from polymath.models.convert.checkpoint import convert_checkpoint
from polymath.models.convert.configured import configure_model
from polymath.models.convert.fetch_model import fetch_model
from polymath.models.convert.tokenizer import convert_tokenizer
from polymath.models.convert.weights import refuse_wrapped
from polymath.tokenization.special_tokens import SpecialTokens
from polymath.util.errors import DamagedError, PolymathError
from polymath.util.storage import read_json, write_json
from support import ROOT
from support.families import SPECIALS, UNUSED, WORDS, families
from support.onnx_export import export

Checkpoint = Callable[[str], Path]
STANDARD = ["config.json", "model.safetensors", "tokenizer.json"]


def quiet(message: str) -> None:
    """Report progress to nobody."""


def copy_without(source: Path, target: Path, *names: str) -> Path:
    shutil.copytree(source, target)
    for name in names:
        (target / name).unlink()
    return target


def own(path: Path) -> PathSource:
    return PathSource(kind="path", path=str(path))


def get(path: Path, root: Path) -> Path:
    """Fetch a folder of the user's as the model `odd`, and return where it is standard."""
    manifest = root / "models" / "odd" / MANIFEST
    fetch_model(own(path), manifest, quiet, root / "lock.json")
    return manifest.parent


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_standard_folder_stays_where_it_is(checkpoint: Checkpoint, tmp_path: Path) -> None:
    source = copy_without(checkpoint("bert"), tmp_path / "mine")
    (source / "1_Pooling").mkdir()
    write_json({"pooling": "mean"}, source / "1_Pooling" / "config.json")
    folder = get(source, tmp_path)
    assert contents(folder) == [MANIFEST]
    files = [file.path for file in Manifest.read(folder / MANIFEST).files]
    assert files[0] == str(source / "config.json")
    assert files[-1] == str(source / "1_Pooling/config.json")


def test_a_standard_folder_is_fetched_without_torch(checkpoint: Checkpoint, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from polymath.experiment.sources import PathSource; "
        "from polymath.models.convert.fetch_model import fetch_model; "
        f"fetch_model(PathSource(kind='path', path={str(checkpoint('bert'))!r}), "
        "Path('models/odd/manifest.json'), print); "
        "sys.exit('torch' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "models/odd/manifest.json").exists()


@pytest.mark.parametrize("family", families())
def test_pickled_weights_become_the_same_tensors(
    checkpoint: Checkpoint, family: str, tmp_path: Path
) -> None:
    original = checkpoint(family)
    source = copy_without(original, tmp_path / "mine", "model.safetensors")
    model = AutoModelForMaskedLM.from_pretrained(original)
    torch.save(model.state_dict(), source / "pytorch_model.bin")
    folder = get(source, tmp_path)
    assert contents(folder) == sorted([*STANDARD, MANIFEST])
    assert contents(source) == ["config.json", "pytorch_model.bin", "tokenizer.json"]
    converted = load_file(folder / "model.safetensors")
    state = model.state_dict()  # tied tensors under all their names
    assert converted.keys() == state.keys()
    assert all(torch.equal(converted[name], state[name]) for name in state)
    loaded, info = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    assert all(torch.equal(value, state[name]) for name, value in loaded.state_dict().items())
    first, second = (
        build_classifier(path, "pretrained", 2, 5, None) for path in (original, folder)
    )
    again = second.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in first.state_dict().items())


@pytest.mark.parametrize("in_parts", ["safetensors", "bin"])
def test_weights_in_parts_become_one_file(
    checkpoint: Checkpoint, in_parts: str, tmp_path: Path
) -> None:
    whole = load_file(checkpoint("bert") / "model.safetensors")
    source = copy_without(checkpoint("bert"), tmp_path / "mine", "model.safetensors")
    stem = "model" if in_parts == "safetensors" else "pytorch_model"
    index: dict[str, str] = {}
    for number in (1, 2):
        name = f"{stem}-0000{number}-of-00002.{in_parts}"
        shard = {key: whole[key] for key in sorted(whole)[number - 1 :: 2]}
        index |= dict.fromkeys(shard, name)
        if in_parts == "bin":
            torch.save(shard, source / name)
        else:
            save_file(shard, source / name)
    write_json({"weight_map": index}, source / f"{stem}.{in_parts}.index.json")
    converted = load_file(get(source, tmp_path) / "model.safetensors")
    assert converted.keys() == whole.keys()
    assert all(torch.equal(converted[name], whole[name]) for name in whole)
    (source / f"{stem}-00002-of-00002.{in_parts}").unlink()
    with pytest.raises(PolymathError, match=f"names '{stem}-00002-of-00002.{in_parts}'"):
        get(source, tmp_path / "again")


@pytest.fixture
def bare(checkpoint: Checkpoint, tmp_path: Path) -> Path:
    """A folder of the user's without weights."""
    return copy_without(checkpoint("bert"), tmp_path / "mine", "model.safetensors")


class Malicious:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("/tmp/polymath-pickle-ran"),))


def test_a_pickle_with_code_is_refused_and_not_run(bare: Path, tmp_path: Path) -> None:
    file = bare / "pytorch_model.bin"
    torch.save({"weight": Malicious()}, file)
    with pytest.raises(PolymathError, match=r"pytorch_model\.bin: .* running code"):
        get(bare, tmp_path)
    file.write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(PolymathError, match=r"pytorch_model\.bin: .* running code"):
        get(bare, tmp_path)
    assert not Path("/tmp/polymath-pickle-ran").exists()


@pytest.mark.parametrize(
    ("stored", "message"),
    [({"step": 3, "model": {}}, "'step' is not a tensor"), (torch.zeros(3), "a Tensor, not")],
)
def test_what_is_not_a_state_dict_is_refused(
    bare: Path, tmp_path: Path, stored: object, message: str
) -> None:
    torch.save(stored, bare / "pytorch_model.bin")
    with pytest.raises(PolymathError, match=rf"{message}.*torch\.save"):
        get(bare, tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model.safetensors", "no weights among"),
        ("config.json", r"no config\.json among"),
        ("tokenizer.json", "no tokenizer among"),
    ],
)
def test_what_is_missing_is_named(
    checkpoint: Checkpoint, name: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(PolymathError, match=message):
        get(copy_without(checkpoint("bert"), tmp_path / "mine", name), tmp_path)


def test_two_files_of_weights_are_not_guessed_between(bare: Path, tmp_path: Path) -> None:
    for name in ("a.bin", "b.bin"):
        torch.save({}, bare / name)
    with pytest.raises(PolymathError, match=r"several files of weights, a\.bin, b\.bin"):
        get(bare, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "evil", "auto_map": {"AutoModel": "modeling.Evil"}}, "never runs code"),
        ({"model_type": "bertt"}, "no model_type 'bertt': did you mean 'bert'"),
        ({"model_type": None, "architectures": ["Mine"]}, "'model_type' is missing"),
    ],
)
def test_a_model_that_needs_code_of_its_own_is_refused(
    checkpoint: Checkpoint, change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    source = copy_without(checkpoint("bert"), tmp_path / "mine")
    write_json({**read_json(source / "config.json"), **change}, source / "config.json")
    with pytest.raises(PolymathError, match=message):
        get(source, tmp_path)


def with_code(source: Path, marker: Path, **changes: object) -> Path:
    """Let a checkpoint bring code that leaves a marker as soon as it is imported."""
    code = f"open({str(marker)!r}, 'w').close()\nclass Evil: pass\n"
    for name in ("modeling", "configuration", "tokenization"):
        (source / f"{name}.py").write_text(code)
    names = {"AutoConfig": "configuration.Evil", "AutoModel": "modeling.Evil",
             "AutoModelForMaskedLM": "modeling.Evil",
             "AutoModelForSequenceClassification": "modeling.Evil"}  # fmt: skip
    config = read_json(source / "config.json")
    write_json({**config, "auto_map": names, **changes}, source / "config.json")
    tokenizer = {"auto_map": {"AutoTokenizer": ["tokenization.Evil", "tokenization.Evil"]}}
    write_json(tokenizer, source / "tokenizer_config.json")
    return source


@pytest.mark.parametrize("family", ["bert", "eurobert"])
def test_code_beside_a_native_architecture_is_ignored_and_never_run(
    checkpoint: Checkpoint, family: str, tmp_path: Path
) -> None:
    marker = tmp_path / "code-ran"
    plain = read_json(checkpoint(family) / "config.json")
    source = with_code(copy_without(checkpoint(family), tmp_path / "mine"), marker)
    before = {path.name: path.read_bytes() for path in source.iterdir()}
    folder = get(source, tmp_path)
    assert read_json(folder / "config.json") == plain  # without the names of the code
    model = build_classifier(folder, "pretrained", 2, 5, None)
    assert type(model).__module__.startswith("transformers.models.")
    wanted = build_classifier(checkpoint(family), "pretrained", 2, 5, None).state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in model.state_dict().items())
    assert not marker.exists()
    assert {path.name: path.read_bytes() for path in source.iterdir()} == before


def test_a_model_that_computes_with_other_tensors_than_its_kind_is_refused(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    marker = tmp_path / "code-ran"
    source = with_code(copy_without(checkpoint("bert"), tmp_path / "mine"), marker)
    file, weights = source / "model.safetensors", load_file(source / "model.safetensors")
    name = "bert.encoder.layer.1.output.dense.weight"
    short = name.removeprefix("bert.")
    for stored, problem in (
        ({key: weights[key] for key in weights if key != name}, f"no '{short}'"),
        ({**weights, "bert.encoder.layer.0.gate": torch.zeros(2)}, r"'encoder.layer.0.gate' too"),
        ({**weights, name: torch.zeros(32, 128)}, rf"'{short}' with the shape \(32, 128\)"),
    ):
        save_file(stored, file, metadata={"format": "pt"})
        with pytest.raises(PolymathError, match=f"its own Python code.*1 tensors.*{problem}"):
            get(source, tmp_path)
    file.write_bytes(b"cut")
    with pytest.raises(PolymathError, match=r"model\.safetensors: damaged"):
        get(source, tmp_path)
    assert not marker.exists()


def test_encoders_saved_without_a_head_are_matched_too(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    source = with_code(copy_without(checkpoint("bert"), tmp_path / "mine"), tmp_path / "code-ran")
    bare = {
        key.removeprefix("bert."): value
        for key, value in load_file(source / "model.safetensors").items()
        if key.startswith("bert.")
    }
    save_file(bare, source / "model.safetensors", metadata={"format": "pt"})
    build_classifier(get(source, tmp_path), "pretrained", 2, 5, None)
    assert not (tmp_path / "code-ran").exists()


def test_a_missing_model_type_is_taken_from_the_architecture(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    source = copy_without(checkpoint("bert"), tmp_path / "mine")
    config = read_json(source / "config.json")
    write_json({key: config[key] for key in config if key != "model_type"}, source / "config.json")
    folder = get(source, tmp_path)
    assert read_json(folder / "config.json") == config
    assert build_classifier(folder, "pretrained", 2, 5, None).config.model_type == "bert"


def test_fetched_originals_give_way_to_what_they_became(bare: Path, checkpoint: Checkpoint) -> None:
    torch.save(load_file(checkpoint("bert") / "model.safetensors"), bare / "weights.bin")
    (bare / "special_tokens_map.json").write_text("{}")
    standard = convert_checkpoint(list(bare.iterdir()), bare, quiet)
    assert standard == [bare / name for name in STANDARD]
    assert contents(bare) == STANDARD


VOCABULARY = [*SPECIALS, *UNUSED, *WORDS]


def tokenizer_from(folder: Path, kind: str = "bert") -> Tokenizer:
    files = {path.name: path for path in folder.iterdir()}
    target = folder.parent / "tokenizer.json"
    convert_tokenizer(files, {"model_type": kind}, target, str(folder))
    return Tokenizer.from_file(str(target))


def vocab_folder(folder: Path, tokens: list[str], **described: object) -> Path:
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n")
    if described:
        write_json(described, folder / "tokenizer_config.json")
    return folder


def test_a_bare_vocabulary_becomes_a_framed_tokenizer(tmp_path: Path) -> None:
    tokenizer = tokenizer_from(vocab_folder(tmp_path / "mine", VOCABULARY))
    assert tokenizer.get_vocab() == {token: row for row, token in enumerate(VOCABULARY)}
    assert tokenizer.encode("W3 w199").tokens == ["[CLS]", "w3", "w199", "[SEP]"]
    assert SpecialTokens.of(tokenizer).ids == ((2,), (3,))
    reference = BertTokenizer.from_pretrained(tmp_path / "mine").backend_tokenizer
    assert json.loads(tokenizer.to_str()) == json.loads(reference.to_str())


RESIDUES = list("ACDEFGHIKLMNPQRSTVWY")


@pytest.mark.parametrize(
    ("tokens", "described", "text", "expected"),
    [
        (RESIDUES, {}, "E V Q", ["E", "V", "Q"]),
        (RESIDUES, {"do_lower_case": False}, "E V Q", ["E", "V", "Q"]),
        (["a", "B", "b"], {"do_lower_case": True}, "A B", ["a", "b"]),
    ],
)
def test_case_is_kept_where_the_vocabulary_has_capitals_unless_a_file_states_it(
    tmp_path: Path, tokens: list[str], described: dict[str, object], text: str, expected: list[str]
) -> None:
    tokenizer = tokenizer_from(vocab_folder(tmp_path / "mine", [*SPECIALS, *tokens], **described))
    assert tokenizer.encode(text).tokens == ["[CLS]", *expected, "[SEP]"]


def test_a_byte_level_vocabulary_becomes_a_tokenizer(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "h", "i", "Ġ", "hi", "Ġhi"]
    write_json({token: row for row, token in enumerate(tokens)}, folder / "vocab.json")
    (folder / "merges.txt").write_text("#version: 0.2\nh i\nĠ hi\n")
    encoded = tokenizer_from(folder, "roberta").encode("hi hi")
    assert encoded.tokens == ["<s>", "hi", "Ġhi", "</s>"]


@pytest.mark.parametrize(
    ("kind", "name"), [("albert", "spiece.model"), ("deberta-v2", "spm.model")]
)
def test_a_sentencepiece_model_becomes_the_same_pieces(
    tmp_path: Path, kind: str, name: str
) -> None:
    import sentencepiece

    folder = tmp_path / "mine"
    folder.mkdir()
    text = "the model learns the music of the words and the words of the music"
    with (folder / name).open("wb") as model:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([text] * 50), model_writer=model, vocab_size=32,
            pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]",
            eos_piece="[SEP]", unk_piece="[UNK]", hard_vocab_limit=False, minloglevel=2,
        )  # fmt: skip
    reference = sentencepiece.SentencePieceProcessor(model_file=str(folder / name))
    tokenizer = tokenizer_from(folder, kind)
    for line in ("the music learns", "words model and", "of thermal"):
        assert tokenizer.encode(line).ids == [1, *reference.encode(line), 2]


ESM = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]
SIX = ["".join(letters) for letters in product("ATCG", repeat=3)]
NUCLEOTIDES = ["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>", *SIX, *"ATCGN"]


@pytest.mark.parametrize("eos", ["<eos>", None])
@pytest.mark.parametrize(("tokens", "letters"), [(ESM, "LAGVXJo. "), (NUCLEOTIDES, "ATCGNx ")])
def test_esm_tokenizers_cut_as_those_in_python(
    tmp_path: Path, tokens: list[str], letters: str, eos: str | None
) -> None:
    folder = vocab_folder(tmp_path / "mine", tokens, tokenizer_class="EsmTokenizer", eos_token=eos)
    fast, slow = tokenizer_from(folder, "esm"), EsmTokenizer.from_pretrained(folder)
    assert fast.get_vocab() == slow.get_vocab()
    pieces = st.sampled_from([*letters, "<mask>"])

    @settings(max_examples=200, deadline=None)
    @given(st.lists(pieces, max_size=30).map("".join))
    def check(text: str) -> None:
        assert fast.encode(text).ids == slow(text)["input_ids"]

    check()


def test_a_missing_vocabulary_is_not_made_up(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    write_json({"do_lower_case": True}, folder / "tokenizer_config.json")
    with pytest.raises(PolymathError, match="no tokenizer among tokenizer_config"):
        tokenizer_from(folder)
    with pytest.raises(PolymathError, match=r"vocab\.txt has no tokens but the special ones"):
        tokenizer_from(vocab_folder(tmp_path / "empty", SPECIALS))


def test_a_tokenizer_with_code_of_its_own_is_refused(tmp_path: Path) -> None:
    folder = vocab_folder(
        tmp_path / "mine", VOCABULARY, auto_map={"AutoTokenizer": ["tok.Evil", None]}
    )
    with pytest.raises(PolymathError, match="Polymath never runs code"):
        tokenizer_from(folder)


class Wrapped(nn.Module):
    """As sentence-transformers wraps an encoder."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.model = nn.ModuleList([nn.ModuleDict({"auto_model": encoder})])


@pytest.mark.parametrize("family", ["bert", "distilbert", "electra"])
@pytest.mark.parametrize("is_wrapped", [True, False])
def test_an_onnx_file_becomes_the_encoder_it_was_exported_from(
    checkpoint: Checkpoint, family: str, is_wrapped: bool, tmp_path: Path
) -> None:
    source = copy_without(checkpoint(family), tmp_path / "mine", "model.safetensors")
    encoder = AutoModel.from_pretrained(checkpoint(family))
    export(Wrapped(encoder) if is_wrapped else encoder, source / "any.onnx")
    folder = get(source, tmp_path)
    converted = load_file(folder / "model.safetensors")
    wanted = dict(encoder.named_parameters())
    assert converted.keys() == wanted.keys()
    assert all(torch.equal(converted[name], wanted[name]) for name in wanted)
    build_classifier(folder, "pretrained", 2, 5, None)  # knows all of the encoder's tensors


def test_an_onnx_file_of_another_model_is_refused(
    bare: Path, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    export(AutoModel.from_pretrained(checkpoint("bert")), bare / "any.onnx")
    config = read_json(bare / "config.json")
    for change, message in (
        ({"num_hidden_layers": 3}, r"no tensor 'encoder\.layer\.2\.attention"),
        ({"intermediate_size": 32}, r"'encoder\.layer\.0\.intermediate.*has the shape"),
    ):
        write_json({**config, **change}, bare / "config.json")
        with pytest.raises(PolymathError, match=message):
            get(bare, tmp_path)
    (bare / "any.onnx").write_bytes(b"no protocol buffer")
    with pytest.raises(PolymathError, match=r"not an \.onnx file, or damaged"):
        get(bare, tmp_path)


def configured(
    base: Path, root: Path, weights: PathSource | None = None, **config: str | int | float
) -> Path:
    """Make the model `changed` of a folder, and return its own."""
    from polymath.data.fetch.manifest import Manifest

    files = [base / name for name in STANDARD]
    Manifest.of(root / "base.json", {}, files).write()
    source = ConfiguredSource(kind="configured", base="small", config=config, weights=weights)
    manifest = root / "models" / "changed" / MANIFEST
    configure_model(source, root / "base.json", manifest, quiet, root / "lock.json")
    return manifest.parent


def test_a_changed_configuration_is_a_model_without_weights(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    folder = configured(checkpoint("bert"), tmp_path, num_hidden_layers=1)
    assert contents(folder) == ["config.json", MANIFEST, "tokenizer.json"]
    base = read_json(checkpoint("bert") / "config.json")
    assert read_json(folder / "config.json") == {**base, "num_hidden_layers": 1}
    tokenizer = (checkpoint("bert") / "tokenizer.json").read_bytes()
    assert (folder / "tokenizer.json").read_bytes() == tokenizer
    model = build_classifier(folder, "scratch", 2, 5, None)
    assert len(model.bert.encoder.layer) == 1
    described = Manifest.read(folder / MANIFEST).source
    assert described["config"] == {"num_hidden_layers": 1}


def test_weights_of_its_own_are_fetched_and_converted(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    smaller = tmp_path / "smaller"
    shutil.copytree(configured(checkpoint("bert"), tmp_path / "a", num_hidden_layers=1), smaller)
    encoder = build_classifier(smaller, "scratch", 2, 9, None).bert
    torch.save(encoder.state_dict(), tmp_path / "one-layer.bin")
    weights = own(tmp_path / "one-layer.bin")
    folder = configured(checkpoint("bert"), tmp_path, weights, num_hidden_layers=1)
    assert contents(folder) == sorted([*STANDARD, MANIFEST])
    model = build_classifier(folder, "pretrained", 2, 5, None)
    state = encoder.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in model.bert.state_dict().items())


def test_another_kind_of_model_takes_what_both_know(checkpoint: Checkpoint, tmp_path: Path) -> None:
    folder = configured(checkpoint("bert"), tmp_path, model_type="electra", embedding_size=16)
    config = read_json(folder / "config.json")
    base = read_json(checkpoint("bert") / "config.json")
    assert config["vocab_size"] == base["vocab_size"]
    assert config["hidden_size"] == base["hidden_size"]
    assert "architectures" not in config
    model = build_classifier(folder, "scratch", 2, 5, None)
    assert model.config.model_type == "electra"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"num_hiden_layers": 1}, "a bert has no 'num_hiden_layers': did you mean 'num_hidden"),
        ({"model_type": "distilbert", "n_layerz": 1}, "a distilbert has no 'n_layerz': did you me"),
        ({"model_type": "convnetx"}, "no model_type 'convnetx'"),
    ],
)
def test_an_unknown_key_or_kind_is_named(
    checkpoint: Checkpoint, config: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(PolymathError, match=message) as caught:
        configured(checkpoint("bert"), tmp_path, **config)
    assert "model 'changed': config" in str(caught.value)


def test_every_model_of_the_catalogue_is_described_in_full() -> None:
    catalogue = yaml.safe_load((ROOT / "resources/models.yaml").read_text())
    page = (ROOT / "resources/docs/models.md").read_text()
    rows = {
        name.strip()
        for line in page.splitlines()
        if line.startswith("| ")
        for name in line.split("|")[1].split(",")
    }
    for name, values in catalogue.items():
        entry = parse(ModelEntry, values, name)
        assert name in rows
        assert entry.size is not None or "dimensions are not known" in entry.notes, name
        assert (entry.tried == "run") == (not isinstance(entry.source, HubSource)), name
        assert entry.title, name
        assert entry.citation, name
        assert entry.licence != "not stated", name


def test_the_pages_models_are_valid() -> None:
    page = (ROOT / "resources/docs/models.md").read_text()
    kinds = {
        name: parse(ModelEntry, entry, name).source.kind
        for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
        for name, entry in yaml.safe_load(block).get("checkpoints", {}).items()
    }
    assert kinds == {
        "cased": "hub", "shallow": "configured", "dna-mlm": "pretrain", "gpt2": "hub",
        "self-mlm": "pretrain", "dyck-mlm": "pretrain",
    }  # fmt: skip


def altered(source: Path, target: Path, content: bytes) -> Path:
    """Copy a model's folder with another config.json."""
    shutil.copytree(source, target)
    (target / "config.json").write_bytes(content)
    return target


def test_relative_positions_may_be_as_many_as_there_are(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    config = {**read_json(checkpoint("bert") / "config.json"), "max_relative_positions": -1}
    get(altered(checkpoint("bert"), tmp_path / "mine", json.dumps(config).encode()), tmp_path)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"attn_implementation": "owner/name"}, "attn_implementation"),
        ({"_attn_implementation": "kernels-community/flash"}, "_attn_implementation"),
        ({"text_config": {"_attn_implementation": "owner/name"}}, "_attn_implementation"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantization_config"),
        ({"num_hidden_layers": 10**9}, "1,000"),
        ({"num_labels": 10**9}, "10,000,000"),
        ({"vocab_size": 10**12}, "10,000,000"),
        ({"hidden_size": -1}, "hidden_size"),
        ({"model_type": ["bert"]}, "model_type"),
    ],
)
def test_foreign_code_and_absurd_sizes_are_refused_before_anything_is_built(
    change: dict[str, Any], word: str, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    config = {**read_json(checkpoint("bert") / "config.json"), **change}
    folder = altered(checkpoint("bert"), tmp_path / "mine", json.dumps(config).encode())
    with pytest.raises(PolymathError, match=rf"config.json: .*{word}"):
        get(folder, tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"[1]", b'"x"', "{}".encode("utf-16"), b"[" * 100_000, b'{"a": ' + b"9" * 9000],
)
def test_a_config_that_is_no_dictionary_is_named(
    content: bytes, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    folder = altered(checkpoint("bert"), tmp_path / "mine", content)
    with pytest.raises(PolymathError, match=r"mine/config\.json"):
        get(folder, tmp_path)


# Folders with several models, and weights of a wrapped model.


def test_of_several_checkpoints_of_a_trainer_none_is_taken(tmp_path: Path) -> None:
    files = []
    for name in ("checkpoint-1000", "checkpoint-2000"):
        (tmp_path / name).mkdir()
        files += [tmp_path / name / part for part in ("config.json", "model.safetensors")]
    with pytest.raises(PolymathError, match=r"checkpoint-1000, checkpoint-2000.*'path'"):
        convert_checkpoint(files, tmp_path / "out", lambda _: None)


@pytest.mark.parametrize(
    ("names", "refused"),
    [(["module.a", "module.b"], True), (["module.a", "b"], False), ([], False)],
)
def test_weights_of_a_wrapped_model_are_refused(
    tmp_path: Path, names: list[str], refused: bool
) -> None:
    file = tmp_path / "model.safetensors"
    save_file({name: torch.zeros(2) for name in names}, file)
    if refused:
        with pytest.raises(PolymathError, match=r"model\.safetensors.*'module\.'"):
            refuse_wrapped(file)
    else:
        refuse_wrapped(file)


def test_a_standard_folder_of_a_wrapped_model_is_refused(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    shutil.copytree(checkpoint("bert"), source)
    files = [source / name for name in ("config.json", "model.safetensors", "tokenizer.json")]
    assert convert_checkpoint(files, tmp_path / "out", quiet) == sorted(files)
    tensors = load_file(source / "model.safetensors")
    save_file({f"module.{name}": value for name, value in tensors.items()}, files[1])
    with pytest.raises(PolymathError, match=r"'module\.'.*model\.module"):
        convert_checkpoint(files, tmp_path / "out", quiet)


# Damaged files of a user's own folder: named, and left where they are.

DAMAGED_FILES: list[tuple[str, bytes]] = [
    ("model.safetensors.index.json", b"{"),
    ("model.safetensors.index.json", b"[]"),
    ("model.safetensors.index.json", b"{}"),
    ("model.safetensors.index.json", b'{"weight_map": ["a"]}'),
    ("model.safetensors.index.json", b'{"weight_map": {"a": 3}}'),
    ("tokenizer_config.json", b"{\xff"),
    ("tokenizer_config.json", b"[1]"),
    ("odd.safetensors", b""),
    ("odd.safetensors", b"\xff" * 64),
    ("odd.safetensors", (2).to_bytes(8, "little") + b"{]"),
]


@pytest.mark.parametrize(("name", "content"), DAMAGED_FILES)
def test_a_damaged_file_of_the_users_own_is_named_and_stays(
    name: str, content: bytes, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    absent = ["tokenizer.json"] if "tokenizer" in name else ["model.safetensors"]
    source = copy_without(checkpoint("bert"), tmp_path / "mine", *absent)
    (source / "vocab.txt").write_text("\n".join(SPECIALS))
    (source / name).write_bytes(content)
    with pytest.raises(PolymathError, match=rf"{re.escape(str(source / name))}: .*anew") as caught:
        get(source, tmp_path)
    assert not isinstance(caught.value, DamagedError)  # which would be set aside
    assert (source / name).read_bytes() == content


def test_weights_that_the_machine_cannot_open_are_not_called_damaged(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's mistake is not tried again in a run; what the machine lacked for a moment is."""
    source = copy_without(checkpoint("bert"), tmp_path / "mine", "model.safetensors")
    (source / "pytorch_model.bin").write_bytes(b"whole")

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("torch.load", fail)
    with pytest.raises(OSError, match="Too many open files"):
        get(source, tmp_path)
