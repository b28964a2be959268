"""Files as a stranger, a broken disk or a prank would send them, made here: models, runs, pictures and data.

    for case in models(base):  case.name, case.content      # zips for the page Models; base: a whole model, as `packed` gives it

What is to become of each is not said here: whoever reads one takes it or refuses it with a sentence.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

HUGE = 10**400
LONE = "\ud800"  # half a character
NAN, INFINITE = float("nan"), float("inf")


class Case(NamedTuple):
    """One file. name: what is odd about it."""

    name: str
    content: bytes


Files = dict[str, bytes]
Change = Callable[[Files], Files]


def unpacked(data: bytes) -> Files:
    """The files of a model's zip by their names in its folder."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename.split("/", 1)[1]: archive.read(info) for info in archive.infolist()}


def packed(files: Files, folder: str = "mine") -> bytes:
    """A zip of a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{folder}/{name}", content)
    return buffer.getvalue()


def npz(**arrays: Any) -> bytes:
    """An .npz."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def claimed_npz(names: tuple[str, ...], shape: tuple[int, ...], kind: str = "<f4", size: int = 0) -> bytes:
    """An .npz whose headers claim a shape; size: bytes of zeros that follow each."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
            header += b" " * (-(len(header) + 11) % 64) + b"\n"
            with archive.open(f"{name}.npy", "w") as file:
                file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
                for _ in range(size // (1 << 20)):
                    file.write(bytes(1 << 20))
                file.write(bytes(size % (1 << 20)))
    return buffer.getvalue()


# --- models -----------------------------------------------------------------------------------------------------------


def models(base: bytes) -> Iterator[Case]:
    """Zips of models, each with one thing odd. base: a whole one of two units and 16 × 16 pictures."""
    whole = unpacked(base)
    for group in (_configs, _networks, _figures, _texts, _latents, _weights):
        for name, change in group(whole):
            yield Case(f"{group.__name__[1:]}: {name}", packed({**whole, **change}))
    yield from _archives(whole, base)


def _json(values: Any) -> bytes:
    return json.dumps(values).encode()


def _set(file: bytes, path: str, value: Any) -> bytes:
    """A JSON file with one value changed; the path's parts by dots, numbers for lists."""
    values = json.loads(file)
    place: Any = values
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in way:
        place = place[part]
    place[last] = value
    return _json(values)


ODD: dict[str, Any] = {
    "null": None,
    "a list": [1, 2],
    "an object": {"a": 1},
    "half a character": LONE,
    "a huge number": HUGE,
    "NaN": NAN,
    "infinity": INFINITE,
    "less than nothing": -1,
    "a long text": "x" * 200_000,
    "true": True,
}


def _configs(whole: Files) -> Iterator[tuple[str, Files]]:
    for path in ("name", "step", "seconds", "dataset.name", "dataset.checksum", "training.beta", "model.latent_dim"):
        for words, value in ODD.items():
            yield f"{path} is {words}", {"config.json": _set(whole["config.json"], path, value)}
    for words, classes in {
        "9,000": [f"class {i}" for i in range(9_000)],
        "20,000": ["x"] * 20_000,
        "numbers": [1, 2, 3],
        "half characters": [LONE] * 10,
        "markup": ["# title", "![a](//b)", "<script>alert(1)</script>", "$x$", "a\n\nb", "\t", "", " "],
        "right to left": ["\u202eabc", "\u05d0\u05d1"],
        "none": [],
        "long": ["x" * 10_000] * 10,
        "nested": [[["a"]]],
    }.items():
        yield f"classes are {words}", {"config.json": _set(whole["config.json"], "dataset.classes", classes)}
    for words, sizes in {
        "texts": {"train": "many"},
        "negative": {"train": -5, "validation": -1},
        "huge": {"train": HUGE, "validation": HUGE},
        "lists": {"train": [1], "validation": [2]},
        "NaN": {"validation": NAN},
    }.items():
        yield f"sizes are {words}", {"config.json": _set(whole["config.json"], "dataset.sizes", sizes)}
    for words, content in {
        "nested brackets": b"[" * 100_000,
        "nested objects": b'{"a":' * 100_000,
        "nothing": b"",
        "null": b"null",
        "two objects": b"{}{}",
        "no text": bytes(range(256)),
    }.items():
        yield words, {"config.json": content}


