"""Multiply-accumulates of published networks, added up from the tables of their papers: no graph is read.

Each function takes the dimensions of a run and gives the sum over the layers; a layer is one product of extents.
"""

__all__ = [
    "efficientnet_b0",
    "llama",
    "lstm_words",
    "mobilenet_v3_large",
    "olmoe",
    "ssdlite320",
    "stable_diffusion_unet",
    "whisper_base_decoder",
    "whisper_base_encoder",
]


def conv(side, inputs, outputs, kernel):
    """A square convolution to side x side."""
    return side**2 * inputs * outputs * kernel**2


def depthwise(side, channels, kernel):
    return side**2 * channels * kernel**2


def inverted_residual(side, stride, inputs, wide, outputs, kernel, squeezed):
    """Widen, filter each channel, squeeze and excite, narrow; no widening where it would change nothing."""
    small = -(-side // stride)
    macs = conv(side, inputs, wide, 1) if wide != inputs else 0
    return macs + depthwise(small, wide, kernel) + 2 * wide * squeezed + conv(small, wide, outputs, 1)


def efficientnet_b0():
    """Tan and Le, "EfficientNet" (2019), table 1, one image of 224 x 224."""
    stages = (  # factor, channels, layers, stride, kernel
        (1, 16, 1, 1, 3),
        (6, 24, 2, 2, 3),
        (6, 40, 2, 2, 5),
        (6, 80, 3, 2, 3),
        (6, 112, 3, 1, 5),
        (6, 192, 4, 2, 5),
        (6, 320, 1, 1, 3),
    )
    side, channels = 112, 32
    macs = conv(side, 3, channels, 3)
    for factor, outputs, layers, first_stride, kernel in stages:
        for layer in range(layers):
            stride = first_stride if layer == 0 else 1
            # squeezed to a quarter of the channels that enter the block
            macs += inverted_residual(side, stride, channels, factor * channels, outputs, kernel, channels // 4)
            side, channels = side // stride, outputs
    return macs + conv(side, channels, 1280, 1) + 1280 * 1000


# Howard et al., "Searching for MobileNetV3" (2019), table 1: kernel, wide, outputs, squeeze?, stride. Squeezed to a
# quarter of the wide channels, rounded to a multiple of eight.
_MOBILENET_V3_LARGE = (
    (3, 16, 16, 0, 1),
    (3, 64, 24, 0, 2),
    (3, 72, 24, 0, 1),
    (5, 72, 40, 24, 2),
    (5, 120, 40, 32, 1),
    (5, 120, 40, 32, 1),
    (3, 240, 80, 0, 2),
    (3, 200, 80, 0, 1),
    (3, 184, 80, 0, 1),
    (3, 184, 80, 0, 1),
    (3, 480, 112, 120, 1),
    (3, 672, 112, 168, 1),
    (5, 672, 160, 168, 2),
    (5, 960, 160, 240, 1),
    (5, 960, 160, 240, 1),
)


def mobilenet_v3_large():
    """One image of 224 x 224."""
    side, channels = 112, 16
    macs = conv(side, 3, channels, 3)
    for kernel, wide, outputs, squeezed, stride in _MOBILENET_V3_LARGE:
        macs += inverted_residual(side, stride, channels, wide, outputs, kernel, squeezed)
        side, channels = side // stride, outputs
    return macs + conv(side, channels, 960, 1) + 960 * 1280 + 1280 * 1000


def ssdlite320():
    """MobileNetV3-large on 320 x 320 whose tail is half as wide, and SSDlite's heads on six maps: 91 classes."""
    side, channels = 160, 16
    macs = conv(side, 3, channels, 3)
    maps = []
    for kernel, wide, outputs, squeezed, stride in (
        *_MOBILENET_V3_LARGE[:12],
        (5, 672, 80, 168, 2),
        (5, 480, 80, 120, 1),
        (5, 480, 80, 120, 1),
    ):
        macs += inverted_residual(side, stride, channels, wide, outputs, kernel, squeezed)
        if (kernel, wide, stride) == (5, 672, 2):
            maps.append((side, wide))  # after the widening of the block that halves the map to 10 x 10
        side, channels = side // stride, outputs
    macs += conv(side, channels, 480, 1)
    maps.append((side, 480))
    for inputs, outputs in ((480, 512), (512, 256), (256, 256), (256, 128)):
        small = -(-side // 2)
        macs += conv(side, inputs, outputs // 2, 1) + depthwise(small, outputs // 2, 3)
        macs += conv(small, outputs // 2, outputs, 1)
        side = small
        maps.append((side, outputs))
    for side, channels in maps:
        for results in (91, 4):  # classes and coordinates of six boxes at each place
            macs += depthwise(side, channels, 3) + conv(side, channels, 6 * results, 1)
    return macs


def stable_diffusion_unet():
    """Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models" (2022): one latent of 64 x 64."""
    widths, text_tokens, text_width, time_width = (320, 640, 1280, 1280), 77, 768, 1280

    def residual(side, inputs, outputs):
        shortcut = conv(side, inputs, outputs, 1) if inputs != outputs else 0
        return conv(side, inputs, outputs, 3) + time_width * outputs + conv(side, outputs, outputs, 3) + shortcut

    def transformer(side, width):
        tokens = side**2
        self_attention = 4 * tokens * width**2 + 2 * tokens**2 * width
        looked_at = 2 * text_tokens * text_width * width
        cross_attention = 2 * tokens * width**2 + looked_at + 2 * tokens * text_tokens * width
        gated = tokens * width * 8 * width + tokens * 4 * width * width
        return 2 * tokens * width**2 + self_attention + cross_attention + gated  # in and out are 1 x 1 convolutions

    macs = 320 * time_width + time_width**2 + conv(64, 4, 320, 3)
    side, channels, skips = 64, 320, [320]
    for level, width in enumerate(widths):
        for _ in range(2):
            macs += residual(side, channels, width) + (transformer(side, width) if level < 3 else 0)
            channels = width
            skips.append(channels)
        if level < 3:
            side //= 2
            macs += conv(side, channels, channels, 3)
            skips.append(channels)
    macs += 2 * residual(side, channels, channels) + transformer(side, channels)
    for level, width in reversed(list(enumerate(widths))):
        for _ in range(3):
            macs += residual(side, channels + skips.pop(), width) + (transformer(side, width) if level < 3 else 0)
            channels = width
        if level > 0:
            side *= 2
            macs += conv(side, channels, channels, 3)
    return macs + conv(64, 320, 4, 3)


def llama(tokens, past, *, vocabulary, width, inner, layers, heads, kv_heads):
    """Touvron et al. (2023), grouped heads: projections, both products of attention, gated MLP, scores of all words."""
    depth = width // heads
    attention = tokens * width * (2 * width + 2 * kv_heads * depth) + 2 * tokens * (past + tokens) * width
    return layers * (attention + 3 * tokens * width * inner) + tokens * width * vocabulary


def olmoe(tokens, past):
    """Muennighoff et al., "OLMoE" (2024), 1B-7B: 8 of 64 experts of 1024 for each token."""
    dense = llama(tokens, past, vocabulary=50_304, width=2048, inner=8 * 1024, layers=16, heads=16, kv_heads=16)
    return dense + 16 * tokens * 2048 * 64  # what the router takes


def lstm_words(tokens):
    """Two layers of four gates on input and state of 1500, ten thousand words."""
    return tokens * (2 * 4 * 1500 * (1500 + 1500) + 1500 * 10_000)


def whisper_base_encoder():
    """Radford et al. (2022), base, 3000 frames; and keys and values for six decoder layers."""
    width, tokens = 512, 1500
    ears = 3000 * 80 * width * 3 + tokens * width * width * 3
    layer = 4 * tokens * width**2 + 2 * tokens**2 * width + 2 * tokens * width * 2048
    return ears + 6 * layer + 6 * 2 * tokens * width**2


def whisper_base_decoder(tokens, past):
    """Keys and values of the sound are given: of its attention two projections remain."""
    width, sound = 512, 1500
    own = 4 * tokens * width**2 + 2 * tokens * (past + tokens) * width
    heard = 2 * tokens * width**2 + 2 * tokens * sound * width
    return 6 * (own + heard + 2 * tokens * width * 2048) + tokens * width * 51_865
