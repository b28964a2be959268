// What is written and drawn on the map: names that never overlap, what cannot be seen as it is, the gliding cursor, the strip's bars.

import assert from "node:assert/strict";
import { test } from "node:test";

import { edgeArrow, shortNumber, tooSmallToSee } from "../../pages/ui/components/live_map/edge.js";
import { ghostPlace, tour } from "../../pages/ui/components/live_map/ghost.js";
import { classCentres, placeLabels } from "../../pages/ui/components/live_map/labels.js";
import { barSize, computing, shapeWords } from "../../pages/ui/components/live_map/layers.js";
import { classAround } from "../../pages/ui/components/live_map/neighbours.js";

const overlap = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

/** Numbers in [0, 1) that are the same each time. */
function random(seed) {
  return () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
}

test("a class's centre is its median, which a stray does not pull; empty classes have none, the largest comes first", () => {
  const places = [0, 0, 1, 1, 900, 2, /* class 2: */ -1, -1, -1, -1, -1, -2, -1, -3, -1, -4];
  const centres = classCentres(places, [0, 0, 0, 2, 2, 2, 2, 2], 3);
  assert.deepEqual(centres.map(({ label, count }) => [label, count]), [[2, 5], [0, 3]]);
  assert.deepEqual(centres[1].centre, [1, 1]);
  assert.deepEqual(centres[0].centre, [-1, -2]);
});

test("names never overlap, stay on the map and keep clear of what is taken, wherever the clouds lie", () => {
  const next = random(3), taken = [{ x: 340, y: 270, width: 60, height: 130 }];
  for (let round = 0; round < 200; round++) {
    const names = Array.from({ length: 14 }, () => ({ at: [400 * next(), 400 * next()], width: 20 + 90 * next() }));
    const boxes = placeLabels(names, 400, taken);
    const placed = boxes.filter(Boolean);
    assert.equal(boxes.length, 14);
    assert.ok(placed.length >= 8);
    placed.forEach((box, i) => {
      assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= 400 && box.y + box.height <= 400);
      for (const other of [...placed.slice(i + 1), ...taken]) assert.ok(!overlap(box, other));
    });
  }
});

test("a name alone lies on its centre; of many at one place the first keep it, and those without room are left out", () => {
  assert.deepEqual(placeLabels([{ at: [200, 100], width: 40 }], 400)[0], { x: 180, y: 92, width: 40, height: 16 });
  const boxes = placeLabels(Array.from({ length: 60 }, () => ({ at: [200, 200], width: 80 })), 400);
  assert.deepEqual(boxes[0], { x: 160, y: 192, width: 80, height: 16 });
  assert.ok(boxes.filter(Boolean).length < 60 && boxes[59] === null);
  assert.equal(placeLabels([{ at: [-5, 100], width: 40 }], 400)[0], null); // its cloud is not on screen
});

test("a pin inside has no arrow; one outside has one at the edge that points to it", () => {
  assert.equal(edgeArrow([0, 400], 400), null);
  const right = edgeArrow([900, 200], 400);
  assert.deepEqual(right.at.map(Math.round), [384, 200]);
  assert.ok(Math.abs(right.angle) < 1e-9);
  for (const at of [[-700, 90], [3000, -50], [200, 500], [401, 399]]) {
    const arrow = edgeArrow(at, 400);
    assert.ok(arrow.at.every((value) => value >= 16 && value <= 384));
    const far = Math.hypot(at[0] - arrow.at[0], at[1] - arrow.at[1]);
    assert.ok(Math.abs(arrow.at[0] + far * Math.cos(arrow.angle) - at[0]) < 1e-6);
  }
});

test("a posterior too small to see is said in words, a larger one is not", () => {
  assert.equal(tooSmallToSee([0.0016, 0, 0.0036], 80), "σ 0.040, 0.060");
  assert.equal(tooSmallToSee([0.04, 0, 0.01], 80), null); // two sigma are 32 pixels
  assert.equal(tooSmallToSee([0.005, 0.0049, 0.005], 80), null); // a narrow one, seen lengthwise
  assert.deepEqual([2, 0.25, 0.043, 0.0001].map(shortNumber), ["2.0", "0.25", "0.043", "< 0.001"]);
});

test("the ghost goes through all stops, from each to one near by, and back, without a leap", () => {
  const stops = [[0, 0], [5, 5], [1, 0], [5, 4], [0, 2]], route = tour(stops);
  assert.deepEqual(route, [[0, 0], [1, 0], [0, 2], [5, 4], [5, 5]]);
  let before = ghostPlace(route, 0), round = 0;
  assert.deepEqual(before, [0, 0]);
  for (let seconds = 0.02; seconds < 20; seconds += 0.02) {
    const now = ghostPlace(route, seconds);
    assert.ok(Math.hypot(now[0] - before[0], now[1] - before[1]) < 0.3);
    if (seconds > 6 && Math.hypot(...now) < 0.05) round++;
    before = now;
  }
  assert.ok(round > 0);
});

test("the bars are of the layers that compute, higher where the picture is larger", () => {
  const layer = (kind, ...output_shape) => ({ kind, name: kind, output_shape });
  const layers = computing([layer("conv2d", 28, 28, 8), layer("flatten", 6272), layer("dense", 512), layer("dropout", 512)]);
  assert.deepEqual(layers.map(({ shape }) => shapeWords(shape)), ["28×28×8", "512"]);
  const [large, small, wide] = [[28, 28, 8], [7, 7, 8], [7, 7, 64]].map((shape) => barSize(shape, 28));
  assert.ok(large.height > small.height && wide.width > small.width && wide.height === small.height);
  for (const shape of [[1], [2, 1, 1], [4096], [512, 256, 1024]]) {
    const { width, height } = barSize(shape, 512);
    assert.ok(width >= 4 && width <= 22 && height >= 6 && height <= 34);
  }
});

test("the class around a z is that of most of the nearest, in every unit; few codes say nothing", () => {
  const next = random(7), n = 400, d = 3, zMean = Float32Array.from({ length: n * d }, () => 4 * next() - 2);
  const byIndex = Uint8Array.from({ length: n }, () => Math.floor(3 * next()));
  const codes = { n, d, zMean, byIndex, classes: ["a", "b", "c"] };
  for (let round = 0; round < 20; round++) {
    const z = [0, 1, 2].map(() => 4 * next() - 2);
    const far = Array.from({ length: n }, (_, i) => z.reduce((sum, value, u) => sum + (zMean[i * d + u] - value) ** 2, 0));
    const nearest = [...far.keys()].sort((a, b) => far[a] - far[b]).slice(0, 15);
    const counts = [0, 1, 2].map((label) => nearest.filter((i) => byIndex[i] === label).length);
    assert.deepEqual(classAround(codes, z), { label: counts.indexOf(Math.max(...counts)), count: Math.max(...counts), of: 15 });
  }
  assert.equal(classAround({ ...codes, n: 15 }, [0, 0, 0]), null);
});
