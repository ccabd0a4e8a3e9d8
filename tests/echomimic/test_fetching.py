"""Fetching of weights, from a hub of our own: whole, resumed, damaged, away."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

from services.renderer.models.fetching import FetchError, WeightsSource, fetch

COMMIT = "a" * 40
BIG = bytes(range(256)) * 40
SMALL = b'{"dim": 48}'
SOURCE = WeightsSource("somebody/model", "model", ("config.json", "*.pth"))


class Hub(ThreadingHTTPServer):
    """As much of the hub's API as a download needs."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.files = {"config.json": SMALL, "weights.pth": BIG, "notes.txt": b"not wanted"}
        self.told_sha256 = hashlib.sha256(BIG).hexdigest()
        self.ranges: list[str | None] = []

    def api(self) -> HfApi:
        return HfApi(endpoint=f"http://127.0.0.1:{self.server_port}")

    def tree(self) -> list[dict[str, Any]]:
        return [
            {"type": "file", "path": file["rfilename"], "oid": file["blobId"], "size": file["size"]}
            | (
                {"lfs": {"oid": file["lfs"]["sha256"], "size": file["size"], "pointerSize": 100}}
                if "lfs" in file
                else {}
            )
            for file in self.record()["siblings"]
        ]

    def record(self) -> dict[str, Any]:
        siblings: list[dict[str, Any]] = []
        for name, content in self.files.items():
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            entry: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": blob}
            if name.endswith(".pth"):
                entry["lfs"] = {"sha256": self.told_sha256, "size": len(content), "pointerSize": 100}
            siblings.append(entry)
        return {"id": SOURCE.repo, "sha": COMMIT, "siblings": siblings, "private": False, "tags": [], "downloads": 0}


class HubHandler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.split("?")[0]
        if path.startswith(f"/api/models/{SOURCE.repo}"):
            record = self.server.tree() if "/tree/" in path else self.server.record()
            content, etag, status = json.dumps(record).encode(), "record", 200
        elif path.rsplit("/", 1)[-1] not in self.server.files:
            content, etag, status = b"{}", "nothing", 404
        else:
            name = path.rsplit("/", 1)[-1]
            content, status = self.server.files[name], 200
            etag = hashlib.sha256(content).hexdigest()
            if body and name.endswith(".pth"):
                wanted = self.headers.get("Range")
                self.server.ranges.append(wanted)
                if wanted is not None:
                    content, status = content[int(wanted.removeprefix("bytes=").split("-")[0]) :], 206
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if etag == "record" else "application/octet-stream")
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Hub()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_wanted_is_fetched_and_checked(hub: Hub, tmp_path: Path) -> None:
    """The files of the patterns arrive whole, others do not; each step is told."""
    lines: list[str] = []
    fetch(tmp_path, lines.append, (SOURCE,), hub.api())
    assert (tmp_path / "model/weights.pth").read_bytes() == BIG
    assert (tmp_path / "model/config.json").read_bytes() == SMALL
    assert not (tmp_path / "model/notes.txt").exists()
    assert lines[0].startswith("1/1 somebody/model: 2 files")


def test_what_is_there_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    """A second run only checks."""
    fetch(tmp_path, lambda _: None, (SOURCE,), hub.api())
    asked = len(hub.ranges)
    fetch(tmp_path, lambda _: None, (SOURCE,), hub.api())
    assert len(hub.ranges) == asked


def test_a_damaged_file_is_deleted_and_named(hub: Hub, tmp_path: Path) -> None:
    """A file whose checksum is not the hub's does not stay."""
    hub.told_sha256 = "0" * 64
    with pytest.raises(FetchError, match=r"weights\.pth was damaged"):
        fetch(tmp_path, lambda _: None, (SOURCE,), hub.api())
    assert not (tmp_path / "model/weights.pth").exists()


def test_a_hub_that_is_laid_out_anew_is_a_sentence(hub: Hub, tmp_path: Path) -> None:
    """Nothing of what is wanted is there."""
    with pytest.raises(FetchError, match="has none of"):
        fetch(tmp_path, lambda _: None, (WeightsSource("somebody/model", "model", ("*.gguf",)),), hub.api())


def test_a_hub_that_is_away_is_a_sentence(hub: Hub, tmp_path: Path) -> None:
    """No network: what to do is said, and that nothing is lost."""
    hub.server_close()
    with pytest.raises(FetchError, match=r"could not be fetched.*run it again"):
        fetch(tmp_path, lambda _: None, (SOURCE,), hub.api())
