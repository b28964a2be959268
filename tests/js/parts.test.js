// The large parts as they arrive: decoder, codes, decoded grid; the atlas, the ticks and the meter.

import assert from "node:assert/strict";
import { test } from "node:test";

import { makeAtlas } from "../../pages/ui/components/live_map/background.js";
import { makeDecoder } from "../../pages/ui/components/live_map/decoder.js";
import { makeMeter, nearestCode, ticks } from "../../pages/ui/components/live_map/drawing.js";
import { otherAxes } from "../../pages/ui/components/live_map/interaction.js";
import { openCodes, openGrid } from "../../pages/ui/components/live_map/parts.js";
import { makePlane, makeView } from "../../pages/ui/components/live_map/plane.js";

const layer = (kind, name, output_shape, more = {}) => ({ kind, name, size: 0, kernel: 1, strides: 1, activation: "linear", output_shape, ...more });
const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** A decoder of these layers whose weights are given by name: [[key, shape, values], ...]. */
function decoder(latentDim, layers, arrays) {
  const weights = {}, values = [];
  for (const [key, shape, numbers] of arrays) {
    weights[`decoder/${key}`] = { shape, offset: values.length };
    values.push(...numbers);
  }
  const description = { decoder: { input_shape: [latentDim], layers: layers.slice(0, -1), heads: layers.slice(-1) }, weights };
  return makeDecoder(description, Float32Array.from(values).buffer);
}

test("a dense decoder is a matrix, a bias and a sigmoid", () => {
  const decode = decoder(2, [layer("dense", "out", [3])], [["out/kernel", [2, 3], [1, 2, 3, 4, 5, 6]], ["out/bias", [3], [0.5, 0, -1]]]);
  const expected = [1 * 1 - 4 + 0.5, 2 - 5, 3 - 6 - 1].map(sigmoid);
  Array.from(decode(Float32Array.of(1, -1))).forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-6));
  assert.throws(() => decode(Float32Array.of(1)), /z must have 2 values, got 1/);
});

test("a transposed convolution of stride 2 spreads each pixel over its kernel", () => {
  const layers = [layer("reshape", "r", [1, 1, 1]), layer("conv2d_transpose", "up", [2, 2, 1], { kernel: 2, strides: 2 })];
  const decode = decoder(1, layers, [["up/kernel", [2, 2, 1, 1], [1, 2, 3, 4]], ["up/bias", [1], [0.25]]]);
  Array.from(decode(Float32Array.of(0.5))).forEach((value, i) => assert.ok(Math.abs(value - sigmoid(0.25 + (i + 1) / 2)) < 1e-6));
});

test("Fourier features are sine and cosine of z by octaves of a half", () => {
  const layers = [layer("fourier", "f", [5], { size: 2 }), layer("dense", "out", [5])];
  const identity = Array.from({ length: 25 }, (_, i) => Number(i % 6 === 0));
  const decode = decoder(1, layers, [["out/kernel", [5, 5], identity], ["out/bias", [5], [0, 0, 0, 0, 0]]]);
  const z = 0.7, expected = [z, Math.sin(z / 2), Math.cos(z / 2), Math.sin(z), Math.cos(z)].map(sigmoid);
  Array.from(decode(Float32Array.of(z))).forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-6));
});

test("weights that are missing or cut short, and layers it does not know, are refused", () => {
  assert.throws(() => decoder(1, [layer("dense", "out", [2])], []), /out \(kernel\) are missing/);
  assert.throws(() => decoder(1, [layer("dense", "out", [2])], [["out/kernel", [1, 9], [1]]]), /cut short/);
  assert.throws(() => decoder(1, [layer("attention", "out", [2])], []), /attention is not known/);
});

