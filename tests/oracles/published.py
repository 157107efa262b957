"""Networks with published shapes, written out as ONNX text."""

from __future__ import annotations

__all__ = ["resnet18"]


def resnet18() -> str:
    """ResNet-18 for one image of 224 x 224, batch normalization folded away, without biases."""
    nodes: list[str] = []
    weights: list[str] = []

    def conv(source: str, name: str, shape: tuple[int, int, int], stride: int) -> str:
        filters, channels, taps = shape
        weights.append(f"float[{filters},{channels},{taps},{taps}] {name}_w")
        pad = taps // 2
        nodes.append(
            f"{name} = Conv <kernel_shape = [{taps},{taps}], strides = [{stride},{stride}], "
            f"pads = [{pad},{pad},{pad},{pad}]> ({source}, {name}_w)"
        )
        return name

    def relu(source: str) -> str:
        nodes.append(f"{source}_r = Relu({source})")
        return f"{source}_r"

    last = relu(conv("x", "stem", (64, 3, 7), 2))
    nodes.append(f"pool = MaxPool <kernel_shape = [3,3], strides = [2,2], pads = [1,1,1,1]> ({last})")
    last, channels = "pool", 64
    for stage, filters in enumerate((64, 128, 256, 512)):
        for block in range(2):
            stride = 2 if stage and not block else 1
            name = f"s{stage}b{block}"
            inner = relu(conv(last, f"{name}a", (filters, channels, 3), stride))
            inner = conv(inner, f"{name}b", (filters, filters, 3), 1)
            if stride == 2:
                last = conv(last, f"{name}d", (filters, channels, 1), 2)
            nodes.append(f"{name} = Add({inner}, {last})")
            last, channels = relu(name), filters
    nodes.append(f"g = GlobalAveragePool({last}) f = Flatten(g) y = MatMul(f, fc)")
    weights.append("float[512,1000] fc")
    return f"g (float[1,3,224,224] x) => (float[1,1000] y) <{', '.join(weights)}> {{ {' '.join(nodes)} }}"
