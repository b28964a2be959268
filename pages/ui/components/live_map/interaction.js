// What a pointer, a key or a control does to the map.

import { nearestCode } from "./drawing.js";
import { countOfCodes, liftTo, placeOf } from "./state.js";

/** @typedef {import("./types").Point} Point */

const NEAR = 7; // pixels to a code that counts as on it
const CALM = 200; // milliseconds of a pointer at rest that count as a look at what lies there
const TRAIL = 240; // places that the trail remembers
const HANDLE = 26; // pixels around the pin where a finger takes hold of it at once
const SLIDER_REST = 150; // milliseconds after a slider's last move until the grid follows

/** Row of the code under a place on the plane, or -1.
 *  @param {import("./types").MapState} state @param {import("./types").View} view @param {Point | null} place */
export function codeUnder(state, view, place) {
  const count = countOfCodes(state, view.zoom());
  return place && count ? nearestCode(view, state.codes, count, state.hidden, view.toScreen(place), NEAR) : -1;
}

/** The wishes of pointer and controls, carried out on the state.
 *
 *  map: `schedule(...)` draws parts of it anew; `move(z)` puts the pin there; `tell()` tells Python where it is; `moving(on)`
 *  says whether the pointer or a slider is on its way; `lookCloser()` is called once a pointer rests; `replane()` and
 *  `rebuild()` follow a change of axes.
 *  @param {import("./types").MapState} state @param {import("./types").View} view @param {import("./types").Tiles} tiles
 *  @param {{ schedule: (...what: string[]) => void, move: (z: Float32Array) => void, tell: () => void, moving: (on: boolean) => void,
 *    lookCloser: () => void, isCurious: () => boolean, replane: () => void, rebuild: () => void, slid: () => void,
 *    scrolled: () => void, takenOver: () => void }} map */
export function makeInteraction(state, view, tiles, map) {
  let calm = 0, sliderRest = 0;

  /** @param {Point} place */
  function goTo(place) {
    map.takenOver();
    clearTimeout(calm);
    if (!map.isCurious()) calm = setTimeout(map.lookCloser, CALM);
    state.hover = place;
    map.moving(true);
    state.trail.push(place);
    if (state.trail.length > TRAIL) state.trail.shift();
    map.schedule("picture");
  }

  function viewChanged() {
    tiles.refresh();
    map.schedule("tiles", "marks", "picture");
  }

  /** @type {import("./types").MapWishes} */
  const wishes = {
    hover: (at) => goTo(view.fromScreen(at)),
    leave() {
      if (state.hover && state.trail[state.trail.length - 1]) state.trail.push(null);
      state.hover = null;
      map.moving(false);
      map.schedule("picture");
    },
    pin(at) {
      map.takenOver();
      if (at) state.hover = view.fromScreen(at);
      if (!state.hover) return;
      state.chosen = codeUnder(state, view, state.hover);
      map.move(liftTo(state, ...state.hover));
      map.tell();
    },
    pan(dx, dy) {
      view.pan(dx, dy);
      viewChanged();
    },
    zoom(at, factor) {
      map.takenOver();
      view.zoomAt(at, factor);
      viewChanged();
    },
    reset() {
      view.reset();
      viewChanged();
    },
    canPan: () => view.zoom() > 1.001,
    onHandle(at) {
      const [x, y] = view.toScreen(state.plane.project(state.pinned));
      return Math.hypot(at[0] - x, at[1] - y) <= HANDLE;
    },
    scrolled: () => map.scrolled(),
    step(right, up) {
      const [x, y] = view.toScreen(placeOf(state)), far = view.size / 40;
      const within = (/** @type {number} */ v) => Math.min(Math.max(v, 0), view.size);
      goTo(view.fromScreen([within(x + right * far), within(y - up * far)]));
    },
  };

  /** @type {import("./types").ControlWishes} */
  const controls = {
    showClass(label, shown) {
      state.hidden[shown ? "delete" : "add"](label);
      map.schedule("marks");
    },
    lift(label) {
      state.lifted = label;
      map.schedule("marks");
    },
    showLayer(layer, shown) {
      state.layers[layer] = shown;
      if (layer === "garments") tiles.shown = shown;
      viewChanged();
    },
    grid(side, scale) {
      if (side) {
        tiles.side = state.side = side;
        state.sideChosen = true;
      }
      if (scale) {
        state.scale = scale;
        view.quantile = scale === "quantile";
        view.reset();
      }
      tiles.stale(true);
      map.schedule("tiles", "marks", "picture");
    },
    axis(which, value) {
      if (value === "pca") state.units = "pca";
      else state.units = otherAxes(state.units, which, Number(value));
      map.rebuild();
      map.replane();
    },
    slide(unit, value) {
      state.hover = null;
      state.chosen = -1;
      map.moving(true);
      state.pinned[unit] = value;
      map.slid();
      clearTimeout(sliderRest);
      sliderRest = setTimeout(() => tiles.stale(), SLIDER_REST);
      map.schedule("picture");
    },
    slid() {
      map.moving(false);
      map.schedule("picture");
      map.tell();
    },
  };

  return {
    wishes,
    controls,
    end: () => [calm, sliderRest].forEach(clearTimeout),
  };
}

/** The two axes after one of them was chosen anew: the same unit twice means that they change places.
 *  @param {import("./types").Units} before @param {0 | 1} which @param {number} unit @returns {number[]} */
export function otherAxes(before, which, unit) {
  const units = before === "pca" ? [0, 1] : [...before], other = units[1 - which];
  units[1 - which] = other === unit ? units[which] : other;
  units[which] = unit;
  if (units[0] === units[1]) units[1 - which] = unit === 0 ? 1 : 0;
  return units;
}
