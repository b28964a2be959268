// What the strip above the map shows: the way through the model of what lies under the pointer, else of what is chosen.

import { placeOf } from "./state.js";
import { buildStrip } from "./strip.js";

/** @param {HTMLElement} place @param {(part: string) => void} onPart @param {() => void} redraw */
export function makeWay(place, onPart, redraw) {
  /** @type {ReturnType<typeof buildStrip> | null} */
  let strip = null;
  /** @type {HTMLImageElement | null} */
  let chosen = null;
  let dressed = "";
  const colours = { ink: "#000", accent: "#000" };

  return {
    /** What Python tells; nothing where the page wants no strip. @param {import("./types").Settings["strip"]} told
     *  @param {import("./types").Decoder | null} decoder */
    hear(told, decoder) {
      place.hidden = !told;
      if (!told || !decoder) return;
      const [input, encoder, picture, links] = told, look = JSON.stringify([input, encoder, decoder.layers]);
      strip ??= buildStrip(place, onPart);
      if (look !== dressed) strip.dress({ input, encoder }, decoder);
      dressed = look;
      strip.lead(links);
      const { color } = getComputedStyle(place);
      Object.assign(colours, { ink: color, accent: getComputedStyle(place).getPropertyValue("--st-primary-color") || color });
      if (!picture) chosen = null;
      else if (chosen?.getAttribute("src") !== picture) {
        chosen = new Image();
        chosen.onload = redraw;
        chosen.src = picture;
      }
    },
    /** One frame. @param {import("./types").MapState} state @param {Float32Array} image decoded now @param {string} words z
     *  @param {HTMLCanvasElement} thumbnail of the code under the pointer, if there is one */
    show(state, image, words, thumbnail) {
      if (!strip || !image) return;
      const { near, codes, plane, decoder } = state, moving = state.hover ?? state.ghost;
      const shown = moving ? null : state.selected;
      let logVar = shown?.zLogVar ?? null;
      if (near >= 0) logVar = codes.zLogVar?.subarray(codes.order[near] * codes.d, (codes.order[near] + 1) * codes.d) ?? null;
      const spread = logVar && plane.covariance(logVar);
      const loaded = shown && chosen?.complete && chosen.naturalWidth ? chosen : null;
      strip.show({
        words, values: placeOf(state), sigmas: spread && [Math.sqrt(spread[0]), Math.sqrt(spread[2])],
        source: near >= 0 ? thumbnail : loaded, picture: { image, shape: decoder.imageShape }, moving: Boolean(moving), ...colours,
      });
    },
  };
}
