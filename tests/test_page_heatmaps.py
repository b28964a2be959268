"""The page Heatmaps without a browser: every kind of picture and model, its controls, its files; and what it is drawn with."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from app_testing import chosen_picture
from app_testing import pictures as shown_pictures
from PIL import Image
from streamlit.testing.v1 import AppTest
from tiny_models import save_checkpoint

from pages.ui.app.state import Selection, Upload
from pages.ui.formatting import number
from pages.ui.heatmaps import pictures
from pages.ui.heatmaps.files import npz
from pages.ui.heatmaps.parts import layer_sheet
from pages.ui.heatmaps.pictures import FeatureMaps, HeatmapSettings
from pages.ui.shared import picture_steps
from vae_core.analysis import heatmaps, normalisation
from vae_core.checkpoints import store
from vae_core.config import ModelConfig
from vae_core.datasets import loading

ROOT = Path(__file__).parents[1]
Open = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def fresh_caches() -> Iterator[None]:
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Open:
    """The page on the models of a folder, with drawn clothes; `state` goes into the session, the rest into the URL."""
    monkeypatch.delenv("FASHION_MNIST_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("no_data")))

    def start(folder: Path, state: dict | None = None, **url: str) -> AppTest:
        monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(folder))
        at = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60).run()
        at.switch_page("pages/heatmaps.py")
        for name, value in url.items():
            at.query_params[name] = value
        for name, value in (state or {}).items():
            at.session_state[name] = value
        return at.run()

    return start


def words(at: AppTest) -> str:
    assert not at.exception
    return "\n".join(
        element.value for element in [*at.markdown, *at.caption, *at.info, *at.warning, *at.error]
    ).replace("\xa0", " ")


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def garment() -> bytes:
    """Dark on white."""
    array = np.full((120, 90, 3), 240, np.uint8)
    array[20:100, 30:60] = (30, 40, 90)
    return png(array)


def test_cold(page: Open, tiny_checkpoint: Path) -> None:
    at = page(tiny_checkpoint.parent)
    shown = words(at)
    assert "**Encoder conv_2, mean of 64 channels** over the picture" in shown and chosen_picture(at).startswith(
        "Test image 0 ("
    )
    assert "**All layers**" in shown and "**conv_2: 64 channels** (" in shown
    assert "does not mean that the place matters" in shown
    assert "7 × 7 values, smoothed, which looks more precise than it is" in shown


def test_silent_channels_are_counted(page: Open, tiny_checkpoint: Path) -> None:
    at = page(tiny_checkpoint.parent, image="3")
    engine, image = store.load(tiny_checkpoint).engine(), loading.load_local().images("test")[3:4]
    quiet = int((engine.encoder_activations(image)["conv_2"] == 0).all(axis=(0, 1, 2)).sum())
    assert f"**conv_2: 64 channels** ({quiet} silent)" in words(at)
    silent_maps = answers(1)[0]
    silent_maps.maps["encoder"]["small"][..., [1, 3]] = 0
    assert pictures.silent(silent_maps, "encoder", "small") == 2


def test_without_a_model(page: Open, tmp_path: Path) -> None:
    assert "no model to show yet" in words(page(tmp_path))


def test_the_decoder_lies_over_the_reconstruction(page: Open, tiny_checkpoint: Path) -> None:
    at = page(tiny_checkpoint.parent, {"layer": "decoder/logits", "channel": "0"})
    shown = words(at)
    assert "**Decoder logits, channel 0** over the reconstruction" in shown
    assert "**logits: 1 channel** (0 silent)" in shown
    assert [box.label for box in at.selectbox if box.label.startswith("Colour map")] == [
        "Colour map",
        "Colour map, signed",
    ]


def test_a_link_opens_layer_and_channel(page: Open, tiny_checkpoint: Path) -> None:
    at = page(tiny_checkpoint.parent, layer="encoder conv_1", channel="Channel 7")
    assert "**Encoder conv_1, channel 7**" in words(at)
    assert "14 × 14 values" in words(at)


def test_a_link_to_a_channel_that_is_not_there(page: Open, tiny_checkpoint: Path) -> None:
    at = page(tiny_checkpoint.parent, layer="encoder conv_9", channel="Channel 700", part="Middle")
    assert "**Encoder conv_2, mean of 64 channels**" in words(at)


def test_a_click_on_a_tile_enlarges_its_channel(page: Open, tiny_checkpoint: Path) -> None:
    at = page(tiny_checkpoint.parent)
    before = shown_pictures(at)[0].value
    at.session_state["mosaic_1"] = {"chosen": "41"}  # as the component does
    assert "**Encoder conv_2, channel 41**" in words(at.run())
    assert shown_pictures(at)[0].value != before
    assert at.selectbox(key="channel").value == "41"


def test_a_channel_that_the_next_layer_lacks_gives_way_to_the_mean(page: Open, tiny_checkpoint: Path) -> None:
    at = page(tiny_checkpoint.parent, {"channel": "63"})
    assert "channel 63" in words(at)
    at.selectbox(key="layer").set_value("encoder/conv_1")
    assert "**Encoder conv_1, mean of 32 channels**" in words(at.run())


def test_all_layers_and_a_click_on_one(page: Open, tiny_checkpoint: Path) -> None:
    at = page(tiny_checkpoint.parent)
    at.session_state["glance_1"] = {"chosen": "decoder/deconv_1"}
    assert "**Decoder deconv_1, mean of 64 channels**" in words(at.run())
    assert at.query_params["layer"] == "decoder deconv_1"
    at.session_state["glance_1"] = {"chosen": "decoder/deconv_77"}  # of a page that another model has replaced
    assert "**Decoder deconv_1, mean of 64 channels**" in words(at.run())


def test_every_way_of_drawing(page: Open, tiny_checkpoint: Path) -> None:
    at, seen = page(tiny_checkpoint.parent), set()

    def changed() -> None:
        assert "**Encoder conv_2" in words(at.run())
        seen.add(repr(shown_pictures(at)[0].value))

    changed()
    at.segmented_control(key="heat_scope").set_value("layer")
    changed()
    at.segmented_control(key="heat_scope").set_value("all")
    changed()
    at.selectbox(key="heat_colours").set_value("viridis")
    changed()
    at.slider(key="heat_alpha").set_value(1.0)
    changed()
    at.segmented_control(key="heat_pixels").set_value("As they are")
    changed()
    assert "smoothed" not in words(at)
    at.segmented_control(key="heat_weak").set_value("Coloured")
    changed()
    assert len(seen) == 7  # each control changes the picture
    at.selectbox(key="heat_order").set_value("max")
    assert not at.run().exception


def test_two_pictures(page: Open, tiny_checkpoint: Path) -> None:
    at = page(tiny_checkpoint.parent, image="3")
    at.toggle(key="heat_compare").set_value(True)
    shown = words(at.run())
    assert "common scale" in shown and "test image 3 (" in shown
    at.number_input(key="second_index").set_value(12)
    assert "over the picture: test image 12 (" in words(at.run())
    at.selectbox(key="second_class").set_value("Bag")
    at.button(key="second_random").click()
    shown = words(at.run())
    assert "(Bag)" in shown and "test image 3 (" in shown
    assert shown.count("**All layers**") == 2


def test_pin_one_and_choose_another(page: Open, tiny_checkpoint: Path) -> None:
    at = page(tiny_checkpoint.parent, {"selection": Selection(z=(0.5, -0.5)), "heat_compare": True})
    at.button(key="pin").click()
    assert "the pinned one stays" in words(at.run())
    at.session_state["selection"] = Selection(index=4)
    shown = words(at.run())
    assert "over the picture: test image 4" in shown
    assert "over the picture: decoded from z = (0.50, −0.50)" in shown
    assert "looks at the decoder's work" in shown


def test_an_upload_shows_every_step_and_its_switches(page: Open, tiny_checkpoint: Path) -> None:
    at = page(tiny_checkpoint.parent, {"selection": Selection(upload=Upload("coat.png", garment()))})
    shown = words(at)
    assert chosen_picture(at) == "Your picture: coat.png"
    for step in ("**opened**: 90 × 120", "**grey**", "**inverted**", "**cropped**", "**resized**"):
        assert step in shown
    before = len(at.image)
    at.segmented_control(key="upload_invert").set_value("no")
    assert "**inverted**" not in words(at.run())
    at.toggle(key="upload_crop").set_value(False)
    assert "**cropped**" not in words(at.run())
    at.toggle(key="upload_contrast").set_value(True)
    assert "**contrast**" in words(at.run())
    assert len(at.image) == before - 1
    upload = at.session_state["selection"].upload
    assert (upload.invert, upload.crop, upload.contrast) == (False, False, True)


@pytest.mark.parametrize(
    "model",
    [
        ModelConfig("classic", 1),
        ModelConfig("swift", 16),
        ModelConfig("classic", 2, (64, 64, 3)),
        ModelConfig("classic", 3, (128, 64, 3)),
    ],
    ids=["one unit", "swift", "colour", "tall"],
)
def test_other_models(page: Open, tmp_path: Path, model: ModelConfig) -> None:
    save_checkpoint(tmp_path / "other", model, codes=20)
    at = page(tmp_path, {"heat_compare": True})
    assert "does not mean" in words(at)
    at.session_state["selection"] = Selection(upload=Upload("coat.png", garment()))
    assert "your picture" in words(at.run()).lower()


def test_what_does_not_fit_the_next_model_is_said(page: Open, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "sixteen", ModelConfig("swift", 16))
    state = {"heat_compare": True, "second_picture": Selection(z=(0.0, 1.0)), "channel": "60"}
    assert "The second picture does not fit this model" in words(page(tmp_path, state))


def test_a_model_that_gives_nan_is_named(page: Open, tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path / "broken", ModelConfig("classic", 2))
    kept = store.load(folder)
    kept.weights["encoder/conv_1/kernel"][:] = np.nan
    from safetensors.numpy import save_file

    save_file(dict(kept.weights), str(folder / "model.safetensors"))
    at = page(tmp_path)
    assert not at.exception and ["NaN" in error.value for error in at.error] == [True]


# --- what it is drawn with ------------------------------------------------------------------------------------------


def answers(n: int = 2) -> list[FeatureMaps]:
    """Two layers whose values are known: `small` 0..1, and `signed` -3..3, scaled by the picture's number."""
    rng, found = np.random.default_rng(0), []
    for i in range(n):
        small = rng.random((4, 4, 5), np.float32) * (i + 1)
        signed = rng.uniform(-3, 3, (8, 8, 2)).astype(np.float32)
        picture = rng.random((8, 8, 1), np.float32)
        maps = {"encoder": {"small": small, "signed": signed}, "decoder": {"small": small}}
        found.append(
            FeatureMaps(f"picture {i}", maps, {"encoder": picture, "decoder": picture}, np.zeros(2, np.float32))
        )
    return found


