"""Files come out of a tar archive as they are, and nothing else does."""

import hashlib
import subprocess
import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tmlib.uploads.archive_files import member, tar, tar_of
from tmlib.errors import BadInput, TooLarge
from tmlib.uploads.archives import DIGEST_KEY, members

MAX_FOLDERS = 1_000
FILES = {"a.tif": b"", "day 1/b.tif": b"b" * 600_000, "ü" * 100 + ".tif": b"c" * 512, "d.tif": b"d"}


def pieces(content: bytes, size: int = 7_000) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def read(content: bytes, size: int = 7_000) -> dict[str, bytes]:
    return {
        sent.name: b"".join(sent.chunks)
        for sent in members(pieces(content, size), MAX_FOLDERS)
        if sent.fault is None
    }


def faults(content: bytes) -> dict[str, str]:
    return {
        sent.name: str(sent.fault) for sent in members(pieces(content), MAX_FOLDERS) if sent.fault
    }


@pytest.mark.parametrize("size", [1, 511, 512, 10_240, 10**7])
def test_files_are_what_was_put_in(size: int) -> None:
    files = FILES if size > 1 else {"a.tif": b"ab", "b.tif": b""}
    assert read(tar(files), size) == files


@pytest.mark.parametrize("form", ["gnu", "pax", "ustar"])
def test_archives_of_the_program(tmp_path: Path, form: str) -> None:
    names = ["a.tif", "in/b.tif", f"in/{'long' * 20}.tif"]
    (tmp_path / "in").mkdir()
    for name in names:
        (tmp_path / name).write_text(name)
    made = subprocess.run(
        ["tar", "-c", f"--format={form}", "-f", "-", "-C", tmp_path, "."],
        check=True,
        stdout=subprocess.PIPE,
    )
    assert read(made.stdout) == {name: name.encode() for name in names}
    assert faults(made.stdout) == {}


def test_files_that_are_not_read_are_skipped() -> None:
    names = [sent.name for sent in members(pieces(tar(FILES)), MAX_FOLDERS)]
    assert names == list(FILES)


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "pipe"),
        (tarfile.GNUTYPE_SPARSE, "sparse"),
    ],
)
def test_what_is_no_plain_file_has_a_fault_and_no_content(kind: bytes, word: str) -> None:
    odd = member("b.tif", type=kind, linkname="/etc/passwd")
    content = tar_of([(member("a.tif", 1), b"a"), (odd, b""), (member("c.tif", 1), b"c")])
    assert read(content) == {"a.tif": b"a", "c.tif": b"c"}
    (fault,) = faults(content).values()
    assert word in fault


def test_folders_are_left_out() -> None:
    content = tar_of([(member("in", type=tarfile.DIRTYPE), b""), (member("in/a.tif", 1), b"a")])
    assert read(content) == {"in/a.tif": b"a"}
    assert faults(content) == {}


def test_digests_are_told_by_records_of_the_header() -> None:
    digest = hashlib.sha256(b"a").hexdigest()
    told = member("a.tif", 1, pax_headers={DIGEST_KEY: digest})
    wrong = member("b.tif", 1, pax_headers={DIGEST_KEY: "no digest"})
    first, second = members(pieces(tar_of([(told, b"a"), (wrong, b"b")])), MAX_FOLDERS)
    assert first.digest is not None
    assert first.digest.value.hex() == digest
    assert "64 hexadecimal digits" in str(second.fault)


def global_header(**records: str) -> bytes:
    """A header of all files that follow; underscores stand for dots in its keys."""
    return tarfile.TarInfo.create_pax_global_header(
        {key.replace("_", "."): value for key, value in records.items()}
    )


def test_global_headers_are_not_of_a_file() -> None:
    digest = hashlib.sha256(b"a").hexdigest()
    content = global_header(TMSERVER_sha256=digest) + tar({"a.tif": b"a", "b.tif": b"b"})
    sent = list(members(pieces(content), MAX_FOLDERS))
    assert [(one.name, one.digest, one.fault) for one in sent] == [
        ("a.tif", None, None),
        ("b.tif", None, None),
    ]
    assert read(content) == {"a.tif": b"a", "b.tif": b"b"}


