"""XTTS's published files, and how they become a model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from services.tts.engine import SynthesisFailed
from services.tts.xtts.sampling import Sampling

FILES = ("config.json", "model.pth", "vocab.json", "speakers_xtts.pth")
"""The layout of coqui/XTTS-v2."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The library's model, with what its configuration says about drawing tokens and about reference recordings."""

    model: Any
    sampling: Sampling
    languages: tuple[str, ...]
    fingerprint: str
    """Tells conditioning made by these weights from that of others."""


def load(folder: Path, device: torch.device) -> Loaded:
    """Load the files onto the device. Raises SynthesisFailed, and what torch raises where memory does not suffice."""
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.models.xtts import Xtts

    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise SynthesisFailed(
            f"XTTS_DIR={folder} lacks {', '.join(missing)}; put the files of XTTS v2 there (docs/xtts.md)."
        )
    try:
        config = XttsConfig()
        config.load_json(str(folder / "config.json"))
        model = Xtts(config)
        model.load_checkpoint(config, checkpoint_dir=str(folder))
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # what the library and its readers raise at other files is of every kind
        raise SynthesisFailed(f"The files in XTTS_DIR={folder} are not XTTS v2's ({_brief(error)}).") from error
    model.to(device)
    sampling = Sampling(config.temperature, config.top_k, config.top_p, config.repetition_penalty)
    size = (folder / "model.pth").stat().st_size
    shown = model.gpt.mel_head.bias[:8].sum().item()
    return Loaded(model, sampling, tuple(config.languages), f"{size}:{shown:.6f}")


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0][:160]}" if str(error) else type(error).__name__
