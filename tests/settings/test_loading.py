from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.errors import BadSettings, NotAModel
from gitstore.settings import Parameter, Settings, TensorType, find, load, parse
from gitstore.units import GIB, MIB
from tests.support.failing import names


def problems_of(text: str) -> list[str]:
    with pytest.raises(BadSettings) as error:
        parse(text.encode())
    assert error.value.exit_code == 13
    assert error.value.message == "\n".join(error.value.problems)
    return list(error.value.problems)


def problem_of(text: str) -> str:
    """The only problem of some settings that have a name, without its place."""
    (problem,) = problems_of("name: x\n" + text)
    return problem.removeprefix("settings.yaml:2: ")


def test_the_example(example: bytes) -> None:
    settings = parse(example)
    assert settings.filesystem_size == 32 * MIB
    assert settings.types.train == (
        Parameter(name="images", types=(TensorType.f32, TensorType.f64), shape=(-1, 64)),
        Parameter(name="labels", types=(TensorType.u8, TensorType.i64), shape=(-1,)),
    )
    assert settings.types.create_state[0].required is False
    assert settings.types.evaluate.outputs[0].shape == (-1,)
    assert settings.max_durations.train == 86400.0
    assert settings.packages.python == "3.11"
    assert settings.default_launchers.train.memory == 4 * GIB
    assert settings.default_launchers.evaluate.disk == 256 * MIB
    assert settings.based_on is not None
    assert settings.based_on.snapshot == "v1"


def test_a_name_is_enough() -> None:
    assert parse(b"name: digits") == Settings(name="digits")


def test_all_problems_at_once_in_the_order_of_lines() -> None:
    assert problems_of(
        """\
nmae: digits
description: 12
types:
  train:
    - {name: images, types: [f32, f99], shape: [-2]}
    - {name: images, types: f32, required: yes}
max_durations: {train: 60}
packages: {python: 3.11}
description: again
"""
    ) == [
        "settings.yaml:1: nmae: there is no such key; did you mean name?",
        "settings.yaml:1: name: is missing; it has no default",
        'settings.yaml:2: description: is the number 12; put it in quotes: "12"',
        "settings.yaml:5: types.train[0].types[1]: 'f99' is not known; allowed are f16, f32, f64, i8, i16,"
        " i32, i64, u8, u16, u32, u64, bool, string, binary, image, audio, video",
        "settings.yaml:5: types.train[0].shape[0]: is -2; it must be at least -1",
        "settings.yaml:6: types.train[1].types: is the text 'f32'; write a list: [f32]",
        "settings.yaml:6: types.train[1].required: is the text 'yes'; it must be true or false",
        "settings.yaml:6: types.train[1].shape: is missing; it has no default",
        "settings.yaml:6: types.train[1].name: 'images' is also types.train[0]; it must differ",
        "settings.yaml:7: max_durations.train: '60' has no unit; write it like 60s, 10m or 24h",
        'settings.yaml:8: packages.python: is the number 3.11; put it in quotes: "3.11"',
        "settings.yaml:9: the key 'description' is given twice; first on line 2",
    ]


PROBLEMS: list[tuple[str, str]] = [
    ("", "settings.yaml:1: is empty; write at least the model's name, like name: digits"),
    ("# nothing", "settings.yaml:1: is empty; write at least the model's name, like name: digits"),
    ("name:", "settings.yaml:1: name: has no value; it must be text"),
    ("name: [x]", "settings.yaml:1: name: is a list; it must be text"),
    ("name: 7", 'settings.yaml:1: name: is the number 7; put it in quotes: "7"'),
    ("name: true", 'settings.yaml:1: name: is the boolean true; put it in quotes: "true"'),
    (
        "name: my model",
        "settings.yaml:1: name: 'my model' contains a space; a name is one word, like digits or digits-v2",
    ),
    (
        "- name",
        "settings.yaml:1: is a list; it must be a mapping of the keys name, description, code,"
        " filesystem_size, types, max_durations, packages, default_launchers, based_on",
    ),
    ('"na\\nme": x\nname: y', "settings.yaml:1: 'na\\nme': there is no such key; did you mean name?"),
    ("name: x\ntypes: &a {}", "settings.yaml:2: the anchor &a is not allowed; remove it"),
]


def test_one_problem() -> None:
    found = [problems_of(text) for text, _ in PROBLEMS]
    assert found == [[problem] for _, problem in PROBLEMS]


