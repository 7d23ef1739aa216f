"""How much memory a training step takes, counted."""


def beside_weights(model, collator, rows) -> dict[str, int]:
    """Bytes that one training step needs beside the weights: gradients, the optimizer's averages, kept results.

    rows: tokenized texts of one batch. Counted, not timed: a gradient and Adam's two averages in 32 bits for each
    trained parameter, and every result of the forward pass in float32 that is kept for the backward pass.
    """
    import torch

    kept = {}
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    names = ("input_ids", "attention_mask", "token_type_ids", "label")
    batch = collator([{name: row[name] for name in names if name in row} for row in rows])
    modes = {module: module.training for module in model.modules()}
    model.train()  # with dropout, which from_pretrained turns off: its masks are kept too
    try:
        with torch.random.fork_rng(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            model(**{name: tensor.to(model.device) for name, tensor in batch.items()})
    finally:
        for module, mode in modes.items():
            module.training = mode
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    return {"gradients": 4 * trained, "optimizer": 8 * trained, "kept results": sum(kept.values())}
