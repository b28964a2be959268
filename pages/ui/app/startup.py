"""What the server does once, before its first visitor: import what the pages need, and open the browser."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import pkgutil
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st
from PIL import Image
from streamlit.runtime import exists, get_instance
from threadpoolctl import threadpool_limits

from pages import ui
from pages.ui.app.uploads import sweep_for_ever
from vae_core import settings
from vae_core.jobs.picture_uploads import remove_unused


def import_pages() -> None:
    """All modules behind the pages, and what is looked up in them but once: 0.3 s that the first visitor need not wait for."""
    for module in pkgutil.walk_packages(ui.__path__, f"{ui.__name__}."):
        importlib.import_module(module.name)
    Image.preinit()  # Pillow's readers and writers
    inspect.stack()  # Streamlit does so before it draws for the first time; then Python maps all modules to their files


def import_tables() -> None:
    """What Streamlit imports for the first table or chart."""
    for name in ("pandas", "pyarrow", "plotly.graph_objects"):
        importlib.import_module(name)


@asynccontextmanager
async def started(app: st.App) -> AsyncIterator[None]:
    """The app's life on the server. Where there is a screen it begins with a browser: Streamlit opens none for an `st.App`."""
    for problem in settings.problems():
        print(problem, file=sys.stderr)
    import_pages()  # not sooner: the pages' caches want Streamlit's runtime to be there
    # Every visitor has a thread. BLAS' own wait for each other by spinning: with them the density of a latent space took
    # 0.3 to 0.6 s of processor time on a busy machine, without them 0.05 s.
    threadpool_limits(1, user_api="blas")
    if not st.get_option("server.headless"):
        threading.Thread(target=webbrowser.open_new_tab, args=(address(),), daemon=True).start()
    # half a second, while the first visitor is on the way
    threading.Thread(target=import_tables, daemon=True).start()
    threading.Thread(target=remove_unused, daemon=True).start()
    sweeping = asyncio.create_task(sweep_for_ever(get_instance())) if exists() else None
    yield
    if sweeping is not None:
        sweeping.cancel()


def address() -> str:
    """Where this server is to be found, for a browser on this machine."""
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{scheme}://{st.get_option('browser.serverAddress')}:{st.get_option('server.port')}/{path}"