def test_global_headers_are_not_kept() -> None:
    """Else they would add up to the whole body, of which every file would get a copy."""
    folder = member("in", type=tarfile.DIRTYPE).tobuf(tarfile.USTAR_FORMAT)

    def body() -> Iterator[bytes]:
        for number in range(500):
            yield global_header(**{f"key{number}": "x" * 60_000}) + folder
        yield tar({"a.tif": b"a"})

    tracemalloc.start()
    assert [sent.name for sent in members(body(), MAX_FOLDERS)] == ["a.tif"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000


def test_the_number_of_folders_is_limited() -> None:
    folders = [(member(f"{number}", type=tarfile.DIRTYPE), b"") for number in range(3)]
    content = tar_of([(member("a.tif", 1), b"a"), *folders, (member("b.tif", 1), b"b")])
    assert [sent.name for sent in members(pieces(content), 3)] == ["a.tif", "b.tif"]
    archive = members(pieces(content), 2)
    assert next(archive).name == "a.tif"
    with pytest.raises(TooLarge, match="more than 2 folders"):
        next(archive)


@pytest.mark.parametrize("length", [0, 1, 511, 512, 600, 512 * 5, 12_000, 600_000])
def test_an_archive_that_ends_early_is_refused_after_its_whole_files(length: int) -> None:
    files = {"a.tif": b"\0" * 512, "b.tif": b"b" * 1024, "c.tif": b"c" * 650_000}
    content = tar(files)
    found = {}

    def read_early_end() -> None:
        for sent in members(pieces(content[:length]), MAX_FOLDERS):
            found[sent.name] = b"".join(sent.chunks)

    with pytest.raises(BadInput, match="not a tar archive, or a damaged one"):
        read_early_end()
    assert found.items() <= files.items()


@pytest.mark.parametrize("damage", ["cut off", "changed"])
def test_what_follows_a_damaged_header_is_not_left_out_silently(damage: str) -> None:
    content = bytearray(tar({"a.tif": b"a" * 512, "b.tif": b"b" * 512, "c.tif": b"c"}))
    if damage == "cut off":
        del content[1_124:]  # in the middle of the second header
    else:
        content[1_030] ^= 1
    found = {}

    def read_damaged() -> None:
        for sent in members(pieces(bytes(content)), MAX_FOLDERS):
            found[sent.name] = b"".join(sent.chunks)

    with pytest.raises(BadInput, match="not a tar archive, or a damaged one"):
        read_damaged()
    assert found == {"a.tif": b"a" * 512}


def test_an_archive_without_end_is_refused() -> None:
    content = tar({"a.tif": b"\0" * 512})
    assert read(content[: 3 * 512]) == {"a.tif": b"\0" * 512}
    with pytest.raises(BadInput, match="it has no end"):
        read(content[: 2 * 512])


@pytest.mark.parametrize(
    "content",
    [
        b"no archive" * 100,
        b"\x1f\x8b\x08" + bytes(2_000),
        b"PK\x03\x04" + b"zip" * 1_000,
        tar({"a.tif": b"a" * 600})[:400] + b"garbage" * 500,
    ],
    ids=["text", "gzip", "zip", "garbage"],
)
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    with pytest.raises(BadInput, match="uncompressed tar archive"):
        read(content)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_headers_are_limited(kind: bytes) -> None:
    """Headers are read into memory, and may say that they are as large as they like."""
    size = 50_000_000
    head = member("long", size, type=kind).tobuf(tarfile.USTAR_FORMAT)

    def body() -> Iterator[bytes]:
        yield head
        for _ in range(size // 10_000):
            yield b"x" * 10_000

    tracemalloc.start()
    with pytest.raises(BadInput, match="a header has more than"):
        list(members(body(), MAX_FOLDERS))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_link_that_claims_to_be_large_does_not_make_room_for_a_header() -> None:
    link = member("link", 60_000_000, type=tarfile.SYMTYPE).tobuf(tarfile.USTAR_FORMAT)
    head = member("long", 50_000_000, type=tarfile.XHDTYPE).tobuf(tarfile.USTAR_FORMAT)
    with pytest.raises(BadInput, match="a header has more than"):
        list(members(iter([link, head, *[b"x" * 100_000] * 500]), MAX_FOLDERS))


def test_many_headers_in_a_row_are_refused() -> None:
    head = member("long", 10, type=tarfile.GNUTYPE_LONGNAME).tobuf(tarfile.USTAR_FORMAT)
    with pytest.raises(BadInput, match="a damaged one"):
        list(members(iter([(head + b"x" * 512) * 100_000]), MAX_FOLDERS))


def test_a_size_below_nothing_is_refused() -> None:
    info = member("a.tif")
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    block[124:136] = b"\xff" * 12  # -1, as GNU tar writes numbers that are too long
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    with pytest.raises(BadInput, match="a damaged one"):
        list(members(iter([bytes(block), bytes(10_240)]), MAX_FOLDERS))


def test_all_of_the_body_is_read() -> None:
    body = pieces(tar({"a.tif": b"a"}) + bytes(100_000))
    assert [sent.name for sent in members(body, MAX_FOLDERS)] == ["a.tif"]
    assert next(body, None) is None
