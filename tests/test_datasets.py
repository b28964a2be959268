"""Which data set is found, what it says of itself, and what happens when it is damaged, absent or hostile."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.server
import io
import json
import socket
import struct
import sys
import threading
import time
import types
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vae_core.datasets import fashion_mnist, loading
from vae_core.datasets.dataset import SPLITS
from vae_core.datasets.idx import idx_digest, read_idx, read_pair
from vae_core.storage import limits
from vae_core.storage.errors import DataError


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def png(value: int = 200, size: tuple[int, int] = (28, 28), mode: str = "L") -> bytes:
    out = io.BytesIO()
    image = Image.new(mode, size, 0)
    image.paste(value if mode == "L" else (value,) * 3, (4, 6, size[0] - 4, size[1] - 6))
    image.save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No real data: an empty Keras home, and no folder named."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv(fashion_mnist.VARIABLE, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for the slow drawing: noise under the seed."""

    def draw(n: int, seed: int = 0, classes: object = None) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        return rng.integers(0, 256, (n, 28, 28, 1), np.uint8), np.resize(np.arange(10, dtype=np.uint8), n)

    from vae_core.datasets import drawn

    module = types.SimpleNamespace(draw=draw, CLASSES=fashion_mnist.CLASSES)
    monkeypatch.setitem(sys.modules, "vae_core.datasets.drawn.wardrobe", module)
    monkeypatch.setattr(drawn, "wardrobe", module, raising=False)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """A published set of four small files; their gzipped bytes by file name."""
    rng, files, contents = np.random.default_rng(0), {}, {}
    for what, file in fashion_mnist.FILES.items():
        n = 12 if what.startswith("train") else 4
        shape = (n, 28, 28) if what.endswith("images") else (n,)
        plain = idx(rng.integers(0, 10, shape, np.uint8))
        packed = gzip.compress(plain, mtime=0)
        contents[f"{file.name}.gz"] = packed
        files[what] = fashion_mnist.Published(
            file.name, len(packed), hashlib.sha256(packed).hexdigest(), len(plain), hashlib.sha256(plain).hexdigest()
        )
    monkeypatch.setattr(fashion_mnist, "FILES", files)
    return contents


def put(folder: Path, contents: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


@contextlib.contextmanager
def server(contents: dict[str, bytes]) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = contents.get(self.path.lstrip("/"))
            self.send_response(200 if content is not None else 404)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        threading.Thread(target=served.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}/"
        served.shutdown()


# ---- IDX files


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_round_trip(tmp_path: Path, pack: object) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)
    path = tmp_path / "images"
    path.write_bytes(pack(idx(images)))  # type: ignore[operator]
    assert np.array_equal(read_idx(path, 3), images)
    assert idx_digest(images) == hashlib.sha256(idx(images)).hexdigest()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(idx(np.zeros((9, 8, 7), np.uint8)), mtime=0)[:-9], "truncated gzip"),
        (gzip.compress(idx(np.zeros((9, 8, 7), np.uint8)), mtime=0)[:5] + b"xyz" * 9, "gzip file"),
        (gzip.compress(idx(np.arange(99, dtype=np.uint8)), mtime=0)[:-8] + b"\0" * 8, "no whole gzip file"),
        (idx(np.zeros(9, np.uint8)) + b"\0" * 9, "magic number 0x00000801, expected 0x00000803"),
        (b"<html>not found</html>", "magic number 0x3c68746d"),
        (idx(np.zeros((9, 8, 7), np.uint8))[:-1], "promises 9 × 8 × 7 bytes .* holds 503"),
        (b"\0\0", "holds 2 bytes, too few"),
        (b"", "holds 0 bytes"),
    ],
)
def test_damaged_idx(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "images").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_idx(tmp_path / "images", 3)


def test_gzip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IDX_FILE", 1 << 20)
    (tmp_path / "images.gz").write_bytes(gzip.compress(b"\0" * (2 << 20)))
    with pytest.raises(DataError, match="more than 1 MiB"):
        read_idx(tmp_path / "images.gz", 3)


