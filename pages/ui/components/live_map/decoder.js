// The decoder in plain JavaScript: the layer list and float32 weights that `vae_core.exports.packed_decoder` writes.
//
// One function that needs nothing from outside itself: its source text is also what the background worker runs.
// makeDecoder(description, buffer) -> decode(z: Float32Array) -> Float32Array (height * width * channels) in [0, 1].
// Every buffer is made once; decode returns the same array each time, so copy it to keep it.

/** @param {import("./types").DecoderDescription} description @param {ArrayBuffer} buffer float32 weights
 *  @returns {import("./types").Decode} */
export function makeDecoder(description, buffer) {
  const values = new Float32Array(buffer);
  const part = description.decoder;
  let live = new Int32Array(0); // which inputs are not zero; grown below to the widest layer

  function weight(layer, key) {
    const found = description.weights[`decoder/${layer.name}/${key}`];
    if (!found) throw new Error(`The weights of layer ${layer.name} (${key}) are missing.`);
    const size = found.shape.reduce((product, side) => product * side, 1);
    if (found.offset + size > values.length) throw new Error(`The weights of layer ${layer.name} are cut short.`);
    return values.subarray(found.offset, found.offset + size);
  }

  // out[at ...] += sum over i of x[from + i] * matrix[i], with rows of `length`. About half of the inputs are zero after
  // a ReLU and are passed over; four rows at a time, so that `out` is read and written a quarter as often.
  function addRows(out, at, length, x, from, count, matrix) {
    let found = 0;
    for (let i = 0; i < count; i++) if (x[from + i] !== 0) live[found++] = i;
    let i = 0;
    for (; i + 3 < found; i += 4) {
      const a = live[i], b = live[i + 1], c = live[i + 2], d = live[i + 3];
      const xa = x[from + a], xb = x[from + b], xc = x[from + c], xd = x[from + d];
      const ra = a * length, rb = b * length, rc = c * length, rd = d * length;
      for (let o = 0; o < length; o++) {
        out[at + o] += xa * matrix[ra + o] + xb * matrix[rb + o] + xc * matrix[rc + o] + xd * matrix[rd + o];
      }
    }
    for (; i < found; i++) {
      const row = live[i] * length, value = x[from + live[i]];
      for (let o = 0; o < length; o++) out[at + o] += value * matrix[row + o];
    }
  }

  // Keras' "same" padding: pixels before the first one on the wide side, the smaller half first.
  function padBefore(wide, narrow, layer) {
    return Math.max((narrow - 1) * layer.strides + layer.kernel - wide, 0) >> 1;
  }

  function activate(name, x) {
    if (name === "relu") for (let i = 0; i < x.length; i++) x[i] = x[i] > 0 ? x[i] : 0;
    else if (name === "silu") for (let i = 0; i < x.length; i++) x[i] /= 1 + Math.exp(-x[i]);
    else if (name !== "linear") throw new Error(`The activation ${name} is not known.`);
  }

  function fourier(layer, shape, x, out) {
    const n = shape[0];
    return () => {
      out.set(x);
      for (let octave = 0, at = n; octave < layer.size; octave++, at += 2 * n) {
        const scale = 2 ** octave / 2;
        for (let i = 0; i < n; i++) {
          out[at + i] = Math.sin(x[i] * scale);
          out[at + n + i] = Math.cos(x[i] * scale);
        }
      }
    };
  }

  function dense(layer, _shape, x, out) {
    const matrix = weight(layer, "kernel"), bias = weight(layer, "bias");
    return () => {
      out.set(bias);
      addRows(out, 0, out.length, x, 0, x.length, matrix);
      activate(layer.activation, out);
    };
  }

  function conv2d(layer, [height, width, channels], x, out) {
    const kernel = weight(layer, "kernel"), bias = weight(layer, "bias"), k = layer.kernel, s = layer.strides;
    const [rows, columns, filters] = layer.output_shape;
    const top = padBefore(height, rows, layer), left = padBefore(width, columns, layer);
    const patch = new Float32Array(k * k * channels);
    return () => {
      for (let y = 0, at = 0; y < rows; y++) {
        for (let column = 0; column < columns; column++, at += filters) {
          patch.fill(0);
          for (let ky = 0; ky < k; ky++) {
            const from = y * s - top + ky;
            if (from < 0 || from >= height) continue;
            for (let kx = 0; kx < k; kx++) {
              const beside = column * s - left + kx;
              if (beside < 0 || beside >= width) continue;
              const source = (from * width + beside) * channels, target = (ky * k + kx) * channels;
              for (let c = 0; c < channels; c++) patch[target + c] = x[source + c];
            }
          }
          for (let o = 0; o < filters; o++) out[at + o] = bias[o];
          addRows(out, at, filters, patch, 0, patch.length, kernel);
        }
      }
      activate(layer.activation, out);
    };
  }

  // Each input pixel becomes a patch of k x k x filters, which is added to the output where it lies.
  function conv2dTranspose(layer, [height, width, channels], x, out) {
    const kernel = weight(layer, "kernel"), bias = weight(layer, "bias"), k = layer.kernel, s = layer.strides;
    const [rows, columns, filters] = layer.output_shape;
    const top = padBefore(rows, height, layer), left = padBefore(columns, width, layer);
    const length = k * k * filters, patch = new Float32Array(length);
    const matrix = new Float32Array(channels * length); // (k, k, filters, channels) -> (channels, k, k, filters)
    for (let i = 0; i < length; i++) for (let c = 0; c < channels; c++) matrix[c * length + i] = kernel[i * channels + c];
    return () => {
      for (let at = 0; at < out.length; at += filters) for (let o = 0; o < filters; o++) out[at + o] = bias[o];
      for (let y = 0, from = 0; y < height; y++) {
        for (let column = 0; column < width; column++, from += channels) {
          patch.fill(0);
          addRows(patch, 0, length, x, from, channels, matrix);
          for (let ky = 0; ky < k; ky++) {
            const row = y * s - top + ky;
            if (row < 0 || row >= rows) continue;
            for (let kx = 0; kx < k; kx++) {
              const beside = column * s - left + kx;
              if (beside < 0 || beside >= columns) continue;
              const target = (row * columns + beside) * filters, source = (ky * k + kx) * filters;
              for (let o = 0; o < filters; o++) out[target + o] += patch[source + o];
            }
          }
        }
      }
      activate(layer.activation, out);
    };
  }

  const kinds = { fourier, dense, conv2d, conv2d_transpose: conv2dTranspose };
  const input = new Float32Array(part.input_shape[0]);
  const steps = [];
  let x = input, shape = part.input_shape, widest = 1;
  for (const layer of [...part.layers, ...part.heads]) {
    if (layer.kind in kinds) {
      const size = layer.output_shape.reduce((product, side) => product * side, 1);
      const out = new Float32Array(size);
      steps.push(kinds[layer.kind](layer, shape, x, out));
      widest = Math.max(widest, x.length, layer.kernel * layer.kernel * shape[shape.length - 1]);
      x = out;
    } else if (!["reshape", "flatten", "dropout"].includes(layer.kind)) {
      throw new Error(`The layer kind ${layer.kind} is not known to this browser engine.`);
    }
    shape = layer.output_shape;
  }
  live = new Int32Array(widest);
  const logits = x, image = new Float32Array(x.length);
  return function decode(z) {
    if (z.length !== input.length) throw new Error(`z must have ${input.length} values, got ${z.length}.`);
    input.set(z);
    for (const step of steps) step();
    for (let i = 0; i < image.length; i++) image[i] = 1 / (1 + Math.exp(-logits[i]));
    return image;
  };
}
