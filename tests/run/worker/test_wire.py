"""Frames: whatever is sent arrives, and whatever else arrives is refused."""

from __future__ import annotations

import json
import socket
import struct
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_st

from gitstore.run.worker import tensors, wire
from gitstore.run.worker.payload import BLOCK

SHAPES = numpy_st.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
NUMBERS = st.sampled_from(sorted(tensors.NUMERIC)).flatmap(
    lambda name: numpy_st.arrays(tensors.NUMERIC[name], SHAPES)
)
ITEMS = st.sampled_from([st.text(), st.binary()]).flatmap(
    lambda items: SHAPES.flatmap(lambda shape: numpy_st.arrays(object, shape, elements=items))
)


@pytest.fixture
def pair():
    left, right = socket.socketpair()
    with left, right:
        yield left, right


def exchange(pair, kind, arrays, limit=wire.NO_LIMIT, **fields):
    left, right = pair
    sender = threading.Thread(target=wire.Channel(left).send, args=(kind, arrays), kwargs=fields)
    sender.start()
    try:
        return wire.Channel(right, limit=limit).receive()
    finally:
        sender.join()


def send_raw(pair, header, payload=b"", limit=wire.NO_LIMIT):
    left, right = pair
    if not isinstance(header, bytes):
        header = json.dumps(header).encode()
    left.sendall(struct.pack("<I", len(header)) + header + payload)
    left.close()
    return wire.Channel(right, limit=limit).receive()


@settings(deadline=None)
@given(arrays=st.dictionaries(st.text(), NUMBERS | ITEMS, max_size=3))
def test_arrays_arrive_as_they_were_sent(arrays):
    arrays = {name: tensors.normalise(array) for name, array in arrays.items()}
    left, right = socket.socketpair()
    with left, right:
        frame = exchange((left, right), "outputs", arrays, note="é")
    assert (frame.kind, frame.fields) == ("outputs", {"note": "é"})
    assert list(frame.tensors) == list(arrays)
    for name, array in arrays.items():
        got = frame.tensors[name]
        assert (got.shape, got.dtype) == (array.shape, array.dtype)
        if array.dtype == object:
            assert got.tolist() == array.tolist()
        else:
            assert got.tobytes() == array.tobytes()


def test_payloads_larger_than_a_block_and_the_socket_buffer(pair):
    words = np.array(["", "x" * (2 * BLOCK), "é"] + ["word"] * 100_000, dtype=object)
    numbers = np.arange(1_000_000, dtype="<f8").reshape(1000, 1000)
    frame = exchange(pair, "outputs", {"words": words, "numbers": numbers})
    assert (frame.tensors["words"] == words).all()
    assert (frame.tensors["numbers"] == numbers).all()


def description(type_name="f32", shape=(2,), name="x"):
    return {"kind": "outputs", "fields": {}, "tensors": [[name, type_name, shape]]}


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"no JSON", "a header that is not JSON"),
        (b"\xff\xfe\xfd", "a header that is not JSON"),
        (b"[" * 100_000, "a header that is not JSON"),
        (b"9" * 100_000, "a header that is not JSON"),
        ([], "a header without kind, fields and tensors"),
        ({"kind": 1, "fields": {}, "tensors": []}, "a header without kind, fields and tensors"),
        (description("f128"), "a tensor without name, element type and shape"),
        (description(shape=[-1]), "a tensor without name, element type and shape"),
        (description(shape=[True]), "a tensor without name, element type and shape"),
        (description(shape=[1.5]), "a tensor without name, element type and shape"),
        (description(name=None), "a tensor without name, element type and shape"),
        (description(shape=[1] * 65), f"a tensor of shape {(1,) * 65}, over the limit of 1000 bytes"),
        (description(shape=[251]), "a tensor of shape (251,), over the limit of 1000 bytes"),
        (
            description(shape=[2**62, 2**62, 0]),
            f"a tensor of shape {(2**62, 2**62, 0)}, over the limit of 1000 bytes",
        ),
        (description("string", [126]), "a tensor of shape (126,), over the limit of 1000 bytes"),
        (
            {"kind": "", "fields": {}, "tensors": [["x", "u8", [0]], ["x", "u8", [0]]]},
            "two tensors of one name",
        ),
    ],
)
def test_a_header_that_does_not_hold(pair, header, reason):
    with pytest.raises(wire.Malformed) as caught:
        send_raw(pair, header, limit=1000)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("type_name", "payload", "reason"),
    [
        ("bool", b"\x01\x02", "a bool that is neither 0 nor 1"),
        ("string", struct.pack("<QQ", 1, 1) + b"a\xff", "text that is not UTF-8"),
        (
            "string",
            struct.pack("<QQ", 2**63, 2**63),
            f"items of {2**64 + 16} bytes, over the limit of 1000 bytes",
        ),
    ],
)
def test_a_payload_that_does_not_hold(pair, type_name, payload, reason):
    with pytest.raises(wire.Malformed) as caught:
        send_raw(pair, description(type_name), payload, limit=1000)
    assert str(caught.value) == reason


def test_the_limit_holds_for_all_tensors_together(pair):
    arrays = {"a": np.zeros(60, "u1"), "b": np.zeros(60, "u1")}
    with pytest.raises(wire.Malformed, match=r"shape \(60,\), over the limit of 40 bytes"):
        exchange(pair, "outputs", arrays, limit=100)


def test_a_header_that_claims_too_much(pair):
    left, right = pair
    left.sendall(b"\xff\xff\xff\xff")
    with pytest.raises(wire.Malformed, match="a header of 4294967295 bytes, over the limit of 1048576"):
        wire.Channel(right).receive()


def test_a_header_too_long_to_be_sent_is_not_begun(pair):
    left, right = pair
    channel = wire.Channel(left)
    with pytest.raises(wire.Malformed, match="over the limit"):
        channel.send("failed", message="x" * wire.HEADER_LIMIT)
    channel.send("done")
    assert wire.Channel(right).receive().kind == "done"


def test_a_stream_that_ends_in_the_middle(pair):
    with pytest.raises(wire.Closed, match="the other side has closed the connection"):
        send_raw(pair, description(shape=[100]), b"too little")


def test_sending_to_nobody(pair):
    left, right = pair
    right.close()
    with pytest.raises(wire.Closed):
        wire.Channel(left).send("done")
