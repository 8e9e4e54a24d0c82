"""Messages between processes: what goes in comes out, and nothing else does."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from robot_rl.message import MessageError, decode, encode

ARRAYS = hnp.arrays(
    st.sampled_from(["bool", "u1", "i8", "f4", "f8", ">f8"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


@given(st.dictionaries(st.text(max_size=8), ARRAYS, max_size=4))
def test_arrays_come_out_as_they_went_in(arrays: dict[str, np.ndarray]) -> None:
    facts = {"step": 3, "name": "peg", "nested": [1.5, None, True]}
    message = decode(encode(facts, arrays))
    assert message.facts == facts
    assert message.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(message.arrays[name], array)
        assert message.arrays[name].dtype == array.dtype.newbyteorder("<")
        assert message.arrays[name].flags.aligned


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(noise: bytes) -> None:
    with pytest.raises(MessageError):
        decode(noise)


@given(st.integers(0, 199))
def test_a_message_that_was_cut_off_is_refused(end: int) -> None:
    whole = encode({"step": 1}, {"a": np.arange(20.0)})
    with pytest.raises(MessageError):
        decode(whole[: end % len(whole)])


def test_bytes_behind_a_message_are_refused() -> None:
    with pytest.raises(MessageError, match=r"the header speaks of \d+ bytes"):
        decode(encode({}, {"a": np.arange(3)}) + bytes(16))


def test_an_array_of_objects_cannot_travel() -> None:
    with pytest.raises(MessageError, match="array of object"):
        encode({}, {"a": np.array([print])})


@pytest.mark.parametrize(
    "layout",
    [
        [["a", "|O", [1]]],
        [["a", "<f8", [-1]]],
        [["a", "<f8", [2**62]]],
        [["a", "V8", [1]]],
        ["a"],
        3,
    ],
)
def test_a_header_that_asks_for_what_is_not_there_is_refused(layout: object) -> None:
    header = json.dumps({"facts": {}, "arrays": layout}).encode()
    forged = b"RRL1" + len(header).to_bytes(4, "little") + header
    with pytest.raises(MessageError):
        decode(forged + bytes(64))


def test_what_was_received_cannot_be_changed() -> None:
    array = decode(encode({}, {"a": np.zeros(3)})).arrays["a"]
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
