"""The lexical shortlist of a translation model: for each source sentence, the few target pieces it may use.

A student was made to be fast, and most of its work would be to score all 32,000 pieces at each step. A table from word
alignments (which pieces translate which) leaves some hundreds. It is also a bridle: without it a translation may use
any word, and one in ten sentences comes out a little different.
"""

import torch
from torch import nn
from transformers import LogitsProcessor

GRANULARITY = 8  # Marian fills a shortlist up to a multiple of this with the next frequent pieces


class Shortlist(nn.Module):
    """The table, as part of a model, so that it is saved, loaded and moved with it.

    always: how many of the most frequent pieces every sentence may use; offsets: (source pieces + 1,) and
    targets: (entries,), so that source piece i allows targets[offsets[i] : offsets[i + 1]].
    """

    def __init__(self, always: int, source_pieces: int, entries: int):
        super().__init__()
        self.always = always
        self.offsets = nn.Buffer(torch.zeros(source_pieces + 1, dtype=torch.int32))
        self.targets = nn.Buffer(torch.zeros(entries, dtype=torch.int32))

    def allowed(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Which pieces the translation of each sentence may use.

        input_ids: (sentences, pieces), padded or not. Returns bools: (sentences, vocabulary without padding). Allowed
        are the frequent pieces and those that the table gives for a piece of the sentence.
        """
        size = len(self.offsets) - 1
        allowed = torch.zeros(len(input_ids), size, dtype=torch.bool, device=input_ids.device)
        allowed[:, : self.always] = True
        offsets = self.offsets.tolist()
        for row, ids in zip(allowed, input_ids.tolist(), strict=True):
            found = [self.targets[offsets[piece] : offsets[piece + 1]] for piece in set(ids) if piece < size]
            row[torch.cat(found).long()] = True
            missing = -int(row.sum()) % GRANULARITY
            row[(~row).nonzero()[:missing, 0]] = True
        return allowed

    def processor(self, input_ids: torch.Tensor) -> "ShortlistProcessor":
        """For `generate(..., logits_processor=[...])` with the same input_ids."""
        return ShortlistProcessor(self.allowed(input_ids))


class ShortlistProcessor(LogitsProcessor):
    """Sets the score of every piece that a sentence may not use to minus infinity.

    allowed: (sentences, pieces) bools; pieces of the vocabulary beyond these (padding) are left as they are.
    """

    def __init__(self, allowed: torch.Tensor):
        self.forbidden = ~allowed

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """scores: (sentences * beams, vocabulary); returns the same shape."""
        forbidden = self.forbidden.repeat_interleave(len(scores) // len(self.forbidden), dim=0)
        beyond = scores.shape[1] - forbidden.shape[1]
        return scores.masked_fill(nn.functional.pad(forbidden, (0, beyond)), -torch.inf)
