// The names of the classes on the map, each at the centre of its cloud, none over another.

/** @typedef {import("./types").Point} Point */
/** @typedef {import("./types").Box} Box */

const MOST = 30; // names at once
const GAP = 3; // pixels between two names
const FONT = "600 13px system-ui, sans-serif", LINE = 16; // pixels of a line
const AWAY = 2.5; // lines that a name may move from its centre

/** Where the middle of each class lies: the median of its codes on either axis, which strays do not pull.
 *  @param {ArrayLike<number>} places (2 n) @param {ArrayLike<number>} labels (n) @param {number} classes
 *  @returns {{ label: number, count: number, centre: Point }[]} the classes that have codes, the largest first */
export function classCentres(places, labels, classes) {
  const rows = Array.from({ length: classes }, () => /** @type {number[]} */ ([]));
  for (let i = 0; i < labels.length; i++) rows[labels[i]]?.push(i);
  /** @type {(members: number[], axis: 0 | 1) => number} */
  const median = (members, axis) => Float32Array.from(members, (i) => places[2 * i + axis]).sort()[members.length >> 1];
  return rows
    .map((members, label) => ({ label, count: members.length, members }))
    .filter(({ count }) => count)
    .sort((a, b) => b.count - a.count)
    .map(({ label, count, members }) => ({ label, count, centre: [median(members, 0), median(members, 1)] }));
}

/** @param {Box} a @param {Box} b */
function overlap(a, b) {
  return a.x < b.x + b.width + GAP && b.x < a.x + a.width + GAP && a.y < b.y + b.height + GAP && b.y < a.y + a.height + GAP;
}

/** A box for each name, as near to its centre as there is room; a name without room is left out. The first come first.
 *  @param {{ at: Point, width: number }[]} names centres and widths in pixels @param {number} size of the map
 *  @param {Box[]} taken what nothing may cover @param {number} height of a name
 *  @returns {(Box | null)[]} */
export function placeLabels(names, size, taken = [], height = LINE) {
  const placed = [...taken];
  const steps = [[0, 0]];
  for (let ring = 1; ring <= AWAY * 2; ring++) { // half a line further each time
    const far = (ring * height) / 2;
    for (const [right, up] of [[0, -1], [0, 1], [1, 0], [-1, 0], [1, -1], [-1, -1], [1, 1], [-1, 1]]) steps.push([right * far, up * far]);
  }
  return names.map(({ at: [x, y], width }) => {
    if (x < 0 || y < 0 || x > size || y > size) return null; // its cloud is elsewhere
    for (const [right, down] of steps) {
      const left = Math.min(Math.max(x - width / 2 + right, 2), size - width - 2);
      const top = Math.min(Math.max(y - height / 2 + down, 2), size - height - 2);
      const box = { x: left, y: top, width, height };
      if (left < 0 || placed.some((other) => overlap(box, other))) continue;
      placed.push(box);
      return box;
    }
    return null;
  });
}

/** Writes the names of the classes that are shown. Returns the names that found room.
 *  @param {CanvasRenderingContext2D} context @param {import("./types").View} view
 *  @param {{ label: number, centre: Point }[]} centres @param {string[]} classes @param {Set<number>} hidden
 *  @param {number | null} lifted the only class to be named, if any @param {Box[]} taken @returns {string[]} */
export function drawLabels(context, view, centres, classes, hidden, lifted, taken) {
  context.font = FONT;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  const shown = centres.filter(({ label }) => !hidden.has(label) && (lifted === null || lifted === label)).slice(0, MOST);
  const names = shown.map(({ label, centre }) => ({ at: view.toScreen(centre), width: context.measureText(classes[label]).width }));
  const written = [];
  placeLabels(names, view.size, taken).forEach((box, i) => {
    if (!box) return;
    const name = classes[shown[i].label];
    for (const [width, style] of [[5, "rgba(0, 0, 0, 0.45)"], [3, "#000"]]) {
      context.lineWidth = Number(width);
      context.strokeStyle = String(style);
      context.strokeText(name, box.x, box.y + box.height / 2);
    }
    context.fillStyle = "#fff";
    context.fillText(name, box.x, box.y + box.height / 2);
    written.push(name);
  });
  context.textBaseline = "alphabetic";
  return written;
}
