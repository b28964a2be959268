// What is drawn, on three canvases that lie on each other: tiles, marks (codes, circles, numbers), and what moves.

import { drawEdgeArrow, edgeArrow, posteriorNote } from "./edge.js";
import { drawGhost } from "./ghost.js";
import { ellipse } from "./plane.js";

/** @typedef {import("./types").Point} Point */

/** A float picture (h, w, c) in [0, 1] onto a canvas of its own size.
 *  @param {HTMLCanvasElement} canvas @param {Float32Array} image @param {number[]} shape height, width, channels */
export function paint(canvas, image, [height, width, channels]) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  canvas.pixels ??= context.createImageData(width, height);
  if (canvas.pixels.width !== width || canvas.pixels.height !== height) {
    canvas.pixels = context.createImageData(width, height);
  }
  const target = canvas.pixels.data;
  for (let p = 0, at = 0; p < height * width; p++, at += 4) {
    for (let c = 0; c < 3; c++) target[at + c] = 255 * image[p * channels + (channels === 3 ? c : 0)] + 0.5;
    target[at + 3] = 255;
  }
  context.putImageData(canvas.pixels, 0, 0);
}

export const ACCENT = "#c9adff"; // the map's ground is black in both themes

/** An empty canvas, ready to be drawn on in CSS pixels.
 *  @param {HTMLCanvasElement} canvas @param {import("./types").View} view @param {number} ratio device pixels to a CSS pixel */
export function clear(canvas, view, ratio) {
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, view.size, view.size);
  return context;
}

/** Frames per second over the last 120 frames; a pause is no slow frame. @returns {(now: number) => number} */
export function makeMeter() {
  /** @type {number[]} */
  let times = [];
  return (now) => {
    if (times.length && now - times[times.length - 1] > 250) times = [];
    times.push(now);
    if (times.length > 120) times.shift();
    return times.length > 2 ? (1000 * (times.length - 1)) / (now - times[0]) : 0;
  };
}

/** @param {CanvasRenderingContext2D} context @param {import("./types").View} view @param {Point[]} points */
function line(context, view, points) {
  context.beginPath();
  points.forEach((point, i) => context[i ? "lineTo" : "moveTo"](...view.toScreen(point)));
  context.stroke();
}

/** A light line on a dark one: seen on any picture and on black. */
function outlined(context, width, colour, stroke) {
  for (const [extra, style] of [[2, "rgba(0, 0, 0, 0.75)"], [0, colour]]) {
    context.lineWidth = width + extra;
    context.strokeStyle = style;
    stroke();
  }
}

/** One tile where it lies; edges are rounded alike for neighbours, so that no seam shows.
 *  @param {CanvasRenderingContext2D} context @param {import("./types").View} view @param {HTMLCanvasElement} tile
 *  @param {import("./types").Cell} cell */
export function drawTile(context, view, tile, cell) {
  const scale = view.size / (2 * view.half);
  const x = (u) => Math.round((u - view.centre[0] + view.half) * scale);
  const y = (u) => Math.round((view.centre[1] + view.half - u) * scale);
  const left = x(cell.left), top = y(cell.bottom + cell.step);
  const width = x(cell.left + cell.step) - left, height = y(cell.bottom) - top;
  context.imageSmoothingEnabled = width < tile.width; // enlarged pixels stay crisp, shrunk ones are averaged
  context.drawImage(tile, left, top, width, height);
}

/** A round mark for each class, drawn once and stamped thousands of times: as a bitmap, since of a canvas a copy is made for
 *  each stamp. @param {string[]} colours @param {number} radius @param {number} ratio @returns {import("./types").Stamp[]} */
