"""Draw the three photos that the pages offer to try: `python docs/sample_photos.py` writes pages/ui/app/samples.

Nothing is photographed: garments of `vae_core.datasets.drawn`, enlarged with smooth edges, on a ground with weave, shadow and
a light that falls off. They are as free as the program. The pullover is dark on a light, even sheet (inverted and cropped),
the bag barely stands out (contrast), and the boot lies in a cone of light (an uneven background, to be cut by hand).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from vae_core.datasets.drawn.wardrobe import CLASSES, draw_class  # noqa: E402

TARGET = ROOT / "pages" / "ui" / "app" / "samples"
WIDTH, HEIGHT = 420, 520


def garment(name: str, number: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """One drawing enlarged: its shade and its cover, float (side, side) in [0, 1]."""
    pixels = draw_class(CLASSES.index(name), number + 1)[number, ..., 0]
    solid = np.where(pixels > 12, 255, 0).astype(np.uint8)
    shade, cover = (
        np.asarray(
            Image.fromarray(np.pad(layer, 2))
            .resize((side, side), Image.Resampling.BICUBIC)
            .filter(ImageFilter.GaussianBlur(side / 56)),  # half a pixel of the drawing: no stairs
            float,
        )
        / 255
        for layer in (pixels, solid)
    )
    return shade, np.clip((cover - 0.5) * 9 + 0.5, 0, 1)


def photo(
    name: str,
    number: int,
    side: int,
    place: tuple[int, int],
    cloth: tuple[float, float, float],
    ground: np.ndarray,
    rng: np.random.Generator,
) -> Image.Image:
    """A garment of that colour on a ground (HEIGHT, WIDTH, 3) in [0, 1], with its shadow and the camera's noise."""
    shade, cover = garment(name, number, side)
    left, top = place
    everywhere = np.zeros((HEIGHT, WIDTH))
    everywhere[top : top + side, left : left + side] = cover
    soft = Image.fromarray((255 * np.roll(everywhere, (9, 6), (0, 1))).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(10)
    )
    picture = ground * (1 - 0.35 * np.asarray(soft, float) / 255)[..., None]
    colour = np.asarray(cloth) * (0.55 + 0.6 * shade)[..., None] + 0.03 * rng.standard_normal((side, side, 1))
    at = np.s_[top : top + side, left : left + side]
    picture[at] = picture[at] * (1 - cover[..., None]) + colour * cover[..., None]
    picture += 0.008 * rng.standard_normal(picture.shape)
    return Image.fromarray((255 * np.clip(picture, 0, 1)).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.6))


def main() -> None:
    """All three."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    weave = 0.006 * (np.sin(x / 2.2) + np.sin(y / 2.6))[..., None]
    sheet = np.array([0.93, 0.92, 0.9]) + weave * 0.6
    dusk = np.array([0.2, 0.19, 0.2]) + 0 * weave
    # a spot of even light beside the middle, that ends before three of the corners
    lamp = 1 / (1 + np.exp((np.hypot(x - 275, y - 255) - 285) / 22))[..., None]
    table = np.array([0.78, 0.66, 0.5]) * (0.3 + 0.75 * lamp) + weave
    TARGET.mkdir(exist_ok=True)
    for file, picture in {
        "pullover.jpg": photo("Pullover", 7, 260, (60, 150), (0.2, 0.27, 0.42), sheet, rng),
        "bag.jpg": photo("Bag", 3, 240, (130, 90), (0.42, 0.36, 0.34), dusk + np.zeros((HEIGHT, WIDTH, 1)), rng),
        "boot.jpg": photo("Ankle boot", 10, 240, (80, 170), (0.3, 0.2, 0.16), table, rng),
    }.items():
        picture.save(TARGET / file, quality=82, optimize=True)
        print(f"{file}: {(TARGET / file).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
