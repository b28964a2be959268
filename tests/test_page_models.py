"""The page Models: what is known of each, one closely, two side by side; and that a stranger's folder does no harm."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import streamlit as st
from app_testing import DRAWN, ROOT, decoded, go, problems, visit, words
from hypothesis import given
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest
from tiny_models import save_checkpoint

from pages.ui.formatting import markdown_text
from pages.ui.models import cache
from pages.ui.models.card import card_of, without_powers
from pages.ui.models.compare import compare
from pages.ui.models.facts import Facts, facts_of, layer_rows
from pages.ui.models.figures import history_figure
from vae_core.checkpoints import store
from vae_core.checkpoints.bundle import pack_model
from vae_core.checkpoints.history import curves, thin
from vae_core.checkpoints.registry import Entry
from vae_core.config import ModelConfig
from vae_core.datasets import fashion_mnist, loading
from vae_core.jobs import finished_runs
from vae_core.network.presets import build
from vae_core.runs.directory import Run

PAGE = "pages/models.py"
HISTORY = "epoch,kl_loss,loss,reconstruction_loss,val_kl_loss,val_loss,val_reconstruction_loss\n" + "".join(
    f"{epoch},{5 + epoch},{300 - epoch},{295 - 2 * epoch},{6 + epoch},{290 - epoch},{284.5 - 2 * epoch}\n"
    for epoch in range(5)
)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The folder of models that the app shows, empty at first; no real data."""
    monkeypatch.delenv(fashion_mnist.VARIABLE, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(loading, "DRAWN", DRAWN)
    path = tmp_path / "models"
    path.mkdir()
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(path))
    yield path
    st.cache_data.clear()
    st.cache_resource.clear()


def figure(value: float, method: str = "as always", split: str = "test", n: int = 500) -> dict[str, Any]:
    return {"value": value, "split": split, "n": n, "method": method}


def measured(elbo: float = 250.0, **more: Any) -> dict[str, Any]:
    """A metrics.json."""
    figures = {
        "dataset": {"value": "drawn clothes", "split": "test", "n": 500, "method": "checksum " + "0" * 64},
        "negative_elbo": figure(elbo),
        "ssim": figure(0.5),
        "kl_loss": figure(7.5),
        "active_units": figure(2),
    }
    return {**figures, **more}


def save(path: Path, model: ModelConfig | None = None, *, metrics: Any = None, **texts: str) -> Path:
    """A tiny checkpoint with figures, history and card as given."""
    save_checkpoint(path, model or ModelConfig("classic", 2))
    if metrics is not None:
        (path / "metrics.json").write_text(json.dumps(metrics))
    for name, text in texts.items():
        (path / {"history": "history.csv", "card": "MODEL_CARD.md"}[name]).write_text(text)
    return path


def view(at: AppTest, name: str) -> AppTest:
    return at.segmented_control(key="model_view").set_value(name).run()


def table(at: AppTest, which: int = 0) -> list[dict[str, Any]]:
    return at.dataframe[which].value.to_dict("records")


def facts(path: Path) -> Facts:
    return facts_of(store.load(path), 0)


# --- the table ------------------------------------------------------------------------------------------------------


def test_every_model_has_a_line_with_its_figures(folder: Path) -> None:
    save(folder / "fashion-2d", metrics=measured(250.0), history=HISTORY)
    save(folder / "plain", ModelConfig("classic", 3))
    at = visit(PAGE)
    assert problems(at) == []
    first, second = table(at)
    assert first["Model"] == "fashion-2d" and first["State"] == "kept"
    assert (first["−ELBO, nats"], first["SSIM"], first["Measured on"]) == (250.0, 0.5, "test, 500")
    assert first["Validation −ELBO"] == 286.5 and first["Epochs"] == 5  # 276.5 + 10: its two terms, not val_loss
    assert first["Parameters"] == build(ModelConfig("classic", 2)).parameters()
    assert first["Size, MB"] == pytest.approx(_bytes(folder / "fashion-2d") / 1e6)
    assert second["Measured on"] == "not measured" and second["Units"] == 3
    assert np.isnan(second["−ELBO, nats"])


