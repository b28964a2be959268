// The snapshots of a timeline as they arrive: 16-bit floats, kernels in 8 bits with their scales.

import assert from "node:assert/strict";
import { test } from "node:test";

import { dequantized, fromHalves } from "../../pages/ui/components/live_map/frames.js";

test("halves are read as IEEE 754 says", () => {
  const halves = Uint16Array.of(0x0000, 0x3c00, 0xc000, 0x3555, 0x7bff, 0x0001, 0x8400, 0x7c00);
  const expected = [0, 1, -2, 0.333251953125, 65504, 2 ** -24, -(2 ** -14), Number.POSITIVE_INFINITY];
  assert.deepEqual(Array.from(fromHalves(halves)), expected);
  assert.ok(Number.isNaN(fromHalves(Uint16Array.of(0x7e00))[0]));
});

test("a kernel has a scale for each place of its last axis, a bias is as it was", () => {
  const header = {
    description: { weights: { kernel: { offset: 1, shape: [2, 2] }, bias: { offset: 0, shape: [1] } } },
    packed: { kernel: { at: 1, scale: 1 }, bias: { at: 0, scale: null } },
    size: 5,
  };
  const values = dequantized(header, Float32Array.of(7, 0.5, 2), Int8Array.of(99, 127, -127, 64, 3));
  assert.deepEqual(Array.from(new Float32Array(values)), [7, 63.5, -254, 32, 6]);
});
