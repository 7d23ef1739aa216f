"""Cross-attention as word alignment: which source piece a translation model looks at when it writes a piece."""

import pandas as pd
import torch


def copied_pieces(source: list[int], target: list[int], tokenizer) -> list[tuple[int, int]]:
    """Pieces that were taken over unchanged (names, numbers): pairs of their places (target, source).

    source, target: input ids. Only pieces with a letter or digit that stand in each exactly once: there the place
    they came from is known without anybody having aligned the words by hand.
    """
    places = []
    for place, piece in enumerate(target):
        if piece in tokenizer.all_special_ids or source.count(piece) != 1 or target.count(piece) != 1:
            continue
        if any(character.isalnum() for character in tokenizer.decode([piece])):
            places.append((place, source.index(piece)))
    return places


@torch.inference_mode()
def head_scores(texts: list[str], model, tokenizer) -> pd.DataFrame:
    """How often each head of the cross-attention looks at the right piece: layers in rows, heads in columns.

    A head is right where its largest weight, while a copied piece is written, lies on the piece's place in the source.
    Values are shares from 0 to 1 of all copied pieces in the texts and their greedy translations.

    model: with attn_implementation="eager". Raises ValueError where no piece is copied, or without attention weights.
    """
    right, pieces = 0, 0
    for text in texts:
        batch = tokenizer(text, return_tensors="pt").to(model.device)
        ids = model.generate(**batch, num_beams=1, do_sample=False)
        found = copied_pieces(batch["input_ids"][0].tolist(), ids[0, 1:].tolist(), tokenizer)
        if not found:
            continue
        # Row t of the weights belongs to the step that read piece t and wrote piece t + 1.
        output = model(**batch, decoder_input_ids=ids[:, :-1], output_attentions=True)
        if not output.cross_attentions or output.cross_attentions[0] is None:
            raise ValueError('The model gave no attention weights. Load it with attn_implementation="eager".')
        looked = torch.cat(output.cross_attentions).argmax(dim=-1)  # (layers, heads, target)
        target, source = torch.tensor(found).T
        right = right + (looked[:, :, target] == source.to(looked.device)).sum(dim=-1)
        pieces += len(found)
    if not pieces:
        raise ValueError("No piece of these texts was copied. Give texts with names and numbers.")
    return pd.DataFrame((right / pieces).cpu().numpy()).rename_axis(index="layer", columns="head")