export function makeStamps(colours, radius, ratio) {
  return colours.map((colour) => {
    const side = Math.ceil(2 * (radius + 1.5) * ratio), bitmaps = "OffscreenCanvas" in window;
    const stamp = bitmaps ? new OffscreenCanvas(side, side) : document.createElement("canvas");
    stamp.width = stamp.height = side;
    const context = /** @type {CanvasRenderingContext2D} */ (stamp.getContext("2d"));
    context.scale(ratio, ratio);
    context.beginPath();
    context.arc(side / 2 / ratio, side / 2 / ratio, radius, 0, 2 * Math.PI);
    context.fillStyle = colour;
    context.fill();
    context.lineWidth = 0.6;
    context.strokeStyle = "rgba(0, 0, 0, 0.8)";
    context.stroke();
    return stamp instanceof HTMLCanvasElement ? stamp : stamp.transferToImageBitmap();
  });
}

const FAINT = 0.12, LIGHT = 0.85; // how much is seen of a code beside a lifted class, and of any other

/** The first `count` codes (they lie in random order) of the shown classes that are on screen. Returns how many it drew.
 *  @param {CanvasRenderingContext2D} context @param {import("./types").View} view @param {import("./types").Codes} codes
 *  @param {number} count @param {{ hidden: Set<number>, lifted: number | null }} which @param {import("./types").Stamp[]} stamps
 *  @param {number} ratio */
export function drawCodes(context, view, codes, count, { hidden, lifted }, stamps, ratio) {
  let drawn = 0;
  for (const first of lifted === null ? [true] : [true, false]) { // a lifted class lies on top
    context.globalAlpha = lifted === null ? LIGHT : first ? FAINT : 1;
    for (let i = 0; i < count; i++) {
      const label = codes.labels[i];
      if (hidden.has(label) || (lifted !== null && (label !== lifted) !== first)) continue;
      const [x, y] = view.toScreen([codes.places[2 * i], codes.places[2 * i + 1]]);
      if (x < -4 || y < -4 || x > view.size + 4 || y > view.size + 4) continue;
      const stamp = stamps[label], side = (stamp.width / ratio) * (first ? 1 : 1.5);
      context.drawImage(stamp, x - side / 2, y - side / 2, side, side);
      drawn++;
    }
  }
  context.globalAlpha = 1;
  return drawn;
}

/** The nearest drawn code within `reach` pixels of (x, y): its position in the random order, or -1.
 *  @param {import("./types").View} view @param {import("./types").Codes} codes @param {number} count @param {Set<number>} hidden
 *  @param {Point} at @param {number} reach */
export function nearestCode(view, codes, count, hidden, [x, y], reach) {
  let found = -1, best = reach * reach;
  const [left, top] = view.fromScreen([x - reach, y - reach]), [right, bottom] = view.fromScreen([x + reach, y + reach]);
  for (let i = 0; i < count; i++) {
    const a = codes.places[2 * i], b = codes.places[2 * i + 1];
    if (a < left || a > right || b < bottom || b > top || hidden.has(codes.labels[i])) continue;
    const at = view.toScreen([a, b]), far = (at[0] - x) ** 2 + (at[1] - y) ** 2;
    if (far <= best) [found, best] = [i, far];
  }
  return found;
}

/** Circles of one, two and three sigma of the prior. @param {CanvasRenderingContext2D} context @param {import("./types").View} view */
export function drawPrior(context, view) {
  context.setLineDash([5, 4]);
  for (const sigmas of [1, 2, 3]) {
    const ring = ellipse([0, 0], [1, 0, 1], sigmas, 120);
    outlined(context, 1, "rgba(255, 255, 255, 0.85)", () => line(context, view, ring));
    label(context, `${sigmas}σ`, ...view.toScreen([0, sigmas]), "center", 12);
  }
  context.setLineDash([]);
}

function label(context, text, x, y, align, below = 0) {
  context.font = "13px system-ui, sans-serif";
  context.textAlign = align;
  context.lineWidth = 3;
  context.strokeStyle = "#000";
  context.strokeText(text, x, y + below);
  context.fillStyle = "#fff";
  context.fillText(text, x, y + below);
}

/** Round numbers between two ends, about six; in a quantile view the whole numbers that have room.
 *  @param {number} from @param {number} to @param {boolean} quantile @returns {number[]} */
