"""Models of Decthings, with the real package, and without it."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
import time
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_st

from gitstore.errors import Cancelled, InvalidOutput, ModelException
from gitstore.run import supervisor
from gitstore.run.worker import decthings, decthings_tensors, tensors
from gitstore.run.worker.decthings_data import DataLoader, StateProvider, open_state
from gitstore.run.worker.failure import UnusableOutputs
from gitstore.settings.loading import parse

DIGITS = """
import asyncio, json, os
import numpy as np
from decthings_model import make_model
from decthings_api import DecthingsTensor

class Trained:
    def __init__(self, centres):
        self.centres = centres

    async def evaluate(self, options):
        images = options.params["images"]
        assert images.total_byte_size() > images.size() * 16
        labels = []
        while images.has_next():
            for image in await images.next(3):
                assert image.type() == "f32" and image.shape() == [4]
                distances = [float(((image.numpy() - centre) ** 2).sum()) for centre in self.centres]
                labels.append(DecthingsTensor([int(np.argmin(distances))], "u8", []))
        assert await images.next() == []
        return [{"name": "digit", "data": labels}]

    async def train(self, options):
        images, labels = options.params["images"], options.params["labels"]
        np.random.seed(1)
        images.shuffle_in_group([labels])
        sums, counts = np.zeros((2, 4)), np.zeros(2)
        while images.remaining():
            (image,), (label,) = await images.next(), await labels.next()
            sums[label.item()] += image.numpy()
            counts[label.item()] += 1
            options.tracker.progress(images.position() / images.size())
            options.tracker.metrics([("count", DecthingsTensor([float(counts.sum())], "f32", []))])
        self.centres = sums / counts[:, None]

    def getModelState(self, options):
        options.state_provider.provide("centres/all", self.centres.astype("<f4").tobytes())
        options.state_provider.provide_all([{"key": "info", "data": json.dumps({"trained": True}).encode()}])

class Program:
    async def createModelState(self, options):
        assert options.other_models == {}
        (value,) = await options.params["start"].next()
        centres = np.full((2, 4), value.item(), "<f4")
        options.state_provider.provide("centres/all", centres.tobytes())

    async def instantiateModel(self, options):
        loader = options.state["centres/all"]
        content = await loader.read()
        assert loader.byte_size() == len(content) == 32
        assert os.path.exists("main.py")
        return Trained(np.frombuffer(content, "<f4").reshape(2, 4))

model = make_model(Program())
"""

SETTINGS = parse(b"""
name: dogs
types:
  create_state:
    - {name: start, types: [f32], shape: []}
  train:
    - {name: images, types: [f32], shape: [-1, 4]}
    - {name: labels, types: [u8], shape: [-1]}
  evaluate:
    inputs:
      - {name: images, types: [f32], shape: [-1, 4], required: false}
      - {name: b, types: [bool], shape: [-1, 2], required: false}
      - {name: f32, types: [f32], shape: [-1, 2], required: false}
      - {name: f64, types: [f64], shape: [2], required: false}
      - {name: i64, types: [i64], shape: [], required: false}
      - {name: u16, types: [u16], shape: [-1, -1], ragged: true, required: false}
      - {name: string, types: [string], shape: [-1], required: false}
      - {name: binary, types: [binary], shape: [], required: false}
      - {name: image, types: [image], shape: [-1], required: false}
      - {name: audio, types: [audio], shape: [1], required: false}
      - {name: video, types: [video], shape: [-1, -1], ragged: true, required: false}
      - {name: f16, types: [f16], shape: [], required: false}
    outputs:
      - {name: digit, types: [u8], shape: [-1], required: false}
      - {name: b, types: [bool], shape: [-1, 2], required: false}
      - {name: f32, types: [f32], shape: [-1, 2], required: false}
      - {name: f64, types: [f64], shape: [2], required: false}
      - {name: i64, types: [i64], shape: [], required: false}
      - {name: u16, types: [u16], shape: [-1, -1], ragged: true, required: false}
      - {name: string, types: [string], shape: [-1], required: false}
      - {name: binary, types: [binary], shape: [], required: false}
      - {name: image, types: [image], shape: [-1], required: false}
      - {name: audio, types: [audio], shape: [1], required: false}
      - {name: video, types: [video], shape: [-1, -1], ragged: true, required: false}
""")

ECHO = """
from decthings_model import make_model

async def evaluate(options):
    loaders = options.params.items()
    return [{"name": name, "data": await loader.next(loader.size())} for name, loader in loaders]

