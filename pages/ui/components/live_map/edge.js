// What is said of a mark that cannot be seen as it is: a pin beyond the edge, a posterior smaller than the pin.

/** @typedef {import("./types").Point} Point */

const INSET = 16; // pixels from the edge to the arrow's middle
const FAINTEST = 14; // pixels of a radius below which an ellipse hides under the pin's mark

/** Where an arrow at the edge points to a place outside, and in which direction (radians, downwards from the right); null inside.
 *  @param {Point} at pixels @param {number} size of the map @returns {{ at: Point, angle: number } | null} */
export function edgeArrow([x, y], size) {
  if (x >= 0 && y >= 0 && x <= size && y <= size) return null;
  const within = (/** @type {number} */ v) => Math.min(Math.max(v, INSET), size - INSET);
  const middle = size / 2, far = Math.max(Math.abs(x - middle), Math.abs(y - middle)), share = (middle - INSET) / far;
  /** @type {Point} */
  const at = [within(middle + (x - middle) * share), within(middle + (y - middle) * share)];
  return { at, angle: Math.atan2(y - at[1], x - at[0]) };
}

/** Sigma in words where its ellipse cannot be seen, else null. @param {[number, number, number]} covariance xx, xy, yy on the plane
 *  @param {number} scale pixels to a step of 1 @param {number} sigmas of the largest ellipse that is drawn */
export function tooSmallToSee([xx, xy, yy], scale, sigmas = 2) {
  const spread = Math.sqrt((xx - yy) ** 2 + 4 * xy * xy), widest = Math.sqrt((xx + yy + spread) / 2);
  if (widest * sigmas * scale >= FAINTEST) return null;
  return `σ ${[xx, yy].map((variance) => shortNumber(Math.sqrt(variance))).join(", ")}`;
}

/** What stands beside the pin of a posterior too small to see, and the room it takes; null for one that can be seen.
 *  @param {import("./types").View} view @param {import("./types").Plane} plane @param {import("./types").Posterior} posterior
 *  @returns {{ words: string, at: Point, align: "left" | "right", box: import("./types").Box } | null} */
export function posteriorNote(view, plane, posterior) {
  if (!posterior.zLogVar || view.quantile) return null;
  const words = tooSmallToSee(plane.covariance(posterior.zLogVar), view.size / (2 * view.half));
  if (!words) return null;
  const [x, y] = view.toScreen(plane.project(posterior.zMean)), width = 8 * words.length, left = x + width + 16 > view.size;
  return {
    words, at: [x + (left ? -16 : 16), y - 10], align: left ? "right" : "left",
    box: { x: left ? x - 16 - width : x + 16, y: y - 24, width, height: 18 },
  };
}

/** Two digits that matter: 0.043, 0.21, 1.2. @param {number} value */
export function shortNumber(value) {
  return value >= 1 ? value.toFixed(1) : value >= 0.1 ? value.toFixed(2) : value >= 0.001 ? value.toFixed(3) : "< 0.001";
}

/** @param {CanvasRenderingContext2D} context @param {{ at: Point, angle: number }} arrow */
export function drawEdgeArrow(context, { at: [x, y], angle }) {
  context.save();
  context.translate(x, y);
  context.rotate(angle);
  context.beginPath();
  context.moveTo(11, 0);
  context.lineTo(-7, -9);
  context.lineTo(-3, 0);
  context.lineTo(-7, 9);
  context.closePath();
  context.lineWidth = 3;
  context.strokeStyle = "#000";
  context.stroke();
  context.fillStyle = "#fff";
  context.fill();
  context.restore();
}