export function ticks(from, to, quantile) {
  if (quantile) return [-2, -1, 0, 1, 2].filter((value) => value > from && value < to);
  const rough = (to - from) / 6, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((times) => times * power >= rough), first = Math.ceil(from / step);
  return Array.from({ length: Math.floor(to / step) - first + 1 }, (_, i) => (first + i) * step);
}

/** Numbers along the lower and the left edge.
 *  @param {CanvasRenderingContext2D} context @param {import("./types").View} view @param {string[]} names of the axes */
export function drawScale(context, view, names) {
  const [left, high] = view.fromScreen([0, 0]), [right, low] = view.fromScreen([view.size, view.size]);
  const text = (value) => String(Number(value.toFixed(4))).replace("-", "−");
  for (const value of ticks(left, right, view.quantile)) {
    const [x] = view.toScreen([value, 0]);
    if (x > 24 && x < view.size - 40) label(context, text(value), x, view.size - 5, "center");
  }
  for (const value of ticks(low, high, view.quantile)) {
    const [, y] = view.toScreen([0, value]);
    if (y > 24 && y < view.size - 24) label(context, text(value), 4, y + 4, "left");
  }
  label(context, `${names[0]} →`, view.size - 4, view.size - 5, "right");
  label(context, `↑ ${names[1]}`, 4, 13, "left");
}

function drawTrail(context, view, trail, colour) {
  context.lineWidth = 2;
  context.strokeStyle = colour;
  for (let i = 1; i < trail.length; i++) {
    if (!trail[i - 1] || !trail[i]) continue; // null: the pointer had left
    const [x, y] = view.toScreen(trail[i - 1]), [toX, toY] = view.toScreen(trail[i]);
    if (Math.hypot(toX - x, toY - y) > view.size / 4) continue; // a leap, no path
    context.globalAlpha = i / trail.length;
    line(context, view, [trail[i - 1], trail[i]]);
  }
  context.globalAlpha = 1;
}

function drawRing(context, [x, y], radius, colour) {
  outlined(context, 2, colour, () => {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.stroke();
  });
}

function drawPin(context, [x, y], colour) {
  drawRing(context, [x, y], 7, colour);
  outlined(context, 1.5, colour, () => {
    context.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + 7 * dx, y + 7 * dy);
      context.lineTo(x + 12 * dx, y + 12 * dy);
    }
    context.stroke();
  });
}

/** The posterior at true scale, outside the pin's mark; too small for that, its sigma in words beside the pin. */
function drawPosterior(context, view, plane, posterior) {
  const centre = plane.project(posterior.zMean), at = view.toScreen(centre);
  const spread = posterior.zLogVar && plane.covariance(posterior.zLogVar), note = posteriorNote(view, plane, posterior);
  if (note) label(context, note.words, ...note.at, note.align);
  else for (const sigmas of spread ? [1, 2] : []) outlined(context, 1.5, "#fff", () => line(context, view, ellipse(centre, spread, sigmas)));
  drawRing(context, at, 2, "#fff");
}

/** What changes from frame to frame: trail, posterior at true scale, pin, the code under the pointer, the pointer.
 *  @param {CanvasRenderingContext2D} context @param {import("./types").View} view @param {import("./types").Plane} plane
 *  @param {{ trail: (Point | null)[], posterior: import("./types").Posterior | null, pinned: Float32Array, hover: Point | null,
 *    ghost: Point | null, near: Point | null }} what */
export function drawMoving(context, view, plane, { trail, posterior, pinned, hover, ghost, near }) {
  drawTrail(context, view, trail, ACCENT);
  if (posterior) drawPosterior(context, view, plane, posterior);
  const pin = view.toScreen(plane.project(pinned)), arrow = edgeArrow(pin, view.size);
  if (arrow) drawEdgeArrow(context, arrow);
  else drawPin(context, pin, "#fff");
  if (near) drawRing(context, view.toScreen(near), 6, "#fff");
  if (hover) drawRing(context, view.toScreen(hover), 9, ACCENT);
  else if (ghost) drawGhost(context, view.toScreen(ghost), ACCENT);
}
