"""Words and flags of the commands that put a model to use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vae_core.cli.arguments import MODEL_HELP, MOST, OWN_HELP, name, number, png, whole

Flag = Callable[..., Any]


def add_application_commands(add: Callable[[str, str, str], Flag]) -> None:
    """Add the commands to the parser; `add` takes a command's name, text and example."""
    arg = add(
        "compress",
        "Write pictures as a file of entropy-coded codes, read it back, or measure rate and distortion.",
        "compress checkpoints/fashion-16d --index 0 1 2 --output codes.vaez",
    )
    _inputs(arg)
    arg("--expand", type=name, metavar="FILE", help="decode a file of codes that this command wrote into a PNG")
    _measuring(arg, "rate and distortion over 1,000 test images, beside PCA, JPEG, WebP, PNG and zlib")
    arg("--output", type=name, help="the file to write (codes.vaez; of --expand: expanded.png)")
    arg("--replace", action="store_true", help="write over files that are there")

    arg = add(
        "denoise",
        "What the model and the usual filters make of noisy pictures, in a PNG and in figures.",
        "denoise checkpoints/fashion-16d --index 0 1 2 --noise salt --strength 0.2 --output denoised.png",
    )
    _inputs(arg)
    arg("--noise", choices=("gaussian", "salt", "patch"), default="gaussian", help="what is added (gaussian)")
    arg(
        "--strength",
        type=number(0, 1),
        default=0.2,
        help="gaussian: deviation, of a range of 1; salt: share of pixels; patch: its side, as a share of the picture's (0.2)",
    )
    arg("--seed", type=whole(0, MOST), default=0, help="of the noise (0)")
    _measuring(arg, "PSNR and SSIM over 500 test images, three strengths of each noise")
    arg("--output", type=png, default="denoised.png", help="PNG to write (denoised.png)")
    arg("--replace", action="store_true", help="write over a file that this program has not written")

    arg = add(
        "anomalies",
        "How odd pictures are to a model, by several scores with p-values, and where; or how well each score tells.",
        "anomalies checkpoints/fashion-2d --picture shoe.jpg --output anomalies.png",
    )
    _inputs(arg)
    _measuring(arg, "AUROC of each score for each kind of odd pictures, with bootstrap intervals")
    arg("--output", type=png, default="anomalies.png", help="PNG to write (anomalies.png)")
    arg("--replace", action="store_true", help="write over a file that this program has not written")

    arg = add(
        "cluster",
        "Cluster the codes, compare the clusters with the classes, and learn the classes from few labels.",
        "cluster checkpoints/fashion-16d --output clusters.png --csv clusters.csv",
    )
    arg("model", type=name, help=MODEL_HELP)
    arg("--data", type=name, help=OWN_HELP)
    arg("--measure", action="store_true", help="print the figures alone, and write no PNG")
    arg("--csv", type=name, metavar="FILE", help="also write the table as CSV")
    arg("--write", action="store_true", help="with --measure: keep the figures in the model's folder, for the app")
    arg(
        "--output",
        type=png,
        default="clusters.png",
        help="PNG to write, a row of typical images per cluster (clusters.png)",
    )
    arg("--replace", action="store_true", help="write over a file that this program has not written")

    arg = add(
        "report",
        "One HTML file about a model: is its loss good, where do its nats go, what do its units and its latent space look like.",
        "report checkpoints/fashion-2d --output report.html",
    )
    arg("model", type=name, help=MODEL_HELP)
    arg("--against", type=name, metavar="MODEL2", help="a second model to compare it with")
    arg("--data", type=name, help=OWN_HELP)
    arg("--measure", action="store_true", help="measure anew and print every figure; no HTML")
    arg("--write", action="store_true", help="with --measure: keep the figures in the model's folder, for the app")
    arg(
        "--iwae",
        dest="samples",
        type=whole(1, 5000),
        default=1000,
        metavar="K",
        help="samples of the tightest bound (1000; papers take 5000, which takes five times as long)",
    )
    arg("--output", type=name, default="report.html", help="HTML file to write (report.html)")
    arg("--replace", action="store_true", help="write over a file that is there")


def _inputs(arg: Flag) -> None:
    arg("model", type=name, help=MODEL_HELP)
    arg("--picture", nargs="+", type=name, metavar="FILE", help="pictures of your own")
    arg("--index", nargs="+", type=whole(0, MOST), metavar="I", help="images of the test split (0)")
    arg("--data", type=name, help=OWN_HELP)


def _measuring(arg: Flag, what: str) -> None:
    arg("--measure", action="store_true", help=f"print {what}")
    arg("--csv", type=name, metavar="FILE", help="with --measure: also write the table as CSV")
    arg("--write", action="store_true", help="with --measure: keep the figures in the model's folder, for the app")