def test_counts_that_differ(tmp_path: Path) -> None:
    (tmp_path / "i").write_bytes(idx(np.zeros((5, 4, 4), np.uint8)))
    (tmp_path / "l").write_bytes(idx(np.zeros(6, np.uint8)))
    with pytest.raises(DataError, match=r"5 images but .* 6 labels"):
        read_pair(tmp_path / "i", tmp_path / "l")
    with pytest.raises(DataError, match="cannot be read"):
        read_pair(tmp_path / "missing", tmp_path / "l")


# ---- where Fashion-MNIST is looked for


@pytest.mark.parametrize("gzipped", [True, False])
def test_the_named_folder_comes_first(
    nowhere: Path, tiny: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, gzipped: bool
) -> None:
    files = tiny if gzipped else {name[:-3]: gzip.decompress(packed) for name, packed in tiny.items()}
    put(fashion_mnist.keras_cache(), tiny)
    assert fashion_mnist.find_fashion() == nowhere / "keras" / "datasets" / "fashion-mnist"
    folder = put(nowhere / "named", files)
    monkeypatch.setenv(fashion_mnist.VARIABLE, str(folder))
    assert fashion_mnist.find_fashion() == folder
    said: list[str] = []
    dataset = loading.load("fashion", notify=said.append)
    assert fashion_mnist.VARIABLE in dataset.source and not said
    expected = np.frombuffer(gzip.decompress(tiny["t10k-images-idx3-ubyte.gz"])[16:], np.uint8)
    assert np.array_equal(dataset.pixels("test").ravel(), expected)


def test_nothing_found(nowhere: Path) -> None:
    assert fashion_mnist.find_fashion() is None


def damaged(contents: dict[str, bytes], how: str) -> dict[str, bytes]:
    name = "train-images-idx3-ubyte.gz"
    if how == "missing":
        return {key: value for key, value in contents.items() if key != name}
    if how == "truncated":
        return {**contents, name: contents[name][:-100]}
    other = {"t10k-labels-idx1-ubyte.gz": gzip.compress(idx(np.full(4, 11, np.uint8)))}
    return {**contents, **other}


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("missing", "train-images-idx3-ubyte .* is missing"),
        ("truncated", "truncated gzip"),
        ("another set", "wrong checksum"),
    ],
)
def test_a_named_folder_of_no_use(
    nowhere: Path, tiny: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, drawn: None, how: str, message: str
) -> None:
    monkeypatch.setenv(fashion_mnist.VARIABLE, str(put(nowhere / "named", damaged(tiny, how))))
    with pytest.raises(DataError, match=f"{fashion_mnist.VARIABLE} is set to .*{message}"):
        loading.load("fashion")
    assert fashion_mnist.find_fashion() is None
    put(fashion_mnist.keras_cache(), tiny)
    said: list[str] = []
    assert "Keras' cache" in loading.load("auto", notify=said.append).source
    assert len(said) == 1 and "WARNING" in said[0] and fashion_mnist.VARIABLE in said[0]


def test_damage_of_the_same_size_is_found_when_read(nowhere: Path, tiny: dict[str, bytes]) -> None:
    plain = {name[:-3]: gzip.decompress(packed) for name, packed in tiny.items()}
    name = "t10k-images-idx3-ubyte"
    plain[name] = plain[name][:-1] + bytes([plain[name][-1] ^ 1])
    dataset = loading.load(put(nowhere / "folder", plain))
    assert dataset.name == "Fashion-MNIST"
    with pytest.raises(DataError, match=r"wrong checksum.*delete it"):
        dataset.pixels("test")


# ---- the download


