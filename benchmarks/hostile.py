"""Every accepted model of the tests' hostile corpus, and the heaviest that are accepted, on every page: time and memory.

    python benchmarks/hostile.py              all of them, about a quarter of an hour on two cores
    python benchmarks/hostile.py --heavy      only the heaviest, a minute or two
    python benchmarks/hostile.py --every 4    each fourth of the others

Each is imported as the app does it, in a bounded process, then looked at by a visitor of its own, who goes from page to page
and finds nothing in the caches. Printed: how many files were taken and refused, tracebacks, pages that say "damaged", the
slowest page and the largest growth of memory while a page was made.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import hostile  # noqa: E402
import numpy as np  # noqa: E402
import psutil  # noqa: E402
import streamlit as st  # noqa: E402
from app_testing import PAGES, go, visit  # noqa: E402
from tiny_models import save_checkpoint  # noqa: E402
from tiny_runs import MODEL  # noqa: E402

from vae_core.checkpoints.bundle import ImportProblem, import_model, pack_model  # noqa: E402
from vae_core.config import ModelConfig  # noqa: E402
from vae_core.jobs.model_check import check_in_child  # noqa: E402

VIEWS = ("Training", "Layers", "Card", "Compare")  # of the page Models, beside the first
HEAVY = {  # name: model, codes
    "classic-256-colour": (ModelConfig("classic", 2, (256, 256, 3)), 2_000),
    "swift-256-colour-256-units": (ModelConfig("swift", 256, (256, 256, 3)), 10_000),
    "classic-128-colour-256-units": (ModelConfig("classic", 256, (128, 128, 3)), 10_000),
    "classic-128-colour-160-units": (ModelConfig("classic", 160, (128, 128, 3)), 10_000),
    "swift-28-256-units": (ModelConfig("swift", 256), 10_000),
    "20,000-codes": (ModelConfig("swift", 2), 20_000),
    "20,000-codes-of-50-units": (ModelConfig("swift", 50), 20_000),
}


class Peak:
    """The most memory that this process held, looked at every 5 ms."""

    def __init__(self) -> None:
        self._process, self.most = psutil.Process(), 0
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            self.most = max(self.most, self.now())
            time.sleep(0.005)

    def now(self) -> int:
        return int(self._process.memory_info().rss)


def corpus(folder: Path, heavy_only: bool, every: int) -> Iterator[tuple[str, bytes]]:
    for name, (model, codes) in HEAVY.items():
        yield name, pack_model(save_checkpoint(folder / "heavy" / name.replace(",", ""), model, codes=codes))
    if not heavy_only:
        cases = hostile.models(pack_model(save_checkpoint(folder / "whole" / "mine", MODEL, codes=20)))
        yield from islice(cases, 0, None, every)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heavy", action="store_true", help="only the heaviest models that are accepted")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth of the others (1)")
    arguments = parser.parse_args()
    logging.disable(logging.ERROR)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["VAE_EXPLORER_CHECKPOINTS"] = str(folder / "models")
        taken: dict[str, Path] = {}
        refused = 0
        for name, data in corpus(folder, arguments.heavy, arguments.every):
            try:
                taken[name] = import_model(data, folder / "models", check_in_child)
            except ImportProblem as error:
                refused += 1
                if name in HEAVY:
                    print(f"  refused: {name}: {error}")
        print(f"models: {len(taken)} taken, {refused} refused", flush=True)
        visited(taken, folder)


def visited(taken: dict[str, Path], folder: Path) -> None:
    """Each model alone in the folder of models, on each page."""
    shelf, peak = folder / "shelf", Peak()
    rows: list[tuple[float, float, str, str]] = []
    shelf.mkdir()
    for path in taken.values():
        path.rename(shelf / path.name)
    tracebacks, damaged = [], []
    visit()  # imports and the test pictures are nobody's fault
    for name, path in taken.items():
        with lent(shelf / path.name, folder / "models" / path.name):
            at = visit("pages/train.py")
            for page in PAGES:
                st.cache_resource.clear()
                st.cache_data.clear()
                before = peak.most = peak.now()
                began = time.process_time()
                go(at, page)
                rows.append((time.process_time() - began, (peak.most - before) / 2**20, name, page))
                tracebacks += [(name, page, error.message) for error in at.exception]
                views = VIEWS if page == "pages/models.py" and not at.exception else ()
                for view in views:
                    at.segmented_control(key="model_view").set_value(view).run()
                    tracebacks += [(name, f"{page}, {view}", error.message) for error in at.exception]
                damaged += [(name, page) for error in at.error if "damaged" in error.value]
                if at.exception:
                    at = visit("pages/train.py")
    print(f"pages: {len(rows)} looked at, {len(tracebacks)} tracebacks, {len(damaged)} that say damaged")
    for problem in (*tracebacks[:5], *damaged[:5]):
        print("  ", *problem)
    for row in sorted(rows, reverse=True)[:5]:
        print(f"slowest: {row[0]:.2f} s of processors  {row[3]}  {row[2]}")
    for row in sorted(rows, key=lambda row: row[1], reverse=True)[:5]:
        print(f"largest memory: {row[1]:.0f} MB  {row[3]}  {row[2]}")
    print(f"median page: {np.median([row[0] for row in rows]):.2f} s of processors")


@contextmanager
def lent(source: Path, target: Path) -> Iterator[None]:
    source.rename(target)
    try:
        yield
    finally:
        target.rename(source)


if __name__ == "__main__":
    main()
