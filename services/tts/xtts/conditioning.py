"""What the model knows of a voice: two tensors, computed once from a recording and kept beside it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from services.tts.xtts.weights import Loaded

_RATE = 22050
FILE = "xtts.safetensors"


@dataclass(frozen=True, slots=True)
class Conditioning:
    """`style` [1, 32, width] is what the GPT reads before the text; `speaker` [1, 512, 1] colours the vocoder."""

    style: torch.Tensor
    speaker: torch.Tensor


def condition(loaded: Loaded, sound: NDArray[np.float32]) -> Conditioning:
    """From a recording at 22 050 Hz, as the library does it with the lengths that its configuration names."""
    model, config = loaded.model, loaded.model.config
    audio = torch.from_numpy(sound[None, : _RATE * config.max_ref_len]).to(model.device)
    style = model.get_gpt_cond_latents(audio, _RATE, length=config.gpt_cond_len, chunk_length=config.gpt_cond_chunk_len)
    return Conditioning(style, model.get_speaker_embedding(audio, _RATE))


def save(conditioning: Conditioning, folder: Path, fingerprint: str) -> None:
    """Keep it in the voice's folder. `fingerprint`: of the weights that made it."""
    tensors = {"style": conditioning.style.cpu().contiguous(), "speaker": conditioning.speaker.cpu().contiguous()}
    whole = folder / f"{FILE}.part"
    save_file(tensors, whole, metadata={"weights": fingerprint})
    whole.rename(folder / FILE)


def saved(folder: Path, fingerprint: str, device: torch.device) -> Conditioning | None:
    """What `save` kept in the folder; None where there is nothing, or other weights made it."""
    try:
        with safe_open(folder / FILE, framework="pt", device=str(device)) as file:
            if file.metadata().get("weights") != fingerprint:
                return None
            return Conditioning(file.get_tensor("style"), file.get_tensor("speaker"))
    except (OSError, SafetensorError):
        return None
