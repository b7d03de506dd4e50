"""The examples of a batch: which columns a file or a directory has for the inputs of a snapshot.

    FILE.npz .safetensors .parquet   arrays, tensors or columns that are called like the inputs
    FILE.npz:KEY and the like        one of these, for the only input that is not given otherwise
    FILE.npy                         an array for the only input that is not given otherwise
    DIR                              called like the inputs: NAME.npy, or NAME/ with a file for each example;
                                     else a file for each example of the only input that is not given

Files are in the order of their names; hidden ones are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gitstore.batch.columns import ArrayColumn, ExampleColumn, FileColumn, TableColumn, choose_single
from gitstore.errors import InvalidInput
from gitstore.run.values import arrayfiles, columns, datafiles, tensorfiles
from gitstore.run.worker.tensors import Array
from gitstore.settings.schema import Parameter
from gitstore.text import list_some, shown

FORMS = "a directory, or a file .npz, .npy, .safetensors or .parquet"


@dataclass(frozen=True)
class Examples:
    """The examples, as columns by the name of their parameter. There is at least one of each.

    `labels` are names of the examples, if they are files. `unused` is what no input is called.
    """

    columns: Mapping[str, ExampleColumn]
    count: int
    labels: Sequence[str] | None = None
    unused: tuple[str, ...] = ()


@contextmanager
def open_examples(
    name: str, definitions: Sequence[Parameter], *, given: Collection[str], directory: Path
) -> Iterator[Examples]:
    """Open the examples of a file or a directory, whose `name` is relative to `directory`.

    Of arrays, only the headers are read. Inputs that are `given` otherwise are left out. Raises InvalidInput.
    """
    path, key = datafiles.split_key(name, directory)
    source = _Source(path, key, {item.name: item for item in definitions if item.name not in given})
    with ExitStack() as stack:
        try:
            found, unused = _find_columns(source, stack)
        except OSError as error:
            raise InvalidInput([f"{shown(name)}: {error.strerror or error}"]) from error
        except Exception as error:  # for damaged files, libraries raise exceptions of many classes
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise InvalidInput([f"{shown(name)}: {reason}"]) from error
        files = [column for column in found.values() if isinstance(column, FileColumn)]
        yield Examples(found, _check_counts(found), _find_labels(files), tuple(unused))


@dataclass(frozen=True)
class _Source:
    """A file or directory, the key of an array in it, and the inputs that are not given otherwise."""

    path: Path
    key: str | None
    inputs: Mapping[str, Parameter]

    def match(self, names: Sequence[str]) -> dict[str, str]:
        """Return, of these names of arrays, those that are used, by the name of their input.

        Raises ValueError if there are none.
        """
        if self.key is not None:
            name = arrayfiles.choose_key(names, self.key, kind="array")
            return {self.choose_input().name: name}
        used = {name: name for name in names if name in self.inputs}
        if not used:
            raise ValueError(
                f"it has {list_some(map(shown, names), most=10) or 'nothing'}, and nothing called like an"
                f" input; the inputs are {', '.join(self.inputs) or 'none'}"
            )
        return used

    def choose_input(self) -> Parameter:
        """Return the only input that is not given otherwise. Optional ones do not count beside it."""
        required = [item for item in self.inputs.values() if item.required]
        candidates = required or list(self.inputs.values())
        if len(candidates) != 1:
            names = ", ".join(item.name for item in candidates) or "none"
            raise ValueError(
                f"it is for one input, and those that -p does not give are {names};"
                " name arrays in an .npz file like the inputs"
            )
        return candidates[0]


_Columns = tuple[Mapping[str, ExampleColumn], Sequence[str]]


def _find_columns(source: _Source, stack: ExitStack) -> _Columns:
    if source.path.is_dir():
        return _find_in_directory(source)
    match source.path.suffix.lower():
        case ".npy":
            name = source.choose_input().name
            return {name: _make_column(arrayfiles.map_npy(source.path), name)}, ()
        case ".npz":
            names = arrayfiles.list_npz(source.path)
            used = source.match(names)
            return _make_columns(arrayfiles.map_npz(source.path, used.values()), used, names)
        case ".safetensors":
            names = tensorfiles.list_safetensors(source.path)
            used = source.match(names)
            return _make_columns(tensorfiles.map_safetensors(source.path, used.values()), used, names)
        case ".parquet":
            file = stack.enter_context(columns.open_parquet(source.path))
            names = file.schema_arrow.names
            used = source.match(names)
            tables = {name: TableColumn(file, column) for name, column in used.items()}
            return tables, [name for name in names if name not in used.values()]
    if source.path.exists():
        raise ValueError(f"a batch is {FORMS}")
    raise FileNotFoundError(2, "No such file or directory")


def _make_columns(arrays: Mapping[str, Array], used: Mapping[str, str], names: Sequence[str]) -> _Columns:
    made = {name: _make_column(arrays[key], key) for name, key in used.items()}
    return made, [name for name in names if name not in used.values()]


def _make_column(array: Array, name: str) -> ArrayColumn:
    if not array.ndim:
        raise ValueError(f"its {name} is a single value, and has no examples")
    return ArrayColumn(array)


def _find_in_directory(source: _Source) -> _Columns:
    entries = sorted(path for path in source.path.iterdir() if not path.name.startswith("."))
    named: dict[str, ExampleColumn] = {}
    unused = []
    for path in entries:
        if path.name in source.inputs and path.is_dir():
            named[path.name] = _make_files(source.inputs[path.name], path, _list_files(path))
        elif path.suffix == ".npy" and path.stem in source.inputs and path.stem not in named:
            named[path.stem] = _make_column(arrayfiles.map_npy(path), path.stem)
        else:
            unused.append(path.name)
    if named:
        return named, unused
    definition = source.choose_input()
    files = [path.name for path in entries if not path.is_dir()]
    folders = [path.name for path in entries if path.is_dir()]
    return {definition.name: _make_files(definition, source.path, files)}, folders


def _list_files(directory: Path) -> list[str]:
    entries = (path for path in directory.iterdir() if not path.name.startswith(".") and not path.is_dir())
    return sorted(path.name for path in entries)


def _make_files(definition: Parameter, directory: Path, names: Sequence[str]) -> FileColumn:
    if not names:
        raise ValueError("it has no files")
    return FileColumn(directory, names, choose_single(definition, names[0]))


def _check_counts(found: Mapping[str, ExampleColumn]) -> int:
    """Return the number of examples. Raises InvalidInput if columns differ, or there are none."""
    counts = {name: column.count for name, column in found.items()}
    if len(set(counts.values())) > 1:
        lines = ", ".join(f"{name} has {count:,}" for name, count in counts.items())
        raise InvalidInput([f"the inputs have different numbers of examples: {lines}"])
    (count,) = set(counts.values())
    if not count:
        raise InvalidInput([f"{', '.join(counts)}: there are no examples"])
    return count


def _find_labels(files: Sequence[FileColumn]) -> Sequence[str] | None:
    """Return the names of the files without their suffixes. Raises InvalidInput if columns differ."""
    if not files:
        return None
    labels, *others = [[Path(name).stem for name in column.names] for column in files]
    for column, other in zip(files[1:], others, strict=True):
        for first, second in zip(labels, other, strict=True):
            if first != second:
                pair = f"{files[0].directory.name}/{first} and {column.directory.name}/{second}"
                raise InvalidInput([f"{shown(pair)} are not of one example: files have different names"])
    return labels


def check_missing(examples: Examples, definitions: Sequence[Parameter], given: Collection[str]) -> None:
    """Raise InvalidInput with a line for each required input that neither the examples nor `-p` have."""
    have = {*examples.columns, *given}
    lines = [
        f"{item.name}: is missing, but settings.yaml requires it"
        for item in definitions
        if item.required and item.name not in have
    ]
    if lines:
        raise InvalidInput(lines, "name it like the input in the batch, or give it with -p")
