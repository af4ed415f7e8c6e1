"""Settings: what can be used is read, what can't be is told with what would be."""

from __future__ import annotations

import pytest

from podbrief_assets.environment import BadSetting, choice, whole_number
from podbrief_assets.resources import Speech


def test_a_choice_is_read_and_anything_else_is_told() -> None:
    assert choice({}, "X", "a", ("a", "b")) == choice({"X": ""}, "X", "a", ("a", "b")) == "a"
    assert choice({"X": "b"}, "X", "a", ("a", "b")) == "b"
    with pytest.raises(BadSetting, match="X is “B”: give one of a, b"):
        choice({"X": "B"}, "X", "a", ("a", "b"))


def test_a_number_lies_between_its_bounds() -> None:
    assert whole_number({"N": "0"}, "N", 5, 9, least=0) == 0
    assert whole_number({}, "N", 5, 9) == 5
    for bad in ("0", "10", "-1", "1.5", "٣", "9" * 5000):
        with pytest.raises(BadSetting, match="give a whole number from 1 to 9"):
            whole_number({"N": bad}, "N", 5, 9)


def test_the_recogniser_is_what_the_environment_says() -> None:
    said = {"MODEL": "a/b", "DEVICE": "cpu", "DTYPE": "int8", "BATCH_SIZE": "3", "COMPILE": "1"}
    speech = Speech.from_environment({f"PODBRIEF_ASR_{name}": value for name, value in said.items()})
    recogniser = speech.recognizer
    assert recogniser is not None
    assert (recogniser.name, recogniser.device, recogniser.dtype) == ("a/b", "cpu", "int8")
    assert (recogniser.batch_size, recogniser.compiled) == (3, True)
    assert Speech.from_environment({"PODBRIEF_ASR_MODEL": "none"}).recognizer is None


@pytest.mark.parametrize(("name", "value"), [("DTYPE", "float64"), ("BATCH_SIZE", "many"), ("COMPILE", "yes")])
def test_a_recogniser_that_can_not_be_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f"PODBRIEF_ASR_{name} is “{value}”"):
        Speech.from_environment({f"PODBRIEF_ASR_{name}": value})
