"""Arrays against their definitions; the exact lines are the interface."""

from __future__ import annotations

import numpy as np
import pytest

from gitstore.errors import InvalidInput, InvalidOutput
from gitstore.run.values import parameters
from gitstore.settings.schema import Parameter, TensorType


def define(name, types, shape, required=True):
    return Parameter(name=name, types=tuple(map(TensorType, types)), shape=tuple(shape), required=required)


IMAGES = define("images", ["f32", "f64"], [-1, 64])
LABELS = define("labels", ["u8"], [-1], required=False)
PICTURE = define("picture", ["image", "audio"], [], required=False)
DEFINITIONS = [IMAGES, LABELS, PICTURE]


def picture(content):
    return np.array(content, dtype=object)


@pytest.mark.parametrize(
    ("arrays", "problems"),
    [
        ({"images": np.zeros((3, 64))}, []),
        ({"images": np.zeros((0, 64), ">f4"), "labels": np.zeros(0, "u1"), "picture": picture(b"x")}, []),
        ({"images": np.zeros((10, 63))}, ["images: shape is (10, 63), but settings.yaml asks for (-1, 64)"]),
        ({"images": np.zeros((10, 64), "i4")}, ["images: type is i32, but settings.yaml allows f32, f64"]),
        ({}, ["images: is missing, but settings.yaml requires it"]),
        (
            {"images": np.zeros((1, 64)), "labels": np.zeros((), "u1")},
            ["labels: shape is (), but settings.yaml asks for (-1,)"],
        ),
        (
            {"images": np.zeros((1, 64)), "picture": picture("text")},
            ["picture: type is string, but settings.yaml allows image, audio"],
        ),
        (
            {"imags": np.zeros(1), "labels": np.zeros((1, 1)), "qq": np.zeros(1)},
            [
                "imags: settings.yaml has no parameter of this name; did you mean images?",
                "qq: settings.yaml has no parameter of this name; it has images, labels, picture",
                "images: is missing, but settings.yaml requires it",
                "labels: type is f64, but settings.yaml allows u8",
                "labels: shape is (1, 1), but settings.yaml asks for (-1,)",
            ],
        ),
    ],
)
def test_problems(arrays, problems):
    assert parameters.list_problems(arrays, DEFINITIONS) == problems


def test_no_parameters_at_all():
    assert parameters.list_problems({"x y": np.zeros(1)}, []) == [
        "'x y': settings.yaml has no parameter of this name; it has none"
    ]


def test_inputs_become_plain_arrays():
    values = {"images": np.zeros((64, 2), ">f4").T, "labels": np.array([1, 2], "u1")}
    arrays = parameters.check_inputs(values, DEFINITIONS)
    assert arrays["images"].dtype == np.dtype("<f4")
    assert arrays["images"].flags.c_contiguous
    assert arrays["labels"] is values["labels"]


def test_inputs_that_are_no_arrays_are_named_once():
    with pytest.raises(InvalidInput) as caught:
        parameters.check_inputs({"images": {1, 2}, "labels": [300]}, DEFINITIONS)
    assert caught.value.problems == (
        "images: holds objects that are neither all str nor all bytes",
        "labels: type is i64, but settings.yaml allows u8",
    )


def test_outputs_fail_with_the_same_words():
    with pytest.raises(InvalidOutput) as caught:
        parameters.check_outputs({"images": np.zeros(1)}, DEFINITIONS)
    assert caught.value.message == "images: shape is (1,), but settings.yaml asks for (-1, 64)"
    assert caught.value.phase == "evaluate"
