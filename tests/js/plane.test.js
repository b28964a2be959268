// The geometry of the map: latent space -> plane -> screen and back.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ellipse, makePlane, makeView, normalQuantile, normalShare, visibleTiles } from "../../pages/ui/components/live_map/plane.js";

const near = (actual, expected, tolerance = 1e-6) =>
  actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) <= tolerance, `${actual} is not ${expected}`));

function view(size = 400, extent = 3) {
  const made = makeView(extent);
  made.size = size;
  return made;
}

test("a z lifted to a place of the plane is projected back to it, and the other units stay", () => {
  const plane = makePlane(4, [2, 0], null), base = Float32Array.of(0.5, -1, 2, 3);
  const z = plane.lift(base, 1.25, -0.75, new Float32Array(4));
  near(plane.project(z), [1.25, -0.75]);
  near(z, [-0.75, -1, 1.25, 3]);
});

test("principal components are directions like any others", () => {
  const s = Math.SQRT1_2, plane = makePlane(3, "pca", [[s, s, 0], [0, 0, 1]]);
  near(plane.project([1, 1, 5]), [Math.SQRT2, 5]);
  near(plane.lift([1, -1, 0], 0, 2, new Float32Array(3)), [1, -1, 2]);
});

test("the covariance on the plane of two units is that of the units", () => {
  const plane = makePlane(3, [0, 2], null);
  near(plane.covariance([Math.log(4), 7, Math.log(0.25)]), [4, 0, 0.25]);
});

test("an ellipse lies at its Mahalanobis distance", () => {
  const [xx, xy, yy] = [2, 0.6, 0.5], det = xx * yy - xy * xy;
  for (const [a, b] of ellipse([1, -1], [xx, xy, yy], 2)) {
    const [x, y] = [a - 1, b + 1];
    assert.ok(Math.abs(Math.sqrt((yy * x * x - 2 * xy * x * y + xx * y * y) / det) - 2) < 1e-9);
  }
});

test("the normal distribution function and its inverse agree with the tables", () => {
  near([0, 1, 2, -1.959964].map(normalShare), [0.5, 0.8413447, 0.9772499, 0.025], 1e-6);
  for (const share of [0.001, 0.1, 0.5, 0.9, 0.999]) assert.ok(Math.abs(normalShare(normalQuantile(share)) - share) < 1e-6);
  assert.deepEqual([normalQuantile(0), normalQuantile(1)], [-4.75, 4.75]);
});

test("screen and plane are inverse to each other, in both scales, after zoom and pan", () => {
  for (const quantile of [false, true]) {
    const v = view();
    v.quantile = quantile;
    v.reset();
    v.zoomAt([100, 300], 2);
    v.pan(13, -7);
    for (const at of [[10, 20], [200, 200], [390, 5]]) near(v.toScreen(v.fromScreen(at)), at, 1e-3);
  }
});

test("zooming keeps what lies under the pointer, and has ends", () => {
  const v = view(), at = [120, 90], before = v.fromScreen(at);
  v.zoomAt(at, 3);
  near(v.fromScreen(at), before);
  for (let i = 0; i < 50; i++) v.zoomAt(at, 3);
  assert.ok(Math.abs(v.zoom() - 64) < 1e-9);
  for (let i = 0; i < 50; i++) v.zoomAt(at, 1 / 3);
  assert.ok(Math.abs(v.zoom() - 0.5) < 1e-9);
  v.reset();
  assert.deepEqual([v.centre, v.half], [[0, 0], 3]);
});

test("tiles cover the view without gap, the middle first, and are twice as fine at twice the zoom", () => {
  const v = view(), cells = visibleTiles(v, 8);
  assert.equal(cells.length, 64);
  assert.equal(new Set(cells.map(({ key }) => key)).size, 64);
  assert.ok(cells.every(({ step }) => step === 6 / 8));
  const far = (cell) => Math.hypot(...cell.place);
  assert.ok(far(cells[0]) < 0.6 && far(cells[63]) > 3.5);
  v.zoomAt([200, 200], 2);
  assert.ok(visibleTiles(v, 8).every(({ step, key }) => step === 6 / 16 && key.startsWith("1,")));
});