model = make_model({"instantiateModel": lambda options: {"evaluate": evaluate}})
"""


@pytest.fixture
def dogs(lab):
    lab.settings = SETTINGS
    (lab.code / "main.py").write_text(DIGITS)
    return lab


def test_a_model_with_the_real_package_lives_its_whole_life(dogs):
    dogs.create_state(start=np.float32(2))
    (state,) = dogs.out.iterdir()
    assert state.name == "centres%2Fall"
    assert np.fromfile(state, "<f4").tolist() == [2.0] * 8
    state.rename(dogs.state / state.name)
    images = np.array([[0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 1], [1, 0, 1, 1]], np.float32)
    assert dogs.evaluate(images=images).outputs["digit"].tolist() == [0, 0, 0, 0]
    training = dogs.train(images=images, labels=np.array([0, 1, 0, 1], np.uint8))
    assert [metric.value for metric in training.metrics] == [1, 2, 3, 4]
    assert sorted(path.name for path in dogs.out.iterdir()) == ["centres%2Fall", "info"]
    dogs.state = dogs.out
    assert dogs.evaluate(images=images[::-1]).outputs["digit"].tolist() == [1, 0, 1, 0]


VALUES = {
    "b": np.array([[True, False], [False, True]]),
    "f32": np.array([[1.5, -2], [0, np.inf]], np.float32),
    "f64": np.array([0.1, 1e300]),
    "i64": np.array(-(2**60)),
    "u16": [np.array([1, 2], np.uint16), np.array([], np.uint16), np.array([65535], np.uint16)],
    "string": np.array(["", "é\0", "x" * 70_000], object),
    "binary": np.array(b"ID3\0\xff", object),
    "image": np.array([b"\x89PNG\r\n\x1a\nrest", b"", b"RIFFxxxxWEBPrest"], object),
    "audio": np.array([b"ID3 song"], object),
    "video": [np.array([b"xxxxftypmp42"], object), np.array([b"\x1aE\xdf\xa3", b"other"], object)],
}


def test_all_types_go_through_the_real_package_and_come_back(dogs):
    (dogs.code / "main.py").write_text(ECHO)
    outputs = dogs.evaluate(**VALUES).outputs
    assert outputs.keys() == VALUES.keys()
    for name, value in VALUES.items():
        pairs = (
            zip(outputs[name], value, strict=True) if isinstance(value, list) else [(outputs[name], value)]
        )
        for received, sent in pairs:
            assert (received.dtype, received.shape) == (sent.dtype, sent.shape)
            assert received.tolist() == sent.tolist()
    empty = {"f32": np.zeros((0, 2), np.float32), "u16": [], "string": np.array([], object)}
    outputs = dogs.evaluate(**empty).outputs
    assert (outputs["f32"].shape, outputs["u16"], outputs["string"].shape) == ((0, 2), [], (0,))


PLAIN = """
calls = []

class Trained:
    def evaluate(self, options):
        return [{"name": "digit", "data": [b"\\x07\\0\\x05"] * options.params["images"].size()}]
    def train(self, options):
        options.tracker.on_cancel(lambda: calls.append("cancelled"))
        options.tracker.progress(0.5)
        options.tracker.metrics([{"name": "loss", "value": b"\\x01\\x01\\x02" + bytes(8)}, ("rate", 3)])
    async def getModelState(self, options):
        options.state_provider.provide("k", b"1")
    async def dispose(self):
        print("disposed")

