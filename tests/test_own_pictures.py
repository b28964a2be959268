"""Own pictures are read as what they are: every file taken or named, folders as people have them, one range for a set."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vae_core.datasets import fashion_mnist, loading, npz_arrays
from vae_core.datasets.avif_sizes import stream_sizes
from vae_core.datasets.class_names import distinct, in_order
from vae_core.datasets.dataset import SPLITS, Dataset
from vae_core.datasets.folder_layout import layout
from vae_core.datasets.image_files import open_picture
from vae_core.datasets.image_folders import summarize_zip
from vae_core.datasets.image_headers import PictureError, TooLarge
from vae_core.datasets.preprocessing import prepare, treatment
from vae_core.storage import limits
from vae_core.storage.errors import DataError
from vae_core.storage.names import LONGEST, clean


def picture(seed: int = 0, size: int = 28) -> np.ndarray:
    rng = np.random.default_rng(seed)
    pixels = np.zeros((size, size), np.uint8)
    pixels[4 : 4 + size // 2, 3 + seed % 5 : size // 2] = rng.integers(128, 256)
    return pixels


def encoded(pixels: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def write(folder: Path, files: Mapping[str | bytes, bytes]) -> Path:
    for name, content in files.items():
        path = os.path.join(os.fsencode(folder), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    return folder


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def read(path: Path, **options: Any) -> tuple[Dataset, str]:
    """The data set, and what was said about it."""
    said: list[str] = []
    return loading.load(path, notify=said.append, **options), "\n".join(said)


def pixels_of(dataset: Dataset) -> np.ndarray:
    return np.concatenate([dataset.pixels(split) for split in SPLITS])


def many(n: int = 12) -> list[bytes]:
    return [encoded(picture(i)) for i in range(n)]


# ---- every file is taken or named


def test_pictures_are_known_by_their_content(tmp_path: Path) -> None:
    grey = picture()
    colour = np.dstack([grey] * 3)
    files = {
        "a/1.jfif": encoded(colour, "JPEG"),
        "a/2.jpe": encoded(grey, "JPEG"),
        "a/3": encoded(grey),
        "a/4.pnm": encoded(grey, "PPM"),
        "a/5.ico": encoded(np.dstack([colour, grey]), "ICO", sizes=[(28, 28)]),
        "b/6.apng": encoded(grey, "PNG", save_all=True, append_images=[Image.fromarray(picture(1))]),
        "b/7.tga": encoded(colour, "TGA"),
        "b/8.jp2": encoded(grey, "JPEG2000"),
        "b/9.txt": encoded(grey, "GIF"),
        "b/10.heic": encoded(grey),
        "b/11.pcx": encoded(grey, "PCX"),
        "b/12.tga": encoded(colour, "TGA", compression="tga_rle"),
    }
    dataset, said = read(write(tmp_path / "x", files))
    assert sum(dataset.sizes.values()) == len(files) and "left out" not in said
    assert "12 pictures in 2 classes: a 5, b 7" in said
    assert dataset.checksum != "" and dataset.image_shape == (28, 28, 3)


def test_heic_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    data = encoded(np.dstack([picture(0, 64)] * 3), "HEIF", quality=95)
    assert np.abs(prepare(data, (64, 64, 1), fit="resize").image[..., 0] * 255 - picture(0, 64)).mean() < 4
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(PictureError, match=r"HEIC photo, which needs one more package.*pip install pillow-heif"):
        open_picture(data)
    files = {f"a/{i}.png": content for i, content in enumerate(many(18))}
    _, said = read(write(tmp_path / "x", {**files, "a/photo.heic": data}))
    assert "left out, cannot be read: 1 (a/photo.heic: this is a HEIC photo" in said


def test_what_is_left_out_is_counted_by_reason_and_named(tmp_path: Path) -> None:
    files = {f"a/{i}.png": content for i, content in enumerate(many(20))}
    extra = {"readme.txt": b"hello", "a/list.csv": b"1,2", "a/.DS_Store": b"x", "a/@eaDir/1.png/thumb.jpg": b"x"}
    broken = {"a/cut.png": many(1)[0][:60]}
    for source in (
        write(tmp_path / "x", {**files, **extra, **broken}),
        zipped(tmp_path / "x.zip", {**files, **extra, **broken}),
    ):
        dataset, said = read(source)
        assert sum(dataset.sizes.values()) == 20
        assert "left out, no pictures: 2 (a/list.csv, readme.txt)" in said
        assert "left out, hidden: 2" in said and "@eaDir" in said
        assert "left out, cannot be read: 1 (a/cut.png: the PNG picture is damaged" in said
    look = summarize_zip(tmp_path / "x.zip")
    assert look.n == 21 and any("no pictures: 2" in line for line in look.lines)  # the damage shows when it is decoded


def test_text_with_a_pictures_name(tmp_path: Path) -> None:
    files = {f"a/{i}.png": content for i, content in enumerate(many(20))}
    _, said = read(write(tmp_path / "x", {**files, "a/note.png": b"just some text"}))
    assert "cannot be read: 1 (a/note.png: this file is not a picture" in said


def test_equal_names_in_one_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for content in many(6):
            archive.writestr("a/1.png", content)
    dataset, _ = read(tmp_path / "x.zip")
    assert sum(dataset.sizes.values()) == 6
    assert len(np.unique(pixels_of(dataset).reshape(6, -1), axis=0)) == 6


def test_links_and_what_is_no_file(tmp_path: Path) -> None:
    folder = write(tmp_path / "x", {f"a/{i}.png": content for i, content in enumerate(many(6))})
    elsewhere = write(tmp_path / "y", {f"{i}.png": content for i, content in enumerate(many(9))})
    (folder / "b").symlink_to(elsewhere, target_is_directory=True)
    (folder / "a/round").symlink_to(folder, target_is_directory=True)
    (folder / "a/gone.png").symlink_to(tmp_path / "nothing")
    (folder / "a/linked.png").symlink_to(elsewhere / "8.png")
    os.mkfifo(folder / "a/pipe.png")
    (folder / "a/zero.png").symlink_to("/dev/zero")
    _, said = read(folder)
    assert "16 pictures in 2 classes: a 7, b 9" in said
    assert "links to nothing: 1 (a/gone.png)" in said and "no regular files: 2" in said
    for path in (Path("/dev/zero"), folder / "a/pipe.png"):
        with pytest.raises(PictureError, match="cannot be read"):
            open_picture(path)


def test_the_same_pictures_from_a_folder_a_zip_and_arrays(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (24, 32, 40, 3), np.uint8)
    files = {f"{i % 12}/{i:03}.png": encoded(images[i]) for i in range(24)}
    order = sorted(range(24), key=lambda i: PurePosixPath(f"{i % 12}/{i:03}.png"))
    np.savez(tmp_path / "x.npz", images=images[order], labels=np.array(order) % 12)
    sources = [write(tmp_path / "x", files), zipped(tmp_path / "x.zip", files), tmp_path / "x.npz"]
    for options in ({}, {"image_shape": (28, 28, 1)}, {"fit": "garment", "image_shape": (28, 28, 1)}):
        made = [loading.load(source, notify=lambda _: None, **options) for source in sources]
        assert len({dataset.checksum for dataset in made}) == 1
        assert made[0].classes == made[2].classes == tuple(map(str, range(12)))
    assert loading.load(sources[0], notify=lambda _: None).image_shape == (32, 40, 3)


# ---- pictures that lie or are damaged


def test_a_large_colour_profile(tmp_path: Path) -> None:
    pixels = picture(0, 160)
    data = encoded(pixels, icc_profile=bytes(1_200_000))
    assert np.array_equal(np.asarray(open_picture(data)), pixels)


def test_a_jpeg_with_damaged_exif() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "x" * 200
    data = encoded(np.dstack([picture(0, 64)] * 3), "JPEG", exif=exif)
    at = data.index(b"Exif\0\0")
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(data)
        for place in rng.integers(at + 6, at + 60, 8):
            damaged[place] = rng.integers(256)
        assert prepare(bytes(damaged), (64, 64, 1)).image.shape == (64, 64, 1)


def icon(png: bytes) -> bytes:
    return b"\0\0\1\0" + struct.pack("<HBBBBHHII", 1, 32, 32, 0, 0, 1, 32, len(png), 22) + png


def test_sizes_are_known_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PICTURE_PIXELS", 90_000)
    large = np.zeros((400, 400), np.uint8)
    gif = encoded(large, "GIF")
    canvas = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + (16_000).to_bytes(3, "little") * 2
    lying = {
        "an icon": icon(encoded(large)),
        "a frame beyond its GIF": gif[:6] + struct.pack("<HH", 8, 8) + gif[10:],
        "a WebP canvas": b"RIFF" + struct.pack("<I", 99) + canvas + bytes(99),
    }
    for name, more in {
        "still": {},
        "animated": {"save_all": True, "append_images": [Image.fromarray(255 - large)]},
    }.items():
        avif = encoded(large, "AVIF", **more)
        assert set(stream_sizes(avif)) == {(400, 400)}
        # the container's sizes alone, both the image's and the track's
        for form in (">II", ">I2xI2x", ">HH"):
            avif = avif.replace(struct.pack(form, 400, 400), struct.pack(form, 32, 32))
        lying[f"the stream of an AVIF, {name}"] = avif
    honest = {
        kind: encoded(large, kind)
        for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "JPEG2000", "PCX", "PPM")
    }
    honest["TGA"] = encoded(np.dstack([large] * 3), "TGA")
    loaded: list[tuple[int, int]] = []
    load = Image.Image.load
    monkeypatch.setattr(Image.Image, "load", lambda image: loaded.append(image.size) or load(image))
    for data in (*lying.values(), *honest.values()):
        with pytest.raises(TooLarge, match="at most"):
            open_picture(data)
    assert not [size for size in loaded if size[0] * size[1] > 90_000]


def test_tiles_larger_than_their_picture() -> None:
    entries = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 277: 1, 322: 60_000, 323: 60_000, 324: 200, 325: 64}
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    data = b"II*\0" + struct.pack("<IH", 8, len(entries)) + tags + bytes(200)
    with pytest.raises(TooLarge, match="60,000 × 60,000"):
        open_picture(data)


def test_bytes_that_only_look_like_tga() -> None:
    for data in (bytes(2000), b"\0\0\2" + bytes(500), b"\0\1\1" + b"abc" * 50):
        with pytest.raises(PictureError, match="not a picture that can be read"):
            open_picture(data)


# ---- folders as people have them


@pytest.mark.parametrize(
    ("names", "classes", "splits"),
    [
        ("boot/1 hat/2", ["boot", "hat"], None),
        ("shoes/boot/1 shoes/hat/2", ["boot", "hat"], None),
        ("a/b/c/boot/1 a/b/c/hat/2", ["boot", "hat"], None),
        ("boot/red/1 boot/2 hat/3", ["boot", "boot", "hat"], None),
        ("mine/1 mine/2", ["mine", "mine"], None),
        ("1 2", ["unlabelled", "unlabelled"], None),
        ("1 boot/2", ["unlabelled", "boot"], None),
        ("train/boot/1 test/boot/2 train/hat/3", ["boot", "boot", "hat"], ["train", "test", "train"]),
        ("set/train/1 set/valid/2", ["unlabelled", "unlabelled"], ["train", "validation"]),
        ("boot/Train/1 boot/Test/2 hat/train/3", ["boot", "boot", "hat"], ["train", "test", "train"]),
        ("train/x/boot/1 val/x/hat/2", ["boot", "hat"], ["train", "validation"]),
        ("train/1 bus/2 car/3", ["train", "bus", "car"], None),  # a vehicle
    ],
)
def test_layouts(names: str, classes: list[str], splits: list[str] | None) -> None:
    found = layout([PurePosixPath(name) for name in names.split()])
    assert found.classes == classes and found.splits == splits


def test_a_few_pictures_beside_the_class_folders(tmp_path: Path) -> None:
    names = [PurePosixPath(f"mine/{'ab'[i % 2]}/{i}") for i in range(20)]
    assert layout([PurePosixPath("cover"), *names]).classes == [None, *(["a", "b"] * 10)]
    files = {f"{'ab'[i % 2]}/{i}.png": content for i, content in enumerate(many(20))}
    dataset, said = read(write(tmp_path / "x", {**files, "cover.png": many(1)[0]}))
    assert dataset.classes == ("a", "b")
    assert "pictures beside the class folders: 1 (cover.png)" in said


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("train/a/1 test/a/2 more/a/3", r"folders for test, train, and beside them more: .* rename them\."),
        ("test/a/1 val/a/2", r"folders for test, validation but none for train"),
    ],
)
def test_splits_in_part(names: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        layout([PurePosixPath(name) for name in names.split()])


def test_a_split_that_is_one_is_used(tmp_path: Path) -> None:
    files = {f"{'test' if i > 15 else 'train'}/{'ab'[i % 2]}/{i:02}.png": content for i, content in enumerate(many(20))}
    dataset, _ = read(zipped(tmp_path / "x.zip", files))
    assert dict(dataset.sizes) == {"train": 14, "validation": 2, "test": 4}
    assert "train, test as its folders say; validation is a random tenth of train" in dataset.source
    assert np.array_equal(dataset.pixels("test")[..., 0], [picture(i) for i in (16, 18, 17, 19)])
    images = np.stack([picture(i) for i in range(20)])
    np.savez(
        tmp_path / "x.npz", x_train=images[:16], x_test=images[16:], y_train=np.arange(16) % 2, y_test=[0, 1, 0, 1]
    )
    arrays, _ = read(tmp_path / "x.npz")
    assert dict(arrays.sizes) == {"train": 14, "validation": 2, "test": 4} and arrays.classes == ("0", "1")
    assert np.array_equal(arrays.pixels("test")[..., 0], images[16:])
    assert summarize_zip(tmp_path / "x.zip").sizes == dict(dataset.sizes)


# ---- names of classes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("caf\udce9", "café"),
        ("a\tb\nc\r", "a b c"),
        ("  spaced  ", "spaced"),
        ("\u202eevil\u2028", "evil"),
        ("\x00\x1b[31m", "[31m"),
        ("", "unnamed"),
        ("\n", "unnamed"),
        ("é", "é"),
        ("<b>*x*</b>", "<b>*x*</b>"),
        ("靴 🥾", "靴 🥾"),
        ("\ud800x", "x"),
    ],
)
def test_clean_names(text: str, expected: str) -> None:
    assert clean(text) == expected
    clean(text).encode()


def test_names_stay_distinct() -> None:
    names = ["a\tb", "a b", "a\nb", "x" * 300, "x" * 301, "\x01", "\x02"]
    cleaned = distinct(names)
    assert len(set(cleaned.values())) == len(names) and max(map(len, cleaned.values())) <= LONGEST
    assert in_order(["10", "9", "1"]) == ["1", "9", "10"] and in_order(["b10", "b9"]) == ["b10", "b9"]


def test_any_text_and_any_number_of_classes(tmp_path: Path) -> None:
    files = {b"caf\xe9/%d.png" % i: content for i, content in enumerate(many(4))}
    files |= {b"a\tb\n/%d.png" % i: content for i, content in enumerate(many(4))}
    dataset, said = read(write(tmp_path / "x", files))
    assert dataset.classes == ("a b", "café") and all(line.isprintable() for line in said.split("\n"))
    labels = np.array([f"class {i}" for i in range(3000)])
    np.savez(tmp_path / "y.npz", images=np.zeros((3000, 8, 8), np.uint8), labels=labels)
    dataset, said = read(tmp_path / "y.npz")
    assert len(dataset.classes) == 3000 and "and 2,980 more" in said


# ---- the range of pixels


@pytest.mark.parametrize(
    ("images", "white", "line"),
    [
        (lambda x: (x > 99).astype(np.uint8), 1, "0..1: 0 is taken as black and 1 as white"),
        (lambda x: x > 99, 1, "1 as white"),
        (lambda x: x // 17, 15, "15 as white"),
        (lambda x: (x // 17).astype(float), 15, "15 as white"),
        (lambda x: x.astype(np.uint16) * 16, 4095, "4095 as white"),
        (lambda x: x.astype(np.uint16) * 257, 65535, "65535 is taken as white"),
        (lambda x: x.astype(np.float32), 255, "255 as white"),
        (lambda x: x.astype(np.int64), 255, ""),
        (lambda x: x / 255, 1, ""),
        (lambda x: x / 127.5 - 1, None, "-1..1: -1 is taken as black and 1 as white"),
        (lambda x: x / 255 - 0.5, None, "-0.5 is taken as black and 0.5 as white"),
    ],
)
def test_ranges(tmp_path: Path, images: Any, white: float | None, line: str) -> None:
    x = np.stack([np.linspace(0, 255, 784).reshape(28, 28).astype(np.uint8)] * 5)
    held = images(x)
    np.savez(tmp_path / "x.npz", images=held)
    dataset, said = read(tmp_path / "x.npz")
    low, high = (float(held.min()), float(held.max())) if white is None else (0.0, float(white))
    expected = np.rint((held.astype(np.float64) - low) / (high - low) * 255)
    assert np.abs(dataset.pixels("train")[0, ..., 0] - expected[0]).max() <= 1
    assert line in said and "WARNING" not in said


def test_masks_and_deep_pictures_as_files(tmp_path: Path) -> None:
    masks = {f"a/{i}.png": encoded((picture(i) > 0).astype(np.uint8)) for i in range(6)}
    dataset, said = read(write(tmp_path / "masks", masks))
    assert set(np.unique(pixels_of(dataset))) == {0, 255} and "1 as white" in said
    smaller = loading.load(tmp_path / "masks", image_shape=(16, 16, 1), notify=lambda _: None)
    assert len(np.unique(pixels_of(smaller))) > 4  # resized at full depth, then stretched
    deep = {f"a/{i}.png": encoded(picture(i).astype(np.uint16) * 16) for i in range(6)}  # 12 bits in 16
    dataset, said = read(write(tmp_path / "deep", deep))
    assert pixels_of(dataset).max() > 120 and "4095 as white" in said
    how = treatment(dataset.describe())
    assert how == {"fit": "resize", "white": {"deep": 4095.0}}
    upload = prepare(deep["a/2.png"], **how).image
    assert any(np.array_equal(np.rint(upload * 255), pixels) for pixels in pixels_of(dataset))
    ordinary = prepare(encoded(np.full((28, 28), 60_000, np.uint16)), **how).image
    assert ordinary.max() == pytest.approx(60_000 / 65_535)


def test_dark_sets_are_warned_about(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=np.full((5, 8, 8), 60, np.uint8))
    dataset, said = read(tmp_path / "x.npz")
    assert pixels_of(dataset).max() == 60
    assert "WARNING: the brightest pixel of all is 60, far below white (255)" in said


# ---- one decision for the set


def test_garments_are_inverted_all_or_none(tmp_path: Path) -> None:
    dark = np.zeros((40, 40), np.uint8)
    dark[10:30, 15:25] = 200
    for light, inverted in ((7, True), (3, False)):
        images = [255 - dark if i < light else dark for i in range(10)]
        files = {f"a/{i}.png": encoded(image) for i, image in enumerate(images)}
        dataset, said = read(write(tmp_path / str(light), files), fit="garment", image_shape=(28, 28, 1))
        assert ("all inverted" in said) is inverted and ("none inverted" in said) is not inverted
        assert dataset.describe()["fit"] == "garment" and dataset.describe().get("inverted", False) is inverted
        dark_corners = (pixels_of(dataset)[:, 0, 0, 0] < 100).sum()
        assert dark_corners == (light if inverted else 10 - light)


def test_what_is_transparent_has_one_backdrop(tmp_path: Path) -> None:
    def shape(grey: int) -> np.ndarray:
        mask = picture(0)
        return np.dstack([np.full((28, 28, 3), grey, np.uint8), np.where(mask > 0, 255, 0).astype(np.uint8)])

    for greys, corner in (((250, 250, 250, 40), 255), ((250, 245, 240, 235), 0)):
        files = {f"a/{i}.png": encoded(shape(grey)) for i, grey in enumerate(greys)}
        dataset, said = read(write(tmp_path / str(corner), files))
        assert (pixels_of(dataset)[:, 0, 0] == corner).all()
        assert f"transparent parts are {'white' if corner else 'black'}, in all pictures" in said
        how = treatment(dataset.describe())
        assert prepare(files["a/0.png"], (28, 28, 3), **how).image[0, 0, 0] == corner / 255


# ---- arrays


def test_arrays_as_other_programs_write_them(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 3, 28, 28), np.uint8)
    np.savez(tmp_path / "x.npz", images=images, labels=np.array([b"a", b"b"] * 3)[:, None])
    dataset, said = read(tmp_path / "x.npz")
    assert dataset.image_shape == (28, 28, 3) and dataset.classes == ("a", "b")
    assert "N×C×H×W, (6, 3, 28, 28): read as N×H×W×C" in said
    assert {x.tobytes() for x in pixels_of(dataset)} == {x.transpose(1, 2, 0).tobytes() for x in images}


@pytest.mark.parametrize("shape", [(-4, 28, 28), (-4, -28, 28), (4, -28, -28)])
def test_negative_shapes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    zipped(tmp_path / "x.npz", {"images.npy": header.getvalue() + bytes(4 * 28 * 28)})
    with pytest.raises(DataError, match="images is damaged or no array"):
        loading.from_npz(tmp_path / "x.npz")


# ---- IDX files


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def idx_files(prefix: dict[str, int], classes: int = 10, dot: str = "-") -> dict[str | bytes, bytes]:
    rng = np.random.default_rng(0)
    files: dict[str | bytes, bytes] = {}
    for name, n in prefix.items():
        files[f"{name}images{dot}idx3-ubyte"] = gzip.compress(idx(rng.integers(0, 256, (n, 28, 28), np.uint8)))
        files[f"{name}labels{dot}idx1-ubyte"] = idx(np.resize(np.arange(classes, dtype=np.uint8), n))
    return files


@pytest.mark.parametrize(
    ("prefix", "classes", "dot", "sizes"),
    [
        ({"train-": 40, "t10k-": 20}, 10, "-", {"train": 36, "validation": 4, "test": 20}),
        ({"train-": 40, "t10k-": 20}, 10, ".", {"train": 36, "validation": 4, "test": 20}),
        (
            {"emnist-letters-train-": 60, "emnist-letters-test-": 30},
            26,
            "-",
            {"train": 54, "validation": 6, "test": 30},
        ),
        ({"train-": 40}, 10, "-", {"train": 32, "validation": 4, "test": 4}),
    ],
)
def test_mnist_and_its_relatives(tmp_path: Path, prefix: Any, classes: int, dot: str, sizes: Any) -> None:
    files = idx_files(prefix, classes, dot)
    for folder in (write(tmp_path / "x", files), write(tmp_path / "y/raw", files).parent):
        dataset, said = read(folder)
        assert dict(dataset.sizes) == sizes and dataset.classes == tuple(map(str, range(classes)))
        assert dataset.image_shape == (28, 28, 1) and dataset.checksum != fashion_mnist.CHECKSUM
        assert f"in {classes} classes: 0 " in said
    assert loading.load(tmp_path / "x", image_shape=(32, 32, 1), notify=lambda _: None).image_shape == (32, 32, 1)


def test_idx_files_that_are_no_set(tmp_path: Path) -> None:
    write(tmp_path / "x", idx_files({"emnist-letters-train-": 5, "emnist-digits-train-": 5}))
    with pytest.raises(DataError, match=r"several sets of IDX files.*Move the four files of one"):
        loading.load(tmp_path / "x")
    write(tmp_path / "y", {"train-images-idx3-ubyte": b""})
    with pytest.raises(DataError, match=r"but not train-labels-idx1-ubyte"):
        loading.load(tmp_path / "y")


def test_more_classes_than_a_model_can_keep(tmp_path: Path) -> None:
    images = np.zeros((12_000, 8, 8), np.uint8)
    for labels, message in (
        ([f"{i}" for i in range(12_000)], "12,000 classes"),
        (["靴" * 90 + f"{i}" for i in range(3000)] * 4, r"3,000 classes, whose names take 1,\d+,\d+ bytes"),
    ):
        np.savez(tmp_path / "x.npz", images=images, labels=np.array(labels))
        with pytest.raises(DataError, match=message):
            loading.load(tmp_path / "x.npz", notify=lambda _: None)


@pytest.mark.parametrize("wrapper", ["", "mnist/", "sets/mnist/"])
def test_idx_files_in_a_zip(wrapper: str, tmp_path: Path) -> None:
    """As people pack them: read as the folder is, told before training, and what lies beside them is named."""
    files = idx_files({"train-": 30, "t10k-": 6})
    write(tmp_path / "folder", files)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(f"{wrapper}{name}", data)
        archive.writestr(f"{wrapper}readme.txt", b"MNIST")
        archive.writestr("__MACOSX/._readme.txt", b"x")
    told: list[str] = []
    ours = loading.from_zip(tmp_path / "x.zip", notify=told.append)
    theirs = loading.load(str(tmp_path / "folder"), notify=lambda line: None)
    assert ours.checksum == theirs.checksum and ours.sizes == theirs.sizes and ours.classes == theirs.classes
    look = loading.summarize(tmp_path / "x.zip")
    assert loading.summarize(tmp_path / "folder")._replace(lines=()) == look._replace(lines=())
    assert look.n == 36 and look.size == (28, 28) and not look.colour
    assert look.classes == ours.classes and look.sizes == dict(ours.sizes)
    for lines in (told, look.lines):
        assert any("no IDX files: 1" in line and "readme.txt" in line for line in lines), lines


def packed(**changes: bytes) -> bytes:
    """A zip of IDX files, some of them others."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in {**idx_files({"train-": 30}), **changes}.items():
            archive.writestr(str(name), data)
    return buffer.getvalue()


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({LABELS: idx(np.zeros(29, np.uint8))}, "holds 30 images but .* holds 29 labels"),
        ({LABELS: idx(np.zeros((30, 2, 2), np.uint8))}, "images and labels are mixed up"),
        ({IMAGES: gzip.compress(idx(np.zeros((30, 28, 28), np.uint8)))[:-9]}, "truncated"),
        ({IMAGES: gzip.compress(idx(np.zeros((30, 28, 28), np.uint8)) + b"x")}, "promises 30 × 28 × 28 bytes"),
        ({IMAGES: b"\x1f\x8b" + bytes(40)}, "no whole gzip file"),
        ({IMAGES: b"\0\0"}, "too few for an IDX file"),
        ({"t10k-images-idx3-ubyte": idx(np.zeros((3, 20, 20), np.uint8))}, "but not t10k-labels"),
    ],
)
def test_idx_files_in_a_zip_that_are_no_set(changes: dict[str, bytes], message: str, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(packed(**changes))
    for read in (loading.summarize, loading.from_zip):
        with pytest.raises(DataError, match=message):
            read(tmp_path / "x.zip")


def test_a_summary_unfolds_no_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IDX_FILE", 1 << 20)
    (tmp_path / "x.zip").write_bytes(packed(**{IMAGES: gzip.compress(bytes(3 << 20))}))
    with pytest.raises(DataError, match="expands to more than 1 MiB"):
        loading.summarize(tmp_path / "x.zip")
    np.savez_compressed(tmp_path / "x.npz", images=np.zeros((10_000, 64, 64), np.uint8))
    tracemalloc.start()
    try:
        assert loading.summarize(tmp_path / "x.npz").n == 10_000
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "arrays",
    [
        {"images": np.zeros((9, 16, 20), np.uint8), "labels": np.arange(9) % 3},
        {"images": np.zeros((9, 3, 16, 20), np.float32), "labels": np.array(["a", "b", "c"] * 3)},
        {"images": np.zeros((9, 16, 20), bool)},
        {
            "x_train": np.full((9, 16, 20, 3), 7, np.uint8),
            "y_train": np.arange(9) % 2,
            "x_test": np.zeros((4, 16, 20, 3), np.uint8),
            "y_test": np.ones((4, 1), int),
        },
    ],
)
def test_an_npz_is_summarized_as_it_is_read(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **arrays)  # type: ignore[arg-type]
    look, dataset = loading.summarize(tmp_path / "x.npz"), loading.from_npz(tmp_path / "x.npz")
    assert (look.n, look.classes, look.sizes) == (sum(dataset.sizes.values()), dataset.classes, dict(dataset.sizes))
    assert (*look.size, 3 if look.colour else 1) == dataset.image_shape


def test_an_npz_that_cannot_be_read_is_refused_by_its_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.npz"
    for arrays, message in (
        ({"pictures": np.zeros((3, 8, 8))}, "expected an array named images"),
        ({"images": np.zeros((9, 64))}, r"images.reshape\(-1, 8, 8\)"),
        ({"images": np.zeros((9, 8, 8)), "labels": np.arange(8)}, "one label for each image"),
        ({"images": np.zeros((9, 8, 8), object)}, "pickled Python objects"),
    ):
        np.savez(path, **arrays)  # type: ignore[arg-type]
        with pytest.raises(DataError, match=message):
            loading.summarize(path)
    np.savez(path, images=np.zeros((9, 8, 8), np.uint8))
    monkeypatch.setattr(npz_arrays, "MOST_IMAGES", 8)
    with pytest.raises(DataError, match="holds 9 images, at most 8 are taken here"):
        loading.summarize(path)
