// The living map: what it holds, and what happens when the pointer moves.
//
// For tests and the curious, window.__liveMap[name] tells: z, checksum of the picture, decodes, frames per second while
// moving, milliseconds of a decode, tiles still missing, codes drawn, approximate or not; and offers decode(z).

import { clear, drawCodes, drawMoving, drawPrior, drawScale, makeMeter, makeStamps, nearestCode, paint } from "./drawing.js";
import { buildControls, buildPanel, signed, unitName } from "./panel.js";
import { carried, letGo, openCodes, openDecoder, openGrid, openThumbnails } from "./parts.js";
import { makePlane, makeView, visibleTiles } from "./plane.js";
import { listen } from "./pointer.js";
import { makeTiles } from "./tiles.js";

const maps = new WeakMap();
const THINNED = 2000; // codes over the garments at zoom 1: more hide them
const NEAR = 7; // pixels to a code that counts as on it
const REST = 80; // milliseconds without movement before a heavy decoder decodes
const CALM = 200; // milliseconds of a pointer at rest that count as a look at what lies there
const BEARABLE = 50; // milliseconds of a decode that a moving pointer can still be followed with
const GLIDE_FRAME = 50; // milliseconds from one frame of a glide to the next
const RETRY = 3000, PATIENCE = 30_000; // milliseconds until a lost part is asked for again, and one that is under way

