// The snapshots of a training as `frames.py` packs them: decoders in 8 bits, codes in 16, decoded pictures in 8.

import { paint } from "./drawing.js";
import { openCodes, openDecoder } from "./parts.js";

/** 16-bit floats (IEEE 754 half) as float32. @param {Uint16Array} halves @returns {Float32Array} */
export function fromHalves(halves) {
  return Float32Array.from(halves, (bits) => {
    const exponent = (bits >> 10) & 31, fraction = bits & 1023, sign = bits & 32768 ? -1 : 1;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}

/** The weights as float32 in the order of the description's offsets. Kernels are int8 with a scale for each last axis.
 *  @param {any} header @param {Float32Array} floats @param {Int8Array} bytes @returns {ArrayBuffer} */
export function dequantized({ description, packed, size }, floats, bytes) {
  const values = new Float32Array(size);
  for (const [name, { offset, shape }] of Object.entries(description.weights)) {
    const count = shape.reduce((/** @type {number} */ product, /** @type {number} */ side) => product * side, 1);
    const { at, scale } = packed[name];
    if (scale === null) values.set(floats.subarray(at, at + count), offset);
    else {
      const channels = shape[shape.length - 1];
      for (let i = 0; i < count; i++) values[offset + i] = bytes[at + i] * floats[scale + (i % channels)];
    }
  }
  return values.buffer;
}

/** One canvas of side × side pictures from the lower left, row by row, in 8 bits.
 *  @param {Uint8Array} bytes @param {number} side @param {number[]} shape height, width, channels @returns {HTMLCanvasElement} */
export function mosaicOf(bytes, side, shape) {
  const [height, width, channels] = shape, pixels = height * width * channels, rows = Math.ceil(bytes.length / pixels / side);
  const values = new Float32Array(rows * height * side * width * channels), line = side * width * channels;
  for (let picture = 0; picture * pixels < bytes.length; picture++) {
    const row = rows - 1 - Math.floor(picture / side), column = picture % side;
    for (let y = 0; y < height; y++) {
      const from = picture * pixels + y * width * channels, to = (row * height + y) * line + column * width * channels;
      for (let x = 0; x < width * channels; x++) values[to + x] = bytes[from + x] / 255;
    }
  }
  const canvas = document.createElement("canvas");
  paint(canvas, values, [rows * height, side * width, channels]);
  return canvas;
}

/** A snapshot, ready to be shown. codes: those of the newest one, for names and colours. The newest itself comes without decoder
 *  and codes, which the map holds already.
 *  @param {import("./types").CarriedPart} part @param {import("./types").Codes | null} codes @returns {import("./types").Snapshot} */
export function openFrame({ header, buffer }, codes) {
  const { step, latent_dim: d, n, shape, grid, pictures, places } = header;
  const at = (/** @type {string} */ name) => new Uint8Array(buffer, places[name][0], places[name][1]);
  /** @type {import("./types").Snapshot} */
  const frame = {
    step, words: pictures.words, rows: pictures.rows,
    sheet: mosaicOf(at("pictures"), pictures.columns, shape),
    mosaic: grid ? mosaicOf(at("grid"), grid.side, shape) : null,
    extent: grid?.extent ?? null, decoder: null, codes: null,
  };
  if (!places.kernels) return frame;
  const floats = new Float32Array(buffer, places.floats[0], places.floats[1] / 4);
  const bytes = new Int8Array(buffer, places.kernels[0], places.kernels[1]);
  const halves = fromHalves(new Uint16Array(buffer, places.codes[0], places.codes[1] / 2)); // z_mean, then z_log_var
  /** @type {import("./types").Decoder | null} */
  let decoder = null;
  const opened = () => {
    decoder ??= openDecoder({ header, buffer: dequantized(header, floats, bytes) });
    return decoder;
  };
  frame.decoder = {
    latentDim: d, imageShape: shape, pixels: shape[0] * shape[1] * shape[2], heavy: header.multiply_adds > header.light,
    cost: header.multiply_adds, layers: [...header.description.decoder.layers, ...header.description.decoder.heads], decode: (z) => opened().decode(z), decodeIn: (background) => opened().decodeIn(background),
  };
  const raw = new Uint8Array(8 * n * d + n);
  raw.set(new Uint8Array(halves.buffer));
  raw.set(at("labels"), 8 * n * d);
  const known = { classes: codes?.classes ?? [], colours: codes?.colours ?? [], what: codes?.what ?? "test images" };
  frame.codes = openCodes({ header: { n, latent_dim: d, has_log_var: true, kl: header.kl, ...known }, buffer: raw.buffer });
  return frame;
}