model = {"instantiateModel": lambda options: Trained(), "createModelState": lambda options: None}
"""


def test_a_model_without_the_package_gets_bytes(dogs):
    (dogs.code / "main.py").write_text(PLAIN)
    images = np.zeros((3, 4), np.float32)
    assert dogs.evaluate(images=images).outputs["digit"].tolist() == [5, 5, 5]
    training = dogs.train(images=images, labels=np.zeros(3, np.uint8))
    assert [(metric.name, metric.value) for metric in training.metrics] == [
        ("loss[0]", 0.0), ("loss[1]", 0.0), ("rate", 3.0)
    ]  # fmt: skip
    assert (dogs.out / "k").read_bytes() == b"1"


def fail(dogs, source, error, operation="evaluate", **inputs):
    (dogs.code / "main.py").write_text(source)
    with pytest.raises(error) as caught:
        getattr(dogs, operation)(**inputs)
    return caught.value


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "code_startup: code/main.py has no variable model, and there is no code/model.py"),
        ("model = {}", "code_startup: model in code/main.py has no function instantiateModel"),
        (
            "import decthings_model.nothing",
            "code_startup: ModuleNotFoundError: No module named 'decthings_model.nothing'",
        ),
        (
            "import sys; sys.modules['decthings_model'] = None\nimport decthings_model",
            "code_startup: code/main.py imports decthings_model, which its environment does not have:"
            " add decthings-model to packages.requirements in settings.yaml",
        ),
        (
            "model = {'instantiateModel': lambda o: {}}",
            "evaluate: the instantiated model has no function evaluate",
        ),
        (
            "model = {'instantiateModel': lambda o: 1 / 0}",
            "instantiate_model: ZeroDivisionError: division by zero",
        ),
    ],
)
def test_a_program_that_is_none(dogs, source, message):
    assert str(fail(dogs, source, ModelException)) == message


def test_what_the_code_lacks_is_said_before_all_else(dogs):
    error = fail(
        dogs, "model = {'instantiateModel': print}", ModelException, "create_state", start=np.float32(1)
    )
    assert str(error) == "code_startup: model in code/main.py has no function createModelState"


def test_a_type_that_decthings_does_not_have(dogs):
    error = fail(dogs, PLAIN, ModelException, f16=np.float16(1))
    assert str(error) == "evaluate: f16: Decthings has no type f16"


RETURNED = [
    (None, "evaluate() returned a value of type NoneType, not a list"),
    ([3], "evaluate() returned an output that is no dict of a name and a list of data"),
    ([{"name": "digit"}], "evaluate() returned an output that is no dict of a name and a list of data"),
    ([{"name": "digit", "data": ["x"]}], "digit: holds a value of type str, not a DecthingsTensor"),
    ([{"name": "digit", "data": [b""]}], "digit: is not a tensor of a known type"),
    (
        [{"name": "digit", "data": [bytes([7, 1, 9, 0])]}],
        "digit: is a tensor that ends before its last element",
    ),
    (
        [{"name": "digit", "data": [bytes([7, 0, 1]), bytes([7, 1, 1, 1])]}],
        "digit: its elements have different shapes; settings.yaml must say ragged: true",
    ),
    (
        [{"name": "digit", "data": [bytes([7, 0, 1]), bytes([3, 0, 1])]}],
        "digit: its elements have different types",
    ),
    ([{"name": "i64", "data": []}], "i64: has 0 elements, but its shape in settings.yaml is of one"),
    ([{"name": "digit", "data": []}] * 2, "digit: evaluate() returned it twice"),
]


@pytest.mark.parametrize(("returned", "problem"), RETURNED)
def test_outputs_that_are_none(returned, problem):
    definitions = supervisor.describe_request("evaluate", SETTINGS)["definitions"]["outputs"]
    definitions = {name: {**entry, "shape": list(entry["shape"])} for name, entry in definitions.items()}
    with pytest.raises(UnusableOutputs) as caught:
        decthings.convert_outputs(returned, definitions)
    assert caught.value.problems == [problem]


def test_outputs_that_settings_do_not_have(dogs):
    source = "model = {'instantiateModel': lambda o: {'evaluate': lambda o: [{'name': 'other', 'data': []}]}}"
    assert "other: settings.yaml has no parameter of this name" in str(fail(dogs, source, InvalidOutput))


WAITING = """
import asyncio
from decthings_model import make_model

class Program:
    def instantiateModel(self, options):
        return self
    async def train(self, options):
        stopped = asyncio.Event()
        options.tracker.on_cancel(stopped.set)
        options.tracker.progress(0.5)
        await stopped.wait()