def look(layer: str = "small", scope: str = "channel", **more: object) -> HeatmapSettings:
    values = {"part": "encoder", "layer": layer, "channel": "mean", "scope": scope, "order": "number"}
    values |= {"colormap": "viridis", "diverging": "RdBu_r", "smooth": False, "alpha": 1.0, "clear": False}
    return HeatmapSettings(**{**values, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("scope", normalisation.SCOPES)
@pytest.mark.parametrize("layer", ["small", "signed"])
def test_the_same_colour_is_the_same_raw_value_in_both_pictures(layer: str, scope: str) -> None:
    drawn = pictures.render(answers(), look(layer, scope))
    for values, raw in zip(drawn.values, drawn.raw, strict=True):
        np.testing.assert_allclose(drawn.low + values * (drawn.high - drawn.low), raw, atol=1e-5)
    assert drawn.signed == (layer == "signed")
    if drawn.signed:
        np.testing.assert_allclose(drawn.low, -drawn.high)


@pytest.mark.parametrize("scope", normalisation.SCOPES)
@pytest.mark.parametrize("layer", ["small", "signed"])
def test_the_mean_alone_is_scaled_as_among_all(layer: str, scope: str) -> None:
    alone, among = (pictures.render(answers(), look(layer, scope), only_mean=only) for only in (True, False))
    for values, others in zip(alone.values, among.values, strict=True):
        np.testing.assert_array_equal(values[..., 0], others[..., 0])
    assert (alone.low[0], alone.high[0]) == (among.low[0], among.high[0])


def test_all_layers_share_the_strongest_value() -> None:
    both = answers()
    top = max(np.abs(maps).max() for one in both for maps in one.maps["encoder"].values())
    for layer, low in (("small", 0), ("signed", -top)):
        drawn = pictures.render(both, look(layer, "all"))
        np.testing.assert_allclose(drawn.high, top)
        np.testing.assert_allclose(drawn.low, low)


def test_tiles_stand_in_the_order_of_their_ids() -> None:
    both = answers()
    asked = look(order="max")
    ids = pictures.channel_ids(both, asked)
    assert ids[:2] == ["mean", "max"] and sorted(ids[2:]) == list("01234")
    peaks = [both[0].maps["encoder"]["small"][..., int(channel)].max() for channel in ids[2:]]
    assert peaks == sorted(peaks, reverse=True)
    drawn = pictures.render(both, asked)
    rows = pictures.tiles(drawn, 1, ids, smooth=False)
    assert rows.shape == (7, 4, 4, 3)
    expected = heatmaps.colour(drawn.values[1][..., 2 + int(ids[4])], "viridis")
    np.testing.assert_array_equal(rows[4], expected)
    assert pictures.tiles(drawn, 1, ids, smooth=True).shape == (7, 40, 40, 3)


def test_the_overlay_keeps_the_native_pixels_and_ends_at_the_picture() -> None:
    both = answers()
    drawn = pictures.render(both, look())
    alone = pictures.enlarged(drawn, 0, both[0].below["encoder"], look())
    native = heatmaps.colour(drawn.values[0][..., 0], "viridis")
    np.testing.assert_array_equal(alone, native.repeat(84, axis=0).repeat(84, axis=1))
    bare = pictures.enlarged(drawn, 0, both[0].below["encoder"], look(), alpha=0)
    np.testing.assert_array_equal(bare[::42, ::42, 0], np.round(both[0].below["encoder"][..., 0] * 255))


def test_weak_responses_let_the_picture_through() -> None:
    both = answers(1)
    drawn = pictures.render(both, look())
    below = both[0].below["encoder"]
    clear = pictures.enlarged(drawn, 0, below, look(clear=True))
    values = drawn.values[0][..., 0]
    weakest, strongest = (np.unravel_index(pick(values), values.shape) for pick in (np.argmin, np.argmax))
    bare, solid = (pictures.enlarged(drawn, 0, below, look(), alpha=alpha) for alpha in (0.0, 1.0))
    for place, same in ((weakest, bare), (strongest, solid)):
        at = np.s_[84 * place[0] : 84 * place[0] + 84, 84 * place[1] : 84 * place[1] + 84]
        np.testing.assert_array_equal(clear[at], same[at])
    signed = pictures.render(both, look("signed"))
    middle = np.full((8, 8), 0.5, np.float32)  # a response of 0: nothing of the map
    signed.values[0][..., 0] = middle
    np.testing.assert_array_equal(pictures.enlarged(signed, 0, below, look("signed", clear=True)), bare)


def test_the_npz_holds_the_raw_activations(tiny_checkpoint: Path) -> None:
    engine = store.load(tiny_checkpoint).engine(1)
    image = np.random.default_rng(0).random((28, 28, 1), np.float32)
    z = engine.encode(image[None])[0][0]
    one = pictures.feature_maps_of(engine, "a picture", image, z)
    kept = np.load(io.BytesIO(npz([one])), allow_pickle=False)
    for part, layers in one.maps.items():
        for layer, maps in layers.items():
            np.testing.assert_array_equal(kept[f"{part}/{layer}"], maps)
    assert {array.dtype for array in kept.values()} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(kept["picture"], image)
    np.testing.assert_array_equal(one.maps["encoder"]["conv_1"], engine.encoder_activations(image[None])["conv_1"][0])
    assert "2/encoder/conv_1" in np.load(io.BytesIO(npz([one, one])))


def test_the_png_shows_map_and_channels() -> None:
    both = answers()
    drawn = pictures.render(both, look())
    sheet = np.asarray(Image.open(io.BytesIO(layer_sheet("title", both, drawn, look(), "mean"))))
    large = pictures.enlarged(drawn, 1, both[1].below["encoder"], look())
    rows, columns = np.nonzero((sheet == large[0, 0]).all(axis=2))
    assert any(np.array_equal(sheet[y : y + 336, x : x + 336], large) for y, x in zip(rows, columns, strict=True))


def test_thumbnails() -> None:
    small = np.arange(16, dtype=np.uint8).reshape(4, 4)
    np.testing.assert_array_equal(picture_steps.thumbnail(small, 14)[::3, ::3], small)
    assert picture_steps.thumbnail(np.zeros((300, 1000, 4), np.uint8), 100).shape == (30, 100, 4)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (-11.04, "−11"), (0.12345, "0.123"), (1234.5, "1,230"), (1.2e-5, "1.2e−05"), (150, "150")],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


def driven(page: Open, folder: Path, **url: str) -> AppTest:
    return page(folder, view="What drives a unit", **url)


def test_what_drives_a_unit(page: Open, tiny_checkpoint: Path) -> None:
    at = driven(page, tiny_checkpoint.parent, image="3")
    shown = words(at)
    assert "**What raises z₁**, over the picture" in shown and "**Red** pixels push the number up" in shown
    assert "200 steps from a black picture" in shown and "the map adds up to that but for" in shown
    assert "the one with the largest KL first" in shown and "**All layers**" not in shown
    engine, image = store.load(tiny_checkpoint).engine(), loading.load_local().images("test")[3:4]
    assert f"Here z_mean of z₁ is {number(float(engine.encode(image)[0][0, 0]))}." in shown


def test_every_control_of_what_drives_a_unit(page: Open, tiny_checkpoint: Path) -> None:
    at, seen = driven(page, tiny_checkpoint.parent), set()

    def changed(title: str, done: str = "") -> None:
        shown = words(at.run())
        assert f"**{title}**, over the picture" in shown and done in shown
        seen.add((title, repr(shown_pictures(at)[0].value), done))

    changed("What raises z₁")
    at.selectbox(key="unit").set_value(1)
    changed("What raises z₂")
    for number_key, title in (
        ("down", "What lowers z₂"),
        ("log_var", "What makes the encoder unsure of z₂"),
        ("unit_kl", "What drives the KL of z₂"),
        ("kl", "What drives the KL of all units"),
        ("reconstruction", "What drives the reconstruction error"),
    ):
        at.selectbox(key="explain").set_value(number_key)
        changed(title)
    assert "unit" not in {box.key for box in at.selectbox}
    at.select_slider(key="drive_steps").set_value(10)
    changed("What drives the reconstruction error", "10 steps")
    for method, done in (
        ("gradient", "gradient by the pixels"),
        ("smoothgrad", "25 noisy copies"),
        ("occlusion", "625 patches"),
    ):
        at.selectbox(key="method").set_value(method)
        changed("What drives the reconstruction error", done)
    at.slider(key="drive_patch").set_value(7)
    at.selectbox(key="drive_stride").set_value("4")
    changed("What drives the reconstruction error", "patches of 7 × 7 pixels blanked to black, stride 4")
    at.selectbox(key="method").set_value("smoothgrad").run()
    at.select_slider(key="drive_samples").set_value(5)
    at.slider(key="drive_noise").set_value(0.3)
    changed("What drives the reconstruction error", "5 noisy copies, deviation 0.3")
    at.selectbox(key="method").set_value("grad_cam")
    changed("What drives the reconstruction error", "layer conv\\_2; 7 × 7 values")
    at.selectbox(key="drive_layer").set_value("conv_1")
    changed("What drives the reconstruction error", "layer conv\\_1; 14 × 14 values")
    at.selectbox(key="method").set_value("vae_attention")
    changed("Where the encoder looks", "averaged over 2 unit")
    assert len(seen) == 16
    assert "**Red** pixels push the number down" in words(
        driven(page, tiny_checkpoint.parent, explain="z_mean, downwards")
    )
    assert at.latex[0].value and "Liu et al. 2020" in words(at)


def test_a_click_on_a_unit_asks_what_drives_it(page: Open, tiny_checkpoint: Path) -> None:
    at = driven(page, tiny_checkpoint.parent, explain="KL of all units")
    assert "**What drives the KL of all units**" in words(at)
    at.session_state["unit_effects"] = {"chosen": "1"}  # as the component does
    assert "**What raises z₂**" in words(at.run())


def test_a_random_model_s_map_was_not_learned(page: Open, tiny_checkpoint: Path) -> None:
    at = driven(page, tiny_checkpoint.parent, method="Gradient")
    at.button(key="heat_check").click()
    shown = words(at.run())
    assert "This map hardly depends on what was learned" in shown
    assert "rank correlation with the one above" in shown
    at.selectbox(key="unit").set_value(1)
    assert "hardly depends" not in words(at.run())  # that was of another map


@pytest.mark.parametrize(
    "model", [ModelConfig("swift", 1), ModelConfig("classic", 3, image_shape=(64, 64, 3))], ids=["1 unit", "colour"]
)
def test_what_drives_a_unit_of_odd_models_and_own_pictures(page: Open, tmp_path: Path, model: ModelConfig) -> None:
    save_checkpoint(tmp_path / "odd", model, codes=0)
    upload = Upload("mine.png", garment())
    for method in ("Integrated gradients", "Occlusion", "Grad-CAM"):
        at = page(
            tmp_path, {"selection": Selection(upload=upload)}, view="What drives a unit", method=method, unit="z₇"
        )
        assert "**What raises z₁**, over the picture" in words(at)
    if model.latent_dim == 1:
        assert "**What the unit changes in the reconstruction**" in words(at)
    at = page(tmp_path, view="What drives a unit", explain="Reconstruction error")  # nothing chosen: a decoded point
    assert "**What drives the reconstruction error**" in words(at)


def test_what_a_channel_answers_most_strongly_to(page: Open, tiny_checkpoint: Path) -> None:
    at = page(tiny_checkpoint.parent)
    assert "answers most strongly to" not in words(at)
    at.selectbox(key="channel").set_value("5")
    assert "**What channel 5 answers most strongly to**" in words(at.run())
    assert "The 9 of " in words(at) and "7 × 7 at most" in words(at)
    assert any("channel 5 answers" in picture.proto.imgs[0].alt for picture in shown_pictures(at))
    at.selectbox(key="layer").set_value("decoder/deconv_1")
    assert "A channel of the decoder looks at z" in words(at.run())


def test_without_data_a_channel_s_strongest_pictures_are_missed_in_a_sentence(page: Open, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "odd", ModelConfig("classic", 2, image_shape=(64, 64, 3)))
    at = page(tmp_path, {"channel": "3"})
    assert "**What channel 3 answers most strongly to**" in words(at)
    assert "it was trained on are not here" in words(at)
