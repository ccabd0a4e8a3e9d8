"""all-MiniLM-L6-v2 as an ONNX graph, built from its published weights without torch.

The network is a BERT encoder (Devlin et al., 2018; six layers, width 384, twelve heads) with the sentence pooling of
Sentence-BERT (Reimers & Gurevych, 2019): the mean over the tokens, scaled to length one. The graph holds no weights:
each initializer points to its bytes inside the safetensors file, so building it takes milliseconds and ONNX Runtime
reads the file once.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

OPSET = 20
_ONNX_TYPES = {"F32": TensorProto.FLOAT, "I64": TensorProto.INT64}


@dataclass(frozen=True, slots=True)
class GraphShape:
    """The sizes of the encoder, as `config.json` beside the weights names them."""

    layers: int
    heads: int
    width: int
    epsilon: float

    @classmethod
    def read(cls, config: Path) -> "GraphShape":
        """From the model's `config.json`. Raises `OSError` and `KeyError`."""
        values = json.loads(config.read_text("utf-8"))
        return cls(
            layers=values["num_hidden_layers"],
            heads=values["num_attention_heads"],
            width=values["hidden_size"],
            epsilon=values["layer_norm_eps"],
        )


def build(weights: Path, shape: GraphShape) -> ModelProto:
    """The model with inputs `ids` and `mask` (int64, [batch, tokens]) and output `vectors` (float32, [batch, width]).

    Its weights stay in `weights`; load it with the folder of that file as the place of external data.
    """
    graph = _Graph(shape)
    graph.embed()
    for layer in range(shape.layers):
        graph.attend(f"encoder.layer.{layer}.attention")
        graph.feed_forward(f"encoder.layer.{layer}")
    graph.pool()
    tokens = ["batch", "tokens"]
    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            "all-MiniLM-L6-v2",
            inputs=[helper.make_tensor_value_info(n, TensorProto.INT64, tokens) for n in ("ids", "mask")],
            outputs=[helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", shape.width])],
            initializer=[*graph.constants.values(), *_stored(weights, graph.weights)],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=9,
    )


def _stored(weights: Path, names: set[str]) -> list[TensorProto]:
    """Initializers that point into the safetensors file: 8 bytes of header length, a JSON header, then the bytes."""
    with weights.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header: Mapping[str, dict[str, Any]] = json.loads(file.read(size))
    tensors = []
    for name in sorted(names):
        entry = header[name]
        start, end = entry["data_offsets"]
        tensor = TensorProto(name=name, data_type=_ONNX_TYPES[entry["dtype"]], dims=entry["shape"])
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", weights.name), ("offset", 8 + size + start), ("length", end - start)):
            tensor.external_data.add(key=key, value=str(value))
        tensors.append(tensor)
    return tensors


class _Graph:
    """The nodes so far; `x` names the tensor [batch, tokens, width] that the next part reads."""

    def __init__(self, shape: GraphShape) -> None:
        self.shape = shape
        self.nodes: list[NodeProto] = []
        self.weights: set[str] = set()
        self.constants: dict[str, TensorProto] = {}
        self.x = ""

    def embed(self) -> None:
        words = self.add("Gather", self.weight("embeddings.word_embeddings.weight"), "ids")
        count = self.add("Shape", "ids", start=1, end=2)
        upto = self.add(
            "Slice", self.weight("embeddings.position_embeddings.weight"), self.ints(0), count, self.ints(0)
        )
        kinds = self.weight("embeddings.token_type_embeddings.weight")
        kind = self.add("Gather", kinds, self.constant(np.array(0, np.int64)))  # one sentence: all of kind 0
        self.x = self.normalise(self.add("Add", self.add("Add", words, upto), kind), "embeddings.LayerNorm")
        # Padding gets a score so low that softmax gives it nothing: [batch, 1, 1, tokens].
        absent = self.add("Sub", self.scalar(1.0), self.add("Cast", "mask", to=TensorProto.FLOAT))
        self.bias = self.add("Unsqueeze", self.add("Mul", absent, self.scalar(-1e9)), self.ints(1, 2))

    def attend(self, name: str) -> None:
        heads, each = self.shape.heads, self.shape.width // self.shape.heads
        split = self.ints(0, 0, heads, each)
        query, key, value = (
            self.add("Reshape", self.dense(self.x, f"{name}.self.{part}"), split) for part in ("query", "key", "value")
        )
        scores = self.add(
            "MatMul",
            self.add("Transpose", query, perm=[0, 2, 1, 3]),
            self.add("Transpose", key, perm=[0, 2, 3, 1]),
        )
        scaled = self.add("Div", scores, self.scalar(each**0.5))
        shares = self.add("Softmax", self.add("Add", scaled, self.bias), axis=-1)
        seen = self.add("MatMul", shares, self.add("Transpose", value, perm=[0, 2, 1, 3]))
        joined = self.add("Transpose", seen, perm=[0, 2, 1, 3])
        flat = self.add("Reshape", joined, self.ints(0, 0, self.shape.width))
        out = self.dense(flat, f"{name}.output.dense")
        self.x = self.normalise(self.add("Add", out, self.x), f"{name}.output.LayerNorm")

    def feed_forward(self, name: str) -> None:
        wide = self.add("Gelu", self.dense(self.x, f"{name}.intermediate.dense"))
        out = self.dense(wide, f"{name}.output.dense")
        self.x = self.normalise(self.add("Add", out, self.x), f"{name}.output.LayerNorm")

    def pool(self) -> None:
        mask = self.add("Unsqueeze", self.add("Cast", "mask", to=TensorProto.FLOAT), self.ints(2))
        total = self.add("ReduceSum", self.add("Mul", self.x, mask), self.ints(1), keepdims=0)
        mean = self.add("Div", total, self.add("ReduceSum", mask, self.ints(1), keepdims=0))
        length = self.add("ReduceL2", mean, self.ints(1), keepdims=1)
        self.add("Div", mean, self.add("Max", length, self.scalar(1e-12)), output="vectors")

    def dense(self, x: str, name: str) -> str:
        # PyTorch keeps [out, in]; ONNX Runtime folds the transposition when it loads the model.
        turned = self.add("Transpose", self.weight(f"{name}.weight"), perm=[1, 0])
        return self.add("Add", self.add("MatMul", x, turned), self.weight(f"{name}.bias"))

    def normalise(self, x: str, name: str) -> str:
        scale, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.add("LayerNormalization", x, scale, bias, axis=-1, epsilon=self.shape.epsilon)

    def add(self, op: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [output], **attributes))
        return output

    def weight(self, name: str) -> str:
        self.weights.add(name)
        return name

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def scalar(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    def constant(self, value: np.ndarray) -> str:
        name = f"{value.dtype}_{'_'.join(str(v) for v in value.ravel())}{value.shape}"
        self.constants.setdefault(name, numpy_helper.from_array(value, name))
        return name
