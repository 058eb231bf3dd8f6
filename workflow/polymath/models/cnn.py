"""A small convolutional network as a transformers model, so that it trains like any other."""

from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
    initialization,
)
from transformers.modeling_outputs import BaseModelOutputWithPooling, SequenceClassifierOutput


class CnnConfig(PreTrainedConfig):
    """Sizes of the network, named as in other encoders where they mean the same."""

    model_type = "polymath-cnn"

    vocab_size: int = 30522
    hidden_size: int = 128
    num_hidden_layers: int = 3
    kernel_size: int = 5
    hidden_dropout_prob: float | int = 0.1
    initializer_range: float = 0.02
    pad_token_id: int | None = 0


class Block(nn.Module):
    """A residual block: normalisation and a dilated convolution over positions."""

    def __init__(self, config: CnnConfig, dilation: int) -> None:
        super().__init__()
        width = config.hidden_size
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, width, config.kernel_size, padding="same", dilation=dilation)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, states: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        """Return the next states (rows, length, width).

        Padded positions are zero in the convolution's input, as are those beyond the ends, so that
        a row's result does not depend on its padding.
        """
        read = (self.norm(states) * kept).transpose(1, 2)
        seen = nn.functional.gelu(self.conv(read)).transpose(1, 2)
        output: torch.Tensor = states + self.dropout(seen)
        return output


class CnnPreTrainedModel(PreTrainedModel):
    """What transformers asks of both classes."""

    config_class = CnnConfig
    base_model_prefix = "cnn"
    _input_embed_layer = "word_embeddings"

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Draw convolutions by He's rule for their fan-in, the rest as other encoders do."""
        super()._init_weights(module)
        if isinstance(module, nn.Conv1d):
            initialization.kaiming_normal_(module.weight, nonlinearity="relu")


class CnnModel(CnnPreTrainedModel):
    """Word embeddings, dilated convolutions, and the maximum and mean over positions."""

    def __init__(self, config: CnnConfig) -> None:
        super().__init__(config)
        self.word_embeddings: nn.Module = nn.Embedding(
            config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id
        )
        self.embedding_norm = nn.LayerNorm(config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.blocks = nn.ModuleList(
            Block(config, 2**number) for number in range(config.num_hidden_layers)
        )
        self.norm = nn.LayerNorm(config.hidden_size)
        self.post_init()

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any
    ) -> BaseModelOutputWithPooling:
        """Return the states (rows, length, width), and maximum and mean (rows, 2 × width)."""
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        states = self.dropout(self.embedding_norm(self.word_embeddings(input_ids)))
        kept = attention_mask[..., None].to(states.dtype)
        for block in self.blocks:
            states = block(states, kept)
        states = self.norm(states)
        largest = states.masked_fill(kept == 0, -torch.inf).amax(dim=1)
        mean = (states * kept).sum(dim=1) / kept.sum(dim=1)
        return BaseModelOutputWithPooling(
            last_hidden_state=states, pooler_output=torch.cat([largest, mean], dim=-1)
        )


class CnnForSequenceClassification(CnnPreTrainedModel):
    """The network with a linear classifier on the pooled states."""

    def __init__(self, config: CnnConfig) -> None:
        super().__init__(config)
        self.cnn = CnnModel(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(2 * config.hidden_size, config.num_labels)
        self.post_init()

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any
    ) -> SequenceClassifierOutput:
        """Return logits (rows, classes)."""
        pooled = self.cnn(input_ids, attention_mask).pooler_output
        return SequenceClassifierOutput(logits=self.classifier(self.dropout(pooled)))


AutoConfig.register(CnnConfig.model_type, CnnConfig)
AutoModel.register(CnnConfig, CnnModel)
AutoModelForSequenceClassification.register(CnnConfig, CnnForSequenceClassification)
