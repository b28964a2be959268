"""What the map sends and accepts, without a browser."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from apps.lively import lively
from PIL import Image

from pages.ui.components.live_map import REMEMBERED, SENT, _coming, _pin, map_data, parts
from vae_core.checkpoints import codes, store
from vae_core.network.latents import Latents

COLOURS = ["#40f8e0", "#8441be", "#f3de07"]


def opened(part: parts.Part | parts.Thumbnails) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(part.data[:4], "little")
    return json.loads(part.data[4 : 4 + length]), part.data[4 + length :]


def some_latents(n: int = 12, d: int = 3) -> Latents:
    z_mean, z_log_var = np.random.default_rng(0).normal(size=(2, n, d)).astype(np.float32)
    return Latents(z_mean, z_log_var, (np.arange(n) % 3).astype(np.uint8))


def test_the_decoder_holds_every_weight_where_it_says() -> None:
    network, weights = lively("swift-2")
    header, payload = opened(parts.decoder_part(network, weights))
    values = np.frombuffer(payload, "<f4")
    places = header["description"]["weights"]
    assert set(places) == {name for name in weights if name.startswith("decoder/")}
    for name, place in places.items():
        size = int(np.prod(place["shape"]))
        found = values[place["offset"] : place["offset"] + size].reshape(place["shape"])
        np.testing.assert_array_equal(found, weights[name])
    assert header["multiply_adds"] == network.decoder.multiply_adds() < header["light"]


def test_codes_come_back_as_they_went() -> None:
    latents = some_latents()
    part = parts.codes_part(latents, ["a", "b", "c"], COLOURS)
    header, payload = opened(part)
    floats = np.frombuffer(payload[: 12 * 3 * 8], "<f4").reshape(2, 12, 3)
    np.testing.assert_array_equal(floats[0], latents.z_mean)
    np.testing.assert_array_equal(floats[1], latents.z_log_var)
    assert list(payload[12 * 3 * 8 :]) == list(latents.labels)
    axes = np.array(header["components"])
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-6)
    assert part.digest == parts.codes_part(latents, ["a", "b", "c"], COLOURS).digest  # the same data, the same name
    assert part.digest != parts.codes_part(latents, ["a", "b", "d"], COLOURS).digest


def test_kl_is_zero_for_the_prior_itself() -> None:
    zeros = np.zeros((4, 2), np.float32)
    np.testing.assert_array_equal(parts.kl_per_unit(Latents(zeros, zeros, np.zeros(4, np.uint8))), [0, 0])
    one = parts.kl_per_unit(Latents(np.float32([[2, 0]] * 4), zeros, np.zeros(4, np.uint8)))
    np.testing.assert_allclose(one, [2, 0])  # mean² / 2


def test_what_does_not_belong_together_is_refused(tiny_checkpoint: Path) -> None:
    checkpoint, latents = store.load(tiny_checkpoint), codes.load_latents(tiny_checkpoint)
    names, colours = [str(i) for i in range(10)], (COLOURS * 4)[:10]
    assert map_data(checkpoint, latents, names, colours).units == (0, 1)
    with pytest.raises(ValueError, match=r"label 9 has no name"):
        map_data(checkpoint, latents, names[:9], colours)
    with pytest.raises(ValueError, match=r"the model has 2 latent units"):
        map_data(checkpoint, some_latents(), names, colours)
    with pytest.raises(ValueError, match=r"5 thumbnails for 200 codes"):
        map_data(checkpoint, latents, names, colours, np.zeros((5, 28, 28), np.uint8))


@pytest.mark.parametrize("shape", [(7, 5, 6), (7, 5, 6, 1), (4, 5, 6, 3), (1, 28, 28, 1)])
def test_thumbnails_are_the_pictures_themselves(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    header, payload = opened(parts.Thumbnails(images))
    sheet, (height, width) = np.array(Image.open(io.BytesIO(payload))), header["tile"]
    for i, image in enumerate(images):
        top, left = i // header["columns"] * height, i % header["columns"] * width
        np.testing.assert_array_equal(sheet[top : top + height, left : left + width], image.squeeze())


def test_thumbnails_are_known_before_they_are_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (7, 5, 6, 1)).astype(np.uint8)
    monkeypatch.setattr(parts, "png", lambda _sheet: pytest.fail("packed too early"))
    digests = {parts.Thumbnails(some).digest for some in (images, images[:6], images[::-1], images.reshape(7, 6, 5))}
    assert len(digests) == 4 and parts.Thumbnails(images.copy()).digest in digests
    with pytest.raises(ValueError, match=r"thumbnails must have shape"):
        parts.Thumbnails(images[0, ..., 0])


@pytest.mark.parametrize(
    "odd", [None, 7, {}, {"z": [1]}, {"z": "ab"}, {"z": [1, None]}, {"z": [1, float("nan")]}, {"z": [1, 2, 3]}]
)
def test_an_odd_message_from_the_browser_counts_as_none(odd: Any) -> None:
    assert _pin(odd, 2) is None


def test_a_pin_is_read() -> None:
    pin = _pin({"z": [1, -0.5], "serial": 3, "index": None}, 2)
    assert pin is not None and pin.serial == 3 and pin.index is None
    np.testing.assert_array_equal(pin.z, np.array([1, -0.5], np.float32))


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A visitor's session that has seen nothing yet."""
    fresh: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", fresh)
    return fresh