def test_the_shipped_models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their figures are those in their files; every view of each works."""
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(ROOT / "checkpoints"))
    at = visit(PAGE)
    lines = {line["Model"]: line for line in table(at)}
    assert list(lines) == ["fashion-16d", "fashion-2d", "classic-2d"]  # by −ELBO
    assert {line["State"] for line in lines.values()} == {"shipped"}
    for name, line in lines.items():
        figures = json.loads((ROOT / "checkpoints" / name / "metrics.json").read_bytes())
        assert line["−ELBO, nats"] == figures["negative_elbo"]["value"]
        assert line["Measured on"] == "test, 10,000"
        at.selectbox(key="model_picker").set_value(name).run()
        for each in ("Figures", "Training", "Layers", "Card", "Compare"):
            assert problems(view(at, each)) == [], (name, each)
        assert "A: " + name in words(at)


@pytest.mark.parametrize("name", ["fashion-2d", "another"])
def test_a_damaged_model_is_listed_with_its_reason(folder: Path, name: str) -> None:
    """Even if it is the one that the app shows."""
    save(folder / "good", metrics=measured())
    (save(folder / name) / "model.safetensors").write_bytes(b"torn")
    at = visit(PAGE, model=name)
    assert {line["Model"]: line["State"] for line in table(at)} == {"good": "kept", name: "damaged"}
    (problem,) = problems(at)
    assert "is damaged" in problem and "model.safetensors" in problem
    assert [button.key for button in at.button if str(button.key).startswith("open_")] == ["open_good"]


def test_only_a_damaged_model(folder: Path) -> None:
    (save(folder / "fashion-2d") / "config.json").write_text("{")
    at = visit(PAGE)
    assert len(problems(at)) == 1 and table(at) == [{"Model": "fashion-2d", "State": "damaged"}]


def test_codes_of_other_units_count_as_damage(folder: Path) -> None:
    """The table and the pages agree on what can be opened."""
    save(folder / "fashion-2d")
    save(folder / "other", ModelConfig("classic", 3))
    (folder / "fashion-2d" / "latents.npz").write_bytes((folder / "other" / "latents.npz").read_bytes())
    at = visit(PAGE)
    assert [line["State"] for line in table(at)] == ["kept", "damaged"]
    assert "its codes are of 3 units" in problems(at)[0].replace("\\", "")


@pytest.mark.parametrize(
    "metrics",
    [
        {"negative_elbo": "good"},
        {"negative_elbo": {"value": "good", "split": "test", "n": 5, "method": "m"}},
        {"negative_elbo": {"value": None, "n": 5}},
        {"negative_elbo": {"value": 1e999, "split": "test", "n": 5, "method": "m"}},
        {"negative_elbo": {"value": 250.0, "split": "test", "n": "many", "method": "m"}},
        {"negative_elbo": [1, 2], "dataset": "x"},
        {"negative_elbo": {"value": True, "split": "test", "n": 5, "method": "m"}},
        {},
    ],
)
def test_figures_of_another_form_are_left_out(folder: Path, metrics: dict[str, Any]) -> None:
    save(folder / "fashion-2d", metrics=metrics)
    at = visit(PAGE)
    assert problems(at) == [] and table(at)[0]["Measured on"] == "not measured"


@pytest.mark.parametrize("history", ["", "nonsense", "epoch,loss\n0,nan\n1,inf\n", "loss\n\x00\n1e400", "a,b\n1,2\n"])
def test_a_history_of_another_form(folder: Path, history: str) -> None:
    save(folder / "fashion-2d", history=history)
    at = view(visit(PAGE), "Training")
    assert [problem.startswith("The folder has no history.csv with losses") for problem in problems(at)] == [True]


def test_no_model_at_all() -> None:
    assert "There is no model to show yet. Train one" in words(visit(PAGE))


# --- one closely ----------------------------------------------------------------------------------------------------


def test_the_button_on_a_card_makes_it_the_model_of_every_page(folder: Path) -> None:
    save(folder / "fashion-2d")
    save(folder / "sixteen", ModelConfig("classic", 16))
    at = visit(PAGE)
    assert [header.value for header in at.header] == ["fashion-2d"] and at.button(key="open_fashion-2d").disabled
    at.button(key="open_sixteen").click().run()
    assert at.selectbox(key="model_picker").value == "sixteen" and at.query_params["model"] == "sixteen"
    assert [header.value for header in at.header] == ["sixteen"] and at.button(key="open_sixteen").disabled
    assert "Model **sixteen**" in words(go(at, "streamlit_app.py"))


def test_it_follows_the_picker(folder: Path) -> None:
    save(folder / "fashion-2d")
    save(folder / "sixteen", ModelConfig("classic", 16))
    at = visit(PAGE)
    at.selectbox(key="model_picker").set_value("sixteen").run()
    assert [header.value for header in at.header] == ["sixteen"]


def test_a_click_on_a_name_of_the_table_opens_it(folder: Path) -> None:
    save(folder / "fashion-2d", metrics=measured(250.0))
    save(folder / "better", metrics=measured(240.0))
    at = visit(PAGE)
    assert [line["Model"] for line in table(at)] == ["better", "fashion-2d"]
    column = json.loads(at.dataframe[0].proto.columns)["Model"]
    assert column["type_config"]["type"] == "button" and column["pinned"]


def test_a_card_says_what_its_model_is_and_shows_three_figures(folder: Path) -> None:
    save(folder / "fashion-2d", metrics=measured(250.0, knn_accuracy=figure(0.7)))
    save(folder / "plain", ModelConfig("classic", 3))
    at = visit(PAGE)
    said = words(at)
    assert "Two numbers per picture: one map shows all it can draw." in said and "Three numbers per picture" in said
    assert "**250.0**" in said and "**0.500**" in said and "**70.0%**" in said and "Not measured yet." in said
    pictures = at.get("image")
    assert len(pictures) == 2
    shape = decoded(pictures[0].proto.imgs[0].url).shape
    assert shape[0] == 224 and shape[1] == 224 + 8 + 112  # the map, and the samples beside it


def test_many_models_have_twelve_cards_and_the_chosen_one_among_them(folder: Path) -> None:
    for i in range(14):
        save(folder / f"m{i:02d}")
    at = visit(PAGE, model="m13")
    opened = [str(button.key) for button in at.button if str(button.key).startswith("open_")]
    assert len(opened) == 12 and "open_m13" in opened
    assert "The other 2 are in the table below." in words(at) and len(table(at)) == 14


def test_figures_say_whether_they_are_good(folder: Path) -> None:
    save(folder / "fashion-2d", metrics=measured(250.0))
    save(folder / "better", metrics=measured(240.0))
    save(folder / "elsewhere", metrics=measured(245.0, negative_elbo=figure(245.0, n=7)))
    rows = visit(PAGE).table[0].value.to_dict("records")
    assert rows[0]["Is that good?"] == "Not as good as better (240.0)"
    assert next(row for row in rows if row["Figure"].startswith("KL"))["Is that good?"] == "–"


def test_what_went_wrong_in_training_is_said(folder: Path) -> None:
    path = save(
        folder / "fashion-2d",
        metrics=measured(kl_per_unit={"value": [0.001, 3.0], "split": "test", "n": 500, "method": "m"}),
    )
    config = json.loads((path / "config.json").read_bytes())
    config["training"]["beta"], config["step"] = 4.0, 300
    (path / "config.json").write_text(json.dumps(config))
    said = words(visit(PAGE))
    assert "**Undertrained: 300 steps are few.**" in said
    assert "1 of 2 latent units is switched off" in said and "beta = 4" in said


def test_a_diverged_run_is_marked(run: Run) -> None:
    run.write_status("failed", error="the loss became NaN", loss=None)
    at = visit(PAGE)
    assert any(problem.startswith("Diverged:") for problem in problems(at))


def test_every_figure_says_split_n_and_method(folder: Path) -> None:
    save(folder / "fashion-2d", metrics=measured(250.0), history=HISTORY)
    rows = visit(PAGE).table[0].value.to_dict("records")
    assert rows[0] == {
        "Figure": "−ELBO, nats",
        "Value": "250.00",
        "Is that good?": "–",
        "Split, n": "test, 500",
        "Method": "as always",
    }
    assert all(row["Split, n"] and row["Method"] for row in rows)
    assert rows[-1]["Figure"] == "−ELBO on validation, nats" and rows[-1]["Split, n"] == "validation, 10"
    assert "beta = 1" in rows[-1]["Method"]


def test_the_view_holds_while_visiting_another_page(folder: Path) -> None:
    save(folder / "fashion-2d")
    at = view(visit(PAGE), "Layers")
    go(go(at, "streamlit_app.py"), PAGE)
    assert at.segmented_control(key="model_view").value == "Layers"


def test_training_shows_train_validation_and_the_floor(folder: Path) -> None:
    save(folder / "fashion-2d", history=HISTORY)
    at = view(visit(PAGE), "Training")
    charts = [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]
    assert [chart["layout"]["title"]["text"] for chart in charts] == [
        "Loss, nats",
        "Reconstruction loss, nats",
        "KL loss, nats",
    ]
    for chart in charts:
        assert [trace["name"] for trace in chart["data"]] == ["train", "validation"]
        assert "shapes" not in chart["layout"]  # a floor is known of Fashion-MNIST only
    assert "Train (100 images)" in words(at) and "Validation (10 images)" in words(at)


def test_a_loss_at_another_beta_is_called_so(folder: Path) -> None:
    path = save(folder / "fashion-2d", history=HISTORY)
    config = json.loads((path / "config.json").read_bytes())
    config["training"]["beta"] = 4.0
    (path / "config.json").write_text(json.dumps(config))
    at = view(visit(PAGE), "Training")
    first = json.loads(at.get("plotly_chart")[0].proto.spec)
    assert first["layout"]["title"]["text"] == "Loss at beta = 4, nats"
    assert "With a beta other than 1 it is not an ELBO" in words(at)


def test_the_floor_of_fashion_mnist() -> None:
    """Of the shipped models, whose training pixels are known; only under the reconstruction loss."""
    shipped = facts(ROOT / "checkpoints" / "fashion-2d")
    assert shipped.floor == 188.28
    drawn = history_figure(curves(ROOT / "checkpoints" / "fashion-2d"), "reconstruction_loss", "x", shipped.floor)
    assert drawn is not None
    assert drawn.layout.shapes[0].y0 == drawn.layout.shapes[0].y1 == 188.28
    assert drawn.layout.yaxis.range[0] < 188.28 and "188.28" in drawn.layout.annotations[0].text
    assert all(min(trace.y) > 188.28 for trace in drawn.data)


@pytest.mark.real_data
def test_the_floor_is_that_of_the_train_pixels(fashion_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vae_core.analysis.likelihood import pixel_entropy_floor

    monkeypatch.setenv(fashion_mnist.VARIABLE, str(fashion_dir))
    data = loading.load_local()  # validation was held out of the original train images
    assert data.name == "Fashion-MNIST"
    splits = [data.images(split) for split in ("train", "validation")]
    floors = [pixel_entropy_floor(images) for images in splits]
    assert np.average(floors, weights=[len(images) for images in splits]) == pytest.approx(188.28, abs=0.005)


@pytest.mark.parametrize(
    "model", [ModelConfig("classic", 2), ModelConfig("swift", 16, (64, 64, 3), "gaussian")], ids=["classic", "swift"]
)
def test_layers_add_up(folder: Path, model: ModelConfig) -> None:
    network = build(model)
    rows = [row for part in (network.encoder, network.decoder) for row in layer_rows(part)]
    assert sum(row.parameters for row in rows) == network.parameters() - (model.likelihood == "gaussian")
    assert sum(row.multiply_adds for row in rows) == network.encoder.multiply_adds() + network.decoder.multiply_adds()
    save(folder / "fashion-2d", model)
    at = view(visit(PAGE), "Layers")
    shown = table(at, 0) + table(at, 1)
    assert [line["Layer"] for line in shown] == [row.name for row in rows]
    assert [line["Multiply-adds"] for line in shown] == [row.multiply_adds for row in rows]
    assert shown[-1]["Output"] == " × ".join(map(str, model.image_shape))


# --- the card of a stranger -----------------------------------------------------------------------------------------


def test_a_card_is_shown_without_raw_html_and_without_pictures(folder: Path) -> None:
    text = "# A name\n\n## Data\n\n<script>alert(1)</script> ![spy](http://x.example/p.png) [![in](a)](b)\n![r][1]\n\n[1]: http://x.example\n"
    save(folder / "fashion-2d", card=text)
    at = view(visit(PAGE), "Card")
    (shown,) = [element for element in at.markdown if "Data" in element.value]
    assert not shown.allow_html and "![" not in shown.value
    assert shown.value.startswith("##### Data")  # the page has one title already


def test_no_card(folder: Path) -> None:
    save(folder / "fashion-2d")
    assert [p.startswith("It has no MODEL_CARD.md") for p in problems(view(visit(PAGE), "Card"))] == [True]


def test_a_card_of_bytes_and_one_without_end(folder: Path) -> None:
    (folder / "MODEL_CARD.md").write_bytes(b"\xff\xfe\x00" + 3_000_000 * b"x")
    card = card_of(folder)
    assert card is not None and len(card) <= 100_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sub\n===\nx\n---", "Sub\n\nx"),
        ("### Deep", "##### Deep"),
        ("```mermaid\nA@{img: '//x'}\n```", "```\nA@{img: '//x'}\n```"),
        ("[a](//x) \\[a\\](//x)", r"\[a\](//x) \\\[a\\\](//x)"),
        ("`a[0]` ``b`c[1]`` `[d](//x)", r"`a[0]` ``b`c[1]`` \`\[d\](//x)"),
        ("| a | b |\n|---|---|\n| **1** | 2 |", "| a | b |\n|---|---|\n| **1** | 2 |"),
        ("https://x $a$ :red[b] &#91;", "https\\:\u2060//x \\$a\\$ \\:\u2060red\\[b\\] \\&#91;"),
    ],
)
def test_a_card_has_small_headings_tables_and_code_and_no_other_powers(text: str, expected: str) -> None:
    assert without_powers(text) == expected


def test_names_of_others_have_no_powers(folder: Path) -> None:
    save(folder / "fashion-2d")
    bad = save(folder / "[x](http:x)")
    (bad / "model.safetensors").unlink()
    assert f"**{markdown_text(bad.name)}**" in [element.value for element in visit(PAGE).markdown]


# --- runs -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run with one snapshot, beside a kept model."""
    save(folder / "fashion-2d", metrics=measured(), history=HISTORY)
    kept, made = store.load(folder / "fashion-2d"), Run(folder.parent / "runs" / "first")
    made.create(
        {"model": kept.model.to_dict(), "training": kept.training.to_dict(), "dataset": dict(kept.dataset)},
        kept.network,
    )
    codes = {"z_mean": np.zeros((40, 2), np.float32), "z_log_var": np.zeros((40, 2), np.float32)}
    made.save_snapshot(7, kept.weights, {**codes, "labels": np.zeros(40, np.uint8)})
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(made.path.parent))
    return made


