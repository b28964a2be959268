// The decoded grid: which garments are on screen, asked for in the background, kept, drawn as they come.

import { makeAtlas, makeBackground } from "./background.js";
import { clear, drawTile, paint } from "./drawing.js";
import { visibleTiles } from "./plane.js";

/** @param {HTMLCanvasElement} canvas @param {import("./types").View} view @returns {import("./types").Tiles} */
export function makeTiles(canvas, view) {
  const LIMIT = 1800;
  /** @type {import("./types").Decoder} */
  let decoder = null;
  /** @type {import("./types").Background} */
  let background = null;
  /** @type {import("./types").Atlas} */
  let atlas = null;
  /** @type {import("./types").DecodedGrid} */
  let grid = null;
  /** @type {(a: number, b: number) => Float32Array} */
  let lift = null;
  let asked = 0;
  const kept = new Map(); // key -> {tile, cell}
  const fresh = new Set(); // keys that were decoded for the present base
  const current = { side: 20, shown: true, covered: false, missing: 0 };
  const level = (key) => Number(key.split(",", 1)[0]);

  function arrived(tag, image) {
    if (typeof tag === "number") return atlas?.put(tag, image);
    const tile = kept.get(tag.key)?.tile ?? document.createElement("canvas");
    paint(tile, image, decoder.imageShape);
    kept.delete(tag.key); // the newest lies last
    kept.set(tag.key, { tile, cell: tag });
    fresh.add(tag.key);
    current.missing = Math.max(0, current.missing - 1);
    for (const key of kept.keys()) {
      if (kept.size <= LIMIT) break;
      kept.delete(key);
      fresh.delete(key);
    }
    if (current.shown && !current.covered) drawTile(canvas.getContext("2d"), view, tile, tag);
  }

  function ask() {
    if (!background) return;
    background.clear();
    const cells = current.shown ? visibleTiles(view, current.side).filter(({ key }) => !fresh.has(key)) : [];
    current.missing = cells.length;
    const ready = grid?.fits(view, current.side) ? grid : null;
    for (const cell of cells) {
      const z = lift(...cell.place), image = ready?.picture(cell, z);
      if (image) arrived(cell, image);
      else background.ask(cell, z);
    }
    if (atlas) {
      for (const i of atlas.missing()) background.ask(i, lift(...atlas.place(i)));
    }
    background.start();
  }

  return Object.assign(current, {
    /** A decoder, lift(a, b) -> z on the present plane, and what the server has decoded of it, or null. */
    open(opened, lifted, forget, decoded) {
      decoder = opened;
      grid = decoded;
      lift = lifted;
      background ??= makeBackground(arrived);
      decoder.decodeIn(background);
      this.stale(forget);
    },
    /** The base has moved: what is shown stays until its successor is there. */
    stale(forget = false) {
      background?.clear(); // what is under way belongs to the old base or grid
      fresh.clear();
      if (forget) kept.clear();
      atlas = decoder?.heavy ? makeAtlas(view.extent, decoder.pixels) : null;
      this.refresh();
    },
    refresh() {
      clearTimeout(asked);
      current.missing ||= 1; // not counted yet
      asked = setTimeout(ask, 60);
    },
    atlasMissing: () => (atlas ? atlas.missing().length : 0),
    blend: (place) => atlas?.blend(place) ?? null,
    draw(ratio) {
      const context = clear(canvas, view, ratio);
      if (!current.shown) return;
      const now = Math.max(0, Math.floor(Math.log2(view.zoom()) + 1e-9));
      for (const wanted of [now - 1, now]) { // the coarser ones lie below until the finer ones are there
        for (const [key, { tile, cell }] of kept) if (level(key) === wanted) drawTile(context, view, tile, cell);
      }
    },
    end() {
      clearTimeout(asked);
      background?.end();
    },
  });
}
