"""Text and speech: encoders, decoders with keys and values of the past, a mixture of experts, an LSTM, Whisper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import transformers

from makers.exporting import export, export_hollow, hollow, trace

Cache = list[tuple[torch.Tensor, torch.Tensor]]
"""For each layer keys and values (batch, heads, tokens, depth)."""


class Encoder(torch.nn.Module):
    """A BERT from token ids to hidden states."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Hidden states (batch, sequence, hidden) and the pooled state (batch, hidden)."""
        out = self.model(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids, return_dict=False
        )
        return out[0], out[1]


class Decoder(torch.nn.Module):
    """A causal language model that takes keys and values of the past and returns them grown."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, past: Cache) -> tuple[torch.Tensor, Cache]:
        """Logits (batch, sequence, vocabulary) and the grown past."""
        cache = transformers.DynamicCache(past)
        out = self.model(input_ids=input_ids, attention_mask=attention_mask, past_key_values=cache, use_cache=True)
        return out.logits, [(layer.keys, layer.values) for layer in out.past_key_values.layers]


class SpeechEncoder(torch.nn.Module):
    """Whisper's encoder, which also makes the keys and values that every step of the decoder looks at."""

    def __init__(self, model: transformers.WhisperForConditionalGeneration) -> None:
        super().__init__()
        self.encoder = model.model.encoder
        self.attentions = torch.nn.ModuleList(layer.encoder_attn for layer in model.model.decoder.layers)

    def forward(self, input_features: torch.Tensor) -> Cache:
        """Keys and values of each decoder layer from log-mel features (batch, 80, 3000)."""
        hidden = self.encoder(input_features).last_hidden_state
        return [
            (self._heads(attention, attention.k_proj(hidden)), self._heads(attention, attention.v_proj(hidden)))
            for attention in self.attentions
        ]

    @staticmethod
    def _heads(attention: torch.nn.Module, projected: torch.Tensor) -> torch.Tensor:
        return projected.unflatten(-1, (attention.num_heads, attention.head_dim)).transpose(1, 2)


class SpeechDecoder(torch.nn.Module):
    """Whisper's decoder: tokens, the past of their own and what the encoder made of the sound."""

    def __init__(self, model: transformers.WhisperForConditionalGeneration) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, past: Cache, sound: Cache) -> tuple[torch.Tensor, Cache]:
        """Logits (batch, sequence, vocabulary) and the grown past."""
        cache = transformers.EncoderDecoderCache(transformers.DynamicCache(past), transformers.DynamicCache(sound))
        frames, width = sound[0][0].shape[2], self.model.config.d_model
        unused = sound[0][0].new_zeros(input_ids.shape[0], frames, width)  # keys and values of the sound are given
        out = self.model(decoder_input_ids=input_ids, encoder_outputs=(unused,), past_key_values=cache, use_cache=True)
        grown = out.past_key_values.self_attention_cache
        return out.logits, [(layer.keys, layer.values) for layer in grown.layers]


class WordModel(torch.nn.Module):
    """The large word-level language model of Zaremba et al., "Recurrent Neural Network Regularization" (2014)."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(10_000, 1500)
        self.lstm = torch.nn.LSTM(1500, 1500, num_layers=2, batch_first=True)
        self.head = torch.nn.Linear(1500, 10_000)

    def forward(
        self, input_ids: torch.Tensor, hidden: torch.Tensor, cell: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits (batch, sequence, vocabulary) and both states (layers, batch, hidden) after the last word."""
        out, (hidden, cell) = self.lstm(self.embedding(input_ids), (hidden, cell))
        return self.head(out), hidden, cell


def bert_base(path: Path) -> None:
    """BERT-base without a head, dynamic batch and sequence."""
    ids = torch.ones(2, 16, dtype=torch.int64)
    axes = {0: "batch", 1: "sequence"}
    trace(
        Encoder(transformers.BertModel(transformers.BertConfig(attn_implementation="eager"))),
        (ids, ids, ids),
        path,
        inputs={"input_ids": axes, "attention_mask": axes, "token_type_ids": axes},
        outputs={"last_hidden_state": axes, "pooler_output": {0: "batch"}},
    )


def bert_base_fused(path: Path) -> None:
    """The same, fused by ONNX Runtime's optimizer for transformers."""
    from onnxruntime.transformers.optimizer import optimize_model

    exported = path.with_suffix(".exported.onnx")
    bert_base(exported)
    optimize_model(str(exported), model_type="bert", num_heads=12, hidden_size=768).save_model_to_file(str(path))


