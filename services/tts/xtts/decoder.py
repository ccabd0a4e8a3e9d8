"""The GPT of XTTS, one token a step for many utterances at once.

The library steps through Hugging Face's `generate`, one utterance at a time and some thirty launches a layer. Here the
same weights run over a cache of fixed size, a row an utterance: on a GPU one step is one CUDA graph, drawing included.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from services.tts.xtts.sampling import Sampling

_EPSILON = 1e-5
_MASKED_BLOCK = 128  # the cache's length is a multiple of it


@dataclass(frozen=True, slots=True)
class _Layer:
    """One block's weights; matrices are [in, out]."""

    norm: tuple[torch.Tensor, torch.Tensor]
    qkv: tuple[torch.Tensor, torch.Tensor]
    out: tuple[torch.Tensor, torch.Tensor]
    norm2: tuple[torch.Tensor, torch.Tensor]
    up: tuple[torch.Tensor, torch.Tensor]
    down: tuple[torch.Tensor, torch.Tensor]


class Decoder:
    """`rows` utterances at most. One thread may call it at a time."""

    def __init__(
        self, gpt: Any, rows: int, sampling: Sampling, *, dtype: torch.dtype = torch.float32, graphs: bool = False
    ) -> None:
        """`gpt`: the library's, loaded. `dtype` is that of weights and cache; `graphs` needs a GPU."""
        device = gpt.mel_head.weight.device
        self._sampling, self._graphs_wanted = sampling, graphs
        self._dtype, self._device = dtype, device
        self.heads: int = gpt.heads
        self.width: int = gpt.model_dim
        self.start: int = gpt.start_audio_token
        self.stop: int = gpt.stop_audio_token
        self.most_tokens: int = gpt.max_gen_mel_tokens
        self._text_ends = (gpt.start_text_token, gpt.stop_text_token)
        self.most_text: int = gpt.max_text_tokens - 2

        def cast(tensor: torch.Tensor) -> torch.Tensor:
            return tensor.detach().to(dtype)

        def pair(module: Any) -> tuple[torch.Tensor, torch.Tensor]:
            return cast(module.weight), cast(module.bias)

        self._layers = [
            _Layer(
                pair(b.ln_1),
                pair(b.attn.c_attn),
                pair(b.attn.c_proj),
                pair(b.ln_2),
                pair(b.mlp.c_fc),
                pair(b.mlp.c_proj),
            )
            for b in gpt.gpt.h
        ]
        self._mel, self._mel_at = cast(gpt.mel_embedding.weight), cast(gpt.mel_pos_embedding.emb.weight)
        self._text, self._text_at = cast(gpt.text_embedding.weight), cast(gpt.text_pos_embedding.emb.weight)
        self._last_norms = [pair(gpt.gpt.ln_f), pair(gpt.final_norm)]
        self._head = cast(gpt.mel_head.weight.t().contiguous()), cast(gpt.mel_head.bias)

        longest = gpt.max_prompt_tokens + gpt.max_text_tokens + gpt.max_mel_tokens
        self._length = -(-longest // _MASKED_BLOCK) * _MASKED_BLOCK
        shape = (len(self._layers), rows, self.heads, self._length, self.width // self.heads)
        self._keys = torch.zeros(shape, dtype=dtype, device=device)
        self._values = torch.zeros(shape, dtype=dtype, device=device)
        self._positions = torch.arange(self._length, device=device)
        self._row = torch.arange(rows, device=device)

        # The state of a row: the token that comes next, its place in the cache, how many were drawn, what occurred.
        self._token = torch.zeros(rows, dtype=torch.long, device=device)
        self._place = torch.zeros(rows, dtype=torch.long, device=device)
        self._drawn = torch.zeros(rows, dtype=torch.long, device=device)
        self._seen = torch.zeros(rows, self._mel.shape[0], dtype=torch.bool, device=device)
        self._moving = torch.zeros(rows, dtype=torch.bool, device=device)
        self._latents = torch.zeros(rows, self.most_tokens, self.width, device=device)
        self._yes = torch.ones((), dtype=torch.bool, device=device)  # a constant of the host cannot be captured
        self._graphs: dict[int, Callable[[], None]] = {}
        self.rows = rows

    @torch.inference_mode()
    def begin(self, row: int, voice: torch.Tensor, text: list[int]) -> int:
        """Read a voice ([1, 32, width]) and a text into a row; the first token. ValueError: the text is too long."""
        if len(text) > self.most_text:
            raise ValueError(f"{len(text)} text tokens are more than {self.most_text}")
        start, stop = self._text_ends
        ids = torch.tensor([start, *text, stop], device=self._device)
        begun = self._mel[self.start] + self._mel_at[0]
        x = torch.cat([voice[0].to(self._dtype), self._text[ids] + self._text_at[: len(ids)], begun[None]])
        for index, layer in enumerate(self._layers):
            q, k, v = self._project(x, layer)
            self._keys[index, row, :, : len(x)] = k.transpose(0, 1)
            self._values[index, row, :, : len(x)] = v.transpose(0, 1)
            q, k, v = (t.transpose(0, 1)[None] for t in (q, k, v))
            heard = (
                functional.scaled_dot_product_attention(q, k, v, is_causal=True)[0].transpose(0, 1).reshape(len(x), -1)
            )
            x = self._rest(x, heard, layer)
        self._seen[row] = False
        # The library's prompt is made of these two as far as its repetition penalty knows.
        self._seen[row, 1] = self._seen[row, self.start] = True
        latent = self._latent(x[-1:])
        token = self._sampling.draw(self._logits(latent), self._seen[row : row + 1])
        self._token[row : row + 1] = token
        self._seen[row, token] = True
        self._place[row], self._drawn[row] = len(x), 1
        self._latents[row, 0] = latent[0]
        return int(token)

    @torch.inference_mode()
    def step(self, rows: list[int]) -> list[int]:
        """Draw the next token of each of these rows. The other rows do not move."""
        width = next(size for size in self.sizes() if size > max(rows))
        moving = [False] * self.rows
        for row in rows:
            moving[row] = True
        self._moving.copy_(torch.tensor(moving))
        if self._graphs_wanted:
            if width not in self._graphs:
                self._graphs[width] = self._captured(width)
            self._graphs[width]()
        else:
            self._advance(width)
        tokens = self._token[:width].tolist()
        return [tokens[row] for row in rows]

    def sizes(self) -> list[int]:
        """How many rows one step may take: powers of two, and all rows."""
        return [1 << i for i in range(self.rows.bit_length()) if 1 << i < self.rows] + [self.rows]

    def latents(self, row: int, count: int) -> torch.Tensor:
        """[count, width] float32, one for each token drawn: what the vocoder makes sound of."""
        return self._latents[row, :count]

    def warm(self) -> None:
        """Capture every graph now, so that nobody waits for it later."""
        if self._graphs_wanted:
            for width in self.sizes():
                self._graphs[width] = self._captured(width)

    def _advance(self, width: int) -> None:
        """One step of the first `width` rows, all on the device. A row that stands still repeats its last step."""
        rows = self._row[:width]
        token, place, drawn = self._token[:width], self._place[:width], self._drawn[:width]
        x = self._mel[token] + self._mel_at[drawn]
        heard_of = (self._positions <= place[:, None])[:, None, None]
        for index, layer in enumerate(self._layers):
            q, k, v = self._project(x, layer)
            keys, values = self._keys[index, :width], self._values[index, :width]
            keys[rows, :, place] = k
            values[rows, :, place] = v
            heard = functional.scaled_dot_product_attention(q[:, :, None], keys, values, attn_mask=heard_of)
            x = self._rest(x, heard.reshape(width, -1), layer)
        latent = self._latent(x)
        new = self._sampling.draw(self._logits(latent), self._seen[:width])
        moving = self._moving[:width]
        room = drawn.clamp(max=self.most_tokens - 1)
        self._latents[rows, room] = torch.where(moving[:, None], latent, self._latents[rows, room])
        new = torch.where(moving, new, token)
        self._seen[rows, new] = self._yes
        token.copy_(new)
        place.add_(moving)
        drawn.add_(moving)

    def _project(self, x: torch.Tensor, layer: _Layer) -> tuple[torch.Tensor, ...]:
        """[N, width] to queries, keys and values, [N, heads, width / heads] each."""
        normed = functional.layer_norm(x, (self.width,), *layer.norm, eps=_EPSILON)
        qkv = torch.addmm(layer.qkv[1], normed, layer.qkv[0])
        return qkv.view(len(x), 3, self.heads, -1).unbind(1)

    def _rest(self, x: torch.Tensor, heard: torch.Tensor, layer: _Layer) -> torch.Tensor:
        x = x + torch.addmm(layer.out[1], heard, layer.out[0])
        normed = functional.layer_norm(x, (self.width,), *layer.norm2, eps=_EPSILON)
        up = functional.gelu(torch.addmm(layer.up[1], normed, layer.up[0]), approximate="tanh")
        return x + torch.addmm(layer.down[1], up, layer.down[0])

    def _latent(self, x: torch.Tensor) -> torch.Tensor:
        for norm in self._last_norms:
            x = functional.layer_norm(x, (self.width,), *norm, eps=_EPSILON)
        return x.float()

    def _logits(self, latent: torch.Tensor) -> torch.Tensor:
        return torch.addmm(self._head[1], latent.to(self._dtype), self._head[0]).float()

    def _captured(self, width: int) -> Callable[[], None]:
        """One step as a CUDA graph. Rows keep their state: what is run to capture it moves nobody."""
        moving = self._moving.clone()
        self._moving.zero_()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.inference_mode(), torch.cuda.stream(stream):
            for _ in range(2):
                self._advance(width)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.inference_mode(), torch.cuda.graph(graph):
            self._advance(width)
        self._moving.copy_(moving)
        return graph.replay