PROBLEMS_BELOW_A_NAME: list[tuple[str, str]] = [
    ('description: "\\e[31m"', "description: '\\x1b[31m' contains a control character"),
    ("types:", "types: has no value; it must be a mapping of the keys create_state, train, evaluate"),
    ("types: {train: }", "types.train: has no value; it must be a list, like [] or [first, second]"),
    (
        "zzz: 1",
        "zzz: there is no such key; allowed are name, description, code, filesystem_size, types,"
        " max_durations, packages, default_launchers, based_on",
    ),
    ("filesystem_size: 0", "filesystem_size: is 0B; it must be at least 1B"),
    ("filesystem_size: [1]", "filesystem_size: is a list; it must be a size, like 32MiB"),
    ("filesystem_size: 1.5", "filesystem_size: '1.5' is not a whole number of bytes; use a smaller unit"),
    ("max_durations: {train: }", "max_durations.train: has no value; it must be a duration, like 60s"),
    ("max_durations: {train: 0s}", "max_durations.train: is 0s; it must be more than 0s"),
    ("max_durations: {trian: 1s}", "max_durations.trian: there is no such key; did you mean train?"),
    (
        "packages: {requirements: [a, a==1]}",
        "packages.requirements[0]: 'a' is not an exact pin like numpy==2.4.6",
    ),
    (
        "packages: {python: '2.7'}",
        'packages.python: \'2.7\' is not a version of Python like "3.11" or "3.11.7"',
    ),
    (
        "default_launchers: {train: {cpus: 0.1}}",
        "default_launchers.train.cpus: is 0.1; it must be at least 0.125",
    ),
    (
        "default_launchers: {train: {cpus: two}}",
        "default_launchers.train.cpus: is the text 'two'; it must be a number",
    ),
    (
        "default_launchers: {train: {memory: 64MiB}}",
        "default_launchers.train.memory: is 64MiB; it must be at least 128MiB",
    ),
    (
        "default_launchers: {train: {engine: rya}}",
        "default_launchers.train.engine: 'rya' is not known; did you mean ray?",
    ),
    (
        "default_launchers: {train: {gpus: {count: 1.5}}}",
        "default_launchers.train.gpus.count: is the number 1.5; it must be a whole number",
    ),
    (
        "default_launchers: {train: {gpus: {count: true}}}",
        "default_launchers.train.gpus.count: is the boolean true; it must be a whole number",
    ),
]


def test_one_problem_below_a_name() -> None:
    found = [problem_of(text) for text, _ in PROBLEMS_BELOW_A_NAME]
    assert found == [problem for _, problem in PROBLEMS_BELOW_A_NAME]


@pytest.mark.parametrize(
    ("operation", "name", "problem"),
    [
        ("train", "class", "'class' is a keyword of Python; a name is like images or learning_rate"),
        (
            "train",
            "my-image",
            "'my-image' is not a Python identifier; a name is like images or learning_rate",
        ),
        ("train", "ﬁx", "'ﬁx' is not a Python identifier; a name is like images or learning_rate"),
        ("train", "tracker", "'tracker' is reserved: gitstore itself passes it; choose another name"),
        ("create_state", "out", "'out' is reserved: gitstore itself passes it; choose another name"),
    ],
)
def test_parameters_are_keyword_arguments(operation: str, name: str, problem: str) -> None:
    text = f"types: {{{operation}: [{{name: {name}, types: [u8], shape: []}}]}}"
    assert problem_of(text) == f"types.{operation}[0].name: {problem}"


@pytest.mark.parametrize("shape", ["[]", "[-1]", "[2, -1]", "[-1, 2]", "[3, -1, -1]"])
def test_a_ragged_parameter_needs_open_dimensions(shape: str) -> None:
    text = f"types: {{train: [{{name: x, ragged: true, types: [u8], shape: {shape}}}]}}"
    needed = "needs a shape that begins with -1 and has another -1, like [-1, -1, 3]"
    assert problem_of(text) == f"types.train[0].ragged: {needed}"


def test_a_ragged_parameter() -> None:
    text = "types: {train: [{name: x, ragged: true, types: [u8], shape: [-1, 3, -1]}]}"
    assert parse(f"name: x\n{text}\n".encode()).types.train[0].ragged


CODE = "write the path of a directory in the repository, like src, or . for its top"


BAD_PATHS: list[tuple[str, str]] = [
    ("", f"'' has an empty or '.' component; {CODE}"),
    ("./src", f"'./src' has an empty or '.' component; {CODE}"),
    ("src/", f"'src/' has an empty or '.' component; {CODE}"),
    ("/src", f"'/src' is an absolute path; {CODE}"),
    ("../src", f"'../src' leads out of the repository; {CODE}"),
    ("a/../..", f"'a/../..' leads out of the repository; {CODE}"),
    ("states/x", f"'states/x' is reserved: gitstore stores something else there; {CODE}"),
    ("settings.yaml", f"'settings.yaml' is reserved: gitstore stores something else there; {CODE}"),
    (".git/hooks", f"'.git/hooks' is git's own directory; {CODE}"),
    ("a/.GIT", f"'a/.GIT' is git's own directory; {CODE}"),
    (
        "a\\b",
        f"'a\\\\b' contains a character that a path in git should not have; {CODE}",
    ),
]


def test_code_stays_in_the_repository() -> None:
    found = [problem_of(f"code: '{code}'") for code, _ in BAD_PATHS]
    assert found == [f"code: {problem}" for _, problem in BAD_PATHS]


GOOD_PATHS: list[str] = ["src", "a/b", "größe", "with space", ".github", "mystates"]


def test_good_paths_of_code() -> None:
    found = [parse(f"name: x\ncode: {code}".encode()).code for code in GOOD_PATHS]
    assert found == GOOD_PATHS


