"""A Piper voice (VITS) as two models: one that plans a line and one that turns the plan into sound, stretch by stretch.

Piper ships one graph that answers when the whole line is done. Cut where its vocoder begins, the first sound of a line
comes after 0.2 s of vocoding instead of all of it, and a cancelled line costs no more than one stretch. The vocoder
sees `CONTEXT` frames to either side; given those, stretches join as if the line had been made at once.
"""

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

HOP = 256
"""Samples a frame."""

CONTEXT = 12
"""Frames to either side that reach into a frame's sound: 11, by the vocoder's kernels and dilations, and one more."""

_VOCODER_STARTS = "dec.conv_pre.weight"  # the weight whose convolution reads the latent frames
_PLAN, _VOCODER = "plan.onnx", "vocoder.onnx"


@dataclass(frozen=True, slots=True)
class SpeechPlan:
    """Latent frames [1, 192, T], and how many of them each symbol takes (sums to T)."""

    latent: NDArray[np.float32]
    frames: NDArray[np.int64]


class PiperModel:
    """A voice's two models. Several threads may run them at once."""

    def __init__(self, weights: Path, cache: Path, threads: int) -> None:
        """Raises OSError where the weights cannot be read or the cache cannot be written."""
        config = json.loads(Path(f"{weights}.json").read_text())
        self.sample_rate: int = config["audio"]["sample_rate"]
        self.language: str = config["espeak"]["voice"]
        self.symbols: dict[str, list[int]] = config["phoneme_id_map"]
        inference = config["inference"]
        self._scales = np.array(
            [inference["noise_scale"], inference["length_scale"], inference["noise_w"]], dtype=np.float32
        )
        folder = _prepared(weights, cache)
        self._plan = ort.InferenceSession(folder / _PLAN, _options(threads), providers=["CPUExecutionProvider"])
        self._vocoder = ort.InferenceSession(folder / _VOCODER, _options(threads), providers=["CPUExecutionProvider"])

    def plan(self, ids: list[int]) -> SpeechPlan:
        """How the symbols (ids of the voice's phoneme map) will sound and for how long. Drawn anew each time, so
        that no two sayings are alike."""
        latent, frames = self._plan.run(
            None,
            {
                "input": np.array([ids], dtype=np.int64),
                "input_lengths": np.array([len(ids)], dtype=np.int64),
                "scales": self._scales,
            },
        )
        return SpeechPlan(latent, frames.reshape(-1).astype(np.int64))

    def sound(self, plan: SpeechPlan, start: int, end: int) -> NDArray[np.float32]:
        """The sound of frames `start` to `end`, `HOP` samples each, in [-1, 1]."""
        before = max(start - CONTEXT, 0)
        (sound,) = self._vocoder.run(
            None, {self._vocoder.get_inputs()[0].name: plan.latent[:, :, before : end + CONTEXT]}
        )
        flat: NDArray[np.float32] = sound.reshape(-1)
        return flat[(start - before) * HOP : (end - before) * HOP]


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Waiting threads would otherwise burn the cores that the renderer draws on.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    # The prepared models are optimised already.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


def _prepared(weights: Path, cache: Path) -> Path:
    """The folder with the two optimised models, made at the first start (about 2 s)."""
    stat = weights.stat()
    flags = next((line for line in _cpu().splitlines() if line.startswith("flags")), "")  # layouts differ by CPU
    key = hashlib.sha256(f"1 {stat.st_size} {stat.st_mtime_ns} {ort.__version__} {flags}".encode()).hexdigest()[:16]
    folder = cache / f"{weights.stem}-{key}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=cache))
    try:
        for name, model in zip((_PLAN, _VOCODER), _split(weights), strict=True):
            options = ort.SessionOptions()
            options.log_severity_level = 3
            options.optimized_model_filepath = str(making / name)
            ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        if not folder.is_dir():  # another process may have been quicker
            making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    return info.read_text() if info.exists() else ""


def _split(weights: Path) -> tuple[bytes, bytes]:
    """The graph in two, serialised: symbols to latent frames and durations; latent frames to sound."""
    import onnx  # only the first start needs it

    graph = onnx.load(str(weights))
    made_by = {output: node for node in graph.graph.node for output in node.output}
    tensors = {tensor.name: tensor for tensor in graph.graph.initializer}
    latent = next(node.input[0] for node in graph.graph.node if _VOCODER_STARTS in node.input)
    (durations,) = [node.output[0] for node in graph.graph.node if node.op_type == "Ceil"]
    channels = tensors[_VOCODER_STARTS].dims[1]

    def part(inputs: list[Any], outputs: list[Any]) -> bytes:
        needed: set[str] = set()
        nodes: set[int] = set()
        open_names = [output.name for output in outputs]
        while open_names:
            name = open_names.pop()
            if name in needed or name in {i.name for i in inputs}:
                continue
            needed.add(name)
            if name in made_by:
                nodes.add(id(made_by[name]))
                open_names.extend(i for i in made_by[name].input if i)
        model = onnx.helper.make_model(
            onnx.helper.make_graph(
                [node for node in graph.graph.node if id(node) in nodes],
                "part",
                inputs,
                outputs,
                [tensor for name, tensor in tensors.items() if name in needed],
            ),
            opset_imports=graph.opset_import,
        )
        model.ir_version = graph.ir_version
        return model.SerializeToString()  # type: ignore[no-any-return]  # protobuf is untyped here

    describe = onnx.helper.make_tensor_value_info
    frames = describe(latent, onnx.TensorProto.FLOAT, [1, channels, "frames"])
    plan = part(list(graph.graph.input), [frames, describe(durations, onnx.TensorProto.FLOAT, None)])
    return plan, part([frames], list(graph.graph.output))
