// What the map shows and where, in one object, and what follows from it.

import { unitName } from "./panel.js";

/** @typedef {import("./types").MapState} MapState */
/** @typedef {import("./types").Point} Point */

const THINNED = 1500, NARROW = 420; // codes over the garments at zoom 1 (more hide them); pixels of a narrow map
const THINNED_NARROW = 400;
export const NARROW_SIDE = 10; // pictures along a side of a narrow map

/** @returns {MapState} */
export function makeState() {
  return {
    layers: { codes: true, names: true, garments: true, posterior: true, trail: true, prior: true },
    hidden: new Set(), lifted: null, narrow: false, side: 20, sideChosen: false, ghost: null, scale: "linear", units: [0, 1], latentDim: 2,
    decoder: null, codes: null, grid: null, thumbnails: null, plane: null,
    pinned: null, current: new Float32Array(0), hover: null, trail: [], near: -1, chosen: -1, selected: null, centres: [],
  };
}

/** Whether a map of so many pixels a side is drawn with fewer and larger things. @param {number} size */
export const isNarrow = (size) => size < NARROW;

/** Where the shown picture lies on the plane: under the pointer, else under the gliding cursor, else at the pin.
 *  @param {MapState} state @returns {Point} */
export function placeOf(state) {
  return state.hover ?? state.ghost ?? state.plane.project(state.pinned);
}

/** The z at (a, b) of the plane, the rest of it as pinned. @param {MapState} state @param {number} a @param {number} b */
export function liftTo(state, a, b) {
  return state.plane.lift(state.pinned, a, b, new Float32Array(state.latentDim));
}

/** @param {MapState} state @returns {string[]} */
export function axisNames({ units }) {
  return units === "pca" ? ["PC 1", "PC 2"] : units.map(unitName);
}

/** How many codes are drawn, more of them the closer one looks. @param {MapState} state @param {number} zoom */
export function countOfCodes({ codes, layers, narrow }, zoom) {
  if (!codes || !layers.codes) return 0;
  const most = narrow ? THINNED_NARROW : THINNED;
  return layers.garments ? Math.min(codes.n, Math.round(most * Math.max(zoom, 1) ** 2)) : codes.n;
}

/** z_mean of the code in a row of the random order. @param {MapState} state @param {number} row */
export function codeOf({ codes }, row) {
  const i = codes.order[row];
  return codes.zMean.subarray(i * codes.d, (i + 1) * codes.d);
}

/** The posterior to be drawn: of the code that was clicked, else of the picture that Python says is chosen.
 *  @param {MapState} state @returns {import("./types").Posterior | null} */
export function shownPosterior(state) {
  const { codes, chosen } = state;
  if (!state.layers.posterior) return null;
  if (chosen < 0) return state.selected;
  const i = codes.order[chosen];
  return { zMean: codeOf(state, chosen), zLogVar: codes.zLogVar?.subarray(i * codes.d, (i + 1) * codes.d) ?? null };
}
