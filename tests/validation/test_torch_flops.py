"""Multiply-accumulates of exported networks against PyTorch's own counter, which watches the operators of a run."""

from collections.abc import Callable

import pytest

from onnxroof.study.analyze import run_study

torch = pytest.importorskip("torch", reason="needs the extra `models`")
torchvision = pytest.importorskip("torchvision", reason="needs the extra `models`")
transformers = pytest.importorskip("transformers", reason="needs the extra `models`")

pytestmark = [
    pytest.mark.exam,
    pytest.mark.filterwarnings("ignore"),  # of the exporters, about themselves
]


class Plain(torch.nn.Module):
    """A model of transformers from positional tensors to one."""

    def __init__(self, model, names):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *tensors):
        out = self.model(**dict(zip(self.names, tensors, strict=True)), return_dict=True)
        return out["logits"] if "logits" in out else out[0]


def vision(name, *, side=224, **options):
    return lambda: (torchvision.models.get_model(name, weights=None, **options), (torch.randn(2, 3, side, side),))


def segmentation(name):
    def make():
        model = torchvision.models.get_model(name, weights=None, weights_backbone=None)
        return Segments(model), (torch.randn(1, 3, 224, 224),)

    return make


class Segments(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, image):
        return self.model(image)["out"]


def text(make_model, config, *names, **sizes):
    def make():
        model = getattr(transformers, make_model)(
            getattr(transformers, config)(**sizes, attn_implementation="eager", use_cache=False)
        )
        ids = torch.randint(1, 100, (2, 24))
        return Plain(model, names), (ids,) * len(names)

    return make


SMALL = {"hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 160}

NETWORKS = {
    **{
        name: vision(name)
        for name in (
            "alexnet",
            "vgg11",
            "resnet50",
            "resnext50_32x4d",
            "densenet121",
            "squeezenet1_1",
            "shufflenet_v2_x1_0",
            "mobilenet_v3_large",
            "mnasnet1_0",
            "efficientnet_v2_s",
            "regnet_y_400mf",
            "convnext_tiny",
            "vit_b_16",
            "swin_t",
            "swin_v2_t",
            "maxvit_t",
        )
    },
    "googlenet": vision("googlenet", aux_logits=False, init_weights=False),
    "inception_v3": vision("inception_v3", side=299, init_weights=False),
    "deeplabv3_mobilenet_v3_large": segmentation("deeplabv3_mobilenet_v3_large"),
    "lraspp_mobilenet_v3_large": segmentation("lraspp_mobilenet_v3_large"),
    "r3d_18": lambda: (torchvision.models.get_model("r3d_18", weights=None), (torch.randn(1, 3, 8, 64, 64),)),
    "bert": text("BertForMaskedLM", "BertConfig", "input_ids", "attention_mask", **SMALL),
    "roberta": text("RobertaForMaskedLM", "RobertaConfig", "input_ids", "attention_mask", **SMALL),
    "distilbert": text(
        "DistilBertModel",
        "DistilBertConfig",
        "input_ids",
        "attention_mask",
        dim=96,
        n_layers=2,
        n_heads=4,
        hidden_dim=160,
    ),
    "gpt2": text("GPT2LMHeadModel", "GPT2Config", "input_ids", n_embd=96, n_layer=2, n_head=4),
    "llama": text("LlamaForCausalLM", "LlamaConfig", "input_ids", num_key_value_heads=2, vocab_size=500, **SMALL),
    "gemma2": text(
        "Gemma2ForCausalLM", "Gemma2Config", "input_ids", num_key_value_heads=2, head_dim=24, vocab_size=500, **SMALL
    ),
    "opt": text(
        "OPTForCausalLM",
        "OPTConfig",
        "input_ids",
        hidden_size=96,
        word_embed_proj_dim=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        ffn_dim=160,
        vocab_size=500,
    ),
    "t5_encoder": text(
        "T5EncoderModel",
        "T5Config",
        "input_ids",
        d_model=96,
        d_kv=24,
        d_ff=160,
        num_layers=2,
        num_heads=4,
        vocab_size=500,
    ),
}

# What the two count differently, in multiply-accumulates of the run above, and why.
DIFFERENCES = {
    # Position biases come from weights alone, so they are constants of the file: in each of 12 layers a table of
    # 15 x 15 offsets goes from 2 over 512 to a number for each head, 2 x 3 + 2 x 6 + 6 x 12 + 2 x 24 in all.
    "swin_v2_t": -(15 * 15) * (12 * 2 * 512 + 512 * 138),
}

# Written by the exporter of TorchScript, the others by that of torch.export.
OLDER = {"bert", "resnet50", "vit_b_16", "convnext_tiny"}


@pytest.mark.parametrize("name", NETWORKS)
def test_macs_are_half_the_flops_of_torchs_counter(name, tmp_path):
    torch.manual_seed(0)
    torch.backends.mha.set_fastpath_enabled(False)  # one fused operator that the counter does not know
    model, arguments = NETWORKS[name]()
    model.eval()
    with torch.no_grad():
        flops = flops_of(model, arguments)
        path = tmp_path / f"{name}.onnx"
        torch.onnx.export(model, arguments, path, dynamo=name not in OLDER, opset_version=18)
    (counted,) = run_study([path], None).models
    assert counted.coverage == 1.0
    assert flops > 0
    assert counted.totals.macs - flops // 2 == DIFFERENCES.get(name, 0)


def flops_of(model: Callable, arguments):
    """Attention in plain products, as exporters write it: the counter has no rule for the fused operator of CPUs."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(*arguments)
    return counter.get_total_flops()
