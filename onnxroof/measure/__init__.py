"""ONNX Runtime on this machine; the only package that imports it."""
