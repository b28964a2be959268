// The geometry of the map: latent space -> plane -> screen.
//
// A plane is two orthonormal directions of latent space; a code's place on it is its two dot products. A point of the plane
// becomes a z by moving a base z along the two directions, so the other directions keep the base's values.

/** @typedef {import("./types").Point} Point */

/** Two latent units as a plane, or two given directions (principal components).
 *  @param {number} latentDim @param {import("./types").Units} units @param {number[][] | null} components
 *  @returns {import("./types").Plane} */
export function makePlane(latentDim, units, components) {
  const directions = components ?? /** @type {number[]} */ (units).map((unit) => {
    const direction = new Float32Array(latentDim);
    direction[unit] = 1;
    return direction;
  });
  const dot = (z, axis, from = 0) => {
    let sum = 0;
    for (let i = 0; i < latentDim; i++) sum += z[from + i] * directions[axis][i];
    return sum;
  };
  return {
    project: (z, from = 0) => [dot(z, 0, from), dot(z, 1, from)],
    /** The z at (a, b) of the plane, written to `out`. */
    lift(base, a, b, out) {
      const da = a - dot(base, 0), db = b - dot(base, 1);
      for (let i = 0; i < latentDim; i++) out[i] = base[i] + da * directions[0][i] + db * directions[1][i];
      return out;
    },
    /** Covariance on the plane of a Gaussian with these log variances: [xx, xy, yy]. */
    covariance(zLogVar, from = 0) {
      /** @type {[number, number, number]} */
      const sums = [0, 0, 0];
      const [u, v] = directions;
      for (let i = 0; i < latentDim; i++) {
        const variance = Math.exp(zLogVar[from + i]);
        sums[0] += variance * u[i] * u[i];
        sums[1] += variance * u[i] * v[i];
        sums[2] += variance * v[i] * v[i];
      }
      return sums;
    },
  };
}

/** The outline of the Gaussian's contour at `sigmas` standard deviations.
 *  @param {Point} centre @param {[number, number, number]} covariance xx, xy, yy @param {number} sigmas @returns {Point[]} */
export function ellipse([a, b], [xx, xy, yy], sigmas, corners = 72) {
  const l11 = Math.sqrt(xx), l21 = xy / l11, l22 = Math.sqrt(Math.max(yy - l21 * l21, 0)); // Cholesky
  return Array.from({ length: corners + 1 }, (_, i) => {
    const angle = (2 * Math.PI * i) / corners, x = sigmas * Math.cos(angle), y = sigmas * Math.sin(angle);
    return [a + l11 * x, b + l21 * x + l22 * y];
  });
}

/** The standard normal distribution function (Abramowitz & Stegun 1964, 7.1.26; error below 1e-7). @param {number} x */
export function normalShare(x) {
  const t = 1 / (1 + (0.3275911 * Math.abs(x)) / Math.SQRT2);
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const tail = 0.5 * series * Math.exp((-x * x) / 2);
  return x < 0 ? tail : 1 - tail;
}

/** Its inverse, by bisection: called for a few points a frame, so simple is fast enough. @param {number} share in 0..1 */
export function normalQuantile(share) {
  if (share <= 1e-6 || share >= 1 - 1e-6) return share < 0.5 ? -4.75 : 4.75;
  let low = -5, high = 5;
  for (let i = 0; i < 36; i++) {
    const middle = (low + high) / 2;
    if (normalShare(middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** What part of the plane is on screen. In a "quantile" view equal lengths are equal shares of the prior.
 *  @param {number} extent half a side of the whole @returns {import("./types").View} */
export function makeView(extent) {
  /** @type {any} */
  const view = { quantile: false, extent, centre: [0, 0], half: extent, size: 1 };
  const toScale = (v) => (view.quantile ? normalShare(v) : v);
  const fromScale = (u) => (view.quantile ? normalQuantile(u) : u);
  return Object.assign(view, {
    home: () => (view.quantile ? { middle: 0.5, half: 0.5 } : { middle: 0, half: view.extent }),
    reset() {
      const { middle, half } = view.home();
      view.centre = [middle, middle];
      view.half = half;
    },
    zoom: () => view.home().half / view.half,
    /** Plane -> pixels of the map; up is positive. */
    toScreen([a, b]) {
      const scale = view.size / (2 * view.half);
      return [
        (toScale(a) - view.centre[0] + view.half) * scale,
        (view.centre[1] + view.half - toScale(b)) * scale,
      ];
    },
    fromScreen([x, y]) {
      const scale = (2 * view.half) / view.size;
      return [
        fromScale(view.centre[0] - view.half + x * scale),
        fromScale(view.centre[1] + view.half - y * scale),
      ];
    },
    pan(dx, dy) {
      const scale = (2 * view.half) / view.size;
      view.centre = [view.centre[0] - dx * scale, view.centre[1] + dy * scale];
    },
    /** Zoom by a factor and keep the place under (x, y). */
    zoomAt([x, y], factor) {
      const half = Math.min(Math.max(view.half / factor, view.home().half / 64), view.home().half * 2);
      const right = (x / view.size) * 2 - 1, up = 1 - (y / view.size) * 2;
      view.centre = [view.centre[0] + right * (view.half - half), view.centre[1] + up * (view.half - half)];
      view.half = half;
    },
    fromScale,
  });
}

/** The tiles on screen: a lattice fixed to the plane, twice as fine each time the zoom doubles.
 *  @param {import("./types").View} view @param {number} side pictures along a side of the whole at zoom 1
 *  @returns {import("./types").Cell[]} from the middle of the view outwards */
export function visibleTiles(view, side) {
  const { middle, half } = view.home(), level = Math.max(0, Math.floor(Math.log2(view.zoom()) + 1e-9));
  const count = side * 2 ** level, step = (2 * half) / count, origin = middle - half;
  /** @type {import("./types").Cell[]} */
  const cells = [];
  const first = view.centre.map((centre) => Math.floor((centre - view.half - origin) / step + 1e-9));
  const last = view.centre.map((centre) => Math.ceil((centre + view.half - origin) / step - 1e-9) - 1);
  const inside = (i) => !view.quantile || (i >= 0 && i < count); // no prior is left outside
  for (let j = first[1]; j <= last[1]; j++) {
    for (let i = first[0]; i <= last[0]; i++) {
      if (!inside(i) || !inside(j)) continue;
      const left = origin + i * step, bottom = origin + j * step;
      /** @type {Point} */
      const place = [view.fromScale(left + step / 2), view.fromScale(bottom + step / 2)];
      cells.push({ key: `${level},${i},${j}`, left, bottom, step, place });
    }
  }
  const far = ({ left, bottom, step }) =>
    Math.hypot(left + step / 2 - view.centre[0], bottom + step / 2 - view.centre[1]);
  return cells.sort((a, b) => far(a) - far(b)); // the middle is looked at first
}
