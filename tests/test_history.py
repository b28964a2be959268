"""The losses over epochs: each row stands at its own epoch, whatever was lost or done twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vae_core.checkpoints.history import curves, read_history
from vae_core.training.history import History

HEAD = "epoch,kl_loss,loss,reconstruction_loss,val_kl_loss,val_loss,val_reconstruction_loss\n"
LOST = (2, 3, 7, 10)  # of twelve


def row(epoch: int, loss: float = 0.0) -> str:
    return f"{epoch},1.0,{loss or 300 - epoch},299.0,2.0,{310 - epoch},308.0\n"


def test_what_is_left_of_twelve_epochs_stands_at_its_own_epoch(tmp_path: Path) -> None:
    kept = [epoch for epoch in range(12) if epoch not in LOST]
    (tmp_path / "history.csv").write_text(HEAD + "".join(map(row, kept)))
    for name, first in (("loss", 300), ("val_loss", 310)):
        epochs, losses = curves(tmp_path)[name]
        np.testing.assert_array_equal(epochs, np.array(kept) + 1)
        np.testing.assert_array_equal(losses, first - np.array(kept))


def test_an_epoch_done_twice_is_drawn_once(tmp_path: Path) -> None:
    """As older programs left it: the later row counts."""
    (tmp_path / "history.csv").write_text(HEAD + row(0) + row(1, 7.0) + row(1, 8.0) + row(2))
    epochs, losses = curves(tmp_path)["loss"]
    assert (epochs.tolist(), losses.tolist()) == ([1, 2, 3], [300, 8, 298])


@pytest.mark.parametrize(
    "odd", ["step,loss\n5,3\n6,2\n7,1\n", "epoch,loss\n9,3\n4,2\n7,1\n", "epoch,loss\nx,3\n,2\n-4,1\n"]
)
def test_rows_that_do_not_say_their_epoch_are_counted(tmp_path: Path, odd: str) -> None:
    (tmp_path / "history.csv").write_text(odd)
    assert curves(tmp_path)["loss"][0].tolist() == [1, 2, 3]


def test_a_row_with_a_validation_only_is_read(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text(HEAD + row(0) + "1,,,,2.0,309,308.0\n")
    assert [read.get("val_loss") for read in read_history(tmp_path / "history.csv")] == [310, 309]


def test_the_trainer_writes_each_epoch_once(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    history = History(path)
    history.forget_from(0)
    assert history.epochs() == set()
    for epoch in range(4):
        history.on_epoch_end(epoch, {"val_loss": 9.0 - epoch, "loss": np.float32(0.1)})
    assert path.read_text().splitlines()[0] == "epoch,loss,val_loss"
    with open(path, "a") as file:
        file.write("4,0.1,5")  # torn by a kill
    history.forget_from(3)
    assert history.epochs() == {0, 1, 2}
    history.on_epoch_end(2, {"val_loss": 1.5, "loss": 0.5})
    assert path.read_text().splitlines()[1:] == ["0,0.10000000149011612,9.0", "1,0.10000000149011612,8.0", "2,0.5,1.5"]
