"""The embedder computes what the published network computes."""

import re
from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from services.rag_llm.index.embedding.factory import open_embedder
from services.rag_llm.index.embedding.minilm import MAX_TOKENS, MiniLM, model_folder
from services.rag_llm.settings import Config

TEXTS = [
    "How much does the kettle weigh?",
    "FlashbackAvatars draws a face at 512 by 512 pixels.",
    "Grüße aus Köln: naïve café, 日本語, 🙂",
    "",
    "long " * 600,
]
Array = NDArray[np.float32]


def erf(x: Array) -> Array:
    """The error function, after Abramowitz and Stegun 7.1.26 to 1.5e-7."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.sign(x) * (1 - poly * np.exp(-x * x))  # type: ignore[no-any-return]


@cache
def weights() -> dict[str, Array]:
    return load_file(model_folder() / "model.safetensors")


def reference(text: str) -> Array:
    """The network written out in numpy, one text at a time, straight from the weights."""
    w = weights()
    tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    ids = tokenizer.encode(text).ids

    def norm(x: Array, name: str) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]  # type: ignore[no-any-return]

    def dense(x: Array, name: str) -> Array:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    e = "embeddings"
    x = w[f"{e}.word_embeddings.weight"][ids] + w[f"{e}.position_embeddings.weight"][: len(ids)]
    x = norm(x + w[f"{e}.token_type_embeddings.weight"][0], f"{e}.LayerNorm")
    for layer in range(6):
        name = f"encoder.layer.{layer}"
        q, k, v = (dense(x, f"{name}.attention.self.{part}").reshape(-1, 12, 32) for part in ("query", "key", "value"))
        scores = np.einsum("ihd,jhd->hij", q, k) / np.sqrt(32)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        seen = np.einsum("hij,jhd->ihd", shares / shares.sum(-1, keepdims=True), v).reshape(-1, 384)
        x = norm(dense(seen, f"{name}.attention.output.dense") + x, f"{name}.attention.output.LayerNorm")
        wide = dense(x, f"{name}.intermediate.dense")
        x = norm(
            dense(wide * 0.5 * (1 + erf(wide / np.sqrt(2))), f"{name}.output.dense") + x, f"{name}.output.LayerNorm"
        )
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)  # type: ignore[no-any-return]


def test_agrees_with_the_network_written_out(minilm: MiniLM) -> None:
    """Vectors of a padded batch equal those of an independent implementation that knows no padding."""
    vectors = minilm.embed(TEXTS)
    assert np.abs(vectors - np.stack([reference(text) for text in TEXTS])).max() < 2e-6


@pytest.mark.skipif(find_spec("sentence_transformers") is None, reason="needs requirements-sentence-transformers.lock")
def test_agrees_with_sentence_transformers(minilm: MiniLM) -> None:
    """Vectors equal those of the library that the model was published with."""
    from services.rag_llm.index.embedding.sentence_transformers import SentenceTransformers

    vectors = SentenceTransformers(str(model_folder())).embed(TEXTS)
    assert np.abs(minilm.embed(TEXTS) - vectors).max() < 2e-6


def test_order_and_length(minilm: MiniLM) -> None:
    """Vectors come in the order of the texts, of length one, whatever the batches."""
    texts = [f"{'word ' * (n % 40)}{n}" for n in range(100)]
    vectors = minilm.embed(texts)
    assert vectors.shape == (100, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(vectors[37], minilm.embed([texts[37]])[0], atol=1e-5)


def test_nothing_to_embed(minilm: MiniLM) -> None:
    """No texts give no vectors."""
    assert minilm.embed([]).shape == (0, 384)


@pytest.mark.skipif(find_spec("sentence_transformers") is not None, reason="the package is installed")
def test_a_missing_package_is_a_sentence(config: Config) -> None:
    """Choosing an embedder that is not installed says what to install."""
    embedding = config.embedding.model_copy(update={"embedder": "sentence-transformers"})
    chosen = config.model_copy(update={"embedding": embedding})
    with pytest.raises(SystemExit, match=re.escape("services/rag-llm/requirements-sentence-transformers.lock")):
        open_embedder(chosen)
