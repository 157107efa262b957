"""No published measurement beats its floor: a quick part of the exam at every run, all of it before a release."""

import math
import re
import tempfile
from pathlib import Path

import pytest
from oracles.architectures import ARCHITECTURES
from validation.efficiencies import GRID, WORTH, fits, is_fitted
from validation.exam import Point, measurements, points, rank_correlation, winograd_share
from validation.exam_page import FIGURE, PAGE, figures, orders, page

from onnxroof.study.analyze import run_study
from onnxroof.targets.catalog import load_target, target_ids

# Neither a published count nor a network that is named exactly: which variant, decoder or activation is not said.
NOT_EXAMINED = {
    "unet_mv2_128", "deeplabv3_513", "densenet_224", "inception_resnet_v2_299", "ssd_mobilenet_v1_224",
    "ssd_mobilenet_v2_224", "squeezenet_224", "yolov5s_relu",
}  # fmt: skip

# Small networks on targets of each class, both sides of Winograd, a product, a count, a rate, and energies.
QUICK = {
    "m0320", "m0372", "m0383", "m0572", "m0591", "m0620", "m0658", "m0687", "m0709", "m0734", "m0736", "m0302",
}  # fmt: skip


@pytest.fixture(scope="module")
def quick():
    return points(record for record in measurements() if record["id"] in QUICK)


@pytest.fixture(scope="module")
def everything():
    return points(measurements())


def beaten(found):
    """Points that beat their floor, Winograd's multiplications granted to those that ran by it."""
    shares = {
        f"{p.record['id']} {p.record['model']} on {p.device}": p.winograd_share
        if p.use == "bound_winograd"
        else p.share
        for p in found
    }
    return {name: share for name, share in shares.items() if share > 1}


# -- the networks ---------------------------------------------------------------------------------------------


def totals(name):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        ARCHITECTURES[name](path)
        (model,) = run_study([path], None, dims={"batch": 1}).models
        return model.totals.macs, model.parameter_count


# Millions of parameters in the papers or the model tables of torchvision and timm.
PARAMETERS = {
    "resnet18": 11.69, "resnet50": 25.56, "resnet152": 60.19, "mobilenet_v1": 4.24, "mobilenet_v2": 3.50,
    "mobilenet_v2_1.4": 6.11, "mobilenet_v3_large": 5.48, "mobilenet_v3_small": 2.54, "efficientnet_b0": 5.29,
    "efficientnet_lite0": 4.65, "regnety_032": 19.44, "regnetx_800mf": 7.26, "vgg16": 138.36, "vit_tiny": 5.72,
    "vit_small": 22.05, "vit_base": 86.57, "vit_large": 304.33, "mixer_b16": 59.88, "convnext_tiny": 28.59,
    "swin_tiny": 28.29,
}  # fmt: skip


@pytest.mark.parametrize("name", PARAMETERS)
def test_networks_have_the_published_parameters(name):
    # A folded batch normalization leaves one number a channel of its two.
    assert totals(name)[1] / 1e6 == pytest.approx(PARAMETERS[name], rel=0.007)


def test_the_keyword_network_by_hand():
    # 25 x 5 places: 10 x 4 taps to 64; four times 3 x 3 taps on 64 and 64 x 64; 64 to 12 classes.
    assert totals("ds_cnn")[0] == 125 * 40 * 64 + 4 * 125 * (9 * 64 + 64 * 64) + 64 * 12


def test_the_autoencoder_by_hand():
    # 640-128-128-128-128-8-128-128-128-128-640
    assert totals("fc_autoencoder")[0] == 2 * 640 * 128 + 6 * 128 * 128 + 2 * 128 * 8


def test_the_detector_by_hand():
    # Of its heads, on 100, 50, 25, 13 and 7 squared places: twice four 256 x 256 x 9, then 9 x (264 + 4) results.
    places = 100**2 + 50**2 + 25**2 + 13**2 + 7**2
    heads = places * 9 * 256 * (8 * 256 + 9 * 268)
    macs, _ = totals("retinanet")
    # ResNeXt-50 has 4.23 G on 224 x 224 without its classifier; the pyramid is small beside it.
    backbone = 4.23e9 * (800 / 224) ** 2
    assert heads + backbone < macs < heads + 1.2 * backbone


def test_winograds_share_of_vgg_by_hand():
    # All but the three dense layers, of 15.47 G MACs.
    dense = 25088 * 4096 + 4096 * 4096 + 4096 * 1000
    macs, _ = totals("vgg16")
    assert winograd_share("vgg16") == pytest.approx(1 - dense / macs)


# -- the statistics -------------------------------------------------------------------------------------------


def test_rank_correlation_by_hand():
    assert rank_correlation([(1, 10), (2, 20), (9, 21)]) == pytest.approx(1)
    assert rank_correlation([(1, 3), (2, 2), (3, 1)]) == pytest.approx(-1)
    # Ranks 0 1 2 and 0 2 1: 1 - 6 x 2 / (3 x 8)
    assert rank_correlation([(1, 1), (2, 3), (3, 2)]) == pytest.approx(0.5)
    # Ranks 0.5 0.5 2 and 0 1 2: 1.5 / sqrt(1.5 x 2)
    assert rank_correlation([(1, 1), (1, 2), (3, 3)]) == pytest.approx(1.5 / math.sqrt(3))


# -- the exam -------------------------------------------------------------------------------------------------


def test_quick_points_do_not_beat_their_floors(quick):
    assert {point.record["id"] for point in quick} == QUICK
    assert beaten(quick) == {}


