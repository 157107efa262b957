"""`python -m onnxroof`."""

from onnxroof.cli.main import main

main()
