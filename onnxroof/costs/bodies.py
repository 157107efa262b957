"""Operators that never run as such: what stands for them is counted in their place."""

from __future__ import annotations

from onnxroof.costs.registry import expanded

__all__: list[str] = []

expanded("If", reason="Expanded: the nodes of the branch that is taken, of the one with more work where data decide.")
expanded("Loop", "Scan", reason="Expanded: the nodes of its body, once for each trip.")
expanded(
    "SequenceMap",
    reason="Expanded by the standard's own definition: a Loop over the sequence, its body once an element.",
)
expanded(
    "BeamSearch",
    "GreedySearch",
    "Sampling",
    "WhisperBeamSearch",
    domain="com.microsoft",
    reason="Expanded: the nodes of the decoder that it runs, once over the prompt and once for each further token.",
)
expanded(
    "FlexAttention",
    domain="ai.onnx.preview",
    reason="Expanded by the standard's own definition: two products, a softmax, and the graphs that change scores.",
)