def test_winograd_beats_the_direct_count(quick):
    # VGG-16 on the CPU of an Orin: 29.94 G operations in 29.6 ms are 1.20 of 0.845 TFLOP/s. Of 30.94 G counted,
    # those whose tap lies on the image: 3 n - 2 of 3 n along each axis of n places.
    (point,) = (point for point in quick if point.record["id"] == "m0620")
    assert point.share == pytest.approx(29.94 / 29.61 / 0.8448, rel=0.01)


def test_a_link_is_used_to_the_full(quick):
    # VGG-16 by USB: 138.36 MB of weights less 8 MiB on chip, and the image, at 0.5 GB/s, of 296 ms.
    (point,) = (point for point in quick if point.record["id"] == "m0572")
    assert point.floor_s == pytest.approx((138.36e6 - 8 * 2**20) / 0.5e9, rel=0.01)


@pytest.mark.exam
def test_every_measurement_that_applies_is_examined_or_named(everything):
    seen = {point.record["id"] for point in everything}
    assert {record["model"] for record in measurements() if record["id"] not in seen} == NOT_EXAMINED


@pytest.mark.exam
def test_no_point_beats_its_floor(everything):
    assert beaten(everything) == {}


@pytest.mark.exam
def test_only_winograd_beats_a_direct_count(everything):
    assert {p.use for p in everything if p.share > 1} == {"bound_winograd"}


@pytest.mark.exam
def test_only_winograd_beats_the_best_plan_at_a_published_batch(everything):
    dated = [p for p in everything if p.latency_s and p.record.get("batch") and not p.is_energy]
    assert len(dated) > 170
    assert {p.use for p in dated if p.latency_s > p.measured} == {"bound_winograd"}


@pytest.mark.exam
def test_predicted_energy_lies_below_the_wall(everything):
    known = [p for p in everything if p.is_energy and p.predicted_j is not None]
    assert len(known) >= 36
    assert [p.record["id"] for p in known if p.predicted_j >= p.measured] == []


@pytest.mark.exam
def test_floors_order_targets_and_models_as_measurements_do(everything):
    models, targets = orders([point for point in everything if not point.is_energy])
    found = sorted(order.floor for order in (*models, *targets))
    # Half of all groups are nearly in order; one, MobileNetV2 on processors of 1 to 64 cores, is in none.
    # Both limits were set with the results known: they guard what is, and prove nothing.
    assert len(found) >= 30
    assert found[len(found) // 2] > 0.85
    assert found[1] > 0.5


def test_efficiencies_of_the_exam_say_what_they_were_fitted_on():
    fitted = [target for target in map(load_target, target_ids()) if is_fitted(target.id)]
    assert len(fitted) >= 4
    for target in fitted:
        (source,) = {q.source for q in target.efficiency.values() if q.source.key == "exam"}
        assert re.search(r"fitted on \d+, within a factor of 1\.\d\d in the median of \d+ others", source.title)


@pytest.mark.exam
def test_the_catalogue_has_the_efficiencies_that_are_fitted(everything):
    """On one half of the points; the other half is foretold better than by the least time, and within a factor."""
    found = fits([p for p in everything if p.record.get("batch") and not p.is_energy])
    for fit in found:
        said = {n: q.value for n, q in load_target(fit.device).efficiency.items() if q.source.key == "exam"}
        assert said == (fit.efficiencies if fit.is_kept else {}), fit.device
    assert {fit.device for fit in found if fit.is_kept} == {t for t in target_ids() if is_fitted(t)}
    assert all(fit.after < fit.before and fit.after <= WORTH for fit in found if fit.is_kept)


def test_a_fit_finds_what_made_the_points():
    """Points made with a tenth of a decade's steps of slowness, of an engine and a memory; one that binds little."""
    target = load_target("raspberry-pi-5")  # which has no efficiencies
    engine, memory = f"compute:{target.engines[0].name}", f"memory:{target.levels[0].name}"
    slow = {engine: GRID[6], memory: GRID[9]}
    pairs = [(3.0, 1.0), (1.0, 3.0), (2.0, 0.5), (0.5, 2.0), (4.0, 1.0), (1.0, 4.0), (5.0, 1.0), (1.0, 5.0)]

    def made(index, times):
        terms = dict(zip((engine, memory), times, strict=True)) | {"launch": 0.0}
        record = {"id": f"p{index:02}", "device": target.id, "exam_use": "bound", "batch": 1}
        measured = 2 * max(terms[name] / slow[name] for name in slow)
        return Point(record, "a", "int8", 1, measured, 0.0, "", 2 * max(times), terms=(terms, terms))

    whole = [made(index, pair) for index, pair in enumerate([*pairs, *reversed(pairs)])]
    (fit,) = fits(whole)
    assert dict(fit.efficiencies) == {name.partition(":")[2]: value for name, value in slow.items()}
    assert (fit.fitted_on, fit.tried_on, fit.is_one) == (8, 8, False)
    assert fit.after == pytest.approx(1)
    assert fit.before > 2
    assert fits(whole[:7]) == [], "seven points make no two halves of four"
    computing = [made(index, (3.0 + index, 1.0)) for index in range(8)]
    assert dict(fits(computing)[0].efficiencies) == {engine.partition(":")[2]: GRID[6]}, "nothing shows the memory"


@pytest.mark.exam
def test_the_page_is_up_to_date(everything):
    renew = "python tests/validation/exam_page.py"
    assert PAGE.read_text(encoding="utf-8") == page(everything, len(measurements())), renew
    times = [point for point in everything if not point.is_energy]
    assert FIGURE.read_text(encoding="utf-8") == figures(times), renew
