// Walks of points: where one is between two frames.

/** The point at a place of a walk: exactly a frame's at a whole number, on the line between two elsewhere.
 *  @param {ArrayLike<number>} walk frames one after the other @param {number} units @param {number} place in 0..frames - 1
 *  @param {Float32Array} [out] */
export function pointAt(walk, units, place, out = new Float32Array(units)) {
  const last = walk.length / units - 1, before = Math.min(Math.max(Math.floor(place), 0), last);
  const after = Math.min(before + 1, last), share = Math.min(Math.max(place - before, 0), 1);
  for (let i = 0; i < units; i++) {
    const a = walk[before * units + i];
    out[i] = share === 0 ? a : a + share * (walk[after * units + i] - a);
  }
  return out;
}

/** What the slider reads at a place. @param {number} place @param {number} frames @param {[number, number]} ends */
export function reading(place, frames, [low, high]) {
  return frames < 2 ? low : low + (place / (frames - 1)) * (high - low);
}

/** Where the slider stands for what it is to read. @param {number} value @param {number} frames @param {[number, number]} ends */
export function placeOf(value, frames, [low, high]) {
  return high === low ? 0 : Math.min(Math.max(((value - low) / (high - low)) * (frames - 1), 0), frames - 1);
}

/** The next frame of a walk that goes there and back. @param {number} frame @param {number} step 1 or -1 @param {number} frames
 *  @returns {[number, number]} frame and step */
export function nextFrame(frame, step, frames) {
  if (frames < 2) return [0, 1];
  const turned = frame + step < 0 || frame + step > frames - 1 ? -step : step;
  return [frame + turned, turned];
}
