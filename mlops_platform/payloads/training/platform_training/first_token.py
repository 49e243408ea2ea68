"""A BERT classifier's logits without what nobody reads.

The classifier looks at the first token of the last layer only. There the other tokens need keys and values, but
neither queries nor the feed-forward half: of a model of six layers that is a seventh of all work, forward and
backward. Logits and gradients are those of the whole layer.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def fits(model: Any) -> bool:
    """True for a BERT sequence classifier, the head of which is as described."""
    return bool(type(model).__name__ == "BertForSequenceClassification" and not model.config.is_decoder)


def first_token_logits(model: Any, tokens: "torch.Tensor", mask: "torch.Tensor | None") -> "torch.Tensor":
    """Logits, (rows, labels), of padded rows.

    Args:
        tokens: (rows, longest).
        mask: 1 where a token is real, (rows, longest); None where none is padding.
    """
    import torch

    hidden = model.bert.embeddings(input_ids=tokens)
    added = None  # to the attention scores, (rows, 1, 1, longest)
    if mask is not None:
        lowest = torch.finfo(hidden.dtype).min
        added = ((1.0 - mask.to(hidden.dtype)) * lowest)[:, None, None, :]
    *layers, last = model.bert.encoder.layer
    for layer in layers:
        hidden = layer(hidden, added)
    first = _attention(last.attention, hidden, added)
    first = last.output(last.intermediate(first), first)
    return model.classifier(model.dropout(model.bert.pooler(first)))


def _attention(attention: Any, hidden: "torch.Tensor", added: "torch.Tensor | None") -> "torch.Tensor":
    """The attention block's output for the first token, (rows, 1, width)."""
    import torch

    inner, first = attention.self, hidden[:, :1]

    def by_head(states: "torch.Tensor") -> "torch.Tensor":
        return states.unflatten(-1, (inner.num_attention_heads, inner.attention_head_size)).transpose(1, 2)

    query, key, value = by_head(inner.query(first)), by_head(inner.key(hidden)), by_head(inner.value(hidden))
    scores = query @ key.transpose(-1, -2) * inner.scaling
    if added is not None:
        scores = scores + added
    found = inner.dropout(torch.softmax(scores, dim=-1)) @ value
    return attention.output(found.transpose(1, 2).flatten(2), first)
