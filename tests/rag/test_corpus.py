"""No path outside the corpus is read, nothing hangs, and what a file may cost is limited."""

import io
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from services.rag_llm.reading import corpus as corpus_module
from services.rag_llm.reading import sandbox as reading
from services.rag_llm.reading.corpus import Corpus
from services.rag_llm.reading.documents import Limits, Unreadable
from services.rag_llm.reading.outline import MAX_SECTION
from services.rag_llm.reading.readers import read_document
from services.rag_llm.settings import Config
from tests.rag.papers import docx, new_docx, paragraph, pdf
from tests.rag.privileges import unprivileged

LIMITS = Limits(pages=3, unpacked_mb=5, seconds=60, memory_mb=1500)


@pytest.fixture
def corpus(tmp_path: Path, config: Config) -> Corpus:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "good.md").write_text("Good.")
    (tmp_path / "secret.md").write_text("The password is swordfish.")
    (tmp_path / "corpus-beside").mkdir()
    (tmp_path / "corpus-beside" / "secret.md").write_text("The password is swordfish.")
    return Corpus(folder, config.ingest)


def sources(corpus: Corpus) -> list[str]:
    return [source for source, _ in corpus.files()]


@pytest.mark.parametrize(
    "target", ["../secret.md", "../corpus-beside/secret.md", "/proc/self/environ", "/dev/zero", "nowhere.md", "link.md"]
)
def test_links_out_of_the_corpus_are_not_followed(corpus: Corpus, target: str) -> None:
    """A link to a file elsewhere, to a device, to nothing or to itself is no document."""
    (corpus.folder / "link.md").symlink_to(target)
    assert sources(corpus) == ["good.md"]


def test_linked_folders_are_not_followed(corpus: Corpus) -> None:
    """Neither out of the corpus nor round in circles."""
    (corpus.folder / "linked").symlink_to("../corpus-beside")
    (corpus.folder / "circle").symlink_to(".")
    assert sources(corpus) == ["good.md"]


def test_links_within_the_corpus_are_documents(corpus: Corpus) -> None:
    """A link that stays inside is read, and so is a corpus that is itself reached by a link."""
    (corpus.folder / "again.md").symlink_to("good.md")
    (corpus.folder.parent / "door").symlink_to(corpus.folder)
    through = Corpus(corpus.folder.parent / "door", corpus.config)
    assert sources(through) == ["again.md", "good.md"]
    assert [through.read(path) for _, path in through.files()] == [b"Good."] * 2


def test_other_kinds_of_files_do_not_hang(corpus: Corpus) -> None:
    """Pipes, sockets-to-be, folders with the name of a document and hidden files are no documents."""
    os.mkfifo(corpus.folder / "pipe.md")
    (corpus.folder / "folder.md").mkdir()
    (corpus.folder / ".hidden.md").write_text("Hidden.")
    (corpus.folder / ".git").mkdir()
    (corpus.folder / ".git" / "config.md").write_text("Hidden.")
    assert sources(corpus) == ["good.md"]


@pytest.mark.parametrize(
    ("swap", "why"),
    [
        (lambda path: path.symlink_to("../secret.md"), "It lies outside the corpus."),
        (os.mkfifo, "It is no ordinary file."),
        (Path.mkdir, "It cannot be opened (Is a directory)."),
        (lambda path: path.symlink_to("/dev/zero"), "It is no ordinary file."),
        (lambda path: None, "It cannot be opened (No such file or directory)."),
    ],
)
def test_a_file_that_is_swapped_after_the_listing(corpus: Corpus, swap: Callable[[Path], object], why: str) -> None:
    """What is opened is looked at again: a link or a pipe that took a document's place is not read."""
    ((_, path),) = corpus.files()
    path.unlink()
    swap(path)
    with pytest.raises(Unreadable) as refused:
        corpus.read(path)
    assert str(refused.value) == why


def test_a_folder_that_is_swapped_after_the_listing(corpus: Corpus) -> None:
    """Nor is a file read whose folder became a link to another place."""
    (corpus.folder / "sub").mkdir()
    (corpus.folder / "sub" / "secret.md").write_text("Harmless.")
    path = dict(corpus.files())["sub/secret.md"]
    path.unlink()
    path.parent.rmdir()
    path.parent.symlink_to("../corpus-beside")
    with pytest.raises(Unreadable, match="outside"):
        corpus.read(path)


class Growing:
    """Stands in for `os`: the file is written to while it is read, so many times."""

    def __init__(self, path: Path, times: int) -> None:
        self.path, self.times = path, times

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    def fstat(self, file: int) -> os.stat_result:
        state = os.fstat(file)
        if self.times:
            self.times -= 1
            with self.path.open("a") as more:
                more.write(" More.")
        return state