def gpt2(path: Path) -> None:
    """GPT-2 (124 million parameters) with keys and values of the past, dynamic batch, sequence and past."""
    config = transformers.GPT2Config()
    model = transformers.GPT2LMHeadModel(config)
    _export_decoder(export, model, config.n_layer, config.n_head, config.n_embd // 12, path)


def tinyllama_1b(path: Path) -> None:
    """TinyLlama-1.1B in float16: grouped heads (32 on 4), rotary embedding, gated MLP, past keys and values."""
    config = transformers.LlamaConfig(
        vocab_size=32000,
        hidden_size=2048,
        intermediate_size=5632,
        num_hidden_layers=22,
        num_attention_heads=32,
        num_key_value_heads=4,
        max_position_embeddings=2048,
    )
    torch.set_default_dtype(torch.float16)
    try:
        model = transformers.LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(torch.float32)
    _export_decoder(export, model, config.num_hidden_layers, config.num_key_value_heads, 64, path)


def llama3_8b(path: Path) -> None:
    """Llama 3 8B in float16: grouped heads (32 on 8), past keys and values."""
    config = transformers.LlamaConfig(
        vocab_size=128_256,
        hidden_size=4096,
        intermediate_size=14_336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        max_position_embeddings=8192,
    )
    with hollow(torch.float16):
        model = transformers.LlamaForCausalLM(config)
    _export_decoder(export_hollow, model, config.num_hidden_layers, config.num_key_value_heads, 128, path)


def olmoe_1b_7b(path: Path) -> None:
    """OLMoE-1B-7B in float16: 8 of 64 experts for each token, whose weights are gathered; past keys and values."""
    config = transformers.OlmoeConfig(intermediate_size=1024)
    config._experts_implementation = "batched_mm"
    with hollow(torch.float16):
        model = transformers.OlmoeForCausalLM(config)
    _export_decoder(export_hollow, model, config.num_hidden_layers, config.num_key_value_heads, 128, path)


def lstm_words(path: Path) -> None:
    """Two LSTM layers of 1500 over words, dynamic batch and sequence."""
    state = torch.zeros(2, 2, 1500)
    trace(
        WordModel(),
        (torch.ones(2, 3, dtype=torch.int64), state, state.clone()),
        path,
        inputs={"input_ids": {0: "batch", 1: "sequence"}, "hidden": {1: "batch"}, "cell": {1: "batch"}},
        outputs={"logits": {0: "batch", 1: "sequence"}, "next_hidden": {1: "batch"}, "next_cell": {1: "batch"}},
    )


def whisper_base_encoder(path: Path) -> None:
    """Whisper base: 30 seconds of sound to keys and values for the decoder, dynamic batch."""
    config = _whisper_base()
    export(
        SpeechEncoder(transformers.WhisperForConditionalGeneration(config)),
        (torch.zeros(2, config.num_mel_bins, 3000),),
        path,
        inputs=["input_features"],
        outputs=[f"sound.{name}" for name in _cache_names(config.decoder_layers)],
        axes={"input_features": {0: "batch"}},
    )


def whisper_base_decoder(path: Path) -> None:
    """Whisper base: the next tokens from those so far and the encoder's keys and values; dynamic past."""
    config = _whisper_base()
    layers, heads = config.decoder_layers, config.decoder_attention_heads
    depth = config.d_model // heads
    names = _cache_names(layers)
    export(
        SpeechDecoder(transformers.WhisperForConditionalGeneration(config)),
        (
            torch.ones(2, 3, dtype=torch.int64),
            _empty_caches(layers, (2, heads, 5, depth), torch.float32),
            _empty_caches(layers, (2, heads, 1500, depth), torch.float32),
        ),
        path,
        inputs=[
            "input_ids",
            *(f"past_key_values.{name}" for name in names),
            *(f"sound.{name}" for name in names),
        ],
        outputs=["logits", *(f"present.{name}" for name in names)],
        axes={
            "input_ids": {0: "batch", 1: "sequence"},
            "past": [({0: "batch", 2: "past_sequence"},) * 2] * layers,
            "sound": [({0: "batch"},) * 2] * layers,
        },
    )


def _whisper_base() -> transformers.WhisperConfig:
    return transformers.WhisperConfig(
        d_model=512,
        encoder_layers=6,
        encoder_attention_heads=8,
        encoder_ffn_dim=2048,
        decoder_layers=6,
        decoder_attention_heads=8,
        decoder_ffn_dim=2048,
    )


def _cache_names(layers: int) -> list[str]:
    return [f"{i}.{kind}" for i in range(layers) for kind in ("key", "value")]


def _empty_caches(layers: int, dims: tuple[int, ...], dtype: torch.dtype) -> Cache:
    """No tensor twice: the exporter would take all inputs that are one tensor for one input."""
    return [(torch.zeros(dims, dtype=dtype), torch.zeros(dims, dtype=dtype)) for _ in range(layers)]


def _export_decoder(
    write: Callable[..., None], model: torch.nn.Module, layers: int, heads: int, depth: int, path: Path
) -> None:
    """`heads` and `depth` are those of the keys and values."""
    batch, sequence, past = 2, 3, 5
    ids = torch.ones(batch, sequence, dtype=torch.int64)
    mask = torch.ones(batch, past + sequence, dtype=torch.int64)
    state_axes = {0: "batch", 2: "past_sequence"}
    names = _cache_names(layers)
    write(
        Decoder(model),
        (ids, mask, _empty_caches(layers, (batch, heads, past, depth), model.dtype)),
        path,
        inputs=["input_ids", "attention_mask", *(f"past_key_values.{name}" for name in names)],
        outputs=["logits", *(f"present.{name}" for name in names)],
        axes={
            "input_ids": {0: "batch", 1: "sequence"},
            "attention_mask": {0: "batch", 1: "past_sequence + sequence"},
            "past": [(state_axes, state_axes) for _ in range(layers)],
        },
    )
