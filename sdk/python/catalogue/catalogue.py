"""Datasets from a spreadsheet: owners write them, readers read them.

In: catalogue.csv, a row for each dataset with its owner and its readers, all of them
groups. Out: one grant for the datasets that a group of the principal owns, one for
those it reads, and no opinion where there is neither. The keys of a dataset `orders`
are those that begin with `orders:`. It reads no claims and no clock, and denies only
whose groups hold more datasets than one grant can.

Whatever is in doubt refuses the data as a whole: another column, a dataset that stands
there twice, a group without the authenticator's id.
"""

import csv
import io

import wit_world
from componentize_py_types import Err
from wit_world.imports import log
from wit_world.imports.types import (
    ClaimSelection_None_,
    Denial,
    Description,
    File,
    Grant,
    Request,
    Verdict,
)

FILE = "catalogue.csv"
COLUMNS = ["dataset", "owner", "readers"]

# By name: the categories @read and @write hold commands that no key bounds.
READ = "+get +mget +exists +type +ttl +hget +hmget +hgetall +lrange +smembers +zrange".split()
WRITE = "+set +del +expire +hset +hdel +lpush +rpush +sadd +srem +zadd +zrem".split()

# Datasets of one grant: warden takes 256 rules in it, commands among them.
MAX_DATASETS = 200
# The longest label that warden takes, in bytes, and half of the labels it takes: owners and
# readers have some each.
MAX_LABEL_BYTES = 256
MAX_LABELS = 16

# Each dataset with its owner and its readers.
catalogue: dict[str, tuple[str, list[str]]] = {}


class WitWorld(wit_world.WitWorld):
    def describe(self) -> Description:
        return Description(
            name="catalogue",
            version="1.0.0",
            summary="Datasets from a spreadsheet, with owners and readers.",
            claims=ClaimSelection_None_(),
            inputs=[],
        )

    def configure(self, files: list[File]) -> None:
        if [file.name for file in files] != [FILE]:
            raise Err(f"one data file is read, {FILE}: dataset, owner, readers")
        catalogue.clear()
        catalogue.update(read(files[0].bytes))

    def evaluate(self, request: Request) -> Verdict:
        groups = set(request.principal.groups)
        owned = [name for name, (owner, _) in catalogue.items() if owner in groups]
        shared = [
            name
            for name, (owner, readers) in catalogue.items()
            if owner not in groups and not groups.isdisjoint(readers)
        ]
        if max(len(owned), len(shared)) > MAX_DATASETS:
            who = f"{request.principal.authenticator}/{request.principal.name}"
            log.write(log.Level.WARNING, f"{who}: {len(owned)} datasets owned, {len(shared)} read")
            return refusal(f"your groups hold more than {MAX_DATASETS} datasets.")
        grants = []
        if owned:
            grants.append(Grant(READ + WRITE + [f"~{keys(name)}" for name in owned]))
        if shared:
            grants.append(Grant(READ + [f"%R~{keys(name)}" for name in shared]))
        return Verdict(
            grants=grants,
            restrictions=[],
            denial=None,
            valid_for=None,
            session_ttl=None,
            labels=[
                (label, value)
                for label, names in (("owner", owned), ("reader", shared))
                for value in listed(names)
            ],
        )

    def labels(self) -> list[tuple[str, str]]:
        owned = [("owner", name) for name in catalogue]
        return owned + [("reader", name) for name, (_, readers) in catalogue.items() if readers]


def refusal(words: str) -> Verdict:
    return Verdict([], [], Denial(public=words, internal=None), None, None, [])


def keys(dataset: str) -> str:
    """The pattern of a dataset's keys: what would be a wildcard in its name is none."""
    escaped = "".join(f"\\{c}" if c in "*?[]\\" else c for c in dataset)
    return f"{escaped}:*"


def listed(names: list[str]) -> list[str]:
    """The names for log and audit, several to a label; only their number where they do not fit."""
    values: list[str] = []
    for name in names:
        joined = f"{values[-1]},{name}" if values else name
        if values and len(joined.encode()) <= MAX_LABEL_BYTES:
            values[-1] = joined
        else:
            values.append(name)
    return values if len(values) <= MAX_LABELS else [f"{len(names)} datasets"]


def read(content: bytes) -> dict[str, tuple[str, list[str]]]:
    try:
        # Spreadsheets may begin a file with a byte order mark.
        text = content.decode("utf-8").removeprefix("\ufeff")
        rows = csv.DictReader(io.StringIO(text), strict=True)
        if rows.fieldnames != COLUMNS:
            raise Err(f"{FILE}: the first line must be {','.join(COLUMNS)}")
        datasets: dict[str, tuple[str, list[str]]] = {}
        for row in rows:
            where = f"{FILE}: line {rows.line_num}"
            if None in row or None in row.values():
                raise Err(f"{where}: {len(COLUMNS)} cells are wanted")
            name = dataset(row["dataset"], where)
            if name in datasets:
                raise Err(f"{where}: {name!r} stands there twice")
            readers = [group(word, where) for word in row["readers"].split()]
            datasets[name] = (group(row["owner"], where), readers)
    except (UnicodeDecodeError, csv.Error) as error:
        raise Err(f"{FILE}: {error}") from error
    if not datasets:
        raise Err(f"{FILE}: it names no dataset")
    return datasets


def dataset(name: str, where: str) -> str:
    """A name that can be part of a rule, and of a label that lists several. With a colon in
    it, a dataset `orders:eu` would live inside `orders`."""
    if not name or not name.isprintable() or any(c in " ,:\"'()" for c in name):
        raise Err(f"{where}: {name!r} is no name: no space, comma, colon, quote or parenthesis")
    if len(name.encode()) > MAX_LABEL_BYTES:
        raise Err(f"{where}: {name[:20]!r}… is no name: it is longer than {MAX_LABEL_BYTES} bytes")
    return name


def group(name: str, where: str) -> str:
    identifier, _, rest = name.partition("/")
    if not identifier or not rest:
        raise Err(f"{where}: {name!r} is no group: write ID/NAME with the authenticator's id")
    return name