def test_a_run_is_not_measured_and_says_so(run: Run) -> None:
    at = visit(PAGE, model="runs/first")
    line = table(at)[1]
    assert line["Model"] == "runs/first" and line["State"].startswith("run, ")
    assert line["Measured on"] == "not measured" and np.isnan(line["Validation −ELBO"])
    assert "Not measured on the test split" in words(at) and len(at.table) == 0
    assert len(problems(view(at, "Training"))) == 1  # nothing has been reported yet


def test_a_run_whose_codes_are_damaged(run: Run) -> None:
    (run.path / "snapshots" / "00000007" / "latents.npz").write_bytes(b"torn")
    at = visit("pages/reconstruction.py", model="runs/first")
    assert ["latents.npz is not a whole .npz file" in problem for problem in problems(at)] == [True]
    assert [line["State"] for line in table(go(at, PAGE))] == ["kept", "damaged"]


def test_a_run_shows_its_newest_validation(run: Run) -> None:
    (run.path / "history.csv").write_text(HISTORY)
    at = visit(PAGE, model="runs/first")
    assert table(at)[1]["Validation −ELBO"] == 286.5
    assert at.table[0].value.to_dict("records")[0]["Value"] == "286.50"
    assert "Its newest validation figure is below" in words(at)
    (run.path / "history.csv").write_text(HISTORY + "5,10,295,285,11,285,270\n")
    assert table(at.run())[1]["Validation −ELBO"] == 281