def _networks(whole: Files) -> Iterator[tuple[str, Files]]:
    raw = json.loads(whole["network.json"])

    def network(change: Callable[[Any], None]) -> Files:
        values = json.loads(whole["network.json"])
        change(values)
        return {"network.json": _json(values)}

    dropout = {"name": "x", "kind": "dropout", "rate": 0.1}
    for count in (70, 6000):
        layers = [{**dropout, "name": f"x{i}"} for i in range(count)]
        yield f"{count} layers", network(lambda values, more=layers: values["decoder"]["layers"].extend(more))
    for key in ("size", "kernel", "strides", "rate", "activation", "kind", "name", "target", "bias_init"):
        for words, value in ODD.items():
            yield (
                f"{key} is {words}",
                network(lambda values, key=key, value=value: values["encoder"]["layers"][0].__setitem__(key, value)),
            )
    for size in (100_000, 1_000_000):
        yield (
            f"a layer of {size} channels",
            network(lambda values, size=size: values["encoder"]["layers"][0].__setitem__("size", size)),
        )
    yield "no layers", network(lambda values: values["encoder"].__setitem__("layers", []))
    yield "no heads", network(lambda values: values["encoder"].__setitem__("heads", []))
    yield "no decoder", network(lambda values: values.pop("decoder"))
    yield "a list", {"network.json": _json([raw])}
    yield (
        "an input of 4096 sides",
        network(lambda values: values["encoder"].__setitem__("input_shape", [4096, 4096, 3])),
    )


def _figures(whole: Files) -> Iterator[tuple[str, Files]]:
    good = {"value": 0.5, "split": "test", "n": 100, "method": "as always"}
    for key in good:
        for words, value in ODD.items():
            yield f"{key} of ssim is {words}", {"metrics.json": _json({"ssim": {**good, key: value}})}
    for words, content in {
        "a list": b"[]",
        "10^400": b'{"negative_elbo": {"value": 1' + b"0" * 400 + b', "split": "test", "n": 1, "method": "m"}}',
        "1e999": b'{"negative_elbo": {"value": 1e999, "split": "test", "n": 1, "method": "m"}}',
        "5,000 digits": b'{"negative_elbo": {"value": ' + b"9" * 5000 + b', "split": "test", "n": 1, "method": "m"}}',
        "50,000 figures": _json({f"f{i}": good for i in range(9_000)}),
    }.items():
        yield words, {"metrics.json": content}


def _texts(whole: Files) -> Iterator[tuple[str, Files]]:
    head = "epoch,kl_loss,loss,reconstruction_loss,val_kl_loss,val_loss,val_reconstruction_loss\n"
    for words, text in {
        "a field of 200 kB": head + "0," + "9" * 200_000 + "\n",
        "a NUL": head + "0,1,\0,3,4,5,6\n",
        "infinite losses": head + "0,inf,-inf,nan,1e999,-1e308,1e308\n" * 5,
        "losses of 1e308": head + "0,1e308,1e308,1e308,1e308,1e308,1e308\n" * 900,
        "100,000 epochs": head + "1,2,3,4,5,6,7\n" * 100_000,
        "10,000 columns": ",".join(["loss"] * 10_000) + "\n" + ",".join(["1"] * 10_000) + "\n",
        "an open quote": head + '0,"1,2\n' * 1000,
        "no heading": "1,2,3\n" * 10,
        "nothing": "",
    }.items():
        yield f"history with {words}", {"history.csv": text.encode()}
    yield "a history that is no text", {"history.csv": bytes(range(256)) * 10}
    for words, content in {
        "no text": b"\xff\xfe" * 10,
        "half a megabyte": b"# x\n" * 120_000,
        "pictures from elsewhere": b"# x\n\n![a](https://example.org/a.png)\n<img src=x onerror=alert(1)>",
        "a formula": b"$$" + b"\\frac{" * 1000 + b"$$",
        "deep quotes": b">" * 20_000,
    }.items():
        yield f"a card of {words}", {"MODEL_CARD.md": content}


CODES = ("z_mean", "z_log_var", "labels")


