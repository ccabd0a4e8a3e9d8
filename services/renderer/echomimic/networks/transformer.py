"""EchoMimic v3's video transformer, for inference: parameters under the checkpoint's own names, widths from a `Shape`.

A Wan 2.1 image-to-video transformer whose cross-attention is three separate softmaxes, summed: text, the CLIP image,
and the sound of the latent frame that a token belongs to. What depends only on text, image, sound or the step is
computed outside of `forward`, once: `text_memory`, `image_memory`, `audio_memory`, `modulation`, `rotation`.

Dimensions: B rows, T latent frames, H×W latent pixels, L = T·(H/2)·(W/2) tokens, N heads of D.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.renderer.echomimic.networks.shape import AUDIO_CONTEXT, GROUP, Shape

PATCH = 2
"""Latent pixels of a token, each way."""


class Modulation(NamedTuple):
    """What a timestep does: [B, 6, dim] in every block, [B, dim] at the head."""

    blocks: Tensor
    head: Tensor


class RMSNorm(nn.Module):
    """Over all heads at once, computed in fp32."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """[..., dim] -> the same shape and type."""
        wide = x.float()
        return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)).to(x.dtype) * self.weight


def layer_norm(x: Tensor, eps: float) -> Tensor:
    """In fp32 whatever `x` is."""
    return functional.layer_norm(x.float(), x.shape[-1:], eps=eps).to(x.dtype)


class Join(Protocol):
    """What stands between a block's branches. The second result is what the block's `Linear`s take."""

    def __call__(
        self,
        x: Tensor,
        branch: Tensor | None,
        gate: Tensor | None,
        scale: Tensor,
        shift: Tensor,
        around: float,
        eps: float,
    ) -> tuple[Tensor, Any]:
        """`x` [B, L, dim] with its `branch` added, `gate` times; and that normalised, (`around` + `scale`) times, with
        `shift` added. `gate`, `scale` and `shift`: [B, 1, dim] or [dim]."""
        ...


def joined(
    x: Tensor,
    branch: Tensor | None,
    gate: Tensor | None,
    scale: Tensor,
    shift: Tensor,
    around: float,
    eps: float,
) -> tuple[Tensor, Tensor]:
    """`Join` in PyTorch's own operations."""
    if branch is not None:
        x = x + (branch if gate is None else branch * gate)
    return x, layer_norm(x, eps) * (around + scale) + shift


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """[B, L, N, D] each -> [B, L, N·D]."""
    out = functional.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
    return out.transpose(1, 2).flatten(2)


def rotate(x: Tensor, turn: Tensor) -> Tensor:
    """Rotary embedding of neighbouring pairs. `x` [B, L, N, D], `turn` from `Transformer.rotation`."""
    swapped = x.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)
    cos, sin = turn.unbind(0)
    return (x.float() * cos + swapped.float() * sin).to(x.dtype)


class Attention(nn.Module):
    """What self-attention and cross-attention share."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.o = nn.Linear(shape.dim, shape.dim)
        self.norm_q, self.norm_k = (RMSNorm(shape.dim, shape.eps) for _ in "qk")

    def split(self, x: Tensor) -> Tensor:
        """[..., dim] -> [..., N, D]."""
        return x.unflatten(-1, (self.heads, -1))


class SelfAttention(Attention):
    """Queries, keys and values come from one product: it fills the GPU better than three. See `Fused`."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.qkv = nn.Linear(shape.dim, 3 * shape.dim)

    def forward(self, x: Tensor, turn: Tensor) -> Tensor:
        """`x` [B, L, dim], `turn` from `Transformer.rotation` -> [B, L, dim]."""
        q, k, v = self.qkv(x).chunk(3, -1)
        q, k = self.split(self.norm_q(q)), self.split(self.norm_k(k))
        return self.o(attend(rotate(q, turn), rotate(k, turn), self.split(v)))


class Fused(Mapping[str, Tensor]):
    """The checkpoint's tensors as the model names them: q, k and v of self-attention are one."""

    NAME = ".self_attn.qkv."

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = tensors

    def __getitem__(self, key: str) -> Tensor:
        parts = [self._tensors[part] for part in self._parts(key)]
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and all(part in self._tensors for part in self._parts(key))

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def _parts(self, key: str) -> list[str]:
        if self.NAME not in key:
            return [key]
        return [key.replace(self.NAME, f".self_attn.{name}.") for name in "qkv"]