def test_a_run_in_its_first_epochs_is_drawn_from_its_reports(run: Run) -> None:
    for step in range(1, 1001):
        run.append_metrics(
            {
                "kind": "step",
                "step": step,
                "epoch": step / 500,
                "loss": 300.0,
                "reconstruction_loss": 294.0,
                "kl_loss": 6.0,
            }
        )
    run.append_metrics(
        {
            "kind": "validation",
            "step": 500,
            "epoch": 1.0,
            "val_loss": 290.0,
            "val_reconstruction_loss": 283.0,
            "val_kl_loss": 7.0,
        }
    )
    with open(run.path / "metrics.jsonl", "a") as file:
        file.write('{"kind": "step", "ep')  # torn
    found = curves(run.path)
    epochs, loss = found["loss"]
    assert len(epochs) == 400 and set(loss) == {300.0} and epochs[-1] <= 2.0
    assert found["val_kl_loss"][1].tolist() == [7.0]
    at = view(visit(PAGE, model="runs/first"), "Training")
    assert len(at.get("plotly_chart")) == 3 and problems(at) == []


@given(some.integers(1, 3000), some.integers(1, 500))
def test_thinning_keeps_the_mean(n: int, points: int) -> None:
    x = np.arange(n, dtype=np.float64)
    y = np.random.default_rng(n).normal(size=n)
    thin_x, thin_y = thin(x, y, points)
    assert len(thin_x) == len(thin_y) == min(n, points)
    assert np.all(np.diff(thin_x) > 0)
    if n % points == 0:
        assert thin_y.mean() == pytest.approx(y.mean())


