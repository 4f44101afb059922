"""The training losses.

`sequence` is the negative log-likelihood of the gold tags among all tag
sequences that IOB2 allows: a linear-chain CRF (Lafferty et al., 2001) whose
transition scores are zero if a transition is allowed and minus infinity if
not. Constrained decoding maximises the same likelihood. The CRF has no
parameters, so the model stays a plain token classifier. Half of the loss is the
cross-entropy of each token. Without it the logits of a single token mean
little: argmax fails, and so do the scores of entities.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from ner_jobs.scoring.decoding import allowed_transitions

IGNORED = -100
"""Label of a sub-token without loss, by PyTorch's convention."""

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Loss of a batch from logits (float32), labels (int64) and `first` (bool), as in `SequenceLoss`."""


def loss_named(name: Literal["sequence", "token"], labels: Sequence[str]) -> Loss:
    """The loss that a spec names.

    Args:
        name: `finetune.loss` of the spec.
        labels: IOB2 names in the order of the logits' last axis.
    """
    if name == "sequence":
        return SequenceLoss(labels)
    return lambda logits, gold, first: token_loss(logits, gold)


def token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over the labelled sub-tokens.

    Args:
        logits: float32 (batch, length, labels).
        labels: int64 (batch, length), `IGNORED` where there is no loss.
    """
    return torch.nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]), labels.reshape(-1), ignore_index=IGNORED
    )


class SequenceLoss:
    """Mean of the sequence's negative log-likelihood per token and the cross-entropy per token.

    Args:
        labels: IOB2 names in the order of the logits' last axis.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        start, step = allowed_transitions(labels)
        # Finite, and small enough to be exact in float32 sums over a window.
        self._start = torch.from_numpy(start).clamp(min=-1e4)
        self._step = torch.from_numpy(step).clamp(min=-1e4)

    def __call__(self, logits: Tensor, labels: Tensor, first: Tensor) -> Tensor:
        """The loss of a batch of windows.

        A window that begins inside a sentence may begin with I-. If IOB2 does
        not allow the gold sequence, its probability is zero; then no transition
        is forbidden, and the likelihood is that of independent tokens.

        Args:
            logits: float32 (batch, length, labels).
            labels: int64 (batch, length), `IGNORED` where there is no loss.
            first: bool (batch,), whether the window begins its sentence.
        """
        emissions, gold, mask = _compact(logits, labels)
        start, step = self._start.to(logits.device), self._step.to(logits.device)
        allowed = self._allowed(gold, mask, first, start, step)
        starts = start * (first & allowed)[:, None]
        steps = step * allowed[:, None, None]
        alpha = starts + emissions[:, 0]
        for position in range(1, emissions.shape[1]):
            following = torch.logsumexp(alpha[:, :, None] + steps, 1) + emissions[:, position]
            alpha = torch.where(mask[:, position, None], following, alpha)
        chosen = emissions.gather(2, gold[..., None]).squeeze(2) * mask
        likelihood = (torch.logsumexp(alpha, 1).sum() - chosen.sum()) / mask.sum()
        return (likelihood + token_loss(logits, labels)) / 2

    @staticmethod
    def _allowed(gold: Tensor, mask: Tensor, first: Tensor, start: Tensor, step: Tensor) -> Tensor:
        """Whether IOB2 allows each window's gold sequence: bool (batch,)."""
        begun = (start[gold[:, 0]] * first) == 0
        moves = (step[gold[:, :-1], gold[:, 1:]] * mask[:, 1:]) == 0
        return begun & moves.all(1)


def _compact(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Move the labelled positions of each window to its front.

    Returns:
        emissions (batch, tokens, labels), gold (batch, tokens), mask (batch, tokens).
    """
    labelled = labels != IGNORED
    counts = labelled.sum(1)
    length = max(int(counts.max()), 1)
    mask = torch.arange(length, device=logits.device)[None] < counts[:, None]
    emissions = logits.new_zeros(len(logits), length, logits.shape[-1])
    gold = labels.new_zeros(len(logits), length)
    emissions[mask] = logits[labelled]
    gold[mask] = labels[labelled]
    return emissions, gold, mask
