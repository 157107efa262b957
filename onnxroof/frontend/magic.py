"""What is a file that is no ONNX model, judged by its first bytes?"""

from __future__ import annotations

__all__ = ["HEAD_BYTES", "kind_of_file"]

HEAD_BYTES = 512
"""How many of the first bytes are asked for."""

# (offset, bytes, what it is, how to get an ONNX model out of it)
_MAGICS: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"version https://git-lfs", "a Git LFS pointer, not the file itself", "fetch it with `git lfs pull`"),
    (0, b"PK\x03\x04", "a zip archive, as `torch.save` writes", "export the model with `torch.onnx.export`"),
    (0, b"\x80\x02", "a Python pickle", "export the model with `torch.onnx.export`"),
    (0, b"\x80\x03", "a Python pickle", "export the model with `torch.onnx.export`"),
    (0, b"\x80\x04", "a Python pickle", "export the model with `torch.onnx.export`"),
    (0, b"\x80\x05", "a Python pickle", "export the model with `torch.onnx.export`"),
    (8, b'{"', "a safetensors file: weights without a graph", "export the model that they belong to"),
    (0, b"GGUF", "a GGUF file", "export the model that it was made from"),
    (4, b"TFL3", "a TensorFlow Lite model", "convert it with tf2onnx"),
    (4, b"ORTM", "a model in ONNX Runtime's own format", "give the .onnx file that it was made from"),
    (0, b"\x89HDF\r\n", "an HDF5 file, as Keras writes", "convert it with tf2onnx"),
    (0, b"\x89PNG", "a PNG image", ""),
    (0, b"\xff\xd8\xff", "a JPEG image", ""),
    (0, b"GIF8", "a GIF image", ""),
    (0, b"%PDF", "a PDF document", ""),
    (0, b"\x1f\x8b", "a gzip archive", "unpack it"),
    (0, b"7z\xbc\xaf", "a 7z archive", "unpack it"),
    (257, b"ustar", "a tar archive", "unpack it"),
)
_TEXT_FORMAT_WORDS = ("ir_version", "opset_import", "graph {", "producer_name")


def kind_of_file(head: bytes) -> tuple[str, str] | None:
    """What the file is and what to do about it ("" if nothing); None if it may be an ONNX model.

    Args:
        head: The first `HEAD_BYTES` bytes of the file, fewer if it is shorter.
    """
    for offset, magic, kind, hint in _MAGICS:
        if head.startswith(magic, offset):
            return kind, hint
    try:
        text = head.decode("ascii").lstrip()
    except UnicodeDecodeError:
        return None
    if not all(c.isprintable() or c.isspace() for c in text):
        return None
    if any(word in text for word in _TEXT_FORMAT_WORDS):
        return "a model in a text format", "save it as binary: `onnx.save(onnx.load(TEXT_FILE), 'model.onnx')`"
    if text[:1] == "<":
        return "a web page or XML", "check that the download went through"
    return "text", ""