model = make_model(Program())
"""


def test_cancelling(dogs):
    (dogs.code / "main.py").write_text(WAITING)

    def interrupt(_):
        threading.Thread(target=lambda: (time.sleep(0.05), os.kill(os.getpid(), 2))).start()

    with pytest.raises(Cancelled):
        dogs.train(
            supervisor.Observers(on_progress=interrupt),
            images=np.zeros((1, 4), np.float32),
            labels=np.zeros(1, np.uint8),
        )
    assert list(dogs.out.iterdir()) == []


def test_a_training_that_says_that_it_failed(dogs):
    source = PLAIN.replace("options.tracker.progress(0.5)", "options.tracker.failed('no data')")
    error = fail(
        dogs,
        source,
        ModelException,
        "train",
        images=np.zeros((1, 4), np.float32),
        labels=np.zeros(1, np.uint8),
    )
    assert str(error) == "train: RuntimeError: the model reported: no data"


def read_all(loader, amount=1):
    async def collect():
        return [decthings_tensors.decode(data)[1].tolist() for data in await loader.next(amount)]

    return asyncio.run(collect())


def test_data_sets():
    loader = DataLoader(np.arange(5), "i64")
    assert (loader.size(), loader.position(), loader.remaining()) == (5, 0, 5)
    assert (loader.has_next(5), loader.has_next(6), loader.has_next(5.9)) == (True, False, True)
    assert read_all(loader, 2.5) == [0, 1]
    assert read_all(loader, -1) == []
    loader.set_position(3.7)
    assert read_all(loader, 9) == [3, 4]
    assert read_all(loader, 9) == []
    loader.set_position(-3)
    assert loader.position() == 0
    for position in (5, 6):
        with pytest.raises(ValueError, match="is not below the size 5"):
            loader.set_position(position)
    with pytest.raises(TypeError):
        read_all(loader, "1")
    with pytest.raises(ValueError, match="different sizes"):
        loader.shuffle_in_group([DataLoader(np.arange(4), "i64")])
    with pytest.raises(TypeError):
        loader.shuffle_in_group([3])


def test_shuffling_in_a_group():
    left, right = DataLoader(np.arange(50), "i64"), DataLoader([np.array(i) for i in range(50)], "i64")
    left.shuffle_in_group([right])
    left.shuffle_in_group([right])
    order = read_all(left, 50)
    assert order == read_all(right, 50) != sorted(order) == list(range(50))


KEYS = st.text(min_size=1, max_size=20).filter(lambda key: all(map(str.isprintable, key)))


@settings(max_examples=50)
@given(
    st.dictionaries(
        KEYS | st.sampled_from([".", "..", "a/../b", "/etc/x", "a", "a/b", "%2F", "%"]), st.binary()
    )
)
def test_keys_of_states(tmp_path_factory, state):
    directory = tmp_path_factory.mktemp("state")
    provider = StateProvider(directory)
    provider.provide_all([{"key": key, "data": data} for key, data in state.items()])
    loaders = open_state(directory)
    assert {key: asyncio.run(loader.read()) for key, loader in loaders.items()} == state
    assert {key: loader.byte_size() for key, loader in loaders.items()} == {
        k: len(v) for k, v in state.items()
    }


def test_keys_that_are_refused(tmp_path):
    provider = StateProvider(tmp_path)
    provider.provide("a", b"1")
    with pytest.raises(ValueError, match="the state's key 'a' was provided before"):
        provider.provide("a", b"2")
    for key, data in ((3, b""), ("", b""), ("b", "text")):
        with pytest.raises(TypeError):
            provider.provide(key, data)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@functools.cache
def tensor_class():
    with warnings.catch_warnings(action="ignore"):  # of the package, which uses old names of others
        import decthings_api
    return decthings_api.DecthingsTensor


NUMBERS = st.sampled_from(sorted(tensors.NUMERIC.keys() & decthings_tensors.CODES)).flatmap(
    lambda name: st.tuples(
        st.just(name), numpy_st.arrays(tensors.NUMERIC[name], numpy_st.array_shapes(min_dims=0, min_side=0))
    )
)
ITEMS = st.sampled_from(["string", *tensors.BINARY]).flatmap(
    lambda name: st.tuples(
        st.just(name),
        numpy_st.arrays(
            object,
            numpy_st.array_shapes(min_dims=0, min_side=0, max_side=4),
            elements=st.text() if name == "string" else st.binary(),
        ),
    )
)


@settings(deadline=None)
@given(NUMBERS | ITEMS)
def test_tensors_are_what_the_package_reads_and_writes(tensor):
    name, array = tensor
    data = decthings_tensors.encode(array, name)
    assert decthings_tensors.measure(array, name) == len(data)
    type_name, decoded, end = decthings_tensors.decode(data)
    assert (type_name, decoded.shape, end) == (name, array.shape, len(data))
    assert (
        decoded.tobytes() == array.tobytes()
        if name in tensors.NUMERIC
        else decoded.tolist() == array.tolist()
    )
    if name not in ("binary", "audio", "video"):  # in which the package fails; see repair_package
        theirs, _ = tensor_class().deserialize(data)
        assert theirs.serialize() == data


@given(st.binary(max_size=60))
def test_bytes_that_are_no_tensor(data):
    try:
        _, array, end = decthings_tensors.decode(data)
    except ValueError:
        return
    assert end <= len(data)
    assert array.nbytes <= 8 * len(data)
