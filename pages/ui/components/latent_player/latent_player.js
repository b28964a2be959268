// Walks through latent space, decoded here: play and pause, or a slider that moves the pictures while it is dragged.
// Two triggers go to Python: `position`, what the slider reads when it is let go, and `missing`, a decoder that is not here.
// Words only ever go in through textContent.

import { paint } from "../live_map/drawing.js";
import { carried, openDecoder } from "../live_map/parts.js";
import { mounted } from "../mount.js";
import { nextFrame, placeOf, pointAt, reading } from "./walk.js";

const FRAME_TIME = 90; // milliseconds
const ASK_AFTER = 3000; // milliseconds until a decoder that has not come is asked for
const LINES = ["#c9adff", "#ffb454", "#6fe3c4", "#ff7d9c"]; // on black, as the map's ground is in both themes

/** @type {<K extends keyof HTMLElementTagNameMap>(name: K, className?: string) => HTMLElementTagNameMap[K]} */
const element = (name, className = "") => Object.assign(document.createElement(name), { className });

function makePlayer(parent) {
  const root = element("div", "player"), row = element("div", "player-tracks"), controls = element("div", "player-controls");
  const button = element("button"), label = element("label"), words = element("span"), slider = element("input");
  const output = element("output"), charts = element("div", "player-chart"), map = element("canvas"), curve = element("canvas");
  const ground = new Image();
  button.type = "button";
  slider.type = "range";
  label.append(words, slider, output);
  controls.append(button, label);
  const figures = [map, curve].map((canvas) => {
    const figure = element("figure"), caption = element("figcaption");
    canvas.setAttribute("role", "img");
    figure.append(canvas, caption);
    charts.append(figure);
    return caption;
  });
  root.append(row, controls, charts);
  parent.append(root);

  /** @type {any} */
  let data = null;
  /** @type {(name: string, value: any) => void} */
  let send = () => {};
  /** @type {import("../live_map/types").Decoder | null} */
  let decoder = null;
  let lately = "", opened = "", place = 0, step = 1, timer = 0, asking = 0, frame = 0;
  /** @type {{ canvas: HTMLCanvasElement, name: HTMLElement, note: HTMLElement }[]} */
  const tracks = [];
  /** @type {Map<string, Float32Array>} */
  const decoded = new Map(); // pictures of whole frames, so that a walk is decoded once

  function makeTrack() {
    const figure = element("figure", "player-track"), canvas = element("canvas");
    const name = element("div", "player-name"), note = element("div", "player-note");
    canvas.setAttribute("role", "img");
    figure.append(canvas, name, note);
    row.append(figure);
    return { canvas, name, note };
  }

  function picture(track, walk) {
    const whole = Number.isInteger(place), key = `${track},${place}`;
    if (whole && decoded.has(key)) return decoded.get(key);
    const image = decoder.decode(pointAt(walk, decoder.latentDim, place));
    if (!whole) return image;
    decoded.set(key, image.slice());
    return decoded.get(key);
  }

  function draw() {
    frame = 0;
    const shown = Math.round(place), value = reading(place, data.frames, data.ends);
    slider.value = String(place);
    output.textContent = data.plays ? `${shown + 1} of ${data.frames}` : value.toFixed(2);
    slider.setAttribute("aria-valuetext", output.textContent);
    data.tracks.forEach(([name, walk, notes], i) => {
      const note = notes[shown] ?? "";
      tracks[i].note.textContent = note;
      tracks[i].canvas.setAttribute("aria-label", `${name}, ${output.textContent}${note ? `: ${note}` : ""}`);
      if (decoder) paint(tracks[i].canvas, picture(i, walk), decoder.imageShape);
    });
    drawCharts();
    root.dataset.place = String(place);
    root.dataset.ready = String(Boolean(decoder));
  }

  function drawCharts() {
    charts.style.display = data.chart ? "" : "none";
    if (!data.chart) return;
    const [, ratio, places, curves, name] = data.chart, side = 240, scale = window.devicePixelRatio || 1;
    const context = size(map, side, side / ratio, scale);
    if (ground.complete && ground.naturalWidth) {
      context.imageSmoothingEnabled = false;
      context.drawImage(ground, 0, 0, side, side / ratio);
    }
    places.forEach((points, i) => trace(context, points, (at) => [points[2 * at] * side, (points[2 * at + 1] * side) / ratio], i));
    const low = Math.min(...curves.flat()), high = Math.max(...curves.flat()), span = high - low || 1, pad = 8, tall = 120;
    const below = size(curve, side, tall, scale);
    below.fillStyle = "#000";
    below.fillRect(0, 0, side, tall);
    curves.forEach((values, i) => trace(below, { length: 2 * values.length }, (at) => [
      pad + (at / Math.max(values.length - 1, 1)) * (side - 2 * pad), pad + ((high - values[at]) / span) * (tall - 2 * pad),
    ], i));
    figures[1].textContent = `${name}: ${low.toFixed(1)} to ${high.toFixed(1)} nats`.replaceAll("-", "−");
  }

  function size(canvas, wide, tall, scale) {
    if (canvas.width !== Math.round(wide * scale) || canvas.height !== Math.round(tall * scale)) {
      Object.assign(canvas, { width: Math.round(wide * scale), height: Math.round(tall * scale) });
      Object.assign(canvas.style, { width: `${wide}px` });
    }
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    return context;
  }

  /** A line through all frames and a dot where the walk is; the second line is dashed, so that it is told without colour. */
  function trace(context, { length }, at, i) {
    const frames = length / 2, [x, y] = at(Math.round(place));
    context.strokeStyle = context.fillStyle = LINES[i % LINES.length];
    context.lineWidth = 2;
    context.setLineDash(i % 2 ? [5, 4] : []);
    context.beginPath();
    for (let f = 0; f < frames; f++) context.lineTo(...at(f));
    context.stroke();
    context.setLineDash([]);
    context.beginPath();
    context.arc(x, y, 5, 0, 7);
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = "#fff";
    context.stroke();
  }

  function later() {
    frame ||= requestAnimationFrame(draw);
  }

  function play(on) {
    clearInterval(timer);
    timer = on ? setInterval(() => {
      if (!decoder) return;
      [place, step] = nextFrame(Math.round(place), step, data.frames);
      later();
    }, FRAME_TIME) : 0;
    button.textContent = on ? "Pause" : "Play";
    button.setAttribute("aria-pressed", String(on));
    root.dataset.playing = String(on);
  }

  function open() {
    clearTimeout(asking);
    if (!data || opened === data.decoder) return;
    const part = carried(data.decoder);
    if (part) {
      decoder = openDecoder(part);
      opened = data.decoder;
      later();
      return;
    }
    decoder = null;
    asking = setTimeout(() => {
      send("missing", [data.decoder]);
      open();
    }, ASK_AFTER);
  }

  button.addEventListener("click", () => play(!timer));
  slider.addEventListener("input", () => {
    play(false);
    place = Number(slider.value);
    later();
  });
  slider.addEventListener("change", () => data.plays || send("position", reading(place, data.frames, data.ends)));
  ground.addEventListener("load", later);
  window.addEventListener("live-map-part", open);

  return {
    update(news, trigger) {
      send = trigger;
      const text = JSON.stringify(news);
      if (text === lately) return open();
      const walks = JSON.stringify([news.frames, news.ends, news.plays]);
      const same = data && JSON.stringify([data.frames, data.ends, data.plays]) === walks;
      data = news;
      lately = text;
      decoded.clear();
      if (!same) {
        place = placeOf(data.start, data.frames, data.ends);
        play(false);
      }
      while (tracks.length > data.tracks.length) tracks.pop().canvas.parentElement.remove();
      while (tracks.length < data.tracks.length) tracks.push(makeTrack());
      data.tracks.forEach(([name], i) => (tracks[i].name.textContent = name));
      row.style.setProperty("--side", `${data.size}px`);
      Object.assign(slider, { min: "0", max: String(data.frames - 1), step: data.plays ? "1" : "any" });
      words.textContent = data.label;
      button.style.display = data.plays ? "" : "none";
      if (data.chart) {
        ground.src = data.chart[0];
        figures[0].textContent = data.chart[5];
        map.setAttribute("aria-label", data.chart[5]);
        curve.setAttribute("aria-label", data.chart[4]);
      }
      open();
      later();
    },
    end() {
      clearInterval(timer);
      clearTimeout(asking);
      cancelAnimationFrame(frame);
      window.removeEventListener("live-map-part", open);
      root.remove();
    },
  };
}

export default mounted(makePlayer);
