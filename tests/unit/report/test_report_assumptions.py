"""What follows from an unknown key."""

import pytest

from onnxroof.report.assumptions import consequence


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ("memory[dram].energy", "energy of a plan is unknown"),
        ("memory[dram].read_bandwidth", "takes no time"),
        ("engine[matrix].peak[INT8].rate", "takes no time"),
        ("memory[sram].capacity", "unlimited"),
        ("chip.launch_overhead", "no time is counted for starting"),
        ("chip.static_power", "not counted"),
        ("chip.something", "unknown"),
    ],
)
def test_each_kind_of_key_has_its_consequence(key, word):
    assert word in consequence(key)