function codes(n = 50) {
  const rows = Float32Array.from({ length: 2 * n }, (_, i) => Math.sin(i));
  const bytes = new Uint8Array(8 * n + n);
  bytes.set(new Uint8Array(rows.buffer));
  bytes.set(Uint8Array.from({ length: n }, (_, i) => i % 3), 8 * n);
  const header = { n, latent_dim: 2, has_log_var: false, classes: ["a", "b", "c"], colours: ["red", "green", "blue"], what: "test images" };
  const opened = openCodes({ header, buffer: bytes.buffer });
  opened.project(makePlane(2, [0, 1], null));
  return opened;
}

test("codes lie in a random order that is the same each time, labels and places with them", () => {
  const opened = codes(), again = codes();
  assert.deepEqual([...opened.order].sort((a, b) => a - b), [...Array(50).keys()]);
  assert.deepEqual(opened.order, again.order);
  assert.notDeepEqual([...opened.order], [...Array(50).keys()]);
  opened.order.forEach((i, row) => {
    assert.equal(opened.labels[row], i % 3);
    assert.equal(opened.places[2 * row], opened.zMean[2 * i]);
  });
});

test("the nearest code that is drawn is found within reach, and none of a hidden class", () => {
  const opened = codes(), view = makeView(3);
  view.size = 400;
  const at = view.toScreen([opened.places[0], opened.places[1]]);
  assert.equal(nearestCode(view, opened, 50, new Set(), at, 3), 0);
  assert.notEqual(nearestCode(view, opened, 50, new Set([opened.labels[0]]), at, 3), 0);
  assert.equal(nearestCode(view, opened, 50, new Set(), [1, 1], 3), -1);
});

test("a grid from the server serves the cells of its own view only", () => {
  const grid = openGrid({ header: { side: 2, extent: 3 }, buffer: Uint8Array.of(0, 51, 102, 255).buffer });
  const view = makeView(3), cell = { key: "0,1,1", place: [1.5, 1.5] };
  assert.ok(grid.fits(view, 2) && !grid.fits(view, 3));
  assert.deepEqual([...grid.picture(cell, Float32Array.of(1.5, 1.5))], [1]);
  assert.equal(grid.picture(cell, Float32Array.of(1.5, 1.4)), null);
  assert.equal(grid.picture({ key: "1,0,0", place: [0, 0] }, Float32Array.of(0, 0)), null);
});

test("the atlas blends its four neighbours, and only where all are there", () => {
  const atlas = makeAtlas(1, 1, 3);
  for (const i of atlas.missing()) atlas.put(i, Float32Array.of(atlas.place(i)[0] + 10 * atlas.place(i)[1]));
  assert.equal(atlas.missing().length, 0);
  assert.ok(Math.abs(atlas.blend([0.25, -0.5])[0] - (0.25 - 5)) < 1e-5); // exact for what is linear
  assert.equal(atlas.blend([1.5, 0]), null);
  assert.equal(makeAtlas(1, 1, 3).blend([0, 0]), null);
});

test("ticks are round, and inside", () => {
  assert.deepEqual(ticks(-3, 3, false), [-3, -2, -1, 0, 1, 2, 3]);
  assert.deepEqual(ticks(0.02, 0.11, false).map((value) => value.toFixed(2)), ["0.02", "0.04", "0.06", "0.08", "0.10"]);
  assert.deepEqual(ticks(-1.5, 9, true), [-1, 0, 1, 2]);
});

test("a meter counts frames a second and forgets a pause", () => {
  const meter = makeMeter();
  let rate = 0;
  for (let i = 0; i < 30; i++) rate = meter(i * 20);
  assert.ok(Math.abs(rate - 50) < 1e-9);
  assert.equal(meter(5000), 0);
});

test("an axis chosen twice changes places with the other", () => {
  assert.deepEqual(otherAxes([0, 1], 0, 3), [3, 1]);
  assert.deepEqual(otherAxes([0, 1], 0, 1), [1, 0]);
  assert.deepEqual(otherAxes("pca", 0, 0), [0, 1]);
  assert.deepEqual(otherAxes("pca", 1, 0), [1, 0]);
});