class CrossAttention(Attention):
    """One query, three softmaxes."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        for name in ("q", "k", "v", "k_img", "v_img", "k_audio", "v_audio"):
            setattr(self, name, nn.Linear(shape.dim, shape.dim))
        for source in ("img", "audio"):
            setattr(self, f"norm_k_{source}", RMSNorm(shape.dim, shape.eps))

    def memory(self, tokens: Tensor, source: str = "") -> Tensor:
        """Keys and values of `source` ("" is text, "_img", "_audio"): [..., S, dim] -> [2, ..., S, N, D]."""
        key, value, norm = (getattr(self, name + source) for name in ("k", "v", "norm_k"))
        return torch.stack((self.split(norm(key(tokens))), self.split(value(tokens))))

    def forward(self, x: Tensor, text: Tensor, image: Tensor, audio: Tensor) -> Tensor:
        """`text` [2, 1, S, N, D] for all rows, `image` [2, B, S, N, D], `audio` [2, B, T, S, N, D]."""
        q = self.split(self.norm_q(self.q(x)))
        rows, length = q.shape[:2]
        read = attend(q.flatten(0, 1)[None], *text).unflatten(1, (rows, length))[0]
        seen = attend(q, *image)
        heard = attend(q.reshape(-1, length // audio.shape[2], *q.shape[2:]), *audio.flatten(1, 2))
        return self.o(read + seen + heard.reshape(read.shape))


class Block(nn.Module):
    """Self-attention, cross-attention and two products with GELU between them, each added to what comes in."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.eps = shape.eps
        self.self_attn = SelfAttention(shape)
        self.norm3 = nn.LayerNorm(shape.dim, eps=shape.eps)
        self.cross_attn = CrossAttention(shape)
        self.ffn = nn.Sequential(
            nn.Linear(shape.dim, shape.ffn), nn.GELU(approximate="tanh"), nn.Linear(shape.ffn, shape.dim)
        )
        self.modulation = nn.Parameter(torch.zeros(1, 6, shape.dim))
        self.join: Join = joined

    def forward(self, x: Tensor, step: Tensor, turn: Tensor, text: Tensor, image: Tensor, audio: Tensor) -> Tensor:
        """`x` [B, L, dim], `step` [B, 6, dim], the rest as in `Transformer.forward` but of one layer -> [B, L, dim]."""
        shift, scale, gate, ffn_shift, ffn_scale, ffn_gate = (self.modulation + step).chunk(6, 1)
        weight, bias = self.norm3.weight, self.norm3.bias
        x, normed = self.join(x, None, None, scale, shift, 1, self.eps)
        x, normed = self.join(x, self.self_attn(normed, turn), gate, weight, bias, 0, self.eps)
        x, normed = self.join(x, self.cross_attn(normed, text, image, audio), None, ffn_scale, ffn_shift, 1, self.eps)
        return x + self.ffn(normed) * ffn_gate


class Head(nn.Module):
    """From tokens to the latent pixels of their patches."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.eps = shape.eps
        self.head = nn.Linear(shape.dim, shape.latent * PATCH * PATCH)
        self.modulation = nn.Parameter(torch.zeros(1, 2, shape.dim))

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        """`x` [B, L, dim], `step` [B, dim] -> [B, L, latent · PATCH²]."""
        shift, scale = (self.modulation + step[:, None]).chunk(2, 1)
        return self.head(layer_norm(x, self.eps) * (1 + scale) + shift)


class ImageProjection(nn.Module):
    """CLIP's tokens to the transformer's width."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.proj = nn.Sequential(
            nn.LayerNorm(shape.image_dim),
            nn.Linear(shape.image_dim, shape.image_dim),
            nn.GELU(),
            nn.Linear(shape.image_dim, shape.dim),
            nn.LayerNorm(shape.dim),
        )


