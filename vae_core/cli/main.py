"""The command line: `python -m vae_core <command> --help`.

Only words and flags here; what a command does is in `model_commands`, `train_commands` and `run_commands`, imported when it
runs, so help is instant.

>>> build_parser().parse_args(["generate", "fashion-2d", "-n", "4"]).n
4
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable
from typing import Any

from vae_core.cli.application_flags import add_application_commands
from vae_core.cli.arguments import MODEL_HELP, MOST, OWN_HELP, name, number, png, strip_or_animation, whole
from vae_core.cli.attribution_flags import add_attribution_command
from vae_core.cli.common import TrainingFailed
from vae_core.cli.config_flags import add_config_flags
from vae_core.cli.output import lost_output, make_output_last
from vae_core.config import ModelConfig, TrainingConfig
from vae_core.settings import CHECKPOINTS_VARIABLE, INSTALL_TRAINING, PROGRAM, RUNS_VARIABLE

DATA_HELP = "auto (Fashion-MNIST, else drawn clothes), fashion, drawn, or a folder, zip or .npz of your own pictures"
FIT_HELP = (
    "your own pictures: resize (and nothing else), or garment: cut to the garment and, where most are on a light "
    "background, all inverted, as Fashion-MNIST was made (resize)"
)
RUN_HELP = "the run directory, or its name"

MODULES = {  # that define a command; the others are in `model_commands`
    "app": "app_command",
    "train": "train_commands",
    "resume": "train_commands",
    "standby": "train_commands",
    "runs": "run_commands",
    "generate": "generation_commands",
    "interpolate": "generation_commands",
    "compress": "application_commands",
    "denoise": "application_commands",
    "anomalies": "application_commands",
    "cluster": "application_commands",
    "attribute": "attribution_command",
    "report": "report_command",
}
MOST_IWAE = 5000  # samples per image, as many as papers take: minutes of work, and not days


def build_parser() -> argparse.ArgumentParser:
    """Parser with every command and its flags."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Train, measure and use convolutional variational autoencoders.",
        epilog=f"Start with:  {PROGRAM} app, or  {PROGRAM} train --epochs 2 --run-dir runs/demo",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(command: str, text: str, example: str) -> Callable[..., Any]:
        sub = commands.add_parser(command, help=text, description=text, epilog=f"Example:  {PROGRAM} {example}")
        return sub.add_argument

    arg = add("app", "Start the app in this folder and open a browser.", "app --port 8600")
    arg(
        "--host",
        type=name,
        default="127.0.0.1",
        help="who may open it: 0.0.0.0 for others too, who then share runs and models (127.0.0.1)",
    )
    arg("--port", type=whole(1, 65_535), default=8501, help="where it listens (8501)")
    arg("--no-browser", action="store_true", help="open none")

    arg = add(
        "train",
        "Train a new model into a run directory.",
        "train --preset swift --latent-dim 2 --epochs 10 --run-dir runs/demo",
    )
    add_config_flags(arg, ModelConfig)
    add_config_flags(arg, TrainingConfig)
    arg(
        "--request",
        type=name,
        metavar="FILE",
        help="a JSON file with model, training and data, as the app writes it; flags override it",
    )
    arg(
        "--start-from",
        type=name,
        metavar="MODEL",
        help="begin with the weights of this checkpoint folder or run directory",
    )
    arg("--run-dir", type=name, required=True, help="where to write; must not hold a run yet")
    arg("--data", type=name, help=DATA_HELP + " (auto)")
    arg("--fit", choices=("resize", "garment"), help=FIT_HELP)
    _training_flags(arg)

    arg = add("resume", "Continue a run that was stopped or killed.", "resume runs/demo")
    arg("run", type=name, help=RUN_HELP)
    arg("--data", type=name, help=DATA_HELP + " (what it began with)")
    _training_flags(arg)

    arg = add(
        "standby",
        "Import TensorFlow and wait for one command on standard input; the app keeps one ready.",
        "standby --root runs",
    )
    arg(
        "--root",
        type=name,
        help=f"the folder with the runs; how fast this machine trains is noted there ({RUNS_VARIABLE}, else runs)",
    )
    arg("--cold", action="store_true", help="import TensorFlow only when it is needed")

    arg = add("runs", "List runs, follow one, or ask one to pause, continue or stop.", "runs --stop demo")
    arg("--root", type=name, help=f"the folder with the runs ({RUNS_VARIABLE}, else runs)")
    arg = commands.choices["runs"].add_mutually_exclusive_group().add_argument
    arg("--follow", type=name, metavar="RUN", help="print a run's progress until it ends")
    for verb in ("pause", "continue", "stop"):
        arg(f"--{verb}", type=name, metavar="RUN", help=f"ask a run to {verb}")
    arg(
        "--kill",
        type=name,
        metavar="RUN",
        help="end a trainer that does not listen; resume goes on from its last checkpoint",
    )
    arg("--delete", type=name, metavar="RUN", help="delete a run that has ended; it can be put back within a day")
    arg("--restore", type=name, metavar="RUN", help="put a deleted run back")

    arg = add(
        "evaluate", "Measure a model on a split; every figure with n and method.", "evaluate checkpoints/fashion-2d"
    )
    arg("model", type=name, help=MODEL_HELP)
    arg("--data", type=name, help=OWN_HELP)
    arg("--split", choices=("train", "validation", "test"), default="test")
    arg("-n", type=whole(1, MOST), help="use the first n images (all)")
    arg(
        "--iwae",
        type=whole(0, MOST_IWAE),
        default=0,
        metavar="K",
        help="also the importance-weighted bound with K samples",
    )
    arg("--seed", type=whole(0, MOST), default=0, help="of the sample of z (0)")
    arg(
        "--thresholds",
        action="store_true",
        help="print instead from where on the app calls a picture or a point unusual, measured on the validation split",
    )
    arg(
        "--samples",
        action="store_true",
        help="print instead how good 10,000 samples are: Fréchet distance, precision and recall beside the test images",
    )
    arg(
        "--write",
        action="store_true",
        help="write metrics.json and MODEL_CARD.md into the folder (test split, all images), or with --thresholds thresholds.json",
    )

    arg = add("models", "List the models in a folder with their measured figures.", "models --root checkpoints")
    arg("--root", type=name, help=f"the folder ({CHECKPOINTS_VARIABLE}, else checkpoints)")
    arg("--delete", type=name, metavar="MODEL", help="delete a kept or imported model; it can be put back within a day")
    arg("--restore", type=name, metavar="MODEL", help="put a deleted model back")

    arg = add(
        "check-model",
        "Work out what the pages show of a model, and say what each part takes; exit 2 for one that breaks a page.",
        "check-model checkpoints/fashion-2d",
    )
    arg("model", type=name, help=MODEL_HELP)
    arg("--bounded", action="store_true", help="with limits on memory and processor time, as the app checks an upload")

    arg = add(
        "generate",
        "Draw synthetic pictures from the prior, or from where the codes of the train images lie.",
        "generate checkpoints/fashion-16d -n 64 --class Sneaker --output sneakers.png",
    )
    arg("model", type=name, help=MODEL_HELP)
    arg("-n", type=int, default=256, help="how many (256)")
    arg("--seed", type=whole(0, MOST), default=0, help="of the draws (0)")
    arg("--temperature", type=number(0, 10), default=1.0, help="factor of the spread: below 1 safer and more alike (1)")
    arg(
        "--prior",
        choices=("normal", "density"),
        default="normal",
        help="normal: N(0, I); density: a mixture fitted to the train codes, once for a model (normal)",
    )
    arg("--class", dest="label", type=name, metavar="CLASS", help="name of a class; takes the density")
    arg("--data", type=name, help="where the pictures it was trained on lie, to fit a density that is missing")
    arg("--output", type=png, default="samples.png", help="PNG to write (samples.png)")
    arg("--csv", type=name, metavar="FILE", help="also write the z of each sample")
    arg("--replace", action="store_true", help="write over a file that this program has not written")

    arg = add(
        "interpolate",
        "The way from picture to picture through latent space, as a strip or an animation.",
        "interpolate checkpoints/fashion-16d --index 0 1 5 --frames 32 --output way.gif",
    )
    _picture_flags(arg, "interpolation.png", strip_or_animation, "PNG or GIF")
    arg(
        "--path",
        choices=("linear", "slerp"),
        default="linear",
        help="linear: straight; slerp: spherical, keeping the length of z (linear)",
    )
    arg("--frames", type=whole(8, 64), default=32, help="frames of the whole way at most, 8 to 64 (32)")
    arg("--csv", type=name, metavar="FILE", help="also write the z of each frame")

    arg = add(
        "reconstruct",
        "Original beside reconstruction, error and SSIM map.",
        "reconstruct checkpoints/fashion-16d --index 0 1 2 --output reconstructions.png",
    )
    _picture_flags(arg, "reconstructions.png")

    arg = add(
        "heatmap",
        "What each channel of a convolution layer responds to, over the picture.",
        "heatmap checkpoints/fashion-2d --picture shoe.jpg --layer conv_2 --output heatmap.png",
    )
    _picture_flags(arg, "heatmap.png")
    arg("--part", choices=("encoder", "decoder"), default="encoder")
    arg("--layer", type=name, help="a convolution layer's name (the last one)")
    arg("--channel", type=whole(0, MOST), help="one channel (all, as a mosaic)")
    arg("--alpha", type=number(0, 1), default=0.6, help="weight of the heatmap over the picture, 0..1 (0.6)")
    arg("--colormap", type=name, default="viridis", help="a matplotlib colour map (viridis)")

    add_attribution_command(add)
    add_application_commands(add)

    arg = add(
        "export",
        "Write a model or its codes for other programs.",
        "export checkpoints/fashion-2d --format onnx --output exported",
    )
    arg("model", type=name, help=MODEL_HELP)
    arg(
        "--format",
        choices=("onnx", "keras", "projector", "browser"),
        required=True,
        help="onnx and keras: the networks; projector: codes as TSV with a sprite for the Embedding Projector; browser: the decoder for JavaScript",
    )
    arg("--output", required=True, type=name, help="folder to write into")
    arg("--replace", action="store_true", help="write over files of the same names")
    arg("--data", type=name, help=OWN_HELP)

    arg = add(
        "keep",
        "Turn a finished run into a checkpoint folder with figures and a card.",
        "keep runs/demo checkpoints/mine",
    )
    arg("run", type=name, help=RUN_HELP)
    arg("folder", type=name, help="the checkpoint folder to make; must not exist yet")
    arg("--replace", action="store_true", help="replace the model in that folder; anything else is left alone")
    arg("--data", type=name, help="where the data that it was trained on lie, if they have moved (where it found them)")
    arg("--snapshots", type=whole(0, 1000), default=0, help="keep so many small frames of the timeline (0)")
    arg("--half", action="store_true", help="store the weights as 16-bit floats: half the size")
    return parser