def _latents(whole: Files) -> Iterator[tuple[str, Files]]:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(20, 2)).astype(np.float32)
    good = {"z_mean": z, "z_log_var": z, "labels": np.zeros(20, np.uint8)}

    def codes(**changes: Any) -> Files:
        return {"latents.npz": npz(**{**good, **changes})}

    for words, value in {"NaN": NAN, "infinite": INFINITE, "1e30": 1e30, "-1e30": -1e30, "500": 500.0}.items():
        for name in ("z_mean", "z_log_var"):
            yield f"{name} {words}", codes(**{name: np.full((20, 2), value, np.float32)})
    for words, labels in {
        "99,999": np.full(20, 99_999),
        "9,999": np.full(20, 9_999),
        "300": np.arange(20) + 290,
        "negative": np.full(20, -1),
        "of 64 bits": np.full(20, 2**63, np.uint64),
        "floats": np.zeros(20),
        "texts": np.array(["a"] * 20),
        "too few": np.zeros(3, np.uint8),
        "flags": np.zeros(20, bool),
        "of two axes": np.zeros((20, 1), np.uint8),
    }.items():
        yield f"labels {words}", codes(labels=labels)
    for words, array in {
        "of one axis": z[:, 0],
        "of three units": np.zeros((20, 3), np.float32),
        "complex": z.astype(np.complex64),
        "of 64 bits": z.astype(np.float64),
        "none": z[:0],
        "one": z[:1],
        "big-endian": z.astype(">f4"),
        "in Fortran's order": np.asfortranarray(z),
    }.items():
        n = len(array)
        yield f"codes {words}", codes(z_mean=array, z_log_var=array, labels=np.zeros(n, np.uint8))
    yield "codes that are equal", codes(z_mean=np.zeros_like(z), z_log_var=np.zeros_like(z))
    yield "one code alone", codes(z_mean=z[:1], z_log_var=z[:1], labels=np.zeros(1, np.uint8))
    yield "pickled codes", {"latents.npz": npz(**{**good, "labels": np.array([{"a": 1}] * 20, object)})}
    for shape in ((-1, 2), (10**12, 2), (2**62, 2**62), (0, 2), (5, -2)):
        yield f"codes that claim {shape}", {"latents.npz": claimed_npz(CODES, shape)}
    million = claimed_npz(CODES, (4_000_000, 2), size=32_000_000)
    yield "four million codes", {"latents.npz": million}
    yield "a header that is code", {"latents.npz": million.replace(b"descr", b"d.scr")}
    yield "an archive without arrays", {"latents.npz": packed({"a": b"x"})}


def _weights(whole: Files) -> Iterator[tuple[str, Files]]:
    good = load_safetensors(whole["model.safetensors"])

    def weights(change: Callable[[str, np.ndarray], np.ndarray]) -> Files:
        return {"model.safetensors": save_safetensors({name: change(name, array) for name, array in good.items()})}

    for words, value in {"NaN": NAN, "infinite": INFINITE, "1e38": 1e38, "1e20": 1e20, "1e5": 1e5, "0": 0.0}.items():
        yield f"weights {words}", weights(lambda _, array, value=value: np.full_like(array, value))
    for words, part in {"decoder": "decoder", "encoder": "encoder", "z_log_var": "z_log_var"}.items():
        yield (
            f"finite weights of the {words} that compute infinity",
            weights(lambda name, array, part=part: array * np.float32(1e30 if part in name else 1)),
        )
    yield "weights of 64 bits", weights(lambda _, array: array.astype(np.float64))
    yield "whole numbers as weights", weights(lambda _, array: array.astype(np.int32))
    yield "weights turned about", weights(lambda _, array: np.ascontiguousarray(array.T))
    yield "a weight too many", {"model.safetensors": save_safetensors({**good, "extra": np.zeros(3, np.float32)})}
    header = b'{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}'
    yield "weights that claim terabytes", {"model.safetensors": struct.pack("<Q", len(header)) + header}
    yield "a header of 2^60 bytes", {"model.safetensors": struct.pack("<Q", 2**60) + b"{}"}
    yield "half the weights", {"model.safetensors": whole["model.safetensors"][:2000]}
    frame = {"latents.npz": whole["latents.npz"]}
    decoder = {name: array for name, array in good.items() if name.startswith("decoder/")}
    for words, content in {
        "a whole frame": save_safetensors(decoder),
        "a frame of NaN": save_safetensors({name: array * np.float32(NAN) for name, array in decoder.items()}),
        "a frame of bytes": save_safetensors({name: array.astype(np.int8) for name, array in decoder.items()}),
        "a torn frame": save_safetensors(decoder)[:100],
        "an empty frame": b"",
    }.items():
        place = "snapshots/00000005/"
        yield words, {place + "decoder.safetensors": content, place + "latents.npz": frame["latents.npz"]}


