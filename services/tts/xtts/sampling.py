"""How the next token is drawn."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Sampling:
    """The options of Hugging Face's `generate` of the same names; `temperature` 0 takes the likeliest token."""

    temperature: float
    top_k: int
    top_p: float
    repetition_penalty: float

    def draw(self, logits: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """[B, vocabulary] float32 and bool (what occurred already) to [B] tokens.

        The same distribution as Hugging Face's processors (repetition, temperature, top k, top p, in this order) and
        `multinomial`, without a copy to the host, so that it can be captured in a CUDA graph.
        """
        penalised = torch.where(logits < 0, logits * self.repetition_penalty, logits / self.repetition_penalty)
        logits = torch.where(seen, penalised, logits)
        if self.temperature == 0:
            return logits.argmax(-1)
        best, tokens = (logits / self.temperature).topk(min(self.top_k or logits.shape[-1], logits.shape[-1]), dim=-1)
        chances = best.softmax(-1)
        chances = chances.masked_fill(chances.cumsum(-1) - chances >= self.top_p, 0)
        noise = torch.empty_like(chances).exponential_()
        return tokens.gather(-1, (chances / noise).argmax(-1, keepdim=True)).squeeze(-1)