@pytest.mark.parametrize(
    "requirement",
    [
        "numpy==2.4.6",
        "scikit-learn==1.9.1",
        "torch==2.1.0+cu121",
        "a[b,c]==1.0rc1",
        "x==1!2.0.post1",
        "a==1; python_version < '3.12'",
        'a==1 ; sys_platform == "linux" and (python_full_version>="3.11.2" or extra == "gpu")',
    ],
)
def test_good_pins(requirement: str) -> None:
    text = "name: x\npackages:\n  requirements:\n    - {}".format(repr(requirement).replace("\\'", "''"))
    assert parse(text.encode()).packages.requirements == (requirement,)


NO_PINS: list[str] = [
    "numpy",
    "numpy>=2",
    "numpy==2.*",
    "numpy===2",
    "numpy==2,<3",
    "numpy == 2",
    "-r other.txt",
    "./wheel.whl",
    "a @ https://files.example/a.whl",
    "a==1 --hash=sha256:0",
    "a==1; --index-url",
    "a==1;",
    "a==1 # comment",
    "",
]


def test_a_pin_is_nothing_but_a_pin() -> None:
    found = [problem_of(f"packages: {{requirements: ['{requirement}']}}") for requirement in NO_PINS]
    assert found == [
        f"packages.requirements[0]: '{requirement}' is not an exact pin like numpy==2.4.6"
        for requirement in NO_PINS
    ]


def test_a_pin_has_one_line() -> None:
    assert "is not an exact pin" in problem_of('packages: {requirements: ["a==1\\n-r x"]}')


def test_requirements_differ() -> None:
    assert (
        problem_of("packages: {requirements: [a==1, b==1, a==1]}")
        == "packages.requirements[2]: 'a==1' is also packages.requirements[0]; it must differ"
    )


IDS = f"tag: {'a' * 40}, commit: {'b' * 40}"


BASES: list[tuple[str, str]] = [
    (
        f"model: m, snapshot: v/1, {IDS}",
        "snapshot: 'v/1' contains '/'; a name is one word, like digits or digits-v2",
    ),
    (
        f"model: m, snapshot: v1, tag: abc, commit: {'b' * 40}",
        "tag: 'abc' is not an object id: 40 digits 0-9a-f",
    ),
    (f"model: m, snapshot: v1, tag: {'a' * 40}", "commit: is missing; it has no default"),
    (
        f"model: m, snapshot: v1, {IDS}, url: --upload-pack=x",
        "url: '--upload-pack=x' starts with '-', which git would read as an option;"
        " write the URL or the path of a repository",
    ),
    (
        f"model: m, snapshot: v1, {IDS}, url: 'ext::sh -c x'",
        "url: 'ext::sh -c x' names a remote helper, which git would run;"
        " write the URL or the path of a repository",
    ),
]


def test_bases() -> None:
    found = [problem_of(f"based_on: {{{base}}}") for base, _ in BASES]
    assert found == [f"based_on.{problem}" for _, problem in BASES]


def test_missing_keys_are_on_the_line_of_their_parent() -> None:
    assert problems_of("# first\nname: x\nbased_on:\n\n  model: m\n  snapshot: v1\n  url: u\n") == [
        "settings.yaml:3: based_on.tag: is missing; it has no default",
        "settings.yaml:3: based_on.commit: is missing; it has no default",
    ]


def test_null_is_the_same_as_absent_where_absent_is_allowed() -> None:
    text = "name: x\nbased_on: null\npackages: {python: ~}\ndefault_launchers: {train: {disk: }}"
    assert parse(text.encode()) == Settings(name="x")


def test_a_hostile_file_gets_a_hundred_problems_at_most() -> None:
    problems = problems_of("\n".join(f"key{i}: 1" for i in range(1000)))
    assert len(problems) == 101
    assert problems[-1] == "settings.yaml: and 901 more problems"


def test_load_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    for content, expected in [
        (None, "settings.yaml: there is no such file"),
        (b"name:", "settings.yaml:1: name: has no value; it must be text"),
        (b"#" * 10**6, "settings.yaml:1: is larger than 256 KiB; settings are a page of text"),
    ]:
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(BadSettings) as error:
            load(path)
        assert error.value.message == expected
    with pytest.raises(BadSettings, match=r"\Aelsewhere: is not a regular file\Z"):
        load(tmp_path, "elsewhere")
    path.write_bytes(b"name: digits")
    assert load(path) == Settings(name="digits")


def test_find_looks_upward_to_the_repository(tmp_path: Path) -> None:
    inner = tmp_path / "model" / "code" / "deep"
    inner.mkdir(parents=True)
    (tmp_path / "settings.yaml").touch()
    assert find(inner) == tmp_path / "settings.yaml"
    (tmp_path / "model" / ".git").mkdir()
    with pytest.raises(NotAModel) as error:
        find(inner)
    assert names(error.value, inner, "settings.yaml")
    (tmp_path / "model" / "settings.yaml").touch()
    assert find(inner) == tmp_path / "model" / "settings.yaml"
