// Decoding that nobody waits for (the tiles, the atlas), in a worker: the pointer's decodes stay quick meanwhile.

import { makeDecoder } from "./decoder.js";

/** open(description, buffer) takes up a decoder; ask(tag, z) queues a decode, whose result comes as onImage(tag, image);
 *  clear() forgets what is not begun yet. One worker serves all decoders: starting one costs more than a map of tiles.
 *  @param {(tag: any, image: Float32Array) => void} onImage @returns {import("./types").Background} */
export function makeBackground(onImage) {
  const AIM = 50; // milliseconds of work in a batch: each one that comes back is drawn, which costs a frame
  const HEAD_START = 300; // milliseconds that the rest of a page which just opens may have the cores
  let queue = [], busy = 0, ended = false, begun = false, worker = null, decode = null, url = null, serial = 0, cost = 0, size = 4;
  /** @type {[import("./types").DecoderDescription, ArrayBuffer]} */
  let opened = null;
  let told = false; // told: the worker has it, since there was something to decode with it

  function done(batch, images) {
    busy--;
    if (batch.round === serial) batch.jobs.forEach(({ tag }, i) => onImage(tag, images[i]));
    next();
  }

  function here(batch) { // no workers in this place: small slices between frames
    setTimeout(() => {
      if (ended) return;
      if (batch.round !== serial) return done(batch, []);
      decode ??= makeDecoder(...opened);
      const start = performance.now(), images = batch.jobs.map(({ z }) => decode(z).slice());
      cost = performance.now() - start;
      done(batch, images);
    }, 4 + 2 * cost);
  }

  const flying = [];
  function next() {
    while (!ended && queue.length && busy < (worker ? 2 : 1)) { // one more than is being worked on
      const batch = { jobs: queue.splice(0, worker ? size : 1), round: serial };
      busy++;
      if (!worker) return here(batch);
      if (!told) worker.postMessage({ description: opened[0], buffer: opened[1] });
      told = true;
      flying.push(batch);
      worker.postMessage(batch.jobs.map(({ z }) => z));
    }
  }

  function fallBack() {
    worker?.terminate();
    worker = null;
    flying.splice(0).forEach(here);
  }

  try {
    const source = `let opened = null, decode = null;
    onmessage = ({ data }) => {
      if (data.description) return void ([opened, decode] = [[data.description, data.buffer], null]);
      decode ??= (${makeDecoder})(...opened);
      const start = performance.now(), images = data.map((z) => decode(z).slice());
      postMessage({ images, spent: performance.now() - start }, images.map((image) => image.buffer));
    };`;
    url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    worker = new Worker(url);
    worker.onmessage = ({ data }) => {
      size = Math.min(Math.max(Math.round((AIM * data.images.length) / Math.max(data.spent, 1)), 1), 64);
      done(flying.shift(), data.images);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      fallBack();
    };
  } catch {
    worker = null;
  }

  return {
    open(description, buffer) {
      this.clear();
      [opened, decode, told] = [[description, buffer], null, false];
    },
    ask(tag, z) {
      queue.push({ tag, z: Float32Array.from(z) });
    },
    start() {
      setTimeout(next, begun ? 0 : HEAD_START);
      begun = true;
    },
    clear() {
      queue = [];
      serial++;
    },
    waiting: () => queue.length + busy,
    end() {
      ended = true;
      worker?.terminate();
      if (url) URL.revokeObjectURL(url);
    },
  };
}

/** For decoders too heavy to follow a pointer: side x side decoded pictures over the plane, blended in between.
 *  @param {number} extent @param {number} pixels values of a picture @returns {import("./types").Atlas} */
export function makeAtlas(extent, pixels, side = 41) {
  const images = new Array(side * side), blended = new Float32Array(pixels), step = (2 * extent) / (side - 1);
  /** @type {(index: number) => import("./types").Point} */
  const place = (i) => [-extent + (i % side) * step, -extent + Math.floor(i / side) * step];
  const far = (i) => Math.hypot(...place(i)); // the middle is where the pointer goes first
  return {
    missing: () => [...images.keys()].filter((i) => !images[i]).sort((i, j) => far(i) - far(j)),
    place,
    put(i, image) {
      images[i] = image;
    },
    /** Bilinear blend at (a, b); null outside, or while its four neighbours are not decoded yet. */
    blend([a, b]) {
      const x = (a + extent) / step, y = (b + extent) / step, i = Math.floor(x), j = Math.floor(y);
      const corners = [images[j * side + i], images[j * side + i + 1], images[(j + 1) * side + i], images[(j + 1) * side + i + 1]];
      if (i < 0 || j < 0 || i + 1 >= side || j + 1 >= side || corners.some((corner) => !corner)) return null;
      const u = x - i, v = y - j, shares = [(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v];
      for (let p = 0; p < pixels; p++) {
        let sum = 0;
        for (let c = 0; c < 4; c++) sum += shares[c] * corners[c][p];
        blended[p] = sum;
      }
      return blended;
    },
  };
}
