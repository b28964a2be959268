// The large parts as the map uses them.

import { makeDecoder } from "./decoder.js";

const GLIDE = 450; // milliseconds that codes take to their new places
const BUDGET = 64 * 2 ** 20; // bytes of parts that are kept for the next map

/** What `carrier.js` has laid down under a digest, or null while it is on its way. What is used is kept longest.
 *  @param {string | null} digest @returns {import("./types").CarriedPart | null} */
export function carried(digest) {
  const part = digest && window.__liveMapParts?.get(digest);
  if (!part) return null;
  window.__liveMapParts.delete(digest);
  window.__liveMapParts.set(digest, part);
  return part;
}

/** Lets go of the parts longest unused. Only a map that has opened its own calls this: one may be larger than all we keep. */
export function letGo() {
  const parts = window.__liveMapParts;
  let total = 0;
  for (const { buffer } of parts.values()) total += buffer.byteLength;
  for (const [digest, { buffer }] of parts) {
    if (total <= BUDGET) break;
    parts.delete(digest);
    total -= buffer.byteLength;
  }
}

/** @param {import("./types").CarriedPart} part @returns {import("./types").Decoder} */
export function openDecoder({ header, buffer }) {
  const { description, multiply_adds: cost } = header, heads = description.decoder.heads;
  const imageShape = heads[heads.length - 1].output_shape;
  return {
    decode: makeDecoder(description, buffer), latentDim: description.decoder.input_shape[0], imageShape,
    layers: [...description.decoder.layers, ...description.decoder.heads],
    pixels: imageShape[0] * imageShape[1] * imageShape[2], heavy: cost > header.light, cost,
    decodeIn: (background) => background.open(description, buffer),
  };
}

/** The codes, with an order drawn at random so that the first so many are a fair sample.
 *  @param {import("./types").CarriedPart} part @returns {import("./types").Codes} */
export function openCodes({ header, buffer }) {
  const { n, latent_dim: d, has_log_var: wide } = header;
  const zMean = new Float32Array(buffer, 0, n * d);
  const zLogVar = wide ? new Float32Array(buffer, 4 * n * d, n * d) : null;
  const raw = new Uint8Array(buffer, (wide ? 8 : 4) * n * d, n);
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  let seed = 1;
  /** @type {{ from: Float32Array, to: Float32Array, start: number } | null} */
  let glide = null;
  for (let i = n - 1; i > 0; i--) { // Fisher and Yates, with a small congruential generator: the same order each time
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((seed / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return {
    n, d, zMean, zLogVar, order, labels: Uint8Array.from(order, (i) => raw[i]), byIndex: raw, places: new Float32Array(2 * n),
    classes: header.classes, colours: header.colours, kl: header.kl, components: header.components, what: header.what,
    project(plane) {
      glide = null;
      order.forEach((i, row) => this.places.set(plane.project(zMean, i * d), 2 * row));
    },
    /** From where the same codes lay before to where they lie now, within GLIDE milliseconds. Call after `project`. */
    glideFrom(before) {
      if (before?.n !== n || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
      glide = { from: before.places.slice(), to: this.places.slice(), start: 0 };
      this.places.set(glide.from);
    },
    /** One frame of it; true while they move. */
    moved(now) {
      if (!glide) return false;
      glide.start ||= now;
      const share = Math.min((now - glide.start) / GLIDE, 1), eased = share * share * (3 - 2 * share);
      for (let i = 0; i < 2 * n; i++) this.places[i] = glide.from[i] + eased * (glide.to[i] - glide.from[i]);
      if (share === 1) glide = null;
      return true;
    },
    /** 99 % of the codes lie within this of 0 on both axes; 3 at least and 6 at most, in halves. */
    extent() {
      const reach = Float32Array.from({ length: n }, (_, i) => Math.max(Math.abs(this.places[2 * i]), Math.abs(this.places[2 * i + 1])));
      const far = reach.sort()[Math.floor(0.99 * (n - 1))] ?? 3;
      return Math.min(Math.max(Math.ceil(far * 2) / 2, 3), 6);
    },
  };
}

/** Pictures that were decoded on the server, for the cells of one view: picture(cell, z) in [0, 1], or null for any other.
 *  @param {import("./types").CarriedPart} part @returns {import("./types").DecodedGrid} */
export function openGrid({ header, buffer }) {
  const { side, extent } = header, bytes = new Uint8Array(buffer), pixels = bytes.length / side ** 2;
  return {
    bytes, side, extent,
    fits: (view, count) => !view.quantile && count === side && view.extent === extent,
    picture({ key, place }, z) {
      const [level, i, j] = key.split(",").map(Number);
      const there = level === 0 && Math.min(i, j) >= 0 && Math.max(i, j) < side;
      if (!there || z.length !== 2 || z.some((value, unit) => value !== Math.fround(place[unit]))) return null;
      return Float32Array.from(bytes.subarray((j * side + i) * pixels, (j * side + i + 1) * pixels), (value) => value / 255);
    },
  };
}

/** Thumbnails come as one PNG mosaic; draw(canvas, index) once it is open.
 *  @param {import("./types").CarriedPart} part @param {() => void} onReady @returns {import("./types").Thumbnails} */
export function openThumbnails({ header, buffer }, onReady) {
  const { columns, tile: [height, width] } = header;
  /** @type {import("./types").Thumbnails} */
  const thumbnails = {
    height, width, bitmap: null,
    draw(canvas, index) {
      Object.assign(canvas, { width, height });
      const x = (index % columns) * width, y = Math.floor(index / columns) * height;
      canvas.getContext("2d").drawImage(thumbnails.bitmap, x, y, width, height, 0, 0, width, height);
    },
  };
  createImageBitmap(new Blob([buffer], { type: "image/png" })).then((bitmap) => {
    thumbnails.bitmap = bitmap;
    onReady();
  }, () => {});
  return thumbnails;
}
