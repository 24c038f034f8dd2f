"""Tiers: a folder and fsspec URLs, what goes wrong with them, and the cache of what was fetched."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from modelhub import _core
from modelhub.errors import CorruptionError, ModelHubError, RemoteError, UsageError
from modelhub.fs import seam
from modelhub.fs.layout import Layout, companion_name
from modelhub.pas import tiers
from modelhub.pas.session import Session
from modelhub.pas.split import split_pack
from modelhub.pas.store import Place, Store

VALUES = np.random.default_rng(1).standard_normal((90, 70)).astype(np.float32)


def url_of(kind: str, tmp_path: Path) -> str:
    return {
        "folder": str(tmp_path / "cold"),
        "file": f"file://{tmp_path}/cold",
        "memory": f"memory://{tmp_path.name}/cold",
    }[kind]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "r")
    made.packs_dir.mkdir(parents=True)
    return made


def pack_of(layout: Layout, values: np.ndarray) -> tuple[bytes, bytes]:
    """Write a pack of one tensor; return the tensor's id and the pack's name."""
    object_id = bytes([int(abs(values.flat[0]) * 100) % 251]) * 32
    with Session(layout, lambda object_id: None, depth_max=0) as session:
        raw = values.reshape(-1).view(np.uint8)
        session.add_tensor(object_id, "float32", values.shape, raw)
        session.seal()
    return object_id, session.packs[0]


def store_of(layout: Layout, companions: tiers.Companions, pack: bytes) -> Store:
    return Store(layout, lambda object_id: Place(pack, 0), companions=companions)


@pytest.mark.parametrize("kind", ["folder", "file", "memory"])
def test_a_tier_keeps_files(tmp_path: Path, kind: str) -> None:
    tier = tiers.open_tier(url_of(kind, tmp_path))
    assert tiers.fault(tier)
    tiers.mark(tier)
    tiers.mark(tier)
    assert tiers.fault(tier) == ""
    assert tier.size("a.low") is None
    tier.write("a.low", [b"one", b"two"])
    assert tier.size("a.low") == 6
    assert b"".join(tier.blocks("a.low")) == b"onetwo"
    tier.write("a.low", [b"x"])
    assert b"".join(tier.blocks("a.low")) == b"x"
    tier.remove("a.low")
    tier.remove("a.low")
    assert tier.size("a.low") is None
    with pytest.raises(RemoteError):
        b"".join(tier.blocks("a.low"))


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_what_is_fetched_is_kept_and_compared(layout: Layout, tmp_path: Path, kind: str) -> None:
    object_id, pack = pack_of(layout, VALUES)
    url = url_of(kind, tmp_path)
    tier = tiers.open_tier(url)
    tiers.mark(tier)
    split_pack(layout, tier, pack, 2)
    companions = tiers.Companions(layout, url, 10**9)
    store = store_of(layout, companions, pack)
    assert store.read(object_id, planes=2).data.size == VALUES.nbytes
    assert not layout.cache_dir.exists()
    assert store.read(object_id).data.tobytes() == VALUES.tobytes()
    (cached,) = layout.cache_dir.iterdir()
    # What is kept is read without the tier.
    name = companion_name(pack.hex())
    good = b"".join(tier.blocks(name))
    tier.remove(name)
    again = store_of(layout, tiers.Companions(layout, url, 10**9), pack)
    assert again.read(object_id).data.tobytes() == VALUES.tobytes()
    cached.unlink()
    store.close()
    with pytest.raises(RemoteError, match=f"it has no {name}"):
        store.read(object_id)
    tier.write(name, [good[:-1], bytes([good[-1] ^ 1])])
    with pytest.raises(CorruptionError) as caught:
        store.read(object_id)
    assert f"{url}/{name}" in caught.value.where
    assert object_id.hex() in caught.value.where
    assert list(layout.cache_dir.iterdir()) == []


def test_the_oldest_fetched_make_room(layout: Layout, tmp_path: Path) -> None:
    url = url_of("memory", tmp_path)
    tier = tiers.open_tier(url)
    tiers.mark(tier)
    packs = [pack_of(layout, VALUES * np.float32(scale)) for scale in (1, 2, 3)]
    for _, pack in packs:
        split_pack(layout, tier, pack, 2)
    with _core.PackReader(str(layout.pack_path(packs[0][1].hex()))) as reader:
        one = reader.far_bytes
    companions = tiers.Companions(layout, url, int(2.5 * one))
    fetched = []
    for object_id, pack in packs:
        store_of(layout, companions, pack).read(object_id)
        with _core.PackReader(str(layout.pack_path(pack.hex()))) as reader:
            fetched.append(layout.cached_companion(reader.low_sha256))
    assert [path.exists() for path in fetched] == [False, True, True]
    store_of(layout, tiers.Companions(layout, url, 0), packs[0][1]).read(packs[0][0])
    assert [path.exists() for path in fetched] == [True, False, False]


def test_a_store_without_companions_says_so(layout: Layout, tmp_path: Path) -> None:
    object_id, pack = pack_of(layout, VALUES)
    tier = tiers.open_tier(str(tmp_path / "cold"))
    tiers.mark(tier)
    split_pack(layout, tier, pack, 2)
    store = Store(layout, lambda object_id: Place(pack, 0))
    store.read(object_id, planes=2)
    with pytest.raises(RemoteError) as caught:
        store.read(object_id, planes=3)
    assert caught.value.kind == "tier"


def test_rows_and_planes_read_as_little_as_they_can(layout: Layout, tmp_path: Path) -> None:
    object_id, pack = pack_of(layout, VALUES)
    tier = tiers.open_tier(str(tmp_path / "cold"))
    tiers.mark(tier)
    split_pack(layout, tier, pack, 2)
    store = store_of(layout, tiers.Companions(layout, tier.url, 0), pack)
    two = store.read(object_id, planes=2, rows=(5, 9))
    low = tier.file(companion_name(pack.hex()))
    low.rename(tmp_path / "away")
    assert store.read(object_id, planes=2, rows=(5, 9)).data.tobytes() == two.data.tobytes()
    (tmp_path / "away").rename(low)
    assert store.read(object_id, rows=(5, 9)).data.tobytes() == VALUES[5:9].tobytes()
    # Once open, it stays readable whatever happens to its name.
    low.unlink()
    assert store.read(object_id).data.tobytes() == VALUES.tobytes()


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_writing_to_a_tier_is_announced(tmp_path: Path, kind: str) -> None:
    tier = tiers.open_tier(url_of(kind, tmp_path))
    tiers.mark(tier)
    seen: list[str] = []
    seam.set_hook(lambda operation, path: seen.append(operation))
    tier.write("a.low", [b"x"])
    tier.remove("a.low")
    assert {"write", "sync", "remove"} <= set(seen)


def test_a_folder_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RemoteError):
        tiers.mark(tiers.open_tier(str(tmp_path / "file")))


@pytest.mark.parametrize("url", ["sftp://user@host/x", "s3://bucket/x", "/a b/c", "memory://x"])
def test_places_that_are_fine(url: str) -> None:
    assert tiers.check_url(url) == url


def test_a_relative_folder_is_meant_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert tiers.check_url("cold") == str(tmp_path / "cold")


@pytest.mark.parametrize("url", ["", "https://u:secret@host/x", "https://host/x?sig=secret"])
def test_places_that_are_not(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        tiers.check_url(url)
    assert "secret" not in str(caught.value)


def test_an_unknown_scheme(tmp_path: Path) -> None:
    with pytest.raises(ModelHubError) as caught:
        tiers.open_tier("nonsense://x/y")
    assert caught.value.exit_status == 7


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Serve a folder by HTTP on this machine; yield the folder and its URL."""
    pytest.importorskip("aiohttp", reason="fsspec reads http with aiohttp")
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}/cold"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_web_server_is_a_tier_to_read_from(layout: Layout, served: tuple[Path, str]) -> None:
    folder, url = served
    object_id, pack = pack_of(layout, VALUES)
    writable = tiers.open_tier(str(folder / "cold"))
    tiers.mark(writable)
    split_pack(layout, writable, pack, 2)
    tier = tiers.open_tier(url)
    assert tiers.fault(tier) == ""
    tiers.mark(tier)
    assert tier.size("none.low") is None
    store = store_of(layout, tiers.Companions(layout, url, 10**9), pack)
    assert store.read(object_id).data.tobytes() == VALUES.tobytes()
    with pytest.raises(RemoteError):
        tier.write("a.low", [b"x"])
