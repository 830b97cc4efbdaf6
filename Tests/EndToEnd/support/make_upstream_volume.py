#!/usr/bin/env python3
"""Volumes of the upstream engine, written and read from the description of their format alone.

A second implementation of what Sources/Adapters/Upstream does, to check it from outside and to give the end-to-end
tests volumes to import. Standard library only.

    make_upstream_volume.py make DIR [--seed N] [--indexes N] [--manifest FILE]
        Fills DIR with sound, damaged, left-over and foreign files. The manifest (standard output without FILE) says
        what a reader must find: {"sound": {index: [[key, value text], ...]},
                             "damaged": {file: {"code", "offset", "salvaged"}}, "leftovers": [file], "unknown": [file]}.
    make_upstream_volume.py dump DIR [--manifest FILE]
        Reads every file of DIR, strictly, and writes the same for the sound ones. Exit code 1 when one isn't.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import random
import struct
import sys
from typing import Any

ROOT_BYTES = 8
LITERALS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")

Entries = list[tuple[str, Any]]


def encode_name(index: str) -> str:
    escaped = (chr(byte) if byte in LITERALS else f"%{byte:02X}" for byte in index.encode())
    return "".join(escaped) + ".bin"


def decode_name(file_name: str) -> str:
    stem, out, at = file_name.removesuffix(".bin"), bytearray(), 0
    while at < len(stem):
        if stem[at] == "%":
            out.append(int(stem[at + 1 : at + 3], 16))
            at += 3
        else:
            out.append(ord(stem[at]))
            at += 1
    return out.decode()


def compact(value: Any) -> str:
    """One value: no white space, the keys of nested objects sorted."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def index_text(entries: Entries) -> bytes:
    """The whole index: its own keys in the order of insertion."""
    return ("{" + ",".join(f"{compact(key)}:{compact(value)}" for key, value in entries) + "}").encode()


def root(length: int, position: int) -> bytes:
    """Of a text of `length` bytes at the file's start; the root itself stands at `position`."""
    return struct.pack("<Ii", (length & 0x3F) | 0x80 | ((length & ~0x3F) << 2), -position)


