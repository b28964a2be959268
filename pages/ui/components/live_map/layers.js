// A network's layers as a row of bars, and in words.

const QUIET = ["reshape", "flatten", "dropout"]; // layers that compute nothing
const TALL = 34, LOW = 6, WIDE = 22, THIN = 4; // pixels of a bar at most and at least

/** The layers that compute: { name, shape }. @param {{ name: string, kind: string, output_shape: number[] }[]} layers */
export function computing(layers) {
  return layers.filter(({ kind }) => !QUIET.includes(kind)).map(({ name, output_shape: shape }) => ({ name, shape }));
}

/** "28×28×8" of a layer's output. @param {number[]} shape */
export const shapeWords = (shape) => shape.join("×");

/** Width and height in pixels of a layer's bar: its height grows with the picture's side, its width with the channels; a layer
 *  without a picture is thin, and as high as it has units. @param {number[]} shape @param {number} side of the network's picture */
export function barSize(shape, side) {
  const size = shape.length === 3
    ? [WIDE * Math.log2(1 + shape[2]) / 7, TALL * Math.sqrt(Math.max(shape[0], shape[1]) / side)]
    : [THIN, (TALL * Math.log2(1 + shape[0])) / 11];
  return { width: Math.min(Math.max(size[0], THIN), WIDE), height: Math.min(Math.max(size[1], LOW), TALL) };
}
