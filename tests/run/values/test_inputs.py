"""Inputs as a person writes them: every kind, every mistake, the exact lines."""

from __future__ import annotations

import base64
import json
import zipfile

import numpy as np
import pytest

from gitstore.errors import InvalidInput
from gitstore.run.values.reading import read_inputs
from gitstore.settings.schema import Parameter, TensorType


def define(types, shape, name="x", required=True):
    return Parameter(name=name, types=tuple(map(TensorType, types)), shape=tuple(shape), required=required)


def read(text, types, shape=(), directory=None):
    arguments = {} if directory is None else {"directory": directory}
    return read_inputs([f"x={text}"], [define(types, shape)], **arguments)["x"]


def problems(assignments, definitions, **arguments):
    with pytest.raises(InvalidInput) as caught:
        read_inputs(assignments, definitions, **arguments)
    return list(caught.value.problems)


def problem(text, types, shape=(), **arguments):
    (line,) = problems([f"x={text}"], [define(types, shape)], **arguments)
    return line


@pytest.mark.parametrize(
    ("text", "types", "shape", "dtype", "value"),
    [
        ("7", ["i64"], [], "i8", 7),
        ("7", ["u8", "i64"], [], "u1", 7),
        ("300", ["u8", "i64"], [], "i8", 300),
        ("[1, -1]", ["u8", "i16"], [-1], "i2", [1, -1]),
        ("2.0", ["i64"], [], "i8", 2),
        ("[1, 2.5]", ["i64", "f32"], [-1], "f4", [1, 2.5]),
        ("9007199254740993", ["f64", "u64"], [], "u8", 2**53 + 1),
        ("16777217", ["f32", "f64"], [], "f8", 2**24 + 1),
        ("18446744073709551615", ["i64", "u64"], [], "u8", 2**64 - 1),
        ("0.5", ["f16"], [], "f2", 0.5),
        ("1e39", ["f32", "f64"], [], "f8", 1e39),
        ('["NaN", "-Infinity", 1]', ["f32"], [-1], "f4", [np.nan, -np.inf, 1]),
        ("[Infinity]", ["f32"], [-1], "f4", [np.inf]),
        ("[true, false]", ["u8", "bool"], [-1], "?", [True, False]),
        ("[[[1], [2]]]", ["i8"], [1, -1, 1], "i1", [[[1], [2]]]),
        ("[]", ["f32"], [-1], "f4", []),
        ("[[], []]", ["f32"], [-1, -1], "f4", [[], []]),
    ],
)
def test_json_takes_the_first_type_that_holds_it(text, types, shape, dtype, value):
    array = read(text, types, shape)
    assert array.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(array, np.array(value, dtype))
    assert array.ndim == len(shape)


def test_a_fraction_is_rounded_as_it_always_is():
    assert read("0.1", ["f32", "f64"]) == np.float32(0.1)


@pytest.mark.parametrize(
    ("text", "types", "shape", "value"),
    [
        ('"a word"', ["string"], [], "a word"),
        ("a word", ["string"], [], "a word"),
        ("k=v", ["string"], [], "k=v"),
        ("", ["string"], [], ""),
        ("[not json", ["i64", "string"], [], "[not json"),
        ('["a", "ü"]', ["string"], [-1], ["a", "ü"]),
        ('"AAE="', ["binary"], [], b"\0\1"),
        ('["AAE=", ""]', ["image"], [-1], [b"\0\1", b""]),
    ],
)
def test_text_and_bytes(text, types, shape, value):
    array = read(text, types, shape)
    assert array.dtype == object
    assert array.tolist() == value


UNFIT = [
    ("300", ["u8"], [], "x: 300 does not fit u8"),
    ("[300, 1.5]", ["u8", "i16"], [-1], "x: 300 does not fit u8; 1.5 does not fit i16"),
    ("1.5", ["i64"], [], "x: 1.5 does not fit i64"),
    ("true", ["i64", "f32"], [], "x: true does not fit i64; true does not fit f32"),
    ("1", ["bool", "string"], [], "x: 1 does not fit bool; 1 does not fit string"),
    ("[NaN]", ["i8"], [-1], "x: NaN does not fit i8"),
    ("1e39", ["f32"], [], "x: 1e+39 does not fit f32"),
    ("1" + "0" * 400, ["f64"], [], f"x: 1{'0' * 38}… does not fit f64"),
    ('"text"', ["f32"], [], 'x: "text" does not fit f32'),
    ("null", ["f32"], [], "x: null does not fit f32"),
    ('{"a": 1}', ["f32"], [], 'x: {"a": 1} does not fit f32'),
    ('"not base64!"', ["binary"], [], 'x: "not base64!" does not fit binary'),
    ("[[1], [2, 3]]", ["i8"], [-1, -1], "x: lists on the same level differ in length"),
    ("[[1], 2]", ["i8"], [-1, -1], "x: lists on the same level differ in length"),
    ("[" * 65 + "]" * 65, ["i8"], [-1], "x: lists are nested more than 64 levels deep"),
    ("[1, 2]", ["i8"], [3], "x: shape is (2,), but settings.yaml asks for (3,)"),
    (
        "a word",
        ["f32"],
        [],
        "x: 'a word' is not JSON; write NAME=VALUE, with VALUE in JSON, or NAME=@FILE",
    ),
    ("dir/x.npy", ["f32"], [], "x: 'dir/x.npy' is not JSON; did you mean @dir/x.npy?"),
    ('"\\ud800"', ["string"], [], "x: holds text that is not Unicode: a lone surrogate"),
]


