"""How well the app's verdicts tell: thresholds, false alarms, and how many pictures of other kinds are caught.

    python benchmarks/verdicts.py            each shipped model; half a minute on a core; needs the real Fashion-MNIST
    python benchmarks/verdicts.py --scores   also the other scores that were compared for "not a garment"

Thresholds and false alarms are of the 5,000 validation images. The other kinds are drawn here by rule, 150 of each, and
treated as an upload is; two are the validation images turned round. docs/verdicts.md holds what this prints.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from vae_core import checkpoints
from vae_core.analysis import image_quality, latent_geometry, likelihood, thresholds, verdicts
from vae_core.analysis.latent_points import sample_posterior
from vae_core.checkpoints.codes import load_latents
from vae_core.checkpoints.history import read_history
from vae_core.datasets import loading
from vae_core.datasets.preprocessing import prepare
from vae_core.network.engine import Engine

ROOT = Path(__file__).resolve().parent.parent
MODELS = ("fashion-2d", "fashion-16d", "classic-2d")
COUNT, SIDE = 150, 200
Rng = np.random.Generator


def smiley(rng: Rng) -> Image.Image:
    """A face with two eyes and a smile."""
    image, width = Image.new("L", (SIDE, SIDE), 255), int(rng.integers(4, 16))
    pen, (x, y), s = ImageDraw.Draw(image), rng.integers(5, 40, 2), int(rng.integers(120, 160))
    pen.ellipse((x, y, x + s, y + s), outline=0, width=width, fill=None if rng.random() < 0.6 else 190)
    for part in (0.32, 0.68):
        middle = (x + s * part, y + s * 0.35)
        pen.ellipse((middle[0] - s / 10, middle[1] - s / 10, middle[0] + s / 10, middle[1] + s / 10), fill=0)
    pen.arc((x + s * 0.25, y + s * 0.3, x + s * 0.75, y + s * 0.8), 20, 160, fill=0, width=width)
    return image


def character(rng: Rng) -> Image.Image:
    """A digit or a capital."""
    image = Image.new("L", (SIDE, SIDE), 255)
    text = str(rng.choice(list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")))
    font = ImageFont.load_default(size=int(rng.integers(110, 180)))
    ImageDraw.Draw(image).text((SIDE / 2, SIDE / 2), text, fill=0, font=font, anchor="mm")
    return image


def polygon(rng: Rng) -> Image.Image:
    """A filled star or polygon: the hardest kind, since a garment is a filled outline too."""
    image, corners, radius = Image.new("L", (SIDE, SIDE), 255), int(rng.integers(3, 9)), float(rng.integers(50, 95))
    angles = np.linspace(0, 2 * np.pi, 2 * corners, endpoint=False)
    radii = np.where(np.arange(2 * corners) % 2, 0.4 if rng.random() < 0.5 else 1.0, 1.0) * radius
    points = [(SIDE / 2 + r * np.cos(a), SIDE / 2 + r * np.sin(a)) for r, a in zip(radii, angles, strict=True)]
    ImageDraw.Draw(image).polygon(points, fill=int(rng.integers(0, 120)))
    return image


def checkerboard(rng: Rng) -> Image.Image:
    """Squares of one size."""
    return Image.fromarray((np.indices((SIDE, SIDE)) // int(rng.integers(10, 40))).sum(0).astype(np.uint8) % 2 * 255)


def noise(rng: Rng) -> Image.Image:
    """Grey pixels by chance."""
    return Image.fromarray(rng.integers(0, 256, (28, 28), dtype=np.uint8))


def blobs(rng: Rng) -> Image.Image:
    """Smooth dark and light patches."""
    image = Image.fromarray(rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8))
    smooth = np.asarray(image.filter(ImageFilter.GaussianBlur(float(rng.uniform(8, 25)))), float)
    return Image.fromarray(np.clip((smooth - 127) * 12 + 127, 0, 255).astype(np.uint8))


def photo(rng: Rng) -> Image.Image:
    """A square cut from one of five photographs and scans of scikit-image."""
    from skimage import data

    whole = (data.camera, data.coins, data.page, data.text, data.moon)[int(rng.integers(5))]()
    side = int(rng.integers(80, min(whole.shape)))
    y, x = (int(rng.integers(0, size - side + 1)) for size in whole.shape)
    return Image.fromarray(whole[y : y + side, x : x + side])


DRAWN: tuple[Callable[[Rng], Image.Image], ...] = (smiley, character, polygon, checkerboard, noise, blobs, photo)


def other_kinds(validation: np.ndarray) -> dict[str, np.ndarray]:
    """Pictures that are no garments, or garments as the model never saw them: kind -> (n, 28, 28, 1)."""
    rng, kinds = np.random.default_rng(0), {}
    for draw in DRAWN:
        kinds[draw.__name__] = np.stack([as_upload(draw(rng)) for _ in range(COUNT)])
    kinds["upside down"] = validation[:500, ::-1].copy()
    kinds["quarter turn"] = np.rot90(validation[500:1000], axes=(1, 2)).copy()
    return kinds


def as_upload(image: Image.Image) -> np.ndarray:
    """A picture as the app would show it to a model of Fashion-MNIST."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return prepare(buffer.getvalue(), (28, 28, 1)).image