def test_the_axis_leaves_out_the_first_tenth() -> None:
    x, y = np.arange(1.0, 31), np.r_[900.0, 800.0, np.linspace(300, 250, 28)]
    drawn = history_figure({"loss": (x, y)}, "loss", "Loss")
    assert drawn is not None
    low, high = drawn.layout.yaxis.range
    assert low < 250 and 300 < high < 400
    assert history_figure({}, "loss", "Loss") is None


# --- two side by side -----------------------------------------------------------------------------------------------


@pytest.fixture
def pair(folder: Path) -> Callable[..., list[Any]]:
    """Rows of the comparison of two models with these metrics."""

    def rows(a: Any, b: Any, model_b: ModelConfig | None = None) -> list[Any]:
        save(folder / "a", metrics=a, history=HISTORY)
        save(folder / "b", model_b, metrics=b, history=HISTORY)
        return {row.label: row for row in compare(facts(folder / "a"), facts(folder / "b"))}  # type: ignore[return-value]

    return rows


def test_lower_nats_and_higher_similarity_are_better(pair: Any) -> None:
    rows = pair(measured(250.0), measured(240.0, ssim=figure(0.4)))
    assert (rows["−ELBO, nats"].difference, rows["−ELBO, nats"].better) == (-10.0, "B")
    assert rows["SSIM"].difference == pytest.approx(-0.1) and rows["SSIM"].better == "A"
    assert rows["KL, nats"].difference == 0 and rows["KL, nats"].better == ""  # neither more nor less is better
    assert rows["active units"].better == ""
    assert rows["−ELBO on validation at the last epoch, nats"].better == "equal"
    assert rows["parameters"].difference == 0