def test_json_that_does_not_fit():
    problems = [problem(text, types, shape) for text, types, shape, _ in UNFIT]
    assert problems == [message for *_, message in UNFIT]


def test_one_file_where_a_batch_is_wanted(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(4, "f4"))
    with pytest.raises(InvalidInput, match="shape is") as caught:
        read_inputs(["x=@a.npy"], [define(["f32"], [-1, 4])], directory=tmp_path)
    assert caught.value.hint == "for a batch, even of one, give a pattern or a list: x=@DIR/*.png, x=@@LIST"
    assert read_inputs(["x=@*.npy"], [define(["f32"], [-1, 4])], directory=tmp_path)["x"].shape == (1, 4)
    with pytest.raises(InvalidInput) as other:
        read_inputs(["x=@a.npy"], [define(["f32"], [-1, 4, 4])], directory=tmp_path)
    assert other.value.hint is None


def test_every_problem_at_once(tmp_path):
    definitions = [
        define(["f32"], [-1], "images"),
        define(["i8"], [], "seed"),
        define(["i8"], [], "labels"),
        define(["i8"], [], "rate"),
    ]
    assignments = ["images=@no.npy", "seed=1.5", "imags=1", "seed=1", "rate", "images"]
    assert problems(assignments, definitions, directory=tmp_path) == [
        "'rate': write NAME=VALUE, with VALUE in JSON, or NAME=@FILE",
        "'images': write NAME=VALUE, with VALUE in JSON, or NAME=@FILE",
        "images: no.npy: No such file or directory",
        "seed: is given twice, but its shape () has no open dimension (-1)",
        "imags: settings.yaml has no parameter of this name; did you mean images?",
        "labels: is missing, but settings.yaml requires it",
    ]


def test_optional_inputs_may_be_left_out():
    assert read_inputs([], [define(["f32"], [], required=False)]) == {}


def test_npy_keeps_its_type_and_is_made_plain(tmp_path):
    values = np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3))
    np.save(tmp_path / "x.npy", values)
    array = read("@x.npy", ["f64", "f32"], [-1, 3], tmp_path)
    assert array.dtype == np.dtype("<f4")
    assert array.flags.c_contiguous
    assert (array == values).all()
    assert problem("@x.npy", ["f64"], [2, 3], directory=tmp_path) == (
        "x: type is f32, but settings.yaml allows f64"
    )


def test_npy_scalars_text_and_bytes(tmp_path):
    np.save(tmp_path / "scalar.npy", np.int64(3))
    assert read("@scalar.npy", ["i64"], [], tmp_path).shape == ()
    np.save(tmp_path / "text.npy", np.array(["a", "bc"]))
    assert read("@text.npy", ["string"], [-1], tmp_path).tolist() == ["a", "bc"]


def test_npz(tmp_path):
    np.savez(tmp_path / "two.npz", a=np.zeros(2), b=np.ones(3))
    np.savez(tmp_path / "one.npz", only=np.ones(3))
    np.savez(tmp_path / "odd:name.npz", only=np.ones(3))
    assert read("@two.npz:b", ["f64"], [-1], tmp_path).tolist() == [1, 1, 1]
    assert read("@one.npz", ["f64"], [-1], tmp_path).tolist() == [1, 1, 1]
    assert read("@odd:name.npz:only", ["f64"], [-1], tmp_path).tolist() == [1, 1, 1]
    assert problem("@two.npz", ["f64"], directory=tmp_path) == (
        "x: two.npz: it holds 2 arrays; name one after a colon: a, b"
    )
    assert problem("@two.npz:c", ["f64"], directory=tmp_path) == (
        "x: two.npz:c: it has no array c; it has a, b"
    )


