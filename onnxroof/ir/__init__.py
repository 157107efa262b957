"""The workload: typed, immutable, knows nothing of onnx."""
