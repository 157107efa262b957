"""onnxroof: how an ONNX model will run on accelerators, before anything is compiled or bought."""

__version__ = "0.1.0"