def test_download(nowhere: Path, tiny: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: list[tuple[int, int]] = []
    put(fashion_mnist.keras_cache(), {"t10k-images-idx3-ubyte.gz": b"half of it"})  # what a broken download left
    with server(tiny) as url:
        monkeypatch.setattr(fashion_mnist, "BASE_URL", url)
        dataset = loading.load("fashion", notify=lambda line: None, progress=lambda *tick: ticks.append(tick))
    total = sum(map(len, tiny.values()))
    assert ticks == sorted(ticks) and ticks[-1] == (total, total) and ticks[0][0] > 0
    assert {path.name for path in fashion_mnist.keras_cache().iterdir()} == set(tiny)
    assert dataset.pixels("test").shape == (4, 28, 28, 1)
    assert loading.load("fashion", notify=pytest.fail).source.startswith("photographs")  # no second download


@pytest.mark.parametrize("damage", ["cut", "altered", "longer", "404"])
def test_a_bad_download_leaves_nothing(
    nowhere: Path, tiny: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, damage: str, drawn: None
) -> None:
    name = "t10k-images-idx3-ubyte.gz"
    good = tiny[name]
    served = {"cut": good[:-1], "altered": good[:-1] + b"!", "longer": good + b"\0" * 99_999, "404": None}[damage]
    contents = {key: value for key, value in tiny.items() if key != name}
    contents.update({name: served} if served else {})
    with server(contents) as url:
        monkeypatch.setattr(fashion_mnist, "BASE_URL", url)
        with pytest.raises(DataError, match="could not be downloaded.*404" if damage == "404" else "SHA-256.*expected"):
            fashion_mnist.fetch_fashion()
        said: list[str] = []
        assert loading.load("auto", notify=said.append).name == "drawn clothes"
    assert "DRAWN CLOTHES" in said[-1] and "\n" not in said[-1]
    assert not [path for path in fashion_mnist.keras_cache().iterdir() if path.name not in contents]


def test_a_hanging_resolver_is_offline_within_three_seconds(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hang(*args: object, **kwargs: object) -> None:
        over.wait(20)
        raise OSError("gave up")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    began = time.monotonic()
    with pytest.raises(DataError, match=r"offline\?.*FASHION_MNIST_DIR.*drawn"):
        loading.load("fashion", notify=lambda line: None)
    assert time.monotonic() - began < 3.0
    over.set()


def test_a_black_hole_is_offline_within_three_seconds(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, drawn: None
) -> None:
    assert fashion_mnist.PATIENCE <= 2.5  # the resolver's test above waits all of it
    monkeypatch.setattr(fashion_mnist, "PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as hole:  # takes connections and never says a word
        monkeypatch.setattr(fashion_mnist, "BASE_URL", f"http://127.0.0.1:{hole.getsockname()[1]}/")
        said: list[str] = []
        began = time.monotonic()
        dataset = loading.load("auto", notify=said.append)
        assert time.monotonic() - began < 1.0
    assert dataset.name == "drawn clothes" and "not Fashion-MNIST" in dataset.source
    assert any("DRAWN CLOTHES" in line for line in said)


def test_a_download_that_stalls(nowhere: Path, tiny: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "STALL", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(fashion_mnist, "BASE_URL", f"http://127.0.0.1:{listener.getsockname()[1]}/")

        def half() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 9999\r\n\r\nhalf")
                connection.recv(1)  # until the other side gives up

        thread = threading.Thread(target=half)
        thread.start()
        with pytest.raises(DataError, match=r"could not be downloaded.*timed out"):
            fashion_mnist.fetch_fashion()
        thread.join(5)
    assert not list(fashion_mnist.keras_cache().iterdir())


def test_a_cache_that_cannot_be_written(nowhere: Path) -> None:
    (nowhere / "keras").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="could not be downloaded"):
        fashion_mnist.fetch_fashion()


# ---- a data set


def test_drawn_clothes(drawn: None) -> None:
    dataset, again = loading.load("drawn"), loading.load("drawn")
    assert dataset.name == "drawn clothes" and dataset.checksum == again.checksum
    assert {split: len(dataset.labels(split)) for split in SPLITS} == dict(dataset.sizes)
    assert not np.array_equal(dataset.pixels("test"), dataset.pixels("validation"))


def test_the_real_drawn_clothes_have_the_same_classes() -> None:
    dataset = loading.load("drawn")
    assert dataset.classes == fashion_mnist.CLASSES and dataset.image_shape == (28, 28, 1)


def test_what_a_data_set_says(drawn: None) -> None:
    dataset = loading.load("drawn")
    assert dataset.title("test") == "drawn clothes test, 2,000 images"
    assert dataset.describe()["fit"] == "garment"
    assert json.loads(json.dumps(dataset.describe()))["sizes"] == {"train": 20_000, "validation": 2_000, "test": 2_000}
    images = dataset.images("test", 7)
    assert images.shape == (7, 28, 28, 1) and images.dtype == np.float32
    assert np.array_equal(np.rint(images * 255), dataset.pixels("test")[:7])
    assert dataset.pixels("test") is dataset.pixels("test")
    with pytest.raises(ValueError, match="read-only"):
        dataset.pixels("test")[0] = 0
    with pytest.raises(DataError, match="split must be one of train, validation, test, got 'dev'"):
        dataset.pixels("dev")
    with pytest.raises(DataError, match="n must be 1 or more, got 0"):
        dataset.images("test", 0)


def test_a_name_that_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"auto, fashion, drawn.*'nope' does not exist"):
        loading.load("nope")
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(DataError, match="neither a folder nor"):
        loading.load(tmp_path / "x.txt")


@pytest.mark.real_data
def test_the_real_set(fashion_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fashion_mnist.VARIABLE, str(fashion_dir))
    dataset = loading.load("fashion")
    assert dataset.images("test").mean() == pytest.approx(0.28685, abs=1e-5)
    assert list(dataset._kept) == ["test"]  # the train files were not read for it
    assert np.array_equal(np.bincount(dataset.labels("test")), [1000] * 10)
    train, validation = dataset.pixels("train"), dataset.pixels("validation")
    assert (len(train), len(validation)) == (55_000, 5_000)
    both = train.mean(dtype=np.float64) * 55 + validation.mean(dtype=np.float64) * 5
    assert both / 60 / 255 == pytest.approx(0.28604, abs=1e-5)
    assert len({image.tobytes() for image in (*train, *validation)}) == 60_000  # nothing in both, nothing lost


# ---- the user's own pictures


def folder_of(tmp_path: Path, names: list[str]) -> Path:
    for i, name in enumerate(names):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(png(100 + i, (40 + i, 60)))
    return tmp_path


def zip_of(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_folder_and_zip_agree(tmp_path: Path) -> None:
    names = [f"{kind}/{i}.png" for kind in ("boots", "hats") for i in range(10)]
    folder = folder_of(tmp_path / "mine", names)
    (folder / "notes.txt").write_text("passed over")
    packed = zip_of(
        tmp_path / "mine.zip",
        {f"mine/{name}": (folder / name).read_bytes() for name in names} | {"__MACOSX/x.png": b"?"},
    )
    ticks: list[tuple[int, int]] = []
    one, two = loading.load(str(folder), progress=lambda *tick: ticks.append(tick)), loading.load(packed)
    assert one.checksum == two.checksum and one.name == two.name == "mine"
    assert one.classes == ("boots", "hats") and ticks[-1] == (20, 20)
    assert dict(one.sizes) == {"train": 16, "validation": 2, "test": 2}
    counts = sum(np.bincount(one.labels(split), minlength=2) for split in SPLITS)
    assert counts.tolist() == [10, 10]
    assert one.image_shape == (28, 28, 1) and one.pixels("train").dtype == np.uint8
    assert str(tmp_path) not in json.dumps(one.describe())


@pytest.mark.parametrize("n", [3, 4, 9, 25])
def test_every_split_has_something(tmp_path: Path, n: int) -> None:
    np.savez(tmp_path / "a.npz", images=np.arange(n * 64, dtype=np.uint8).reshape(n, 8, 8) // 2)
    dataset = loading.from_npz(tmp_path / "a.npz")
    assert sum(dataset.sizes.values()) == n and min(dataset.sizes.values()) >= 1
    assert dataset.classes == ("unlabelled",) and dataset.image_shape == (8, 8, 1)


def test_too_few(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 pictures, at least 3"):
        loading.from_folder(folder_of(tmp_path, ["1.png", "2.png"]))


def test_colour_at_another_size(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "x", ["1.png", "2.png", "3.png"])
    dataset = loading.load(folder, image_shape=(64, 32, 3))
    assert dataset.pixels("train").shape == (1, 64, 32, 3)
    assert "1 class" in dataset.source
    with pytest.raises(ValueError, match="multiple of 4"):
        loading.from_folder(folder, (30, 30, 1))


@pytest.mark.parametrize("content", [b"I am text", png()[:60], b"", b"<svg xmlns='x'/>"])
def test_a_picture_that_is_none(tmp_path: Path, content: bytes) -> None:
    folder = folder_of(tmp_path / "x", ["1.png", "2.png", "3.png"])
    (folder / "bad.png").write_bytes(content)
    message = r": 1 of 4 pictures cannot be read, and at most a tenth may be left out\. bad\.png"
    with pytest.raises(DataError, match=f"x{message}"):
        loading.from_folder(folder)
    packed = zip_of(tmp_path / "x.zip", {path.name: path.read_bytes() for path in folder.iterdir()})
    with pytest.raises(DataError, match=f"x.zip{message}"):
        loading.from_zip(packed)


def test_own_pictures_are_what_they_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    squares = np.zeros((30, 28, 28), np.uint8)
    for square in squares:
        top, left, side = *rng.integers(0, 18, 2), rng.integers(4, 9)
        square[top : top + side, left : left + side] = 255
    squares[::2] = 255 - squares[::2]  # some on white
    files = {}
    for i, square in enumerate(squares):
        out = io.BytesIO()
        Image.fromarray(square).save(out, "PNG")
        files[f"x/{i:03}.png"] = out.getvalue()
    (tmp_path / "folder/x").mkdir(parents=True)
    for name, content in files.items():
        (tmp_path / "folder" / name).write_bytes(content)
    np.savez(tmp_path / "squares.npz", images=squares)
    made = [loading.load(tmp_path / "folder"), loading.load(zip_of(tmp_path / "x.zip", files))]
    made.append(loading.load(tmp_path / "squares.npz"))
    assert len({dataset.checksum for dataset in made}) == 1
    pixels = np.concatenate([made[0].pixels(split) for split in SPLITS])[..., 0]
    assert sorted(map(bytes, pixels)) == sorted(map(bytes, squares))
    assert all(dataset.describe()["fit"] == "resize" for dataset in made)


def test_empty_sources(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    for source in (tmp_path / "x", zip_of(tmp_path / "x.zip", {"readme.txt": b"hi"})):
        with pytest.raises(DataError, match=r"holds no pictures.* Expected files such as PNG"):
            loading.load(source)
    with pytest.raises(DataError, match="is no folder"):
        loading.from_folder(tmp_path / "missing")


@pytest.mark.parametrize("name", ["../up.png", "a/../../up.png", "/root.png", "..\\up.png", "C:/x.png"])
def test_names_that_lead_out_of_a_zip(tmp_path: Path, name: str) -> None:
    packed = zip_of(tmp_path / "x.zip", {"1.png": png(), "2.png": png(), "3.png": png(), name: png()})
    with pytest.raises(DataError, match="leads out of the archive"):
        loading.from_zip(packed)
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


def test_a_zip_that_declares_ten_gigabytes(tmp_path: Path) -> None:
    packed = tmp_path / "x.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("1.bin", b"")
        archive.infolist()[0].file_size = 10_000_000_000  # written into the directory when the archive is closed
    with pytest.raises(DataError, match=r"expands to 10\.0 GB"):
        loading.from_zip(packed)


def test_a_real_zip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DATA", 1 << 20)
    packed = zip_of(tmp_path / "x.zip", {f"{i}.png": b"\0" * 400_000 for i in range(3)})
    assert packed.stat().st_size < 5_000
    with pytest.raises(DataError, match=r"expands to .* Refused"):
        loading.from_zip(packed)
    monkeypatch.setattr(limits, "DATA", 1 << 24)
    monkeypatch.setattr(limits, "PICTURE_FILE", 1 << 18)
    with pytest.raises(DataError, match=r"holds no pictures \(but 0\.png, 1\.png, 2\.png\)"):
        loading.from_zip(packed)


@pytest.mark.parametrize("what", ["truncated", "text", "other method", "password", "link", "crc"])
def test_zips_that_cannot_be_read(tmp_path: Path, what: str) -> None:
    members = {f"{i}.png": png() for i in range(3)}
    path = zip_of(tmp_path / "x.zip", members, zipfile.ZIP_BZIP2 if what == "other method" else zipfile.ZIP_STORED)
    raw, message = bytearray(path.read_bytes()), "no whole .zip file"
    if what == "truncated":
        raw = raw[:-40]
    elif what == "text":
        raw = bytearray(b"not a zip")
    elif what == "password":
        raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
        message = "password"
    elif what == "link":
        entry = raw.rindex(b"PK\x01\x02")
        raw[entry + 38 : entry + 42] = struct.pack("<I", 0o120777 << 16)
        message = "the link or device '2.png'"
    elif what == "crc":
        raw[60] ^= 1
        message = "1 of 3 pictures cannot be read.* 0.png: it cannot be unpacked"
    else:
        message = "packed by method 12"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=message):
        loading.from_zip(path)


def test_npz_labels_and_ranges(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    floats = rng.random((20, 12, 16, 3), np.float32)
    labels = np.array(["b", "a"] * 10)
    np.savez_compressed(tmp_path / "f.npz", images=np.asfortranarray(floats), labels=labels)
    dataset = loading.load(tmp_path / "f.npz")
    assert dataset.classes == ("a", "b") and dataset.image_shape == (12, 16, 3)
    pixels = np.concatenate([dataset.pixels(split) for split in SPLITS])
    order = np.random.default_rng(0).permutation(20)
    assert np.array_equal(
        pixels, np.rint(floats * 255).astype(np.uint8)[np.roll(order, -4)[[*range(16), 18, 19, 16, 17]]]
    )
    np.savez(tmp_path / "i.npz", images=rng.integers(0, 256, (5, 28, 28)), labels=[3, 3, 9, 9, 3])
    whole = loading.load(tmp_path / "i.npz")
    assert whole.classes == ("3", "9")
    assert loading.load(tmp_path / "i.npz", image_shape=(32, 32, 3)).image_shape == (32, 32, 3)
    assert loading.load(tmp_path / "i.npz", image_shape=(28, 28, 1)).checksum == whole.checksum


GOOD = np.zeros((4, 28, 28), np.uint8)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.full((4, 28, 28), np.nan, np.float32)}, "image 0: it has NaN"),
        ({"images": np.full((4, 28, 28), 1.5)}, r"must lie in 0\.\.1, -1\.\.1 or 0\.\.255, got 1\.5"),
        ({"images": np.full((4, 28, 28), -1)}, r"must not be negative, got -1\.\.-1"),
        ({"images": np.zeros((4, 784), np.uint8)}, r"got shape \(4, 784\)\. images\.reshape\(-1, 28, 28\)"),
        ({"images": np.zeros((4, 28, 28, 2), np.uint8)}, r"got shape \(4, 28, 28, 2\)"),
        ({"images": np.zeros((4, 30, 28), np.uint8)}, "multiple of 4.*Or give image_shape"),
        ({"images": np.zeros((4, 28, 28), np.complex64)}, "must be uint8 or other real numbers"),
        ({"images": np.array([{"a": 1}] * 4)}, r"pickled Python objects.*numpy\.stack\(list\(images\)\)"),
        ({"images": GOOD, "labels": np.array([None] * 4)}, r"pickled Python objects.*labels\.astype\(str\)"),
        ({"images": GOOD, "labels": np.eye(4)}, r"Use labels\.argmax\(axis=1\)"),
        ({"images": np.full((4, 28, 28), -300)}, r"got -300\.\.-300\. Rescale all of them alike"),
        ({"images": np.zeros((4, 28, 28), "U1")}, "Save the pixels as numbers"),
        ({"images": GOOD, "labels": np.zeros(5, int)}, r"4 images but labels of shape \(5,\)"),
        ({"images": GOOD, "labels": np.zeros(4)}, "must be integers or strings"),
        ({"x": GOOD}, "holds x, expected an array named images"),
    ],
)
def test_npz_of_no_use(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        loading.from_npz(tmp_path / "a.npz")


def test_npz_that_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, images=GOOD)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match=r"no whole .npz file"):
        loading.from_npz(path)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**7, 28, 28)})
    for content, message in ((header.getvalue() + b"\0" * 99, "it has 99"), (b"junk", "damaged or no array")):
        zip_of(path, {"images.npy": content})
        with pytest.raises(DataError, match=message):
            loading.from_npz(path)


def test_what_was_read_ahead_is_given_once_and_to_who_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fashion_mnist, "find_fashion", lambda: None)  # the local data are the drawn ones
    monkeypatch.setattr(loading, "DRAWN", {"train": 12, "validation": 4, "test": 4})
    loading.make_ready()
    ahead = loading._ready[0]
    assert loading.load("drawn") is ahead
    again = loading.load("drawn")
    assert again is not ahead
    for split in ("train", "validation", "test"):
        np.testing.assert_array_equal(again.pixels(split), ahead.pixels(split))
    loading.make_ready()
    with pytest.raises(DataError, match="does not exist"):
        loading.load(tmp_path / "mine.zip")
    assert loading._ready == []  # its memory is the run's
