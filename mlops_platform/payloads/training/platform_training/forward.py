"""Logits of a batch: padded to its longest text, or packed without any padding."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .batches import Encoded, Ints, by_length
from .devices import Device
from .errors import TrainingError
from .first_token import first_token_logits, fits

if TYPE_CHECKING:
    import torch

_PACKED = "platform_packed"
_INFERENCE_ROWS = 256
_ROUND = 64  # a packed batch's longest text counts as a multiple of this: a compiled model sees few lengths


def logits(model: Any, encoded: Encoded, rows: Ints, device: Device) -> "torch.Tensor":
    """Logits of the rows padded to the longest, (rows, labels), in fp32."""
    tokens, mask = encoded.padded(rows)
    move = {"device": device.torch_device, "non_blocking": True}
    tokens, mask = tokens.to(**move), None if mask is None else mask.to(**move)
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    with device.autocast():
        # On a GPU the compiled model is called as it is.
        if not device.cuda and fits(inner):
            return first_token_logits(inner, tokens, mask).float()
        return model(input_ids=tokens, attention_mask=mask).logits.float()


def probabilities(
    model: Any, encoded: Encoded, device: Device, each: Callable[[], None] = lambda: None
) -> NDArray[np.float32]:
    """Probability of each label for every text, (texts, labels), in the texts' order.

    Args:
        each: called before each batch.
    """
    import torch

    was_training = model.training
    model.eval()
    found: NDArray[np.float32] = np.zeros((len(encoded), int(model.config.num_labels)), dtype=np.float32)
    with torch.inference_mode():
        for rows in by_length(encoded.lengths, _INFERENCE_ROWS):
            each()
            found[rows] = torch.softmax(logits(model, encoded, rows, device), dim=-1).cpu().numpy()
    model.train(was_training)
    return found


def suit(model: Any, device: Device) -> Any:
    """The model on the device, with the attention that is fastest there.

    On a CPU in bf16 the backward pass of PyTorch 2.13's fused attention takes seven times that of plain matrix
    products for short texts.
    """
    if device.bf16 and not device.cuda:
        inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        inner.set_attn_implementation("eager")
    return model.to(device.torch_device)


def use_packed(model: Any) -> None:
    """Lets the model take packed batches.

    Raises:
        TrainingError: the model is no BERT.
    """
    from transformers import AttentionInterface
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS

    if model.config.model_type != "bert":
        raise TrainingError(
            f"batching is packed, and the checkpoint is of type {model.config.model_type}; only bert can be packed. "
            "Use batching buckets."
        )
    AttentionInterface.register(_PACKED, _packed_attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(_PACKED, lambda *_, **__: None)


def packed_logits(
    model: Any, encoded: Encoded, rows: Ints, device: Device, forward: Any = None
) -> "torch.Tensor":
    """As `logits`, without padding: one long row of texts end to end, each attending to itself only.

    Args:
        forward: `packed_forward`, or that compiled.
    """
    import torch

    tokens, starts = encoded.packed(rows)
    lengths = torch.diff(starts)
    places = torch.arange(len(tokens)) - torch.repeat_interleave(starts[:-1], lengths)
    longest = -(-int(lengths.max()) // _ROUND) * _ROUND
    move = {"device": device.torch_device, "non_blocking": True}
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    usual = inner.config._attn_implementation
    inner.config._attn_implementation = _PACKED
    try:
        with device.autocast():
            found = (forward or packed_forward)(
                inner,
                tokens[None].to(**move),
                places[None].to(**move),
                starts.to(torch.int32).to(**move),
                longest,
            )
    finally:
        inner.config._attn_implementation = usual
    return found.float()


def packed_forward(
    model: Any, tokens: "torch.Tensor", places: "torch.Tensor", starts: "torch.Tensor", longest: int
) -> "torch.Tensor":
    """Logits, (texts, labels), of a packed row, by a BERT that `packed_logits` has set to packed attention.

    Args:
        tokens, places: numbers of the tokens, and their places in their texts, (1, tokens).
        starts: where each text begins, and the end, (texts + 1,), int32.
        longest: at least the tokens of the longest text.
    """
    embedded = model.bert.embeddings(input_ids=tokens, position_ids=places)
    hidden = model.bert.encoder(embedded, attention_mask=None, starts=starts, longest=longest)
    first = hidden.last_hidden_state[0, starts[:-1].long()]
    return model.classifier(model.dropout(model.bert.pooler(first[:, None])))


def _packed_attention(
    _module: Any,
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    _mask: "torch.Tensor | None",
    *,
    starts: "torch.Tensor",
    longest: int,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> "tuple[torch.Tensor, None]":
    """Attention within each text of a packed row: (1, heads, tokens, width) to (1, tokens, heads, width)."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    if query.is_cuda and not dropout:
        from torch.nn.attention.varlen import varlen_attn

        q, k, v = (one[0].transpose(0, 1).contiguous() for one in (query, key, value))
        return varlen_attn(q, k, v, starts, starts, longest, longest, scale=scaling)[None], None
    of = torch.repeat_interleave(torch.diff(starts).long())
    same = (of[:, None] == of[None, :])[None, None]
    found = scaled_dot_product_attention(query, key, value, attn_mask=same, dropout_p=dropout, scale=scaling)
    return found.transpose(1, 2), None