def _archives(whole: Files, base: bytes) -> Iterator[Case]:
    yield Case("archive: nothing", b"")
    yield Case("archive: no zip", b"hello" * 100)
    yield Case("archive: half a zip", base[: len(base) // 2])
    for at in range(40, len(base), max(1, len(base) // 25)):
        damaged = bytearray(base)
        damaged[at] ^= 0xFF
        yield Case(f"archive: byte {at} turned over", bytes(damaged))
    for name in ("../evil", "/etc/passwd", "C:\\x", "control.json", "run.py", "snapshots/1/x", "a" * 5000):
        yield Case(f"archive: holds {name[:20]}", packed({**whole, name: b"x"}))
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("mine/history.csv", "w") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
    yield Case("archive: a bomb", bomb.getvalue())
    yield Case("archive: twice the same", base + base)


# --- runs -------------------------------------------------------------------------------------------------------------


def runs(make: Callable[[Path], Path], root: Path) -> Iterator[tuple[str, Path]]:
    """Run folders, each with one thing odd. make: a whole, ended run at a path; returns the path."""
    files: dict[str, dict[str, bytes]] = {
        "status.json": {
            "no heartbeat": b'{"state": "running", "heartbeat": null}',
            "an odd state": b'{"state": "\\ud800"}',
            "a pid of 10^400": b'{"state": "running", "pid": 1' + b"0" * 400 + b"}",
            "steps that are lists": b'{"state": "finished", "step": [1], "total_steps": {}}',
        },
        "config.json": {
            "1e999 units": b'{"format_version": 1, "model": {"latent_dim": 1e999}}',
            "a model that is a list": b'{"format_version": 1, "model": [1]}',
        },
        "control.json": {
            "an odd command": b'{"command": ["stop"]}',
            "10^400 steps": b'{"steps": 1' + b"0" * 400 + b"}",
        },
        "network.json": {"a list": b"[]", "lists for parts": b'{"format_version": 1, "encoder": []}'},
        "metrics.jsonl": {
            "odd rows": b'[1]\n"x"\nnull\n{"kind": ["step"]}\n{"kind": "step", "step": "x", "loss": {}}\n',
            "huge figures": b'{"kind": "step", "step": 1, "epoch": 1e999, "loss": 1' + b"0" * 400 + b"}\n",
        },
        "history.csv": {"a field of 200 kB": b"epoch,loss\n0," + b"9" * 200_000},
    }
    damage = {
        "nothing": b"",
        "nested brackets": b"[" * 100_000,
        "no text": b"\xff\xfe\x00",
        "null": b"null",
        "torn": b'{"a": ',
    }
    number = 0
    for name, odd in files.items():
        for words, content in {**damage, **odd}.items():
            number += 1
            path = make(root / f"run-{number}")
            (path / name).write_bytes(content)
            yield f"{name}: {words}", path
    for words, place in {"a snapshot's name": "snapshots/99999999999999999999", "a folder": "status.json/x"}.items():
        number += 1
        path = make(root / f"run-{number}")
        if (path / place.split("/")[0]).is_file():
            (path / place.split("/")[0]).unlink()
        (path / place).mkdir(parents=True)
        yield f"{words} is odd", path


# --- pictures and data --------------------------------------------------------------------------------------------------


def pictures() -> Iterator[Case]:
    """Picture files: whole ones of many kinds, damaged ones, and headers that claim too much."""
    array = np.zeros((40, 30, 3), np.uint8)
    array[10:30, 8:22] = (200, 120, 60)
    image = Image.fromarray(array)
    kinds = {
        "PNG": "RGB",
        "JPEG": "RGB",
        "BMP": "RGB",
        "GIF": "P",
        "TIFF": "RGB",
        "WEBP": "RGB",
        "PPM": "RGB",
        "ICO": "RGBA",
    }
    for kind, mode in kinds.items():
        buffer = io.BytesIO()
        image.convert(mode).save(buffer, kind)
        data = buffer.getvalue()
        yield Case(f"{kind}: whole", data)
        yield Case(f"{kind}: torn", data[: len(data) // 2])
        yield Case(f"{kind}: its head alone", data[:24])
        turned = bytearray(data)
        turned[len(data) // 3] ^= 0xFF
        yield Case(f"{kind}: one byte turned over", bytes(turned))
    for side in (20_000, 2**31 - 1):
        yield Case(f"PNG that claims {side} pixels a side", _png_claiming(side))
    yield Case("nothing", b"")
    yield Case("text", b"not a picture")
    yield Case("SVG", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    for mode in ("1", "L", "LA", "P", "RGBA", "CMYK", "I", "F", "I;16"):
        buffer = io.BytesIO()
        Image.new(mode, (9, 9)).save(buffer, "TIFF")
        yield Case(f"TIFF of mode {mode}", buffer.getvalue())
    for size in ((1, 1), (1, 4000), (4000, 1)):
        buffer = io.BytesIO()
        Image.new("L", size, 128).save(buffer, "PNG")
        yield Case(f"PNG of {size}", buffer.getvalue())


def _png_claiming(side: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def arrays() -> Iterator[Case]:
    """.npz files of the user's own pictures."""
    images = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 1), np.uint8)
    good = {"images": images, "labels": np.arange(12) % 3}
    for words, changes in {
        "whole": {},
        "NaN": {"images": np.full((12, 16, 16), NAN)},
        "infinite": {"images": np.full((12, 16, 16), INFINITE)},
        "1e300": {"images": np.full((12, 16, 16), 1e300)},
        "complex": {"images": images.astype(complex)},
        "texts": {"images": np.full((12, 16, 16), "x")},
        "of five axes": {"images": images[..., None]},
        "of no pictures": {"images": images[:0], "labels": np.zeros(0, int)},
        "of no width": {"images": images[:, :, :0]},
        "of four channels": {"images": np.repeat(images, 4, 3)},
        "labels too few": {"labels": np.zeros(3, int)},
        "labels huge": {"labels": np.full(12, 2**62)},
        "labels NaN": {"labels": np.full(12, NAN)},
        "labels texts": {"labels": np.array([LONE, "\t", "a\nb"] * 4)},
        "labels objects": {"labels": np.array([{}] * 12, object)},
        "one picture": {"images": images[:1], "labels": np.zeros(1, int)},
    }.items():
        yield Case(words, npz(**{**good, **changes}))
    for shape in ((-1, 16, 16), (10**12, 16, 16), (2**40, 2**40, 1)):
        yield Case(f"that claims {shape}", claimed_npz(("images",), shape, "|u1"))
    yield Case("no npz", b"PK\x03\x04" + bytes(100))


def data_zips() -> Iterator[Case]:
    """Zips of pictures in folders."""
    png = next(case.content for case in pictures() if case.name == "PNG: whole")
    good = {f"{name}/{i}.png": png for name in ("a", "b") for i in range(4)}
    for words, changes in {
        "whole": {},
        "a torn picture": {"a/0.png": png[:50]},
        "text as a picture": {"a/0.png": b"x"},
        "an odd name": {f"{'x' * 300}/0.png": png},
        "markup as a class": {"# a ![x](y)/0.png": png},
        "a name that leads out": {"../../a.png": png},
        "a name with a drive": {"C:/a.png": png},
        "a tab in a name": {"a\tb/0.png": png},
        "deep folders": {"/".join("abcdefgh") + "/0.png": png},
        "a zip in the zip": {"a/b.zip": packed({"a": png})},
        "a picture that claims too much": {"a/0.png": _png_claiming(20_000)},
    }.items():
        yield Case(words, packed({**good, **changes}, "data"))
    yield Case("nothing in it", packed({}, "data"))
    yield Case("no pictures", packed({"a.txt": b"x"}, "data"))
    yield Case("torn", packed(good, "data")[:300])
