// The geometry of the frame that cuts a picture by hand.

import assert from "node:assert/strict";
import { test } from "node:test";

import { gripped, moveBox } from "../../pages/ui/components/crop_frame/crop_frame.js";

const near = (actual, expected) => actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-9, `${actual}`));

test("a frame moves as a whole and stays in the picture", () => {
  near(moveBox([0.2, 0.2, 0.6, 0.7], null, 0.1, -0.1), [0.3, 0.1, 0.7, 0.6]);
  near(moveBox([0.2, 0.2, 0.6, 0.7], null, 5, -5), [0.6, 0, 1, 0.5]);
});

test("its sides move alone, and never past each other", () => {
  near(moveBox([0.2, 0.2, 0.6, 0.7], { left: true, top: true }, 0.1, 0.1), [0.3, 0.3, 0.6, 0.7]);
  near(moveBox([0.2, 0.2, 0.6, 0.7], { right: true, bottom: true }, -2, 2), [0.2, 0.2, 0.25, 1]);
});

test("what is gripped is the nearest edge, the inside, or nothing", () => {
  const box = [50, 50, 200, 150];
  assert.deepEqual(gripped(box, 52, 100, 14), { left: true, top: false, right: false, bottom: false });
  assert.deepEqual(gripped(box, 198, 148, 14), { left: false, top: false, right: true, bottom: true });
  assert.equal(gripped(box, 120, 100, 14), null);
  assert.equal(gripped(box, 10, 100, 14), undefined);
});
