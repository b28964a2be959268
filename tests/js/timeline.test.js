// The timeline's own logic, on a page of stand-ins: which snapshot is shown, what lies between two, what is asked of the server.

import assert from "node:assert/strict";
import { test } from "node:test";

const context = new Proxy({}, { get: (_, name) => (name === "createImageData" ? (width, height) => ({ width, height, data: new Uint8ClampedArray(4 * width * height) }) : () => {}), set: () => true });

class Element {
  constructor() {
    Object.assign(this, { listeners: {}, dataset: {}, style: {}, attributes: {}, textContent: "", hidden: false });
    this.classList = { add() {}, toggle() {} };
    this.ownerDocument = { querySelector: () => null };
  }
  append() {}
  after() {}
  getContext() { return context; }
  setAttribute(name, value) { this.attributes[name] = value; }
  addEventListener(name, listener) { this.listeners[name] = listener; }
}

const made = [];
globalThis.window = { __liveMapParts: new Map() };
globalThis.document = { createElement: () => made[made.push(new Element()) - 1] };
globalThis.matchMedia = () => ({ matches: false });
globalThis.IntersectionObserver = class { observe() {} disconnect() {} };
globalThis.setTimeout = () => 0; // nobody waits here
globalThis.Worker = class { postMessage() {} terminate() {} };
const { makeTimeline } = await import("../../pages/ui/components/live_map/timeline.js");
const { makePlane, makeView } = await import("../../pages/ui/components/live_map/plane.js");

/** A part of a one-layer decoder of two pixels whose bias is `bias`, and of one code at (step, 0). */
function part(step, bias, newest = false) {
  const blocks = newest ? {} : {
    floats: new Uint8Array(Float32Array.of(0.01, 0.01, bias, bias).buffer), codes: new Uint8Array(Uint16Array.of(0x3c00 + 1024 * step, 0, 0, 0).buffer),
    kernels: new Uint8Array(4), labels: new Uint8Array(1),
  };
  blocks.pictures = new Uint8Array(2);
  const places = {}, bytes = [];
  for (const [name, block] of Object.entries(blocks)) {
    places[name] = [bytes.length, block.length];
    bytes.push(...block);
  }
  const layer = { kind: "dense", name: "out", size: 0, kernel: 1, strides: 1, activation: "linear", output_shape: [1, 2, 1] };
  const header = {
    step, latent_dim: 2, n: newest ? 0 : 1, shape: [1, 2, 1], grid: null, places, pictures: { columns: 1, rows: 1, words: ["samples"] },
    description: { decoder: { input_shape: [2], layers: [], heads: [layer] }, weights: { "decoder/out/kernel": { offset: 0, shape: [2, 2] }, "decoder/out/bias": { offset: 4, shape: [2] } } },
    packed: { "decoder/out/kernel": { at: 0, scale: 0 }, "decoder/out/bias": { at: 2, scale: null } }, size: 6, multiply_adds: 4, light: 8, kl: [1, 1],
  };
  return { header, buffer: Uint8Array.from(bytes).buffer };
}

/** A map that holds the snapshot of step 2, and its timeline of the steps 0, 1 and 2. */
function timeline({ plays = false, eager = true } = {}) {
  made.length = 0;
  window.__liveMapParts.clear();
  const newest = { decode: () => Float32Array.of(0.9, 0.9), latentDim: 2, imageShape: [1, 2, 1], pixels: 2, heavy: false, cost: 4, decodeIn() {} };
  const codes = { n: 1, d: 2, places: Float32Array.of(8, 0), labels: new Uint8Array(1), classes: ["a"], colours: ["red"], what: "codes", project() {}, moved: () => false };
  const state = { decoder: newest, codes, grid: null, plane: makePlane(2, [0, 1], null), pinned: new Float32Array(2), latentDim: 2, units: [0, 1] };
  const status = {}, asked = [], tiles = { shown: true, open() {} }, view = makeView(3.5);
  const panel = { root: new Element(), stage: new Element() };
  const link = makeTimeline({ panel, state, view, tiles, status, schedule() {} });
  const frames = [[0, "a"], [1, "b"], [2, "c"]];
  const settings = { frames, coming: eager ? ["a", "b", "c"] : ["c"], plays, plain: false, charts: [], lastStep: 2, eager };
  link.update(settings, (name, value) => asked.push([name, value]));
  window.__liveMapParts.set("c", part(2, 0, true));
  link.adopted();
  let now = 1000;
  const run = (milliseconds) => {
    for (let end = now + milliseconds; now < end; now += 20) link.tick(now);
  };
  const come = () => {
    window.__liveMapParts.set("a", part(0, 0)).set("b", part(1, 4));
    link.came();
  };
  const slider = made.find((element) => element.attributes["aria-label"]?.startsWith("Timeline")), play = made.find((element) => element.listeners.click);
  return { link, state, status, asked, tiles, newest, codes, settings, run, come, slider, play, facts: () => status.timeline };
}

test("it stands at the newest snapshot, which the map holds, until somebody turns to it", () => {
  const { state, newest, codes, facts, come, link } = timeline();
  come();
  assert.equal(facts().step, 2);
  assert.ok(facts().ready && !link.away() && state.decoder === newest && state.codes === codes);
});

test("between two snapshots codes glide and pictures fade; let go, it rests at the nearest", () => {
  const { state, slider, come, run, facts, tiles } = timeline();
  come();
  slider.value = "0.25";
  slider.listeners.input();
  const [first, second] = [0.5, 1 / (1 + Math.exp(-4))];
  assert.ok(Math.abs(state.decoder.decode(new Float32Array(2))[0] - (0.75 * first + 0.25 * second)) < 1e-6);
  assert.ok(Math.abs(state.codes.places[0] - 1.25) < 1e-6 && facts().between && tiles.covered); // from 1 to 2
  slider.listeners.change();
  run(2000);
  assert.ok(facts().step === 0 && !facts().between && state.codes.places[0] === 1);
  slider.listeners.keydown({ key: "End", preventDefault() {} });
  run(3000);
  assert.ok(facts().step === 2 && !tiles.covered);
});

test("played, it runs to the end and stays there; by itself it begins again until it is touched", () => {
  const once = timeline();
  once.come();
  once.play.listeners.click();
  once.run(1500);
  assert.ok(once.facts().playing && once.facts().place > 0.5 && once.facts().place < 2);
  once.run(3000);
  assert.ok(!once.facts().playing && once.facts().place === 2);

  const again = timeline({ plays: true });
  assert.ok(!again.facts().playing);
  again.come();
  again.run(2300);
  assert.equal(again.facts().place, 2);
  again.run(3000);
  assert.ok(again.facts().playing && again.facts().place < 1);
  again.play.listeners.click();
  again.run(9000);
  assert.ok(!again.facts().playing);
});

test("what was not sent is asked for once it is wished, and never before", () => {
  const { asked, slider, come, facts } = timeline({ eager: false });
  assert.deepEqual(asked, []);
  slider.value = "0";
  slider.listeners.input();
  assert.deepEqual(asked, [["frames", ["a", "b"]]]);
  come();
  assert.equal(facts().step, 0);
});

test("a new snapshot is followed from the end, and leaves what is looked at elsewhere", () => {
  for (const [value, step] of [["2", 3], ["1", 1]]) {
    const { link, slider, settings, come, run, facts } = timeline();
    come();
    slider.value = value;
    slider.listeners.input();
    slider.listeners.change();
    run(1000);
    link.update({ ...settings, frames: [...settings.frames.slice(0, 2), [2, "full"], [3, "d"]] }, () => {});
    assert.equal(facts().step, step);
  }
});