@pytest.mark.parametrize(
    ("content", "types", "shape", "value"),
    [
        ("1,2\n3,4\n", ["u8"], [-1, 2], [[1, 2], [3, 4]]),
        ("\ufeffa,b\r\n1,2.5\r\n\r\n3,4\r\n", ["i8", "f32"], [-1, 2], [[1, 2.5], [3, 4]]),
        ("label\n1\n2\n", ["u8"], [-1], [1, 2]),
        ("1,2,3", ["u8"], [-1], [1, 2, 3]),
        ("7", ["u8"], [], 7),
        ("7", ["u8"], [-1, -1], [[7]]),
        ("nan, -1e3\n", ["f32"], [-1], [np.nan, -1000]),
    ],
)
def test_csv(tmp_path, content, types, shape, value):
    (tmp_path / "x.csv").write_text(content, encoding="utf-8", newline="")
    np.testing.assert_array_equal(read("@x.csv", types, shape, tmp_path), value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it contains no numbers"),
        (b"a,b\n", "it contains no numbers"),
        (b"1,x\n", "line 1: 'x' is not a number"),
        (b"a,b\nc,d\n", "line 2: 'c' is not a number"),
        (b"1,2\n3,\n", "line 2: '' is not a number"),
        (b"1\n1_0\n", "line 2: '1_0' is not a number"),
        (b"1,2\n3\n", "line 2: has 1 value, not 2"),
        (b"1.5\n", "1.5 does not fit u8"),
    ],
)
def test_csv_that_does_not_hold(tmp_path, content, reason):
    (tmp_path / "x.csv").write_bytes(content)
    assert problem("@x.csv", ["u8"], [-1], directory=tmp_path) == f"x: x.csv: {reason}"


def test_json_files(tmp_path):
    (tmp_path / "x.json").write_text("[[1, 2], [3, 4]]")
    assert read("@x.json", ["u8"], [-1, 2], tmp_path).tolist() == [[1, 2], [3, 4]]
    (tmp_path / "x.json").write_text("[1,")
    assert problem("@x.json", ["u8"], directory=tmp_path) == (
        "x: x.json: it is not JSON: Expecting value: line 1 column 4 (char 3)"
    )


@pytest.mark.parametrize("kind", ["binary", "image", "audio", "video"])
def test_any_file_is_bytes_where_bytes_are_wanted(tmp_path, kind):
    for name in ("x.png", "x.npy", "x"):
        (tmp_path / name).write_bytes(b"\x89PNG\0")
        assert read(f"@{name}", [kind], [], tmp_path).item() == b"\x89PNG\0"
    (tmp_path / "x.json").write_text("[1]")
    assert read("@x.json", [kind, "u8"], [1], tmp_path).tolist() == [1]


def bad_files(directory):
    (directory / "empty.npy").write_bytes(b"")
    (directory / "text.npy").write_text("no array at all")
    np.save(directory / "pickled.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(directory / "complex.npy", np.zeros(3, complex))
    (directory / "short.npy").write_bytes(b"\x93NUMPY\x01\x00")
    np.save(directory / "whole.npy", np.zeros(1000))
    (directory / "cut.npy").write_bytes((directory / "whole.npy").read_bytes()[:-10])
    (directory / "text.npz").write_text("no archive at all")
    np.savez(directory / "pickled.npz", a=np.array([{}], dtype=object))
    (directory / "array.npz").write_bytes((directory / "whole.npy").read_bytes())
    with zipfile.ZipFile(directory / "raw.npz", "w") as archive:
        archive.writestr("a", b"not an array")
    (directory / "binary.csv").write_bytes(b"\xff\xfe\0\0")
    (directory / "deep.json").write_text("[" * 100_000)
    (directory / "unknown.txt").write_text("1")
    (directory / "directory.npy").mkdir()
    return sorted(path.name for path in directory.iterdir() if path.name != "whole.npy")


def test_files_that_cannot_be_read_are_one_line_with_their_name(tmp_path):
    for name in bad_files(tmp_path):
        line = problem(f"@{name}", ["f64"], [-1], directory=tmp_path)
        assert line.startswith(f"x: {name}: "), line
        assert "\n" not in line
        assert len(line) < 300


SUPPORTED = ".npy, .npz, .safetensors, .parquet, .csv, .json, .png, .jpg, .jpeg, .webp, .wav, .flac"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("pickled.npy", "it contains Python objects, which gitstore does not read"),
        ("pickled.npz", "it contains Python objects, which gitstore does not read"),
        ("complex.npy", "type is complex128, which gitstore does not have"),
        ("array.npz", "it is not an .npz file"),
        ("raw.npz", "its content is not a numpy array"),
        ("unknown.txt", f"its file type is not supported; supported are {SUPPORTED}"),
        ("directory.npy", "Is a directory"),
    ],
)
def test_reasons(tmp_path, name, reason):
    bad_files(tmp_path)
    assert problem(f"@{name}", ["f64"], [-1], directory=tmp_path) == f"x: {name}: {reason}"


def test_what_is_written_is_read_again(tmp_path):
    from gitstore.run.values import outputs

    arrays = {
        "f": np.array([[0.1, np.nan], [np.inf, -1e-7]], "f4"),
        "i": np.array(2**63 - 1),
        "s": np.array(["a", "ü"], dtype=object),
        "b": np.array(b"\0\1", dtype=object),
    }
    types = {"f": ["f32"], "i": ["i64"], "s": ["string"], "b": ["audio"]}
    definitions = [define(types[name], array.shape, name) for name, array in arrays.items()]
    shown = outputs.to_json(arrays)
    assert shown["b"] == base64.b64encode(b"\0\1").decode()
    again = read_inputs([f"{name}={json.dumps(value)}" for name, value in shown.items()], definitions)
    for name, array in arrays.items():
        np.testing.assert_array_equal(again[name], array)
