// The way of a picture through the model, above the map: picture → encoder → z → decoder → picture, as it is under the pointer.

import { paint } from "./drawing.js";
import { shortNumber } from "./edge.js";
import { barSize, computing, shapeWords } from "./layers.js";

/** @typedef {import("./types").StripView} StripView */

const BELL = { width: 58, height: 30, reach: 3.5 }; // pixels; standard deviations of the prior to either side

/** @param {string} tag @param {string} className @param {Element} parent @param {string} text */
function element(tag, className, parent, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  if (text) made.textContent = text;
  parent.append(made);
  return made;
}

/** The prior as a line and the posterior as a filled bell, each as high as wide bells can be; without a posterior a mark at z.
 *  @param {HTMLCanvasElement} canvas @param {number} mean @param {number | null} sigma @param {string} ink @param {string} accent */
function drawBell(canvas, mean, sigma, ink, accent) {
  const { width, height, reach } = BELL, context = canvas.getContext("2d"), ratio = Math.min(window.devicePixelRatio || 1, 2);
  if (canvas.width !== width * ratio) Object.assign(canvas, { width: width * ratio, height: height * ratio });
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const x = (/** @type {number} */ value) => ((Math.min(Math.max(value, -reach), reach) + reach) / (2 * reach)) * width;
  /** @type {(middle: number, spread: number) => void} */
  const bell = (middle, spread) => {
    context.beginPath();
    for (let at = 0; at <= width; at += 0.5) {
      const value = ((at / width) * 2 - 1) * reach;
      context.lineTo(at, height - 1 - (height - 4) * Math.exp(-((value - middle) ** 2) / (2 * spread ** 2)));
    }
  };
  bell(0, 1);
  context.strokeStyle = ink;
  context.globalAlpha = 0.45;
  context.lineWidth = 1;
  context.stroke();
  context.globalAlpha = 1;
  context.fillStyle = context.strokeStyle = accent;
  if (sigma === null) {
    context.fillRect(x(mean) - 1, 4, 2, height - 5);
    return;
  }
  bell(Math.min(Math.max(mean, -reach), reach), Math.max(sigma, 0.06)); // thinner than a pixel is seen as one
  context.globalAlpha = 0.55;
  context.fill();
  context.globalAlpha = 1;
  context.stroke();
}

/** @param {HTMLElement} parent @param {(part: string) => void} onPart a part was clicked */
export function buildStrip(parent, onPart) {
  const root = element("nav", "lm-strip", parent);
  root.setAttribute("aria-label", "From picture to picture: the parts of the model");
  /** @type {HTMLAnchorElement[]} */
  const links = [];
  /** @type {(part: string, className: string, title: string) => HTMLAnchorElement} */
  const link = (part, className, title) => {
    if (links.length) element("span", "lm-arrow", root, "→").setAttribute("aria-hidden", "true");
    const made = /** @type {HTMLAnchorElement} */ (element("a", className, root));
    made.dataset.part = part;
    made.title = title;
    made.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return; // a new tab is the browser's affair
      event.preventDefault();
      onPart(part);
    });
    links.push(made);
    return made;
  };
  const seen = link("picture", "lm-step lm-seen", "The chosen picture, or the test image under the pointer. Click: how well it is rebuilt");
  const encoder = link("encoder", "lm-step lm-net", "The encoder turns a picture into z. Click: what its layers see");
  const z = link("z", "lm-step lm-numbers", "z: the few numbers that stand for the picture. Click: the latent space around it");
  const decoder = link("decoder", "lm-step lm-net", "The decoder draws a picture from z. Click: how it does");
  const drawn = link("drawn", "lm-step lm-drawn", "What the decoder draws. Click: compare it with the picture");
  const from = /** @type {HTMLCanvasElement} */ (element("canvas", "", seen));
  const to = /** @type {HTMLCanvasElement} */ (element("canvas", "", drawn));
  const numbers = element("b", "", z), bells = element("span", "lm-bells", z), sigma = element("small", "", z);
  const curves = [0, 1].map(() => /** @type {HTMLCanvasElement} */ (element("canvas", "", bells)));
  for (const canvas of [from, to, ...curves]) canvas.setAttribute("aria-hidden", "true");

  /** @param {HTMLAnchorElement} part @param {string} name @param {{ name: string, shape: number[] }[]} layers @param {number} side */
  function network(part, name, layers, side) {
    part.replaceChildren();
    const bars = element("span", "lm-bars", part), words = layers.map(({ shape }) => shapeWords(shape)).join(" → ");
    for (const layer of layers) {
      const bar = element("i", "", bars), { width, height } = barSize(layer.shape, side);
      Object.assign(bar.style, { width: `${width}px`, height: `${height}px` });
      bar.title = `${layer.name}: ${shapeWords(layer.shape)}`;
    }
    element("b", "", bars, name);
    element("small", "", part, words).title = words;
  }

  return {
    root,
    /** The networks' layers and where the parts lead. @param {import("./types").StripSettings} settings
     *  @param {import("./types").Decoder} opened */
    dress(settings, opened) {
      const side = Math.max(...settings.input.slice(0, 2));
      network(encoder, "encoder", settings.encoder.map(([name, shape]) => ({ name, shape })), side);
      network(decoder, "decoder", computing(opened.layers), Math.max(...opened.imageShape.slice(0, 2)));
    },
    /** @param {[string, string][]} hrefs */
    lead(hrefs) {
      const to = Object.fromEntries(hrefs);
      for (const made of links) made.href = to[made.dataset.part] ?? "";
    },
    /** As it is now. @param {StripView} view */
    show({ words, values, sigmas, source, picture, moving, ink, accent }) {
      numbers.textContent = words;
      curves.forEach((curve, i) => drawBell(curve, values[i], sigmas ? sigmas[i] : null, ink, accent));
      sigma.textContent = sigmas ? `σ ${sigmas.map(shortNumber).join(", ")}` : moving ? "from the pointer: no σ" : "a chosen point: no σ";
      for (const part of [seen, encoder]) part.classList.toggle("lm-idle", !source);
      if (source) {
        Object.assign(from, { width: source.width, height: source.height });
        from.getContext("2d").drawImage(source, 0, 0);
      }
      paint(to, picture.image, picture.shape);
    },
  };
}
