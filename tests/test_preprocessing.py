"""Any picture becomes model input in the right range, the right way up, and every other file an exact error."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from vae_core.datasets.preprocessing import PictureError, Prepared, open_picture, prepare, treatment


def packed(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def garment(height: int = 28, width: int = 28, tall: int = 28, wide: int = 16) -> np.ndarray:
    """A grey block with a lighter left half, in the middle of black: uint8 (height, width)."""
    picture = np.zeros((height, width), np.uint8)
    top, left = (height - tall) // 2, (width - wide) // 2
    picture[top : top + tall, left : left + wide] = 120
    picture[top : top + tall, left : left + wide // 2] = 220
    return picture


def names(prepared: Prepared) -> list[str]:
    return [step.name for step in prepared.steps]


def distance(one: np.ndarray, two: np.ndarray) -> float:
    return float(np.abs(one.astype(np.float64) - two).mean())


# ---- what comes out


@pytest.mark.parametrize("crop", [True, False])
def test_a_fashion_picture_passes_unchanged(crop: bool) -> None:
    picture = garment()
    for form in (picture, packed(Image.fromarray(picture)), Image.fromarray(picture), picture / 255):
        prepared = prepare(form, crop=crop)
        assert np.array_equal(np.rint(prepared.image[..., 0] * 255), picture)
        assert not prepared.inverted


@pytest.mark.real_data
def test_real_pictures_pass_unchanged(fashion_dir: Path) -> None:
    from vae_core.datasets import fashion_mnist

    pixels, _ = fashion_mnist.read_split(fashion_dir, "test")
    for picture in pixels[:500]:
        assert np.abs(prepare(picture, crop=False).image * 255 - picture).max() < 1e-3
        assert distance(prepare(picture).image, picture / 255) < 0.01


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3, 4]))),
    st.sampled_from([(28, 28, 1), (32, 16, 3), (8, 40, 1)]),
    st.sampled_from([None, True, False]),
    st.booleans(),
    st.booleans(),
)
def test_any_picture_becomes_model_input(
    picture: np.ndarray, shape: tuple[int, int, int], invert: bool | None, crop: bool, contrast: bool
) -> None:
    prepared = prepare(picture, shape, invert=invert, crop=crop, contrast=contrast)
    assert prepared.image.shape == shape and prepared.image.dtype == np.float32
    assert prepared.image.min() >= 0 and prepared.image.max() <= 1
    assert prepared.steps[0].name == "opened" and prepared.steps[-1].name == "resized"
    for step in prepared.steps:
        assert step.image.dtype == np.uint8 and step.image.ndim in (2, 3) and step.note
    if invert is not None:
        assert prepared.inverted is invert


def test_a_light_background_is_inverted() -> None:
    light = 255 - garment(80, 80, 60, 40)
    automatic, asked, refused = prepare(light), prepare(light, invert=True), prepare(light, invert=False)
    assert automatic.inverted and "inverted" in names(automatic)
    assert np.array_equal(automatic.image, asked.image)
    assert np.allclose(automatic.image, prepare(garment(80, 80, 60, 40)).image, atol=1e-6)
    assert not refused.inverted and refused.image[0, 0, 0] == 1
    # a colour model gets no negative unless it is asked for
    assert not prepare(np.stack([light] * 3, 2), (28, 28, 3)).inverted


def test_a_light_bag_that_fills_a_black_frame_is_not_inverted() -> None:
    bag = np.full((28, 28), 230, np.uint8)
    bag[:5, :5] = bag[:5, -5:] = bag[-3:, :3] = 0
    assert not prepare(bag).inverted


def test_cropped_to_the_garment_and_centred() -> None:
    picture = np.zeros((200, 300), np.uint8)
    picture[20:120, 200:250] = 200  # twice as tall as wide, top right
    image = prepare(picture).image[..., 0]
    rows, columns = np.flatnonzero(image.max(1) > 0.4), np.flatnonzero(image.max(0) > 0.4)
    assert (rows[0], rows[-1]) == (0, 27) and (columns[0], columns[-1]) == (7, 20)
    uncropped = prepare(picture, crop=False).image[..., 0]
    assert uncropped[:14].sum() > 5 * uncropped[14:].sum()
    assert (uncropped[:4] == 0).all() and (uncropped[-4:] == 0).all()  # 3:2 fitted into a square


def test_cropping_keeps_the_background_around_a_frame_filling_part() -> None:
    picture = np.full((100, 100), 30, np.uint8)
    picture[40:60, 10:90] = 220  # after the crop its corners are garment: they must not become the padding
    image = prepare(picture).image[..., 0]
    assert np.allclose(image[0], 30 / 255, atol=0.01) and image[14].min() > 0.8


def test_contrast_reaches_black_and_white() -> None:
    picture = (garment(40, 40, 30, 20) // 4 + 20).astype(np.uint8)
    plain, stretched = prepare(picture), prepare(picture, contrast=True)
    assert plain.image.max() < 0.4
    assert stretched.image.min() == 0 and stretched.image.max() == pytest.approx(1, abs=0.01)
    assert "contrast" in names(stretched)
    flat = prepare(np.full((9, 9), 77, np.uint8), contrast=True)  # nothing to stretch, nothing to crop
    assert np.allclose(flat.image, 77 / 255)


def test_colour() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[..., 0] = 200
    picture[..., 1] = 40
    image = prepare(picture, (64, 64, 3), crop=False).image
    assert np.allclose(image, np.array([200, 40, 0]) / 255)
    grey = prepare(picture, crop=False).image
    assert np.allclose(grey, (0.299 * 200 + 0.587 * 40) / 255, atol=1e-6)
    assert prepare(garment(), (28, 28, 3)).image.shape == (28, 28, 3)


def test_extreme_sides_are_fitted() -> None:
    assert prepare(np.full((1, 60_000), 200, np.uint8), crop=False).image.shape == (28, 28, 1)
    big = prepare(packed(Image.fromarray(garment(3000, 2400, 2000, 1000))))
    assert max(max(step.image.shape) for step in big.steps) <= 1024
    assert distance(big.image[..., 0], prepare(garment(28, 28, 28, 14)).image[..., 0]) < 0.02


# ---- every mode


MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "I;16", "F"]


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_has_the_right_range(mode: str) -> None:
    grey = Image.fromarray(np.where(garment(56, 56, 56, 30) > 0, 255, 0).astype(np.uint8))
    expected = prepare(grey).image
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    elif mode == "I":
        image = Image.fromarray(np.asarray(grey).astype(np.int32) * 257)
    elif mode in ("LA", "RGBA", "P"):
        image = grey.convert(mode)
    else:
        image = grey.convert("RGB").convert(mode) if mode != "F" else grey.convert("F")
    assert image.mode == mode
    assert distance(prepare(image).image, expected) < 0.01


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "P", {}),
        ("PNG", "I;16", {}),
        ("PNG", "1", {}),
        ("TIFF", "F", {}),
        ("TIFF", "I;16", {}),
        ("TIFF", "CMYK", {}),
        ("JPEG", "CMYK", {"quality": 95}),
        ("JPEG", "L", {"quality": 95}),
        ("WEBP", "RGB", {"lossless": True}),
        ("BMP", "L", {}),
        ("GIF", "L", {}),
        ("PPM", "RGB", {}),
    ],
)
def test_every_format(kind: str, mode: str, options: dict[str, Any]) -> None:
    grey = Image.fromarray(np.where(garment(56, 56, 56, 30) > 0, 255, 0).astype(np.uint8))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    else:
        image = grey.convert("RGB").convert(mode) if mode in ("CMYK", "P") else grey.convert(mode)
    assert distance(prepare(packed(image, kind, **options)).image, prepare(grey).image) < 0.02


def test_sixteen_bits_keep_their_depth() -> None:
    picture = np.linspace(0, 65535, 28 * 28).reshape(28, 28).astype(np.uint16)
    data = packed(Image.fromarray(picture))
    for form in (data, picture):
        assert np.allclose(prepare(form, crop=False, invert=False).image[..., 0], picture / 65535, atol=1e-6)


def test_alpha_is_flattened() -> None:
    shape = garment(56, 56, 40, 30)
    dark = np.dstack([np.full((56, 56, 3), 40, np.uint8), np.where(shape > 0, 255, 0).astype(np.uint8)])
    on_white = prepare(packed(Image.fromarray(dark)))
    assert "flattened" in names(on_white) and on_white.inverted
    assert on_white.image[14, 14, 0] == pytest.approx(1 - 40 / 255, abs=0.02) and on_white.image[14, 0, 0] == 0
    white = dark.copy()
    white[..., :3] = 250  # would vanish on white
    on_black = prepare(packed(Image.fromarray(white)))
    assert not on_black.inverted and on_black.image[14, 14, 0] > 0.9 and on_black.image[14, 0, 0] == 0
    assert prepare(np.zeros((8, 8, 4), np.uint8)).image.max() == 0  # nothing but transparency
    opaque = prepare(np.dstack([white[..., :3], np.full((56, 56), 255, np.uint8)]))
    assert "flattened" not in names(opaque)


@pytest.mark.parametrize("mode", ["P", "L"])
def test_a_transparent_colour_without_an_alpha_channel(mode: str) -> None:
    image = Image.fromarray(np.where(garment(56, 56, 40, 30) > 0, 60, 9).astype(np.uint8)).convert(mode)
    index = image.getpixel((0, 0))
    prepared = prepare(packed(image, transparency=index))
    assert "flattened" in names(prepared) and prepared.inverted and prepared.image[14, 0, 0] == 0


def test_exif_rotation() -> None:
    picture = garment(60, 40, 50, 20)
    picture[:30] //= 2  # top and bottom, left and right can be told apart
    upright = prepare(packed(Image.fromarray(picture)))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees clockwise
    lying = packed(Image.fromarray(np.rot90(picture)), exif=exif)
    turned = prepare(lying)
    assert "rotated" in names(turned) and "rotated" not in names(upright)
    assert np.array_equal(turned.image, upright.image)


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.fromarray(garment()), Image.fromarray(garment().T.copy())]
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = packed(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        prepared = prepare(data)
        assert "first frame" in prepared.steps[0].note
        assert distance(prepared.image[..., 0], garment() / 255) < 0.01


# ---- what is none


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99))


@pytest.mark.parametrize("width", [8_000, 10_000, 60_000])  # below, within and above what Pillow only warns about
def test_a_bomb_is_refused_by_its_header(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("it was decoded"))
    for action in ("ignore", "error"):
        with warnings.catch_warnings():
            warnings.simplefilter(action)  # type: ignore[arg-type]
            with pytest.raises(PictureError, match=r"at most 50 (million|megapixels)"):
                open_picture(png_header(width, 10_000))


def test_large_pillow_images_and_arrays_are_refused_too() -> None:
    with pytest.raises(PictureError, match="at most 50 million"):
        prepare(np.broadcast_to(np.uint8(0), (10_000, 6_000)))


GOOD = packed(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)))
JPEG = packed(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)), "JPEG")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes"),
        (
            b"just some text, whatever its name",
            r"not a picture that can be read \(33 bytes, beginning with 'just som'\)",
        ),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG drawing.*PNG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- hi -->\n<svg/>", "SVG drawing"),
        (GOOD[: len(GOOD) // 2], "PNG picture is damaged or truncated"),
        (JPEG[: len(JPEG) // 2], "JPEG picture is damaged or truncated"),
        (GOOD[:20], "not a picture that can be read"),
        (GOOD[:45] + b"\xff" * 30 + GOOD[75:], "damaged|no picture"),  # SyntaxError inside Pillow
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture that can be read"),
        (b"GIF89a", "not a picture that can be read"),
    ],
)
def test_what_is_no_picture(data: bytes, message: str, tmp_path: Path) -> None:
    for call in (open_picture, prepare):
        with pytest.raises(PictureError, match=message):
            call(data)
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(PictureError, match=message):
        prepare(tmp_path / "x.png")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([GOOD, JPEG]), st.integers(0, 500), st.binary(min_size=1, max_size=12))
def test_damage_anywhere_is_a_picture_error_or_a_picture(data: bytes, at: int, junk: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = prepare(data[:at] + junk + data[at + len(junk) :]).image
        except PictureError:
            return
    assert image.shape == (28, 28, 1) and np.isfinite(image).all()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((4, 4), np.nan), r"without NaN, got nan\.\.nan"),
        (np.full((4, 4), 200.0), r"lie in \[0, 1\].*Divide by 255"),
        (np.full((4, 4), -0.1), "lie in"),
        (np.full((4, 4), np.inf), "lie in"),
        (np.zeros((4, 4), np.int64), "got int64"),
        (np.zeros((4, 4, 2), np.uint8), r"got shape \(4, 4, 2\)"),
        (np.zeros((0, 4), np.uint8), r"got shape \(0, 4\)"),
        (np.zeros(4, np.uint8), r"got shape \(4,\)"),
    ],
)
def test_arrays_of_no_use(array: np.ndarray, message: str) -> None:
    with pytest.raises(PictureError, match=message):
        prepare(array)


def test_other_misuse(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="got str"):
        prepare("picture.png")  # type: ignore[arg-type]
    with pytest.raises(PictureError, match="cannot be read"):
        prepare(tmp_path / "missing.png")
    with pytest.raises(ValueError, match="multiple of 4"):
        prepare(garment(), (30, 28, 1))
    negative = Image.fromarray(np.full((8, 8), -1.0, np.float32))
    with pytest.raises(PictureError, match="negative pixels"):
        prepare(negative)


# ---- what was done to the pictures that a model knows


def test_resized_and_nothing_else() -> None:
    light = 255 - garment(56, 56, 30, 10)
    prepared = prepare(light, (56, 56, 1), fit="resize")
    assert np.array_equal(np.rint(prepared.image[..., 0] * 255), light)
    assert not prepared.inverted and names(prepared) == ["opened", "grey", "resized"]
    assert prepare(light, fit="resize", invert=True, crop=True).inverted
    with pytest.raises(ValueError, match="fit must be one of resize, garment, got 'crop'"):
        prepare(light, fit="crop")


@pytest.mark.parametrize(
    ("dataset", "fit"),
    [
        ({"fit": "resize"}, "resize"),
        ({"fit": "garment"}, "garment"),
        ({"name": "Fashion-MNIST"}, "garment"),
        ({"source": "the user's own 60 pictures in 1 class, from a zip; validation ..."}, "garment"),
        ({"source": "the user's own 60 pictures in 1 class, from a .npz; validation ..."}, "resize"),
        ({"fit": ["?"]}, "garment"),
    ],
)
def test_an_upload_is_treated_as_the_training_data_were(dataset: dict[str, Any], fit: str) -> None:
    assert treatment(dataset) == {"fit": fit}