class AudioProjection(nn.Module):
    """Sound features to `audio_tokens` tokens a latent frame.

    The first latent frame hears the AUDIO_CONTEXT frames around its one picture; each later one hears the
    AUDIO_CONTEXT + GROUP - 1 around its four.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.audio_layers * shape.audio_dim
        self.tokens = shape.audio_tokens
        self.proj1 = nn.Linear(AUDIO_CONTEXT * width, shape.audio_hidden)
        self.proj1_vf = nn.Linear((AUDIO_CONTEXT + GROUP - 1) * width, shape.audio_hidden)
        self.proj2 = nn.Linear(shape.audio_hidden, shape.audio_hidden)
        self.proj3 = nn.Linear(shape.audio_hidden, shape.audio_tokens * shape.dim)
        self.norm = nn.LayerNorm(shape.dim)

    def forward(self, features: Tensor) -> Tensor:
        """[F + 4, layers, channels] (a window of F = 1 + 4k pictures and two more frames at either end) ->
        [1 + k, audio_tokens, dim]."""
        first = self.proj1(features[:AUDIO_CONTEXT].flatten()[None])
        rest = features[1:].unfold(0, AUDIO_CONTEXT + GROUP - 1, GROUP)  # [k, layers, channels, 8]
        later = self.proj1_vf(rest.movedim(-1, 1).flatten(1))
        hidden = torch.relu(self.proj2(torch.relu(torch.cat((first, later)))))
        return self.norm(self.proj3(hidden).unflatten(-1, (self.tokens, -1)))


class Transformer(nn.Module):
    """The whole network; its parameters have the names that the checkpoint gives them."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        patch = (1, PATCH, PATCH)
        self.patch_embedding = nn.Conv3d(shape.inputs, shape.dim, patch, patch)
        self.text_embedding = nn.Sequential(
            nn.Linear(shape.text_dim, shape.dim), nn.GELU(approximate="tanh"), nn.Linear(shape.dim, shape.dim)
        )
        self.time_embedding = nn.Sequential(
            nn.Linear(shape.time_dim, shape.dim), nn.SiLU(), nn.Linear(shape.dim, shape.dim)
        )
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(shape.dim, 6 * shape.dim))
        self.img_emb = ImageProjection(shape)
        self.audio_injection = AudioProjection(shape)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.head = Head(shape)

    def modulation(self, timesteps: Tensor) -> Modulation:
        """[B] timesteps of 0..1000 -> their effect. The sinusoids need fp32, whatever the weights are."""
        half = self.shape.time_dim // 2
        places = torch.arange(half, dtype=torch.float64, device=timesteps.device) / half
        angles = timesteps.double()[:, None] * 10_000.0**-places
        waves = torch.cat((angles.cos(), angles.sin()), 1).to(self.head.head.bias.dtype)
        head = self.time_embedding(waves)
        return Modulation(self.time_projection(head).unflatten(1, (6, -1)), head)

    def text_memory(self, embeddings: Tensor) -> Tensor:
        """T5's [S, text_dim], S ≤ text_len -> [layers, 2, 1, text_len, N, D]."""
        padded = functional.pad(embeddings, (0, 0, 0, self.shape.text_len - len(embeddings)))
        return self._memories(self.text_embedding(padded)[None], "")

    def image_memory(self, clip: Tensor) -> Tensor:
        """CLIP's [S, image_dim] -> [layers, 2, S, N, D]."""
        return self._memories(self.img_emb.proj(clip), "_img")

    def audio_memory(self, features: Tensor) -> Tensor:
        """Sound features as `AudioProjection.forward` takes them -> [layers, 2, T, audio_tokens, N, D]."""
        return self._memories(self.audio_injection(features), "_audio")

    def _memories(self, tokens: Tensor, source: str) -> Tensor:
        return torch.stack([block.cross_attn.memory(tokens, source) for block in self.blocks])

    def rotation(self, frames: int, height: int, width: int) -> Tensor:
        """What turns every token by its place: cosines, and sines signed for the swapped pair, [2, L, 1, D], fp32.

        Height and width are of the latents.
        """
        each = self.shape.head_dim // 6
        sides = (frames, self.shape.head_dim // 2 - 2 * each), (height // PATCH, each), (width // PATCH, each)
        grid = []
        for axis, (length, count) in enumerate(sides):
            rates = 10_000.0 ** -(torch.arange(count, dtype=torch.float64) / count)
            angles = torch.arange(length, dtype=torch.float64)[:, None] * rates
            place = [1, 1, 1, count]
            place[axis] = length
            grid.append(angles.view(place).expand(*(side for side, _ in sides), count))
        angles = torch.cat(grid, -1).flatten(0, 2)[:, None]
        cos, sin = angles.cos().repeat_interleave(2, -1), angles.sin()
        return torch.stack((cos, torch.stack((-sin, sin), -1).flatten(-2))).float().to(self.head.head.bias.device)

    def forward(
        self,
        x: Tensor,
        given: Tensor,
        step: Modulation,
        turn: Tensor,
        text: Tensor,
        image: Tensor,
        audio: Tensor,
    ) -> Tensor:
        """Flow velocity, [B, latent, T, H, W].

        `x` noisy latents [B, latent, T, H, W], `given` mask and latents of what is given [B, latent + 4, T, H, W],
        `step` of each row, `turn` from `rotation`, `text` [layers, 2, 1, S, N, D] of all rows, `image`
        [layers, 2, B, S, N, D], `audio` [layers, 2, B, T, S, N, D].
        """
        frames, height, width = x.shape[-3:]
        tokens = self.patch_embedding(torch.cat((x, given), 1)).flatten(2).transpose(1, 2)
        for block, block_text, block_image, block_audio in zip(self.blocks, text, image, audio, strict=True):
            tokens = block(tokens, step.blocks, turn, block_text, block_image, block_audio)
        out = self.head(tokens, step.head)
        out = out.view(len(x), frames, height // PATCH, width // PATCH, PATCH, PATCH, self.shape.latent)
        return out.permute(0, 6, 1, 2, 4, 3, 5).reshape(len(x), self.shape.latent, frames, height, width)