function makeMap(parent) {
  const panel = buildPanel(parent), view = makeView(3), tiles = makeTiles(panel.tiles, view);
  const state = {
    layers: { codes: true, garments: true, posterior: true, trail: true, prior: true },
    hidden: new Set(), side: 20, scale: "linear", units: [0, 1], codes: null, latentDim: 2,
  };
  const status = {
    z: [], checksum: 0, decodes: 0, fps: 0, decodeMs: 0, codesDrawn: 0, approximate: false, ready: false,
    moving: false, error: null,
    get missing() {
      return tiles.missing;
    },
    get atlasMissing() {
      return tiles.atlasMissing();
    },
  };
  const meter = makeMeter(), told = {}, opened = { decoder: null, codes: null, thumbnails: null, grid: null };
  const sent = []; // what Python was told: its echo must not move the pin back
  let decoder = null, codes = null, thumbnails = null, grid = null, extent = null, plane = null, stamps = [], ratio = 1;
  let pinned = null, current = null, hover = null, trail = [], near = -1, selected = null, chosen = -1, dressed = "";
  let sync = () => {}, trigger = () => {}, serial = 0, frame = 0, rest = 0, slideRest = 0, name = "", lately = "";
  let asked = -Infinity, promised = 0, waiting = 0, glideRest = 0, calm = 0, visited = false, shownReal = null;
  let dirty = { tiles: true, marks: true, picture: true, top: true };

  const place = () => hover ?? plane.project(pinned);
  const lift = (a, b) => plane.lift(pinned, a, b, new Float32Array(decoder.latentDim));

  // ---- frames ----

  function schedule(...what) {
    for (const part of what) dirty[part] = true;
    dirty.top = true;
    frame ||= requestAnimationFrame(draw);
  }

  function draw(now) {
    frame = 0;
    if (!decoder || !view.size) return;
    const { tiles: drawTilesNow, marks, picture, top } = dirty;
    dirty = { tiles: false, marks: false, picture: false, top: false };
    const gliding = codes?.moved(now) ?? false;
    clearTimeout(glideRest);
    if (gliding) glideRest = setTimeout(glide, GLIDE_FRAME);
    if (picture) movePicture(now);
    if (drawTilesNow) tiles.draw(ratio);
    if (marks || gliding) drawMarks();
    if (top || !gliding) drawTop();
    status.ready = true;
  }

  /** The next frame of a glide: of the codes alone, and some twenty a second, since a training wants the same cores. */
  function glide() {
    frame ||= requestAnimationFrame(draw);
  }

  function movePicture(now) {
    const [a, b] = place();
    plane.lift(pinned, a, b, current);
    const hurried = decoder.heavy && status.moving, blended = hurried ? tiles.blend([a, b]) : null;
    status.approximate = blended !== null;
    clearTimeout(rest);
    if (hurried) rest = setTimeout(() => decodeNow(true), REST);
    if (blended) showPicture(blended, "approximate while moving");
    else if (!hurried || status.decodeMs < BEARABLE) decodeNow(false); // the atlas is not there yet, or ends before here
    if (status.moving) status.fps = meter(now);
    showCode();
  }

  function decodeNow(rested) {
    const blended = rested ? tiles.blend(place()) : null, start = performance.now();
    const image = decoder.decode(current);
    status.decodeMs = performance.now() - start;
    status.approximate = false;
    let note = hover ? "following the pointer" : "pinned";
    if (blended) {
      status.error = image.reduce((sum, value, p) => sum + Math.abs(value - blended[p]), 0) / image.length;
      note = `exact; the approximation was ${status.error.toFixed(3)} off here (mean absolute difference)`;
    }
    showPicture(image, note);
    if (rested) showCode();
  }

  function showPicture(image, note) {
    paint(panel.picture, image, decoder.imageShape);
    status.checksum = image.reduce((sum, value) => sum + value, 0);
    status.decodes++;
    status.z = Array.from(current);
    const [a, b] = place().map((value) => signed(value)), names = axisNames();
    panel.z.textContent = decoder.latentDim === 2 ? `z = (${a}, ${b})` : `${names[0]} = ${a}, ${names[1]} = ${b}`;
    if (panel.note.textContent !== note) panel.note.textContent = note; // a screen reader says it each time it is set
    if (!hover) panel.picture.setAttribute("aria-label", `Picture decoded from ${panel.z.textContent}`);
  }

  const axisNames = () => (state.units === "pca" ? ["PC 1", "PC 2"] : state.units.map(unitName));
  const shownCodes = () => {
    if (!codes || !state.layers.codes) return 0;
    return state.layers.garments ? Math.min(codes.n, Math.round(THINNED * Math.max(view.zoom(), 1) ** 2)) : codes.n;
  };

  function drawMarks() {
    const context = clear(panel.marks, view, ratio), count = shownCodes();
    status.codesDrawn = count ? drawCodes(context, view, codes, count, state.hidden, stamps, ratio) : 0;
    if (state.layers.prior) drawPrior(context, view);
    drawScale(context, view, axisNames());
    const words = [];
    if (codes) words.push(`${status.codesDrawn.toLocaleString("en")} of the ${codes.n.toLocaleString("en")} codes (z_mean) of ${codes.what} shown`
      + (count < codes.n && count ? ", chosen at random; zoom in for more" : ""));
    if (state.layers.garments) words.push(`${visibleTiles(view, state.side).length} pictures decoded where they lie`
      + (decoder?.latentDim > 2 ? ", the rest of z as pinned" : ""));
    panel.count.textContent = words.join("; ") + ".";
  }

  function drawTop() {
    const posterior = chosen >= 0 ? posteriorOf(codes.order[chosen]) : selected;
    drawMoving(clear(panel.top, view, ratio), view, plane, {
      trail: state.layers.trail ? trail : [], posterior: state.layers.posterior ? posterior : null, pinned, hover,
      near: near >= 0 ? [codes.places[2 * near], codes.places[2 * near + 1]] : null,
    });
  }

  const slice = (array, i) => array.subarray(i * codes.d, (i + 1) * codes.d);
  const posteriorOf = (i) => ({ zMean: slice(codes.zMean, i), zLogVar: codes.zLogVar && slice(codes.zLogVar, i) });

  /** Which code lies under the pointer: its picture, class and index. */
  function showCode() {
    const count = shownCodes();
    const found = hover && count ? nearestCode(view, codes, count, state.hidden, view.toScreen(hover), NEAR) : -1;
    if (found === near && found < 0) return;
    const index = found < 0 ? -1 : codes.order[found], real = thumbnails?.bitmap;
    const changed = found !== near || real !== shownReal;
    near = found;
    panel.thumbnail.hidden = found < 0;
    if (found < 0) {
      panel.code.textContent = "";
      return;
    }
    shownReal = real;
    if (real && changed) thumbnails.draw(panel.thumbnail, index);
    else if (!real && (changed || decoder.heavy) && !(decoder.heavy && status.approximate)) {
      paint(panel.thumbnail, decoder.decode(slice(codes.zMean, index)), decoder.imageShape);
    }
    panel.code.textContent = `${codes.what.replace(/s$/, "")} ${index}: ${codes.classes[codes.labels[found]]}` + (real ? "" : " (reconstruction)");
  }

  // ---- wishes of the pointer and the keyboard ----

  function goTo(spot) {
    clearTimeout(calm);
    if (!visited) calm = setTimeout(comeToRest, CALM);
    hover = spot;
    status.moving = true;
    trail.push(spot);
    if (trail.length > 240) trail.shift();
    schedule("picture");
  }

  /** The thumbnails are megabytes, and the page runs to send them: so they come for the first who looks closer, not in passing. */
  function comeToRest() {
    visited = true;
    askForLost();
  }

  function viewChanged() {
    tiles.refresh();
    schedule("tiles", "marks", "picture");
  }

  function setPinned(z) {
    const before = pinned && lift(0, 0);
    pinned = Float32Array.from(z);
    const moved = before && lift(0, 0).some((value, i) => Math.abs(value - before[i]) > 1e-5);
    if (moved) tiles.stale(); // the pictures of the plane hang on the other units
    sync(pinned);
    schedule("picture");
  }

  function tell() {
    serial = Math.max(serial + 1, Date.now());
    const z = Array.from(pinned);
    sent.push(JSON.stringify(z.map((value) => Math.fround(value))));
    if (sent.length > 20) sent.shift();
    trigger("pinned", { z, serial, index: chosen >= 0 ? codes.order[chosen] : null });
  }

  const onMap = { // each wish only once there is something to show
    hover: (at) => goTo(view.fromScreen(at)),
    leave() {
      if (hover && trail[trail.length - 1]) trail.push(null);
      hover = null;
      status.moving = false;
      schedule("picture");
    },
    pin(at) {
      if (at) hover = view.fromScreen(at);
      if (!hover) return;
      const count = shownCodes();
      chosen = count ? nearestCode(view, codes, count, state.hidden, view.toScreen(hover), NEAR) : -1;
      setPinned(lift(...hover));
      tell();
    },
    pan(dx, dy) {
      view.pan(dx, dy);
      viewChanged();
    },
    zoom(at, factor) {
      view.zoomAt(at, factor);
      viewChanged();
    },
    reset() {
      view.reset();
      viewChanged();
    },
    step(right, up) {
      const [x, y] = view.toScreen(place()), far = view.size / 40;
      const within = (v) => Math.min(Math.max(v, 0), view.size);
      goTo(view.fromScreen([within(x + right * far), within(y - up * far)]));
    },
  };
  listen(panel.top, Object.fromEntries(Object.entries(onMap).map(([wish, act]) => [wish, (...args) => decoder && act(...args)])));

  const onControls = {
    showClass(label, shown) {
      state.hidden[shown ? "delete" : "add"](label);
      schedule("marks");
    },
    showLayer(layer, shown) {
      state.layers[layer] = shown;
      if (layer === "garments") tiles.shown = shown;
      viewChanged();
    },
    grid(side, scale) {
      if (side) tiles.side = state.side = side;
      if (scale) {
        state.scale = scale;
        view.quantile = scale === "quantile";
        view.reset();
      }
      tiles.stale(true);
      schedule("tiles", "marks", "picture");
    },
    axis(which, value) {
      if (value === "pca") state.units = "pca";
      else {
        const units = state.units === "pca" ? [0, 1] : [...state.units], unit = Number(value), other = units[1 - which];
        units[1 - which] = other === unit ? units[which] : other; // the same unit twice: they change places
        units[which] = unit;
        if (units[0] === units[1]) units[1 - which] = unit === 0 ? 1 : 0;
        state.units = units;
      }
      controls();
      replane();
    },
    slide(unit, value) {
      hover = null;
      status.moving = true;
      chosen = -1;
      pinned[unit] = value;
      sync(pinned);
      clearTimeout(slideRest);
      slideRest = setTimeout(() => tiles.stale(), 150);
      schedule("picture");
    },
    slid() {
      status.moving = false;
      schedule("picture");
      tell();
    },
  };

  // ---- what Python sends ----

  function controls() {
    sync = buildControls(panel, state, onControls);
    sync(pinned);
  }

  /** A new plane, or new codes or weights on the old one: then the view, the trail and the old tiles stay for now. */
  function replane(keep = false) {
    plane = makePlane(decoder.latentDim, state.units, state.units === "pca" ? codes.components : null);
    if (codes) codes.project(plane);
    if (!keep) {
      view.extent = told.extent ?? codes?.extent() ?? 3;
      view.reset();
      trail = [];
      hover = null;
    }
    tiles.open(decoder, lift, !keep, grid);
    schedule("marks", "picture", ...(keep ? [] : ["tiles"])); // kept ones stay until each is drawn over
  }

  /** Takes up the parts that are there; the rest follow with an event. */
  function takeParts() {
    const parts = Object.fromEntries(Object.entries(told.parts ?? {}).map(([kind, digest]) => [kind, carried(digest)]));
    const lost = lostKinds();
    if (!told.parts || lost.some((kind) => kind !== "thumbnails")) return;
    try {
      const before = decoder?.latentDim, codesBefore = codes;
      const changed = opened.decoder !== told.parts.decoder || opened.codes !== told.parts.codes;
      if (opened.decoder !== told.parts.decoder) decoder = openDecoder(parts.decoder);
      if (opened.codes !== told.parts.codes) codes = parts.codes ? openCodes(parts.codes) : null;
      if (opened.grid !== told.parts.grid) grid = parts.grid ? openGrid(parts.grid) : null;
      if (changed) adopt(before);
      if (changed && before === decoder.latentDim && codes && codesBefore && codes !== codesBefore) {
        codes.glideFrom(codesBefore); // from one snapshot of a training to the next
        schedule("marks");
      }
      if (opened.thumbnails !== told.parts.thumbnails) { // the map need not wait for them
        thumbnails = parts.thumbnails ? openThumbnails(parts.thumbnails, () => schedule("picture")) : null;
        opened.thumbnails = parts.thumbnails ? told.parts.thumbnails : null;
      }
      letGo();
    } catch (error) {
      panel.message.hidden = false;
      panel.message.textContent = `The map cannot show this model: ${error.message}`;
    }
  }

  /** What this map has yet to open and cannot find; what it has opened it needs no more. */
  function lostKinds() {
    return Object.entries(told.parts ?? {}).filter(([kind, digest]) => digest && opened[kind] !== digest && !carried(digest)).map(([kind]) => kind);
  }

  /** Parts that Python thinks are here, but are not: a browser keeps only so many, and what a run has sent is dropped when
   *  the next one cuts it short. So it asks until they come; for those that are under way, only after a long while. */
  function askForLost() {
    clearTimeout(waiting);
    const wanted = lostKinds().filter((kind) => visited || kind !== "thumbnails");
    const lost = wanted.map((kind) => told.parts[kind]), now = performance.now();
    if (!lost.length) return;
    const coming = lost.every((digest) => told.coming.includes(digest)) && asked < promised;
    let wait = coming ? promised + PATIENCE - now : asked + RETRY - now;
    if (wait <= 0) {
      trigger("missing", lost);
      [asked, wait] = [now, RETRY];
    }
    waiting = setTimeout(askForLost, wait);
  }

  function adopt(before) {
    Object.assign(opened, { decoder: told.parts.decoder, codes: told.parts.codes, grid: told.parts.grid });
    Object.assign(state, { codes, latentDim: decoder.latentDim });
    [near, chosen] = [-1, -1];
    panel.message.hidden = true;
    if (before !== decoder.latentDim) {
      state.units = told.units;
      pinned = Float32Array.from(told.z ?? new Float32Array(decoder.latentDim));
      current = new Float32Array(decoder.latentDim);
    }
    if (state.units === "pca" && !codes?.components) state.units = [0, 1];
    if (decoder.heavy) tiles.side = state.side = Math.min(state.side, 12);
    status.decode = (z) => Array.from(decoder.decode(Float32Array.from(z)));
    const looks = JSON.stringify([decoder.latentDim, decoder.heavy, codes?.classes, codes?.colours, decoder.latentDim > 2 && codes?.kl]);
    if (looks !== dressed) { // a training's next snapshot leaves the controls in the visitor's hands
      dressed = looks;
      controls();
      resize();
    }
    replane(before === decoder.latentDim && extent === told.extent);
    extent = told.extent;
  }

  function update(data, setTriggerValue) {
    trigger = setTriggerValue;
    const text = JSON.stringify(data);
    if (text === lately) return; // the page has run again, as it does each second beside a training, and this is as it was
    lately = text;
    const z = data.z && JSON.stringify(data.z.map((value) => Math.fround(value)));
    const news = z && z !== told.pinned && !sent.includes(z);
    const units = JSON.stringify(data.units), replaned = told.units && units !== JSON.stringify(told.units);
    if (data.coming.length) promised = performance.now();
    Object.assign(told, { parts: Object.fromEntries(data.parts), coming: data.coming, units: data.units, extent: data.extent, z: data.z, pinned: z });
    panel.root.style.setProperty("--lm-height", `${data.height}px`);
    if (name !== data.name) {
      name = data.name;
      tiles.side = state.side = data.tiles;
      (window.__liveMap ??= {})[name] = status;
    }
    const wasSelected = selected?.name;
    const [of, zMean, zLogVar] = data.selected ?? [];
    selected = zMean && { name: of, zMean: Float32Array.from(zMean), zLogVar: zLogVar && Float32Array.from(zLogVar) };
    if (selected && selected.name !== wasSelected) chosen = -1; // Python's choice is the newer one
    takeParts();
    askForLost();
    if (!decoder || !pinned) return;
    if (news && data.z.length === decoder.latentDim) setPinned(data.z);
    if (replaned && decoder.latentDim > 2) {
      state.units = data.units;
      controls();
      replane();
    }
    schedule("marks");
  }

  function resize() {
    const size = panel.stage.clientWidth;
    if (!size) return;
    ratio = Math.min(window.devicePixelRatio || 1, 2);
    view.size = size;
    for (const canvas of [panel.tiles, panel.marks, panel.top]) {
      canvas.width = canvas.height = Math.round(size * ratio);
    }
    stamps = makeStamps(codes?.colours ?? [], size < 420 ? 2.2 : 2.8, ratio);
    schedule("tiles", "marks", "picture");
  }

  const observer = new ResizeObserver(resize);
  observer.observe(panel.stage);
  window.addEventListener("live-map-part", takeParts);
  return {
    update,
    end() {
      observer.disconnect();
      window.removeEventListener("live-map-part", takeParts);
      [rest, slideRest, waiting, glideRest, calm].forEach(clearTimeout);
      cancelAnimationFrame(frame);
      tiles.end();
      if (window.__liveMap?.[name] === status) delete window.__liveMap[name];
      panel.root.remove();
    },
  };
}

export default function ({ data, parentElement, setTriggerValue }) {
  if (!maps.has(parentElement)) maps.set(parentElement, makeMap(parentElement));
  maps.get(parentElement).update(data, setTriggerValue);
  return () => {
    maps.get(parentElement)?.end();
    maps.delete(parentElement);
  };
}
