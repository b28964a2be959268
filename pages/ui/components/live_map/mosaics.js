// The pictures over the map at each snapshot of a timeline, in one canvas: as the server has decoded them, else decoded here in
// the background, one snapshot after the other.

import { makeBackground } from "./background.js";
import { paint } from "./drawing.js";
import { mosaicOf } from "./frames.js";

const MOSAIC_SIDE = 12; // pictures along a side

/** @param {import("./types").MapState} state @param {import("./types").View} view @param {() => void} onReady */
export function makeMosaics(state, view, onReady) {
  /** @type {Map<string, { canvas: HTMLCanvasElement, extent: number }>} */
  let made = new Map();
  /** @type {import("./types").Background | null} */
  let background = null;
  /** @type {{ digest: string, left: number, canvas: HTMLCanvasElement, tile: HTMLCanvasElement, shape: number[] } | null} */
  let work = null;
  let of = "";

  /** @param {number} cell @param {Float32Array} image */
  function arrived(cell, image) {
    if (!work) return;
    const { canvas, tile, shape: [height, width] } = work;
    paint(tile, image, work.shape);
    canvas.getContext("2d")?.drawImage(tile, (cell % MOSAIC_SIDE) * width, (MOSAIC_SIDE - 1 - Math.floor(cell / MOSAIC_SIDE)) * height);
    if (--work.left) return;
    made.set(work.digest, { canvas, extent: view.extent });
    work = null;
    onReady();
  }

  /** @param {string} digest @param {import("./types").Decoder} decoder */
  function begin(digest, decoder) {
    const shape = decoder.imageShape, tile = document.createElement("canvas"), canvas = document.createElement("canvas");
    Object.assign(canvas, { width: MOSAIC_SIDE * shape[1], height: MOSAIC_SIDE * shape[0] });
    work = { digest, left: MOSAIC_SIDE * MOSAIC_SIDE, canvas, tile, shape };
    background ??= makeBackground(arrived);
    decoder.decodeIn(background);
    const step = (2 * view.extent) / MOSAIC_SIDE, middle = (/** @type {number} */ i) => (i + 0.5) * step - view.extent;
    for (let cell = 0; cell < MOSAIC_SIDE * MOSAIC_SIDE; cell++) {
      const z = new Float32Array(state.latentDim);
      background.ask(cell, state.plane.lift(state.pinned, middle(cell % MOSAIC_SIDE), middle(Math.floor(cell / MOSAIC_SIDE)), z));
    }
    background.start();
  }

  return {
    /** The pictures of a snapshot, or null while they are being decoded.
     *  @param {{ digest: string, opened: import("./types").Snapshot | null }} frame @param {import("./types").Decoder} decoder
     *  @param {import("./types").DecodedGrid | null} grid of the newest, which the map holds */
    of({ digest, opened }, decoder, grid) {
      if (opened?.mosaic) return { canvas: opened.mosaic, extent: opened.extent ?? view.extent };
      const plane = state.plane, base = Array.from(state.pinned);
      const origin = JSON.stringify([Array.from(plane.lift(state.pinned, 0, 0, new Float32Array(base.length))), state.units, view.extent]);
      if (origin !== of) { // other axes, or another point that the plane goes through
        made = new Map();
        work = null;
        of = origin;
      }
      if (grid && !made.has(digest)) made.set(digest, { canvas: mosaicOf(grid.bytes, grid.side, decoder.imageShape), extent: grid.extent });
      const known = made.get(digest);
      if (!known && !work && decoder) begin(digest, decoder);
      return known ?? null;
    },
    end: () => background?.end(),
  };
}