def test_a_file_that_changes_while_it_is_read(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read again until it is still; one that never is, is left for later."""
    path = corpus.folder / "good.md"
    monkeypatch.setattr(corpus_module, "os", Growing(path, 2))
    assert corpus.read(path) == b"Good. More. More."
    monkeypatch.setattr(corpus_module, "os", Growing(path, 100))
    with pytest.raises(Unreadable, match="being written"):
        corpus.read(path)


def test_a_file_without_permission(corpus: Corpus) -> None:
    """It is told why it is not read."""
    with unprivileged(corpus.folder.parent):
        (corpus.folder / "good.md").chmod(0)
        with pytest.raises(Unreadable, match=r"cannot be opened \(Permission denied\)"):
            corpus.read(corpus.folder / "good.md")


@pytest.mark.parametrize(
    ("name", "source"),
    [
        (b"na\xefve.md", "na\\xefve.md"),
        (b"two\nlines.md", "two\\nlines.md"),
        (b"\x1b[2Jclear.md", "\\x1b[2Jclear.md"),
        ("größe, 価格 (1) – #%&'\".md".encode(), "größe, 価格 (1) – #%&'\".md"),
        ("\u202egnp.md".encode(), "\\u202egnp.md"),
        (b" .md", " .md"),
        (b"UPPER.MD", "UPPER.MD"),
    ],
)
def test_odd_names(corpus: Corpus, name: bytes, source: str) -> None:
    """Every name is read, and shown so that it can be printed."""
    (corpus.folder / "good.md").unlink()
    Path(os.fsdecode(os.fsencode(corpus.folder) + b"/" + name)).write_text("Odd.")
    ((shown, path),) = corpus.files()
    assert shown == source
    assert corpus.read(path) == b"Odd."


def test_archives_are_not_opened(corpus: Corpus) -> None:
    """What is packed is no document, whatever is in it."""
    with zipfile.ZipFile(corpus.folder / "packed.zip", "w") as packed:
        packed.writestr("../../evil.md", "Evil.")
    assert sources(corpus) == ["good.md"]


def bomb(**parts: bytes) -> bytes:
    """A DOCX with other parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(docx(new_docx()))) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            if part.filename != "word/document.xml":
                new.writestr(part.filename, old.read(part))
        for name, data in parts.items():
            new.writestr(f"word/{name}.xml", data)
    return out.getvalue()


BODY = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>%s</w:body></w:document>'
ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, (b"&%c;" % (97 + n)) * 10) for n in range(9))
    + b"]>"
)


@pytest.mark.parametrize(
    ("source", "data", "why"),
    [
        ("zeros.docx", bomb(document=BODY % b"", zeros=b"0" * 8_000_000), r"It unpacks to \d MB, more than 5."),
        (
            "laughs.docx",
            bomb(document=ENTITIES + BODY % b"<w:p><w:r><w:t>&j;</w:t></w:r></w:p>"),
            "It declares entities",
        ),
        (
            "outside.docx",
            bomb(document=b'<!DOCTYPE b [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + BODY % b"&x;"),
            "It declares entities",
        ),
        ("utf16.docx", bomb(document=(ENTITIES + BODY % b"").decode().encode("utf-16")), "It declares entities"),
        ("pages.pdf", pdf(*["BT ET"] * 4), "It has 4 pages, more than 3."),
    ],
)
def test_bombs(source: str, data: bytes, why: str) -> None:
    """Small files that grow are refused before they do."""
    assert len(data) < 100_000
    with pytest.raises(Unreadable, match=why):
        reading.read(source, data, LIMITS)


def test_entities_of_markup_read_no_file() -> None:
    """HTML and Markdown know no entities of a document's own."""
    html = b'<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]><p>Before &x; after.</p>'
    document = reading.read("a.html", html, LIMITS)
    assert [s for section in document.sections for s in section.sentences] == ["Before &x; after."]


def test_a_pdf_that_unpacks_to_more_than_the_memory() -> None:
    """Its reader's memory is limited, and it takes nobody with it."""
    packer = zlib.compressobj()
    content = b"".join(packer.compress(b" " * 2**20) for _ in range(600)) + packer.flush()
    limits = Limits(pages=3, unpacked_mb=5, seconds=60, memory_mb=500)
    good = reading.read("a.pdf", pdf(paragraph(50, 50, "Good.")), limits)
    assert [section.sentences for section in good.sections] == [("Good.",)]
    with pytest.raises(Unreadable, match="more than 500 MB of memory"):
        reading.read("a.pdf", pdf(content), limits)


def test_a_reader_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended."""
    limits = Limits(pages=3, unpacked_mb=5, seconds=0.01, memory_mb=1500)
    with pytest.raises(Unreadable, match=r"longer than 0.01 s"):
        reading.read("a.pdf", pdf("BT ET"), limits)


def test_a_large_file_is_read_apart_and_piece_by_piece() -> None:
    """What a process of its own reads is the same document, more than once, in sections of a bounded size."""
    lines = (f"Kettle {n},{n % 90} euros,{'red' if n % 2 else 'white'}\n" for n in range(50_000))
    data = ("Model,Price,Colour\n" + "".join(lines)).encode()
    assert len(data) > reading.LARGE
    apart, here = reading.read("a.csv", data, LIMITS), read_document("a.csv", data, LIMITS)
    assert apart.title == here.title == "A"
    assert list(apart.sections) == list(apart.sections) == list(here.sections)
    assert max(len(section.sentences) for section in apart.sections) == MAX_SECTION
