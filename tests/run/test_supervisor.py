"""Operations that go well: what the model gets, what comes back, what stays behind."""

from __future__ import annotations

import numpy as np
import pytest

from gitstore.errors import InvalidInput, InvalidOutput
from gitstore.run.supervisor import Metric, Observers
from gitstore.run.worker import shared
from gitstore.settings.loading import parse


def test_evaluate(lab, floats):
    lab.write("""
        class Model:
            def __init__(self, state):
                self.factor = float((state / "factor").read_text())
            def evaluate(self, x):
                return {"y": x * np.float32(self.factor)}
        """)
    (lab.state / "factor").write_text("2.5")
    evaluation = lab.evaluate(x=floats)
    assert evaluation.outputs["y"].tolist() == [2.5, 5, 7.5]
    assert evaluation.outputs["y"].dtype == np.float32
    phases = ["code_startup", "instantiate_model", "evaluate"]
    assert list(evaluation.durations) == [*phases, "total"]
    assert sum(evaluation.durations[phase] for phase in phases) == pytest.approx(
        evaluation.durations["total"]
    )


def test_text_and_pictures_reach_the_model_and_come_back_whole(lab):
    lab.write("""
        class Model:
            def __init__(self, state): pass
            def evaluate(self, words, pictures):
                assert all(type(word) is str for word in words)
                assert all(type(picture) is bytes for picture in pictures)
                return {"words": [word + "\\0" for word in words], "pictures": list(pictures[::-1])}
        """)
    outputs = lab.evaluate(words=["a", "ü\0"], pictures=[b"1\0", b""]).outputs
    assert outputs["words"].tolist() == ["a\0", "ü\0\0"]
    assert outputs["pictures"].tolist() == [b"", b"1\0"]


def test_empty_lists_are_of_the_type_that_is_wanted(lab):
    lab.write("""
        class Model:
            def __init__(self, state): pass
            def evaluate(self, x, pictures):
                assert x.dtype == np.float32
                return {"y": [], "words": [], "pictures": pictures}
        """)
    outputs = lab.evaluate(x=[], pictures=[]).outputs
    assert {name: str(array.dtype) for name, array in outputs.items()} == {
        "y": "float32",
        "words": "object",
        "pictures": "object",
    }


def test_create_state(lab):
    lab.write("""
        class Model:
            @staticmethod
            def create_state(out, seed=None):
                (out / "seed").write_text(str(seed))
        """)
    creation = lab.create_state(seed=np.int64(7))
    assert (lab.out / "seed").read_text() == "7"
    assert list(creation.durations) == ["code_startup", "create_state", "total"]


def test_train_reports_progress_and_metrics_in_order(lab, floats):
    lab.write("""
        class Model:
            def __init__(self, state): pass
            def train(self, tracker, x):
                for i, value in enumerate(x):
                    tracker.metric("loss", value)
                    tracker.progress((i + 1) / 2)
                assert not tracker.cancelled
            def save_state(self, out): (out / "weights").write_bytes(b"w")
        """)
    heard = []
    training = lab.train(Observers(on_progress=heard.append, on_metric=heard.append), x=floats)
    assert [(metric.name, metric.value) for metric in training.metrics] == [
        ("loss", 1),
        ("loss", 2),
        ("loss", 3),
    ]
    seconds = [metric.seconds for metric in training.metrics]
    assert seconds == sorted(seconds)
    assert seconds[-1] <= training.durations["train"]
    assert [item if isinstance(item, float) else item.value for item in heard] == [1, 0.5, 2, 1, 3, 1]
    assert isinstance(heard[0], Metric)
    assert list(training.durations) == ["code_startup", "instantiate_model", "train", "get_state", "total"]
    assert (lab.out / "weights").read_bytes() == b"w"


def test_async_methods_share_one_event_loop(lab):
    lab.write(
        """
        class Model:
            def __init__(self, state): self.loops = []
            async def here(self): self.loops.append(asyncio.get_running_loop())
            async def train(self, tracker):
                await self.here()
                self.lock = asyncio.Lock()
                await self.lock.acquire()
                self.waiting = asyncio.create_task(self.lock.acquire())
            async def save_state(self, out):
                await self.here()
                self.lock.release()
                assert await self.waiting
                (out / "loops").write_text(str(len(set(self.loops))))
            async def close(self): await self.here()
        """,
        imports="import asyncio",
    )
    lab.train()
    assert (lab.out / "loops").read_text() == "1"


def test_async_create_state(lab):
    lab.write("""
        class Model:
            @staticmethod
            async def create_state(out): (out / "made").touch()
        """)
    lab.create_state()
    assert (lab.out / "made").exists()


