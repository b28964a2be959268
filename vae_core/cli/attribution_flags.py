"""Words and flags of the command that explains a model by the pixels that drive it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vae_core.cli.arguments import MODEL_HELP, MOST, OWN_HELP, name, number, png, whole

Flag = Callable[..., Any]
METHODS = ("gradient", "smoothgrad", "integrated_gradients", "occlusion", "grad_cam", "vae_attention")


def add_attribution_command(add: Callable[[str, str, str], Flag]) -> None:
    """Add the command to the parser; `add` takes a command's name, text and example."""
    arg = add(
        "attribute",
        "Which pixels of a picture drive a latent unit, its KL or the reconstruction error.",
        "attribute checkpoints/fashion-2d --index 100 --target z0 --method integrated_gradients --check --output z0.png",
    )
    arg("model", type=name, help=MODEL_HELP)
    arg("--picture", nargs="+", type=name, metavar="FILE", help="a picture of your own")
    arg("--index", "--image", nargs="+", type=whole(0, MOST), metavar="I", help="an image of the test split (0)")
    arg("--data", type=name, help=OWN_HELP)
    arg(
        "--target",
        type=name,
        default="kl",
        help="z0: z_mean of unit 0, counted from 0; --target=-z0: what lowers it; log_var:0; kl:0; kl, of all units; reconstruction (kl)",
    )
    arg("--method", choices=METHODS, default="gradient", help="how it is worked out (gradient)")
    arg("--check", action="store_true", help="also with random weights, layer by layer: was the map learned?")
    arg("--layer", type=name, help="grad_cam and vae_attention: a convolution of the encoder (the last)")
    arg("--steps", type=whole(1, 2000), default=200, help="integrated_gradients: points on the way from black (200)")
    arg("--samples", type=whole(1, 1000), default=25, help="smoothgrad: noisy copies (25)")
    arg("--noise", type=number(0, 1), default=0.15, help="smoothgrad: deviation, as a share of the range (0.15)")
    arg("--patch", type=whole(1, 4096), help="occlusion: pixels a side that are blanked (a seventh of the picture)")
    arg("--stride", type=whole(1, 4096), help="occlusion: pixels between patches (1, or what 1,024 passes allow)")
    arg("--seed", type=whole(0, MOST), default=0, help="of the noise and of the random weights (0)")
    arg("--output", type=png, default="attribution.png", help="PNG to write (attribution.png)")
    arg("--replace", action="store_true", help="write over a file that this program has not written")
