"""`python -m onnxroof`."""

from onnxroof.cli.main import run

run()