def test_close_is_called_after_the_outputs_are_out(lab):
    lab.write("""
        class Model:
            def __init__(self, state): self.state = state; self.y = np.ones(3, np.float32)
            def evaluate(self): return {"y": self.y}
            def close(self): self.y[:] = 0; (self.state / "closed").touch()
        """)
    assert lab.evaluate().outputs["y"].tolist() == [1, 1, 1]
    assert (lab.state / "closed").exists()


def test_relative_paths_are_the_callers(lab, monkeypatch):
    lab.write("""
        class Model:
            def __init__(self, state): assert (state / "here").exists()
            def evaluate(self): return {}
        """)
    (lab.state / "here").touch()
    monkeypatch.chdir(lab.root)
    lab.code, lab.state = lab.code.relative_to(lab.root), lab.state.relative_to(lab.root)
    lab.evaluate()


def test_wrong_inputs_start_nothing(lab):
    (lab.code / "model.py").write_text("raise SystemExit('was run')")
    with pytest.raises(InvalidInput) as caught:
        lab.evaluate(x=np.zeros((2, 2)), z=1, words=[1j])
    assert caught.value.problems == (
        "words: type is complex128, which gitstore does not have",
        "z: settings.yaml has no parameter of this name; it has x, words, pictures",
        "x: type is f64, but settings.yaml allows f32",
        "x: shape is (2, 2), but settings.yaml asks for (-1,)",
    )


RAGGED = parse(b"""
name: lab
types:
  evaluate:
    inputs: [{name: words, types: [string], shape: [-1, -1], ragged: true, required: false},
             {name: x, types: [f32], shape: [-1, -1], ragged: true, required: false}]
    outputs: [{name: lengths, types: [i64], shape: [-1, -1], ragged: true}]
""")


def test_ragged_values_are_lists_of_arrays(lab):
    lab.settings = RAGGED
    lab.write("""
        class Model:
            def __init__(self, state): pass
            def evaluate(self, x=None, words=None):
                assert type(x) is list
                values = words if words is not None else x
                return {"lengths": [[len(str(item)) for item in element] for element in values]}
        """)
    x = [np.zeros(2, np.float32), np.zeros(0, np.float32), np.zeros(3, np.float32)]
    for elements in (x, x[:1], []):
        lengths = lab.evaluate(x=elements).outputs["lengths"]
        assert [array.tolist() for array in lengths] == [[3] * len(element) for element in elements]
        assert all(array.dtype == np.int64 for array in lengths)
    words = [np.array(["a", "bc"], object), np.array([], object)]
    assert [array.tolist() for array in lab.evaluate(words=words, x=x).outputs["lengths"]] == [[1, 2], []]


def test_large_arrays_cross_in_memory_that_the_model_may_change(lab):
    """They are larger than what is sent through the socket; the model changes its own copy alone."""
    lab.write("""
        class Model:
            def __init__(self, state): pass
            def evaluate(self, x):
                x += 1
                return {"y": x}
        """)
    x = np.zeros(shared.THRESHOLD // 4 + 1, np.float32)
    y = lab.evaluate(x=x).outputs["y"]
    assert y.shape == x.shape
    assert y.min() == y.max() == 1
    assert x.max() == 0
    y += 1  # which is the caller's own


def test_outputs_that_are_larger_than_files_may_be(lab):
    """No memfd can hold them then, and the socket carries them."""
    lab.write("""
        import resource
        class Model:
            def __init__(self, state): pass
            def evaluate(self, x):
                resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
                return {"y": np.ones(int(x[0]), np.float32)}
        """)
    size = shared.THRESHOLD // 4
    assert lab.evaluate(x=np.array([size], np.float32)).outputs["y"].sum() == size


def test_outputs_that_the_model_could_still_change_are_refused(lab):
    """The model finds the worker's socket and sends a memfd of its own."""
    lab.write("""
        import json, os, socket, struct
        class Model:
            def __init__(self, state): pass
            def evaluate(self, x):
                descriptor = os.memfd_create("mine")
                os.write(descriptor, bytes(8))
                tensor = ["y", "f32", [2], False, 8, "memory"]
                header = json.dumps({"kind": "outputs", "fields": {}, "tensors": [tensor]}).encode()
                for number in range(3, 20):
                    try:
                        connection = socket.socket(fileno=os.dup(number))
                        connection.sendall(struct.pack("<I", len(header)) + header)
                        socket.send_fds(connection, [b"\\0"], [descriptor])
                    except OSError:
                        pass
                return {}
        """)
    with pytest.raises(InvalidOutput, match="sent an invalid answer: a memfd that is not sealed"):
        lab.evaluate(x=np.zeros(1, np.float32))