@pytest.mark.parametrize(
    ("b", "why"),
    [
        (measured(dataset={"method": "checksum 1"}), "different data"),
        (measured(negative_elbo=figure(240.0, n=100)), "A on test, 500, B on test, 100"),
        (measured(negative_elbo=figure(240.0, split="train")), "B on train, 500"),
        (measured(negative_elbo=figure(240.0, "another way")), "different ways"),
        ({"dataset": measured()["dataset"], "ssim": figure(0.5)}, "only one of them has it"),
    ],
)
def test_what_does_not_compare_is_not_subtracted(pair: Any, b: dict[str, Any], why: str) -> None:
    row = pair(measured(250.0), b)["−ELBO, nats"]
    assert why in row.why and row.difference is None and row.better == ""


def test_a_density_is_not_compared_with_a_probability(pair: Any) -> None:
    rows = pair(measured(250.0), measured(-800.0), ModelConfig("classic", 2, likelihood="gaussian"))
    for label in ("−ELBO, nats", "−ELBO on validation at the last epoch, nats"):
        assert rows[label].difference is None and "density" in rows[label].why
    assert rows["SSIM"].difference == 0  # pictures compare


def test_figures_without_a_data_set_do_not_compare(pair: Any) -> None:
    bare = {"negative_elbo": figure(250.0)}
    assert "different data" in pair(bare, bare)["−ELBO, nats"].why


