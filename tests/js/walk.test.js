// Walks of points, as the latent player moves along them.

import assert from "node:assert/strict";
import test from "node:test";

import { nextFrame, placeOf, pointAt, reading } from "../../pages/ui/components/latent_player/walk.js";

const walk = [0, 0, 2, 4, 6, -4];

test("a whole place is exactly a frame, and between two lies the line", () => {
  assert.deepEqual([...pointAt(walk, 2, 1)], [2, 4]);
  assert.deepEqual([...pointAt(walk, 2, 0.5)], [1, 2]);
  assert.deepEqual([...pointAt(walk, 2, 2)], [6, -4]);
  assert.deepEqual([...pointAt(walk, 2, 9)], [6, -4]);
  assert.deepEqual([...pointAt(walk, 2, -1)], [0, 0]);
});

test("what the slider reads leads back to its place", () => {
  for (const place of [0, 3.5, 20]) assert.equal(placeOf(reading(place, 21, [0, 2]), 21, [0, 2]), place);
  assert.equal(reading(10, 21, [0, 2]), 1);
  assert.equal(reading(0, 1, [0, 2]), 0);
});

test("a walk is played there and back, each end once", () => {
  let frame = 0, step = 1;
  const seen = [];
  for (let i = 0; i < 6; i++) {
    [frame, step] = nextFrame(frame, step, 3);
    seen.push(frame);
  }
  assert.deepEqual(seen, [1, 2, 1, 0, 1, 2]);
  assert.deepEqual(nextFrame(0, 1, 1), [0, 1]);
});
