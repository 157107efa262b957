"""An ONNX file to a workload; the only package that imports onnx."""