def archive(text: bytes) -> bytes:
    if len(text) <= ROOT_BYTES:
        return text.ljust(ROOT_BYTES, b"\xff")
    padded = text.ljust(-(-len(text) // 4) * 4, b"\0")
    return padded + root(len(text), len(padded))


def text_of(content: bytes) -> bytes:
    """The inverse of `archive`. Raises ValueError for anything else."""
    position = len(content) - ROOT_BYTES
    if position < 0:
        raise ValueError("too short")
    if content[position] & 0xC0 == 0x80:
        value, offset = struct.unpack_from("<Ii", content, position)
        text = content[: (value & 0x3F) | ((value & ~0xFF) >> 2)]
        if position + offset != 0:
            raise ValueError("the text doesn't start the file")
    else:
        text = content.split(b"\xff", 1)[0]
    if archive(text) != content:
        raise ValueError("not what a writer makes of its text")
    return text


def top_level(text: bytes) -> list[tuple[str, str]]:
    """The members of the object as key and value text. Raises ValueError for what isn't one, or has a key twice."""
    members: list[tuple[str, Any]] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        # Called for every object, for the outermost one last.
        members[:] = pairs
        return dict(pairs)

    if not isinstance(json.loads(text, object_pairs_hook=keep), dict):
        raise ValueError("not an object")
    if len(dict(members)) != len(members):
        raise ValueError("a key stands twice")
    return [(key, compact(value)) for key, value in members]


# ---------------------------------------------------------------------------------------------------------------------


def sound_indexes() -> dict[str, Entries]:
    """Every shape that matters: inline and out of line, each padding, odd names, keys and values."""
    indexes: dict[str, Entries] = {
        "example": [("k", {"v": 1})],
        "inline-empty": [],
        "inline-8": [("kk", 1)],
        "inline-7": [("k", 1)],
        "out-of-line-9": [("kkk", 1)],
        "users": [("b", {"z": 1, "a": [1, 2.5, None, True]}), ("a", "text"), ("", {})],
        "a/b": [("k", "v")],
        "stream:chat:room-1": [("msg-1", {"text": "hi"}), ("msg-2", {"text": "ö"})],
        "queue:__fn_queue::default:jobs:1": [("", {"id": "1", "attempts": 0})],
        "": [("in the index without a name", True)],
        ".": [("dot", 1)],
        "..": [("dots", 2)],
        ".bin": [("suffix", 3)],
        "%41": [("percent", 4)],
        "é": [("composed", 1)],
        "e\u0301": [("decomposed", 1)],
        "\0\n /?*:|\"\\": [("control", 1)],
        "😀": [("é", "composed"), ("e\u0301", "decomposed"), ("\0", "\u007f\u0080"), ("字", "𝄞")],
        "escapes": [('"\\/', "\b\f\n\r\t\x1f"), ("\\n", "\\")],
        "x" * 247: [("as long as upstream can save", True)],
        "numbers": [("u64", 18446744073709551615), ("i64", -9223372036854775808), ("float", 2.0)],
        "deep": [("k", nested(126))],
    }
    for length in range(0, 140):
        indexes[f"length-{length:03}"] = [("k", "x" * length)]
    return indexes


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def random_indexes(count: int, seed: int) -> dict[str, Entries]:
    chance = random.Random(seed)
    return {f"random:{seed}/{number}": random_entries(chance) for number in range(count)}


def random_entries(chance: random.Random) -> Entries:
    keys = {random_text(chance): None for _ in range(chance.randrange(20))}
    return [(key, random_value(chance, 4)) for key in keys]


def random_text(chance: random.Random) -> str:
    return "".join(chance.choice("aZ09 \"\\/\0\x1f\n\x7fé字😀\u0301") for _ in range(chance.randrange(12)))


def random_value(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(7 if depth else 5)
    if kind == 5:
        return [random_value(chance, depth - 1) for _ in range(chance.randrange(4))]
    if kind == 6:
        return {random_text(chance): random_value(chance, depth - 1) for _ in range(chance.randrange(4))}
    long = "x" * chance.randrange(200)
    return [None, chance.random() < 0.5, chance.randrange(-(2**63), 2**64), random_text(chance), long][kind]


def damaged_files() -> dict[str, tuple[bytes, dict[str, Any]]]:
    """File name to content and what a reader must say of it."""
    long = index_text([(f"key-{number}", number) for number in range(40)])
    short = index_text([("key-0", "newer")])
    old, new = archive(long), archive(short)
    position = len(old) - ROOT_BYTES
    padded = old[:position]

    def finding(code: str, offset: int, salvaged: int | None) -> dict[str, Any]:
        return {"code": code, "offset": offset, "salvaged": salvaged}

    cut = long.index(b"key-7") + len(b'key-7":')
    return {
        "empty.bin": (b"", finding("tooShort", 0, None)),
        "seven.bin": (b'{"k":1}', finding("tooShort", 7, 1)),
        "zeros.bin": (bytes(4096), finding("onlyZeros", 0, None)),
        # The report "trailing garbage": the last bytes, which are the format's own, were cut off by hand.
        "trimmed.bin": (long, finding("noRoot", len(long) - ROOT_BYTES, 40)),
        "trimmed-with-newline.bin": (long + b"\n", finding("noRoot", len(long) + 1 - ROOT_BYTES, 40)),
        # A shorter image written over a longer one.
        "stale-root.bin": (new + old[len(new) :], finding("trailingBytes", len(short), 1)),
        "appended.bin": (old + b"garbage, more of it", finding("noRoot", len(old) + 11, 40)),
        "truncated.bin": (old[:cut], finding("noRoot", cut - ROOT_BYTES, 7)),
        "prepended.bin": (b"    " + old, finding("textNotAtStart", 4, 40)),
        "padding.bin": (archive(b'{"k":"12345"}').replace(b"}\0\0", b"}\0\1"), finding("badPadding", 14, 1)),
        "fill.bin": (b'{"k":1}x', finding("trailingBytes", 7, 1)),
        "fill-2.bin": (b'{}\xff\xff\xff\xffx\xff', finding("badFill", 6, 0)),
        "offset.bin": (padded + root(len(long), position + 4), finding("offsetOutsideFile", position + 4, 40)),
        "length.bin": (padded + root(position + 1, position), finding("lengthBeyondFile", position, 40)),
        "short-length.bin": (padded + root(8, position), finding("lengthTooSmall", position, 40)),
        "unaccounted.bin": (padded + root(9, position), finding("unaccountedBytes", 9, 40)),
        "latin-1.bin": (archive(b'{"k":"plain","l":"\xe9"}'), finding("notUTF8", 18, 1)),
        "array.bin": (archive(b"[1,2,3,4,5]"), finding("notAnObject", 0, None)),
        "text.bin": (archive(b"no JSON at all"), finding("notJSON", 0, None)),
        "inner.bin": (archive(b'{"a":1,"b":2,"c":tru,"d":4}'), finding("notJSON", 17, 2)),
        "too-deep.bin": (archive(index_text([("a", 1), ("k", nested(128))])), finding("tooDeep", 138, 1)),
    }


def make(directory: pathlib.Path, count: int, seed: int) -> dict[str, Any]:
    directory.mkdir(parents=True, exist_ok=True)
    indexes = sound_indexes() | random_indexes(count, seed)
    for index, entries in indexes.items():
        (directory / encode_name(index)).write_bytes(archive(index_text(entries)))
    damaged = damaged_files()
    for name, (content, _) in damaged.items():
        (directory / name).write_bytes(content)
    leftovers = ["users.bin.tmp", "stream%3Achat%3Aroom-9.bin.tmp"]
    unknown = ["a%2fb.bin", "a:b.bin", "notes.txt", "%4.bin", "%41.bin", "%FF.bin", "users.bin.bak"]
    for name in leftovers + unknown:
        (directory / name).write_bytes(archive(index_text([("k", 1)])))
    (directory / "lost+found").mkdir(exist_ok=True)
    return {
        "sound": {index: [(key, compact(value)) for key, value in entries] for index, entries in indexes.items()},
        "damaged": {name: finding for name, (_, finding) in damaged.items()},
        "leftovers": sorted(leftovers),
        "unknown": sorted([*unknown, "lost+found"]),
    }


def dump(directory: pathlib.Path) -> tuple[dict[str, Any], int]:
    sound: dict[str, Any] = {}
    status = 0
    for path in sorted(path for path in directory.iterdir() if path.name.endswith(".bin")):
        try:
            sound[decode_name(path.name)] = top_level(text_of(path.read_bytes()))
        except ValueError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            status = 1
    return {"sound": sound}, status


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["make", "dump"])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--indexes", type=int, default=20, help="random indexes besides the fixed ones")
    parser.add_argument("--manifest", type=pathlib.Path)
    options = parser.parse_args()
    status = 0
    if options.command == "make":
        manifest = make(options.directory, options.indexes, options.seed)
    else:
        manifest, status = dump(options.directory)
    text = json.dumps(manifest, ensure_ascii=False)
    if options.manifest:
        options.manifest.write_text(text, encoding="utf-8")
    else:
        print(text)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