def test_compare_on_the_page(folder: Path) -> None:
    save(folder / "fashion-2d", metrics=measured(250.0))
    save(folder / "sixteen", ModelConfig("classic", 16), metrics=measured(235.0, dataset={"method": "checksum 1"}))
    save(folder / "third", metrics=measured(240.0))
    at = view(visit(PAGE), "Compare")
    assert at.selectbox(key="other").options == ["sixteen", "third"]
    row = at.table[0].value.to_dict("records")[0]
    assert row["B − A"] == "" and row["Measured on"] == "not comparable: measured on different data"
    at.selectbox(key="other").set_value("third").run()
    row = at.table[0].value.to_dict("records")[0]
    assert (row["A"], row["B"], row["B − A"], row["Better"]) == ("250.00", "240.00", "−10.00", "**B: third**")
    at.button(key="open_third").click().run()  # what was B is now A
    assert problems(at) == [] and at.selectbox(key="other").value != "third"


def test_there_is_nothing_to_compare_one_model_with(folder: Path) -> None:
    save(folder / "fashion-2d")
    assert problems(view(visit(PAGE), "Compare")) == ["There is only this model. Train another to compare."]


def _bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


# --- bringing one along ---------------------------------------------------------------------------------------------


def bring(data: bytes, name: str = "theirs.zip") -> AppTest:
    at = visit(PAGE)
    return at.file_uploader(key="model_zip").set_value((name, data, "application/zip")).run()


def test_a_downloaded_model_is_opened_on_every_page(folder: Path, tmp_path: Path) -> None:
    save(folder / "fashion-2d", metrics=measured(), history=HISTORY)
    data = pack_model(save(tmp_path / "theirs", metrics=measured(), history=HISTORY))
    at = bring(data)
    assert problems(at) == [] and "theirs is here now" in at.success[0].value
    assert at.query_params["model"] == "theirs" and (folder / "theirs" / "model.safetensors").exists()
    assert [line["Model"] for line in table(at)] == ["fashion-2d", "theirs"]
    at.run()
    assert [path.name for path in sorted(folder.iterdir())] == ["fashion-2d", "theirs"]  # once, not at every run
    assert "**theirs**" in words(go(at, "pages/heatmaps.py"))


def test_a_model_can_be_brought_where_there_is_none(folder: Path, tmp_path: Path) -> None:
    at = bring(pack_model(save(tmp_path / "theirs", metrics=measured(), history=HISTORY)))
    assert problems(at) == [] and [line["Model"] for line in table(at)] == ["theirs"]


def other_zip(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def test_a_zip_that_was_refused_is_not_checked_with_each_click(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(folder / "fashion-2d", metrics=measured(), history=HISTORY)
    checked = Mock(wraps=finished_runs.import_model)
    monkeypatch.setattr(finished_runs, "import_model", checked)
    at = bring(other_zip(**{"notes.txt": b"words"}))
    (problem,) = problems(at)
    assert problems(at.run()) == [problem] and checked.call_count == 1
    at.file_uploader(key="model_zip").set_value(("theirs.zip", b"no zip", "application/zip")).run()
    assert problems(at) != [problem] and checked.call_count == 2


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"these are words", "zip", id="no zip"),
        pytest.param(other_zip(**{"notes.txt": b"words"}), "config.json", id="no model"),
        pytest.param(other_zip(**{"../../evil/config.json": b"{}"}), "..", id="a hostile path"),
    ],
)
def test_a_zip_that_is_no_model(folder: Path, data: bytes, expected: str) -> None:
    save(folder / "fashion-2d", metrics=measured(), history=HISTORY)
    at = bring(data)
    (problem,) = problems(at)
    assert problem.startswith("theirs.zip: ") and expected in problem and problem.endswith(".")
    assert [path.name for path in folder.iterdir()] == ["fashion-2d"]
    assert [line["Model"] for line in table(at)] == ["fashion-2d"]


def test_a_model_that_took_the_place_of_another_is_read_anew_whatever_its_clock(tmp_path: Path) -> None:
    """Copied back from an archive, its files may bear any time, that of the earlier ones too."""

    def stood(seed: int) -> tuple[object, object]:
        path = save_checkpoint(tmp_path / "mine", ModelConfig("classic", 2), seed=seed)
        (path / "history.csv").write_text(f"epoch,loss\n1,{seed}.0\n")
        for file in path.iterdir():
            os.utime(file, (1e9, 1e9))
        entry = Entry("mine", path, "", 2)
        assert entry.changed == Entry("mine", path, "", 2).changed
        return entry.changed, cache._written(path)

    (first, written), (second, anew) = stood(0), stood(1)
    assert first != second and written != anew