def scores(engine: Engine, images: np.ndarray, every: bool) -> dict[str, np.ndarray]:
    """Scores of each picture; high is unusual."""
    z_mean, z_log_var = engine.encode(images)
    rebuilt = engine.decode(z_mean)
    named = {"misfit": image_quality.misfit(images, rebuilt)}
    if not every:
        return named
    mse, x, y = image_quality.mse(images, rebuilt), images.reshape(len(images), -1), rebuilt.reshape(len(images), -1)
    loss = likelihood.reconstruction_loss(engine, images, z_mean)
    p = np.clip(x, 1e-7, 1 - 1e-7)
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum(axis=1)
    kl = likelihood.kl_per_unit(z_mean, z_log_var).sum(axis=1)
    covariance = ((x - x.mean(1, keepdims=True)) * (y - y.mean(1, keepdims=True))).mean(1)
    correlation = covariance / (x.std(1) * y.std(1) + 1e-9)
    return named | {
        "MSE": mse,
        "1 - SSIM": 1 - image_quality.ssim(images, rebuilt),
        "1 - correlation": 1 - correlation,
        "MSE / variance": mse / (x.var(1) + 0.01),
        "BCE - entropy": loss - entropy,
        "BCE - entropy + KL": loss - entropy + kl,
        "KL": kl,
    }


def report(name: str, validation: np.ndarray, kinds: dict[str, np.ndarray], every: bool) -> None:
    """Print what the verdicts of one model do."""
    folder = ROOT / "checkpoints" / name
    engine = checkpoints.load(folder).engine()
    usual = scores(engine, validation, every)
    unusual = {kind: scores(engine, images, every) for kind, images in kinds.items()}
    print(f"\n## {name}\n\n| score | threshold 99 % / 99.9 % | false alarms | " + " | ".join(kinds) + " |")
    print("|---" * (3 + len(kinds)) + "|")
    for score, values in usual.items():
        low, high = np.quantile(values, [0.99, 0.999])
        rate = thresholds.held_out_rate(values, 0.99)
        caught = [f"{(rows[score] > low).mean():.0%} / {(rows[score] > high).mean():.0%}" for rows in unusual.values()]
        print(f"| {score} | {low:.4g} / {high:.4g} | {rate:.2%} | " + " | ".join(caught) + " |")
    latents = load_latents(folder)
    z_mean, z_log_var = engine.encode(validation)
    z = sample_posterior(z_mean, z_log_var, np.random.default_rng(0))
    density = latent_geometry.aggregate_density(latents.z_mean, latents.z_log_var, z)
    own = latent_geometry.support_threshold(latents.z_mean, latents.z_log_var)
    kl = likelihood.kl_per_unit(z_mean, z_log_var).mean(axis=0)
    print(
        f"\nHole: threshold {np.quantile(density, 0.01):.2f} nats, false alarms {thresholds.held_out_rate(-density, 0.99):.2%}. "
        f"The 1 % of the shown codes' own draws, {own:.2f}, would call {(density < own).mean():.2%} of the validation images a hole."
    )
    quiet, live = kl[kl < verdicts.QUIET], kl[kl >= verdicts.QUIET]
    print(
        f"Collapse: {len(quiet)} of {len(kl)} units below {verdicts.QUIET} nats on validation"
        f"{f', the highest of them {quiet.max():.5f}' if len(quiet) else ''}; the lowest of the others {live.min():.3f}."
    )
    rows = read_history(folder / "history.csv")
    train, val = (
        [row[f"{prefix}reconstruction_loss"] + row[f"{prefix}kl_loss"] for row in rows] for prefix in ("", "val_")
    )
    alarms = sum(verdicts.overfitting(train[:i], val[:i]) is not None for i in range(1, len(rows) + 1))
    late = range(len(rows) // 2, len(rows))
    print(
        f"Overfitting: the gap is {max(val[i] - train[i] for i in late) / val[-1]:.2%} of the validation loss at most in the second "
        f"half of the training; {alarms} false alarms in {len(rows)} epochs."
    )


def main() -> None:
    """Print the report of each shipped model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scores", action="store_true", help="also the other scores that were compared")
    every = parser.parse_args().scores
    data = loading.load("fashion")
    validation = data.images("validation")
    print(f"{data.title('validation')}; caught: share above the 99 % / 99.9 % threshold")
    kinds = other_kinds(validation)
    for name in MODELS:
        report(name, validation, kinds, every)


if __name__ == "__main__":
    main()