def _training_flags(arg: Callable[..., Any]) -> None:
    arg("--queue", action="store_true", help="begin when no other run of the same folder is in progress")
    arg("--strategy", choices=("default", "mirrored"), default="default", help="mirrored: all GPUs of this machine")
    arg("--tensorboard", action="store_true", help="also write TensorBoard logs into the run directory")
    arg(
        "--deterministic",
        action="store_true",
        help="the same seed gives the same weights, to the bit, on one machine; slower",
    )
    arg("--checkpoint-seconds", type=number(0, 86_400), default=10.0, help="how often the resumable state is kept (10)")


def _picture_flags(
    arg: Callable[..., Any], output: str, reader: Callable[[str], str] = png, kinds: str = "PNG"
) -> None:
    arg("model", type=name, help=MODEL_HELP)
    arg("--picture", nargs="+", type=name, metavar="FILE", help="pictures of your own")
    arg("--index", nargs="+", type=whole(0, MOST), metavar="I", help="images of the test split (0)")
    arg("--data", type=name, help=OWN_HELP)
    arg("--output", type=reader, default=output, help=f"{kinds} to write ({output})")
    arg("--replace", action="store_true", help="write over a file that this program has not written")


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Its words; by default those of this process.

    Returns:
        The exit code: 0 done, 1 a training run failed, 2 misuse or unusable input, 130 Ctrl-C.
    """
    make_output_last()
    options = vars(build_parser().parse_args(arguments))
    code = _run(options.pop("command"), options)
    lost = lost_output()
    if lost is not None:
        print(f"error: what the command printed could not be written: {lost}.", file=sys.stderr)
        return code or 2
    return code


def _run(command: str, options: dict[str, Any]) -> int:
    # what a command does not need is not imported: of `runs` and `train` that is a quarter of a second
    try:
        module: Any = importlib.import_module(f"vae_core.cli.{MODULES.get(command, 'model_commands')}")
        if command == "standby":  # it carries out a whole command line later
            options["main"] = main
        return int(getattr(module, command.replace("-", "_"))(**options) or 0)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        from vae_core.storage.files import failure

        print(f"error: {failure(error)}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"error: {error.name} is not installed. Run: {INSTALL_TRAINING}", file=sys.stderr)
        return 2
    except TrainingFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
