"""The English-Portuguese students of the packages as a Hugging Face model: a MarianMTModel with two differences.

A student is a small model trained on a large one's translations. Its decoder has a simpler
simple recurrent unit (SSRU, Kim et al. 2019) in place of self-attention: it carries one state along instead of looking
back at all words.
And its positions follow Marian's own formula. Importing this module makes `from_pretrained` know the model; a
checkpoint comes from `helpers.model("Helsinki-NLP/opus-mt-tc-big-en-pt")`.
"""

import copy
import math

import numpy as np
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForSeq2SeqLM, Cache, MarianConfig, MarianMTModel
from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding

from helpers.packages.students.decoding import Shortlist, greedy

# What our own greedy decoding can do; where any other setting differs from its default, generate does the work.
PLAIN = {"max_length", "max_new_tokens", "num_beams", "suppress_tokens", "eos_token_id", "pad_token_id"}
PLAIN |= {"decoder_start_token_id", "transformers_version"}


class BergamotConfig(MarianConfig):
    """Settings of a student: those of Marian, and the size of its lexical shortlist."""

    model_type = "bergamot"
    shortlist_always: int = 0
    shortlist_entries: int = 0


class SSRU(nn.Module):
    """The recurrent unit in the place of a decoder layer's self-attention.

    From the input x_t of each step: forget_t = sigmoid(W_f x_t + b_f), state_t = forget_t * state_(t-1) +
    (1 - forget_t) * W x_t, starting from zero; output relu(state_t). The states are kept as the "keys" of the layer's
    cache, one for each step: so generate's own bookkeeping counts, reorders and crops them.
    """

    def __init__(self, width: int, layer_idx: int):
        super().__init__()
        self.layer_idx = layer_idx
        self.input_proj = nn.Linear(width, width, bias=False)
        self.forget_gate = nn.Linear(width, width)

    def forward(
        self, hidden_states: torch.Tensor, past_key_values=None, cache=None, **others
    ) -> tuple[torch.Tensor, None]:
        """hidden_states: (batch, steps, width). Returns the same shape, and None: there are no attention weights.

        cache: what transformers called past_key_values before 5.24. Raises TypeError where it comes by a third name,
        because without its states every step would start from nothing, and the translation be nonsense.
        """
        if unknown := [name for name, value in others.items() if isinstance(value, Cache)]:
            raise TypeError(f"transformers calls the cache {unknown[0]!r} now. Take a version that was tested.")
        cache = past_key_values if cache is None else cache
        cache = getattr(cache, "self_attention_cache", cache)
        forget = torch.sigmoid(self.forget_gate(hidden_states))
        fresh = (1 - forget) * self.input_proj(hidden_states)
        state = torch.zeros_like(fresh[:, 0])
        if cache is not None and cache.get_seq_length(self.layer_idx):
            state = cache.layers[self.layer_idx].keys[:, 0, -1]
        states = []
        for step in range(hidden_states.shape[1]):
            state = forget[:, step] * state + fresh[:, step]
            states.append(state)
        states = torch.stack(states, dim=1)
        if cache is not None:
            keys = states.unsqueeze(1)  # (batch, 1 head, steps, width)
            cache.update(keys, keys[..., :0], self.layer_idx)
        return torch.relu(states), None


class MarianPositions(MarianSinusoidalPositionalEmbedding):
    """Sines then cosines, as Marian computes them: the rates reach exactly 1/10000 (transformers' stop before)."""

    def create_weight(self) -> torch.Tensor:
        positions, width = self.weight.shape
        rates = np.exp(np.arange(width // 2) * -(math.log(10000) / (width // 2 - 1)))
        angles = np.arange(positions)[:, None] * rates
        return torch.tensor(np.concatenate([np.sin(angles), np.cos(angles)], axis=1), dtype=self.weight.dtype)


class BergamotMTModel(MarianMTModel):
    """A student for translation: everything that MarianMTModel does.

    output_attentions (with attn_implementation="eager") gives the encoder's attentions and the cross-attentions;
    decoder_attentions is empty, because an SSRU has no attention weights. In the last layer's cross-attention the
    first head was trained to align words.
    """

    config_class = BergamotConfig
    _can_compile_fullgraph = False

    def __init__(self, config: BergamotConfig):
        super().__init__(config)
        for part in (self.model.encoder, self.model.decoder):
            part.embed_positions = MarianPositions(config.max_position_embeddings, config.d_model)
        for index, layer in enumerate(self.model.decoder.layers):
            layer.self_attn = SSRU(config.d_model, index)
        for module in self.modules():
            if isinstance(module, nn.LayerNorm):
                module.eps = 1e-6  # Marian's
        self.shortlist = Shortlist(config.shortlist_always, config.pad_token_id, config.shortlist_entries)
        self.post_init()

    def generate(self, inputs: torch.Tensor | None = None, *, shortlist: bool = False, **options):
        """As in every model; with shortlist=True only tokens of the lexical shortlist may be chosen.

        The same as logits_processor=[model.shortlist.processor(input_ids)]; plain greedy decoding takes less than half
        of the time. Raises ValueError for a model without a shortlist.
        """
        if not shortlist:
            return super().generate(inputs, **options)
        if not self.config.shortlist_entries:
            raise ValueError("This model has no lexical shortlist. Leave out shortlist=True.")
        source = options["input_ids"] if inputs is None else inputs
        settings = copy.deepcopy(options.get("generation_config") or self.generation_config)
        others = settings.update(**{name: value for name, value in options.items() if name != "generation_config"})
        plain = settings.to_diff_dict().keys() <= PLAIN and settings.num_beams in (None, 1)
        if plain and others.keys() <= {"input_ids", "attention_mask"}:
            mask = options.get("attention_mask")
            mask = (source != self.config.pad_token_id).long() if mask is None else mask
            longest = settings.max_new_tokens + 1 if settings.max_new_tokens else settings.max_length
            suppressed = settings.suppress_tokens or []
            return greedy(self, source, mask, min(longest, self.config.max_position_embeddings), suppressed)
        processors = [self.shortlist.processor(source), *options.pop("logits_processor", [])]
        return super().generate(inputs, logits_processor=processors, **options)


AutoConfig.register(BergamotConfig.model_type, BergamotConfig, exist_ok=True)
AutoModelForSeq2SeqLM.register(BergamotConfig, BergamotMTModel, exist_ok=True)
