// A cursor that glides over the map until the visitor takes over: it shows what moving does, without a word.

/** @typedef {import("./types").Point} Point */

const LEG = 1.7; // seconds from one stop to the next
const FRAME = 33; // milliseconds from one frame to the next: a glide needs no more
const WAIT = 700; // milliseconds after the map is there

/** A tour through the stops: from each to the nearest that is left. @param {Point[]} stops @returns {Point[]} */
export function tour(stops) {
  const left = [...stops], route = left.splice(0, 1);
  while (left.length) {
    const [x, y] = route[route.length - 1];
    const next = left.reduce((best, [a, b], i) => (Math.hypot(a - x, b - y) < Math.hypot(left[best][0] - x, left[best][1] - y) ? i : best), 0);
    route.push(...left.splice(next, 1));
  }
  return route;
}

/** Where the cursor is after so many seconds: a smooth closed curve through the stops (Catmull & Rom 1974).
 *  @param {Point[]} stops @param {number} seconds @returns {Point} */
export function ghostPlace(stops, seconds) {
  const n = stops.length, leg = Math.floor(seconds / LEG), share = seconds / LEG - leg, t = share * share * (3 - 2 * share);
  const [p, q, r, s] = [leg - 1, leg, leg + 1, leg + 2].map((i) => stops[((i % n) + n) % n]);
  const along = (/** @type {0 | 1} */ axis) =>
    0.5 * (2 * q[axis] + (r[axis] - p[axis]) * t + (2 * p[axis] - 5 * q[axis] + 4 * r[axis] - s[axis]) * t * t
      + (3 * q[axis] - p[axis] - 3 * r[axis] + s[axis]) * t * t * t);
  return [along(0), along(1)];
}

/** Calls move(place) some thirty times a second, move(null) at the end; only while the page is looked at.
 *  @param {(place: Point | null) => void} move @param {() => Point[]} stops asked for once it begins */
export function makeGhost(move, stops) {
  let timer = 0, start = 0, over = false;
  /** @type {Point[]} */
  let route = [];
  function step() {
    if (over) return;
    timer = setTimeout(step, FRAME);
    if (document.hidden) return;
    start ||= performance.now();
    move(ghostPlace(route, (performance.now() - start) / 1000));
  }
  return {
    get gliding() {
      return timer !== 0 && !over;
    },
    /** Once. Under reduced motion, or after the visitor has moved on any map, it stays away. */
    begin() {
      if (timer || over || window.__liveMapMoved || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
      timer = setTimeout(() => {
        route = tour(stops());
        if (route.length > 1) step();
      }, WAIT);
    },
    stop() {
      if (over) return;
      const gliding = timer !== 0;
      over = window.__liveMapMoved = true;
      clearTimeout(timer);
      if (gliding) move(null);
    },
    end() {
      over = true;
      clearTimeout(timer);
    },
  };
}

/** An arrow like a mouse's, with a halo. @param {CanvasRenderingContext2D} context @param {Point} at pixels @param {string} colour */
export function drawGhost(context, [x, y], colour) {
  context.save();
  context.translate(x, y);
  context.beginPath();
  context.arc(0, 0, 13, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.globalAlpha = 0.35;
  context.fill();
  context.globalAlpha = 1;
  context.beginPath();
  for (const [right, down] of [[0, 0], [0, 20], [4.6, 15.8], [7.6, 22.6], [10.8, 21.2], [7.8, 14.6], [14, 14]]) context.lineTo(right, down);
  context.closePath();
  context.lineWidth = 2.5;
  context.strokeStyle = "#000";
  context.lineJoin = "round";
  context.stroke();
  context.fillStyle = "#fff";
  context.fill();
  context.restore();
}