def test_a_part_is_sent_once_a_session_whichever_map_shows_it(
    session: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _coming("living", ["decoder", "codes"], None) == ["decoder", "codes"]
    assert _coming("living", ["decoder", "codes"], None) == []
    assert _coming("training", ["other", "codes"], None) == ["other"]  # a second map with the same codes
    monkeypatch.setattr(st, "session_state", {})  # a reload, a second tab, a restarted server
    assert _coming("living", ["decoder", "codes"], None) == ["decoder", "codes"]


def test_only_what_the_browser_has_lost_is_sent_again(session: dict[str, Any]) -> None:
    _coming("living", ["decoder", "codes"], None)
    session["living"] = {"missing": ["codes", "never heard of", 7]}
    assert _coming("living", ["decoder", "codes"], None) == ["codes"]
    del session["living"]  # a trigger lasts for one run
    assert _coming("living", ["decoder", "codes"], None) == []


def test_thumbnails_come_when_they_are_asked_for(session: dict[str, Any]) -> None:
    assert _coming("living", ["codes"], "thumbnails") == ["codes"]
    assert _coming("living", ["codes"], "thumbnails") == []
    session["living"] = {"missing": ["thumbnails"]}
    assert _coming("living", ["codes"], "thumbnails") == ["thumbnails"]
    assert _coming("living", ["codes"], "thumbnails") == ["thumbnails"]  # again, if they were lost on the way
    del session["living"]
    assert _coming("living", ["codes"], "thumbnails") == []


@pytest.mark.parametrize("odd", [None, 7, "codes", {"missing": None}, {"missing": "codes"}, {"missing": {"codes": 1}}])
def test_an_odd_request_sends_nothing_again(session: dict[str, Any], odd: Any) -> None:
    _coming("living", ["codes"], None)
    session["living"] = odd
    assert _coming("living", ["codes"], None) == []


def test_a_long_training_does_not_fill_the_session(session: dict[str, Any]) -> None:
    for step in range(2 * REMEMBERED):
        assert _coming("training", [f"decoder {step}"], None) == [f"decoder {step}"]
    assert len(session[SENT]) == REMEMBERED
    assert _coming("training", [f"decoder {2 * REMEMBERED - 1}"], None) == []  # the newest are known
    assert _coming("training", ["decoder 0"], None) == ["decoder 0"]  # one long forgotten is sent anew
