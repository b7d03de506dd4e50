"""Frames: whatever is sent arrives, and whatever else arrives is refused."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import struct
import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_st

from gitstore.run.worker import shared, tensors, wire
from gitstore.run.worker.payload import BLOCK
from tests.support.file_systems import DISK, MEMORY

SHAPES = numpy_st.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
NUMBERS = st.sampled_from(sorted(tensors.NUMERIC)).flatmap(
    lambda name: numpy_st.arrays(tensors.NUMERIC[name], SHAPES)
)
ITEMS = st.sampled_from([st.text(), st.binary()]).flatmap(
    lambda items: SHAPES.flatmap(lambda shape: numpy_st.arrays(object, shape, elements=items))
)


def elements(name, dimensions):
    shapes = numpy_st.array_shapes(min_dims=dimensions, max_dims=dimensions, min_side=0, max_side=5)
    if name in tensors.NUMERIC:
        return st.lists(numpy_st.arrays(tensors.NUMERIC[name], shapes), max_size=4)
    items = st.text() if name == "string" else st.binary()
    return st.lists(shapes.flatmap(lambda shape: numpy_st.arrays(object, shape, elements=items)), max_size=4)


RAGGED = st.tuples(st.sampled_from([*tensors.NUMERIC, "string", "binary"]), st.integers(1, 3)).flatmap(
    lambda kind: elements(*kind)
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


def assert_same(received, sent):
    assert type(received) is type(sent) if isinstance(sent, list) else isinstance(received, np.ndarray)
    if isinstance(sent, list):
        assert len(received) == len(sent)
        for element, original in zip(received, sent, strict=True):
            assert_same(element, original)
        return
    assert (received.shape, received.dtype) == (sent.shape, sent.dtype)
    if sent.dtype == object:
        assert received.tolist() == sent.tolist()
    else:
        assert received.tobytes() == sent.tobytes()


@settings(deadline=None)
@given(
    arrays=st.dictionaries(st.text(), NUMBERS | ITEMS, max_size=3),
    ragged=st.dictionaries(st.text(), RAGGED, max_size=2),
    threshold=st.sampled_from([1, 40, shared.THRESHOLD]),
)
def test_values_arrive_as_they_were_sent(arrays, ragged, threshold):
    values = {name: tensors.normalise(array) for name, array in arrays.items()}
    values |= {name: tensors.normalise_ragged(elements) for name, elements in ragged.items()}
    left, right = socket.socketpair()
    with left, right, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(shared, "THRESHOLD", threshold)
        frame = exchange((left, right), "outputs", values, note="é")
    assert (frame.kind, frame.fields) == ("outputs", {"note": "é"})
    assert list(frame.tensors) == list(values)
    for name, value in values.items():
        assert_same(frame.tensors[name], value)


@pytest.mark.parametrize("threshold", [1, 1 << 40])
def test_large_values_in_memory_and_in_the_stream(pair, monkeypatch, threshold):
    monkeypatch.setattr(shared, "THRESHOLD", threshold)
    words = np.array(["", "x" * (2 * BLOCK), "é"] + ["word"] * 100_000, dtype=object)
    numbers = np.arange(1_000_000, dtype="<f8").reshape(1000, 1000)
    frame = exchange(pair, "outputs", {"words": words, "numbers": numbers, "few": [numbers, numbers[:2]]})
    assert_same(frame.tensors["words"], words)
    assert_same(frame.tensors["numbers"], numbers)
    assert_same(frame.tensors["few"], [numbers, numbers[:2]])


def test_a_system_without_memfds(pair, monkeypatch):
    monkeypatch.setattr(os, "memfd_create", failing)
    numbers = np.arange(1_000_000)
    assert_same(exchange(pair, "outputs", {"numbers": numbers}).tensors["numbers"], numbers)


def failing(*_):
    raise OSError(errno.ENOSYS, "not here")


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_other_kinds_of_arrays_become_plain(pair):
    matrix = np.array([[1, 2], [3, 4]]).view(np.matrix)
    masked = np.ma.masked_array([1.0, 2.0], [True, False])
    values = {"matrix": tensors.normalise(matrix), "masked": tensors.normalise(masked)}
    received = exchange(pair, "request", values).tensors
    assert received["matrix"].tolist() == [[1, 2], [3, 4]]
    assert received["masked"].tolist() == [1, 2]


def test_a_file_is_sent_as_it_is_if_it_may_be(pair, tmp_path, monkeypatch):
    monkeypatch.setattr(shared, "THRESHOLD", 1)
    numbers = np.arange(1000, dtype="<f8")
    (tmp_path / "x").write_bytes(b"head" + numbers.tobytes())

    def send(left, right, **options):
        descriptor = os.open(tmp_path / "x", os.O_RDONLY)
        array = shared.map_array(shared.FilePlace(descriptor, 4, True), numbers.dtype, shape=(10, 100))
        wire.Channel(left, **options).send("request", {"x": array})
        received = wire.Channel(right, trusts_files=True).receive().tensors["x"]
        assert_same(received, numbers.reshape(10, 100))
        return received

    received = send(*pair, may_send=lambda place: place.is_protected)
    with (tmp_path / "x").open("r+b") as file:
        file.seek(4)
        file.write(np.float64(7).tobytes())
    assert received[0, 0] == 7  # it is the file
    with (tmp_path / "x").open("r+b") as file:
        file.seek(4)
        file.write(np.float64(0).tobytes())
    received = send(*pair)
    (tmp_path / "x").write_bytes(b"head" + bytes(8000))
    assert received[0, 1] == 1  # it is a copy


def test_a_file_that_is_too_short(pair, tmp_path):
    left, right = pair
    header = json.dumps(description("u8", [8], place=1)).encode()
    left.sendall(struct.pack("<I", len(header)) + header)
    with (tmp_path / "x").open("wb+") as file:
        file.write(b"12345678")
        file.flush()
        socket.send_fds(left, [b"\0"], [file.fileno()])
    with pytest.raises(wire.Malformed, match="a file that does not have 8 bytes from 1 on"):
        wire.Channel(right, trusts_files=True).receive()


FRAME = struct.pack("<I", 111) + json.dumps(
    {"kind": "outputs", "fields": {}, "tensors": [["x", "string", [2, 1], True, 42, "stream"]]}
).encode().ljust(111)


@settings(deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, 160), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 170) | st.none(),
)
def test_damaged_frames_are_refused_in_bounded_memory(changes, cut):
    content = bytearray(FRAME + struct.pack("<QQQQQ", 1, 1, 1, 1, 0)[:34] + b"abcdefgh")
    for place, value in changes:
        if place < len(content):
            content[place] = value
    left, right = socket.socketpair()
    with left, right:
        left.sendall(content[:cut])
        left.shutdown(socket.SHUT_WR)
        tracemalloc.start()
        try:
            wire.Channel(right, limit=1 << 16).receive()
        except (wire.Malformed, wire.Closed):
            pass
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert peak < (2 << 20) + (1 << 20)


def test_a_receiver_may_write_to_what_it_got(pair):
    sent = np.arange(1_000_000)
    received = exchange(pair, "request", {"x": sent}).tensors["x"]
    received *= 2
    assert received[3] == 6
    assert sent[3] == 3


def description(type_name="f32", shape=(2,), name="x", size=8, ragged=False, place="stream"):
    entry = [name, type_name, shape, ragged, size, place]
    return {"kind": "outputs", "fields": {}, "tensors": [entry]}


NO_TENSOR = "a tensor without name, element type, shape, size and place"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"no JSON", "a header that is not JSON"),
        (b"\xff\xfe\xfd", "a header that is not JSON"),
        (b"[" * 100_000, "a header that is not JSON"),
        (b"9" * 100_000, "a header that is not JSON"),
        ([], "a header without kind, fields and tensors"),
        ({"kind": 1, "fields": {}, "tensors": []}, "a header without kind, fields and tensors"),
        ({"kind": "", "fields": {}}, "a header without kind, fields and tensors"),
        (description("f128"), NO_TENSOR),
        (description(shape=[-1]), NO_TENSOR),
        (description(shape=[True]), NO_TENSOR),
        (description(shape=[1.5]), NO_TENSOR),
        (description(shape=None), NO_TENSOR),
        (description(name=None), NO_TENSOR),
        (description(size=-8), NO_TENSOR),
        (description(ragged=0), NO_TENSOR),
        (description(place="elsewhere"), NO_TENSOR),
        (description(place=-1), NO_TENSOR),
        (description(place=True), NO_TENSOR),
        (description(place=[]), NO_TENSOR),
        (description(place=0), "a tensor in a file"),
        (
            description(shape=[1] * 65, size=4),
            f"a tensor of shape {(1,) * 65} and 4 bytes, over the limit of 1000 bytes",
        ),
        (
            description(shape=[251], size=4),
            "a tensor of shape (251,) and 4 bytes, over the limit of 1000 bytes",
        ),
        (description(size=1001), "a tensor of shape (2,) and 1001 bytes, over the limit of 1000 bytes"),
        (description(size=7), "a tensor of shape (2,) in 7 bytes"),
        (description(size=9), "a tensor of shape (2,) in 9 bytes"),
        (
            description(shape=[2**62, 2**62, 0], size=0),
            f"a tensor of shape {(2**62, 2**62, 0)} and 0 bytes, over the limit of 1000 bytes",
        ),
        (
            description("string", [126], size=9),
            "a tensor of shape (126,) and 9 bytes, over the limit of 1000 bytes",
        ),
        (description("string", [2], size=15), "a tensor of shape (2,) in 15 bytes"),
        (description(ragged=True, shape=[2, 1, 1], size=99), "a ragged tensor of shape (2, 1, 1)"),
        (description(ragged=True, shape=[2, 0], size=99), "a ragged tensor of shape (2, 0)"),
        (description(ragged=True, shape=[2, 2], size=31), "a tensor of shape (2, 2) in 31 bytes"),
        (
            {
                "kind": "",
                "fields": {},
                "tensors": [["x", "u8", [0], False, 0, "stream"], ["x", "u8", [0], False, 0, "stream"]],
            },
            "two tensors of one name",
        ),
    ],
)
def test_a_header_that_does_not_hold(pair, header, reason):
    with pytest.raises(wire.Malformed) as caught:
        send_raw(pair, header, limit=1000)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("header", "limit"),
    [
        (description("string", [1 << 25], size=1 << 30), 1 << 24),
        (description(ragged=True, shape=[1 << 25, 1], size=1 << 30), 1 << 21),
    ],
)
def test_more_items_than_objects_are_made_for(pair, header, limit):
    with pytest.raises(wire.Malformed, match=f"over the limit of {limit} items"):
        send_raw(pair, header)


@pytest.mark.parametrize(
    ("type_name", "shape", "ragged", "data", "reason"),
    [
        ("bool", [2], False, b"\x01\x02", "a bool that is neither 0 nor 1"),
        ("string", [2], False, struct.pack("<QQ", 1, 1) + b"a\xff", "text that is not UTF-8"),
        ("string", [2], False, struct.pack("<QQ", 2**63, 2**63), f"items of {2**64} bytes in 0"),
        ("string", [2], False, struct.pack("<QQ", 1, 1) + b"a", "items of 2 bytes in 1"),
        ("u8", [1, 1], True, struct.pack("<Q", 2) + b"a", "a tensor of 2 elements in 1 bytes"),
        (
            "u8",
            [1, 1],
            True,
            struct.pack("<Q", 2**64 - 1) + b"a",
            f"a tensor of {2**64 - 1} elements in 1 bytes",
        ),
        (
            "u8",
            [1, 3],
            True,
            struct.pack("<QQQ", 0, 2**63, 2**63),
            "an element of a ragged tensor with a shape that no array can have",
        ),
        ("string", [1, 1], True, struct.pack("<Q", 2**60), f"a tensor of {2**60} items in 0 bytes"),
    ],
)
def test_data_that_does_not_hold(pair, type_name, shape, ragged, data, reason):
    header = description(type_name, shape, size=len(data), ragged=ragged)
    with pytest.raises(wire.Malformed) as caught:
        send_raw(pair, header, data, limit=1000)
    assert str(caught.value) == reason


def memfd(content=b"", flags=os.MFD_ALLOW_SEALING, seals=fcntl.F_SEAL_SEAL | 14):
    descriptor = os.memfd_create("test", flags)
    os.write(descriptor, content)
    if seals:
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor


def sparse():
    descriptor = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.truncate(descriptor, 1 << 20)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, 15)
    return descriptor


def huge_pages():
    """A memfd that promises two huge pages, although the system may have none."""
    try:
        descriptor = os.memfd_create("test", os.MFD_ALLOW_SEALING | os.MFD_HUGETLB)
        os.truncate(descriptor, 1 << 22)
    except OSError:
        pytest.skip("no huge pages here")
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, 15)
    return descriptor


def temporary_file(place):
    descriptor = os.open(place, os.O_TMPFILE | os.O_RDWR)
    os.write(descriptor, b"12345678")
    return descriptor


HOSTILE = [
    (8, lambda: memfd(b"12345678", seals=0), "a memfd that is not sealed"),
    (8, lambda: memfd(b"12345678", seals=fcntl.F_SEAL_SHRINK), "a memfd that is not sealed"),
    (8, lambda: memfd(b"12345678", seals=15 & ~fcntl.F_SEAL_WRITE), "a memfd that is not sealed"),
    (8, lambda: memfd(b"12345678", seals=15 & ~fcntl.F_SEAL_SHRINK), "a memfd that is not sealed"),
    (8, lambda: memfd(b"12345678", flags=0, seals=0), "a memfd that is not sealed"),
    (8, lambda: memfd(b"1234567"), "a memfd that does not have 8 bytes"),
    (8, lambda: memfd(b"123456789"), "a memfd that does not have 8 bytes"),
    (1 << 20, sparse, f"a memfd that does not have {1 << 20} bytes"),
    (1 << 22, huge_pages, f"a memfd that does not have {1 << 22} bytes"),
    (8, lambda: temporary_file(DISK), "a descriptor that is no memfd"),
    (8, lambda: temporary_file(MEMORY), "a memfd that is not sealed"),
    (8, lambda: os.eventfd(0), "a descriptor that is no memfd"),
    (8, lambda: os.open("/dev/zero", os.O_RDONLY), "a descriptor that is no memfd"),
]


@pytest.mark.parametrize(("size", "make", "reason"), HOSTILE)
def test_a_descriptor_that_is_not_taken(size, make, reason):
    left, right = socket.socketpair()
    descriptor = make()
    before = set(os.listdir("/proc/self/fd"))
    with left:
        header = json.dumps(description("u8", [size], size=size, place="memory")).encode()
        left.sendall(struct.pack("<I", len(header)) + header)
        socket.send_fds(left, [b"\0"], [descriptor])
        with right, pytest.raises(wire.Malformed) as caught:
            wire.Channel(right).receive()
        assert str(caught.value) == reason
    os.close(descriptor)
    assert set(os.listdir("/proc/self/fd")) < before  # what was received is closed


@pytest.mark.parametrize(
    ("data", "count", "reason"),
    [
        (b"\0", 0, "a tensor in a file without its descriptor"),
        (b"x", 1, "a tensor in a file without its descriptor"),
    ],
)
def test_a_descriptor_that_does_not_come(pair, data, count, reason):
    left, right = pair
    header = json.dumps(description("u8", [8], size=8, place="memory")).encode()
    left.sendall(struct.pack("<I", len(header)) + header)
    socket.send_fds(left, [data], [0] * count)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(wire.Malformed) as caught:
        wire.Channel(right).receive()
    assert str(caught.value) == reason
    assert os.listdir("/proc/self/fd") == before


def test_descriptors_that_nobody_asked_for(pair):
    """They are closed: a worker cannot fill the supervisor's table of descriptors."""
    left, right = pair
    before = os.listdir("/proc/self/fd")
    header = json.dumps(description("u8", [8], size=8, place="memory")).encode()
    socket.send_fds(left, [struct.pack("<I", len(header)) + header], [0] * 50)
    descriptor = memfd(b"12345678")
    socket.send_fds(left, [b"\0"], [descriptor] * 50)
    os.close(descriptor)
    frame = wire.Channel(right).receive()
    assert frame.tensors["x"].tobytes() == b"12345678"
    del frame
    assert os.listdir("/proc/self/fd") == before


def test_the_limit_holds_for_all_tensors_together(pair):
    arrays = {"a": np.zeros(60, "u1"), "b": np.zeros(60, "u1")}
    with pytest.raises(wire.Malformed, match=r"shape \(60,\) and 60 bytes, over the limit of 40 bytes"):
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
        send_raw(pair, description(shape=[100], size=400), b"too little")


def test_sending_to_nobody(pair):
    left, right = pair
    right.close()
    with pytest.raises(wire.Closed):
        wire.Channel(left).send("done")
