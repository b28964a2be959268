// The map: its frames, and how the other modules meet. `state.js` holds what is shown, `interaction.js` what a pointer
// or a control does to it, `link.js` what goes to Python and comes from there.
//
// For tests and the curious, window.__liveMap[name] tells: z, checksum of the picture, decodes, frames per second while
// moving, milliseconds of a decode, tiles still missing, codes drawn, approximate or not; and offers decode(z).

import { buildCorner } from "./corner.js";
import { clear, drawCodes, drawMoving, drawPrior, drawScale, makeMeter, makeStamps, paint } from "./drawing.js";
import { posteriorNote } from "./edge.js";
import { roomBelow } from "./fit.js";
import { makeGhost } from "./ghost.js";
import { codeUnder, makeInteraction } from "./interaction.js";
import { classCentres, drawLabels } from "./labels.js";
import { makeLink } from "./link.js";
import { classAround } from "./neighbours.js";
import { buildControls, buildPanel, signed } from "./panel.js";
import { carried, letGo, openCodes, openDecoder, openGrid, openThumbnails } from "./parts.js";
import { makePlane, makeView, visibleTiles } from "./plane.js";
import { listen } from "./pointer.js";
import { axisNames, codeOf, countOfCodes, isNarrow, liftTo, makeState, NARROW_SIDE, placeOf, shownPosterior } from "./state.js";
import { makeTiles } from "./tiles.js";
import { makeTimeline } from "./timeline.js";
import { makeWay } from "./way.js";

/** @typedef {import("./types").Settings} Settings */

const REST = 80; // milliseconds without movement before a heavy decoder decodes
const BEARABLE = 50; // milliseconds of a decode that a moving pointer can still be followed with
const GLIDE_FRAME = 50; // milliseconds from one frame of a glide to the next
const CORNER = { width: 48, height: 124 }; // pixels of the buttons' corner, which no name may cover
const PIN = 24; // pixels of its mark
const HEAVY_SIDE = 12; // pictures along a side of the grid of a decoder too heavy to follow a pointer

/** @param {HTMLElement | ShadowRoot} parent */
function makeMap(parent) {
  const panel = buildPanel(parent), view = makeView(3), tiles = makeTiles(panel.tiles, view);
  const state = makeState(), link = makeLink(), meter = makeMeter();
  /** @type {import("./types").Status} */
  const status = {
    z: [], checksum: 0, decodes: 0, fps: 0, decodeMs: 0, codesDrawn: 0, approximate: false, ready: false,
    moving: false, error: null, names: [],
    get ghost() {
      return ghost.gliding;
    },
    get zoom() {
      return view.zoom();
    },
    get missing() {
      return tiles.missing;
    },
    get atlasMissing() {
      return tiles.atlasMissing();
    },
  };
  const dirty = { tiles: true, marks: true, picture: true, top: true };
  /** @type {import("./types").Stamp[]} */
  let stamps = [];
  /** @type {ImageBitmap | null | undefined} */
  let shownReal = null; // the bitmap that the thumbnail was cut from
  let showSliders = (/** @type {Float32Array | null} */ _z) => {};
  /** @type {Float32Array | null} */
  let decoded = null; // what the decoder has drawn last
  let ratio = 1, frame = 0, rest = 0, glideRest = 0, name = "", dressed = "", fitted = "";
  /** @type {number | null} */
  let extent = null;

  const timeline = makeTimeline({ panel, state, view, tiles, schedule, status });

  // ---- frames ----

  /** @param {string[]} what */
  function schedule(...what) {
    for (const part of what) dirty[/** @type {keyof typeof dirty} */ (part)] = true;
    dirty.top = true;
    frame ||= requestAnimationFrame(draw);
  }

  /** @param {number} now */
  function draw(now) {
    frame = 0;
    if (!state.decoder || !view.size) return;
    timeline.tick(now);
    const todo = { ...dirty };
    Object.assign(dirty, { tiles: false, marks: false, picture: false, top: false });
    const gliding = state.codes?.moved(now) ?? false;
    clearTimeout(glideRest);
    if (gliding) glideRest = setTimeout(glide, GLIDE_FRAME);
    if (todo.picture) movePicture(now);
    if (todo.tiles && !(timeline.away() && timeline.draw(clear(panel.tiles, view, ratio)))) tiles.draw(ratio);
    if (todo.marks || gliding) drawMarks();
    if (todo.top || !gliding) drawTop();
    status.ready = true;
  }

  /** The next frame of a glide: of the codes alone, and some twenty a second, since a training wants the same cores. */
  function glide() {
    frame ||= requestAnimationFrame(draw);
  }

  /** @param {number} now */
  function movePicture(now) {
    const place = placeOf(state);
    state.plane.lift(state.pinned, ...place, state.current);
    const hurried = state.decoder.heavy && status.moving, blended = hurried ? tiles.blend(place) : null;
    status.approximate = blended !== null;
    clearTimeout(rest);
    if (hurried) rest = setTimeout(() => decodeNow(true), REST);
    if (blended) showPicture(blended, "approximate while moving");
    else if (!hurried || status.decodeMs < BEARABLE) decodeNow(false); // the atlas is not there yet, or ends before here
    if (status.moving) status.fps = meter(now);
    showCode();
    showWay();
  }

  /** @param {boolean} rested */
  function decodeNow(rested) {
    const blended = rested ? tiles.blend(placeOf(state)) : null, start = performance.now();
    const image = state.decoder.decode(state.current);
    status.decodeMs = performance.now() - start;
    status.approximate = false;
    let note = state.hover ? "following the pointer" : state.ghost ? "now it is your turn" : "pinned";
    if (blended) {
      status.error = image.reduce((sum, value, p) => sum + Math.abs(value - blended[p]), 0) / image.length;
      note = `exact; the approximation was ${status.error.toFixed(3)} off here (mean absolute difference)`;
    }
    showPicture(image, note);
    if (!rested) return;
    showCode();
    showWay();
  }

  /** @param {Float32Array} image @param {string} note */
  function showPicture(image, note) {
    paint(panel.picture, image, state.decoder.imageShape);
    status.checksum = image.reduce((sum, value) => sum + value, 0);
    status.decodes++;
    status.z = Array.from(state.current);
    const [a, b] = placeOf(state).map((value) => signed(value)), names = axisNames(state);
    panel.z.textContent = state.latentDim === 2 ? `z = (${a}, ${b})` : `${names[0]} = ${a}, ${names[1]} = ${b}`;
    if (panel.note.textContent !== note) panel.note.textContent = note; // a screen reader says it each time it is set
    if (!state.hover && !state.ghost) panel.picture.setAttribute("aria-label", `Picture decoded from ${panel.z.textContent}`);
    decoded = image;
    showAround();
  }

  /** Whose codes lie around. */
  function showAround() {
    const { codes } = state, around = codes && classAround(codes, state.current);
    panel.around.textContent = around ? codes.classes[around.label] : "";
    panel.count15.textContent = around ? `${around.count} of the ${around.of} nearest` : "";
    if (around) panel.count15.title = `Of the ${around.of} codes of ${codes.what} that are nearest to this z, ${around.count} are of this class`;
  }

  function showWay() {
    way.show(state, decoded, panel.z.textContent, panel.thumbnail);
  }

  function drawMarks() {
    const { codes, layers } = state, context = clear(panel.marks, view, ratio), count = countOfCodes(state, view.zoom());
    status.codesDrawn = count ? drawCodes(context, view, codes, count, state, stamps, ratio) : 0;
    if (layers.prior) drawPrior(context, view);
    drawScale(context, view, axisNames(state));
    status.names = layers.names && codes
      ? drawLabels(context, view, state.centres, codes.classes, state.hidden, state.lifted, takenRoom()) : [];
    buttons.showsAll(Math.abs(view.zoom() - 1) < 1e-3 && view.centre.every((at) => Math.abs(at - view.home().middle) < 1e-3));
    const words = [];
    if (codes) words.push(`${status.codesDrawn.toLocaleString("en")} of the ${codes.n.toLocaleString("en")} codes (z_mean) of ${codes.what} shown`
      + (count < codes.n && count ? ", chosen at random; zoom in for more" : ""));
    if (layers.garments) words.push(`${visibleTiles(view, state.side).length} pictures decoded where they lie`
      + (state.latentDim > 2 ? ", the rest of z as pinned" : ""));
    panel.count.textContent = words.join("; ") + ".";
  }

  /** What no name may cover: the buttons, the pin, and what is said of a posterior beside it. */
  function takenRoom() {
    const { width, height } = CORNER, [x, y] = view.toScreen(state.plane.project(state.pinned)), posterior = shownPosterior(state);
    const note = posterior && posteriorNote(view, state.plane, posterior);
    const pin = { x: x - PIN / 2, y: y - PIN / 2, width: PIN, height: PIN };
    return [{ x: view.size - width, y: view.size - height, width, height }, pin, ...(note ? [note.box] : [])];
  }

  function drawTop() {
    const { codes, near, hover, pinned, plane } = state;
    drawMoving(clear(panel.top, view, ratio), view, plane, {
      trail: state.layers.trail ? state.trail : [], posterior: shownPosterior(state), pinned, hover,
      ghost: state.ghost,
      near: near >= 0 ? [codes.places[2 * near], codes.places[2 * near + 1]] : null,
    });
  }

  /** Which code lies under the pointer: its picture, class and index. */
  function showCode() {
    const { codes, decoder, thumbnails } = state, row = codeUnder(state, view, state.hover);
    if (row === state.near && row < 0) return;
    const real = thumbnails?.bitmap, changed = row !== state.near || real !== shownReal;
    state.near = row;
    panel.thumbnail.hidden = row < 0;
    if (row < 0) {
      panel.code.textContent = "";
      return;
    }
    const index = codes.order[row];
    shownReal = real;
    if (real && changed) thumbnails.draw(panel.thumbnail, index);
    else if (!real && (changed || decoder.heavy) && !(decoder.heavy && status.approximate)) {
      paint(panel.thumbnail, decoder.decode(codeOf(state, row)), decoder.imageShape);
    }
    panel.code.textContent = `${codes.what.replace(/s$/, "")} ${index}: ${codes.classes[codes.labels[row]]}` + (real ? "" : " (reconstruction)");
  }

  // ---- pointer and controls ----

  /** @param {ArrayLike<number>} z */
  function movePin(z) {
    const before = state.pinned && liftTo(state, 0, 0);
    state.pinned = Float32Array.from(z);
    const moved = before && liftTo(state, 0, 0).some((value, i) => Math.abs(value - before[i]) > 1e-5);
    if (moved) tiles.stale(); // the pictures of the plane hang on the other units
    showSliders(state.pinned);
    schedule("picture", "marks");
  }

  const interaction = makeInteraction(state, view, tiles, {
    schedule, move: movePin, replane, rebuild, lookCloser: link.lookCloser, isCurious: link.isCurious,
    tell: () => link.tellPin(state.pinned, state.chosen >= 0 ? state.codes.order[state.chosen] : null),
    moving: (on) => (status.moving = on),
    slid: () => showSliders(state.pinned), scrolled: () => buttons.scrolled(), takenOver: () => ghost.stop(),
  });
  const { wishes } = interaction;
  /** @type {any} */
  const once = {}; // only once there is something to show
  for (const [wish, act] of Object.entries(wishes)) once[wish] = (/** @type {any[]} */ ...args) => state.decoder && act(...args);
  listen(panel.top, once);
  const buttons = buildCorner(panel.stage, {
    zoom: (factor) => once.zoom([view.size / 2, view.size / 2], factor), reset: () => once.reset(),
  });
  const way = makeWay(panel.strip, (part) => link.tellPart(part), () => schedule("picture"));
  const ghost = makeGhost((place) => {
    state.ghost = place;
    schedule("picture");
  }, ghostStops);

  /** Where the gliding cursor goes: from class to class, or round the middle. @returns {import("./types").Point[]} */
  function ghostStops() {
    const half = view.extent / 2, within = (/** @type {number[]} */ at) => at.every((value) => Math.abs(value) < view.extent);
    const stops = state.centres.map(({ centre }) => centre).filter(within).slice(0, 12);
    return stops.length > 3 ? stops : [[half, half], [-half, half], [-half, -half], [half, -half]];
  }

  function rebuild() {
    showSliders = buildControls(panel, state, interaction.controls);
    showSliders(state.pinned);
  }

  // ---- what Python sends ----

  /** A new plane, or new codes or weights on the old one: then the view, the trail and the old tiles stay for now. */
  function replane(keep = false) {
    const { codes, decoder, units } = state;
    state.plane = makePlane(decoder.latentDim, units, units === "pca" ? codes.components : null);
    if (codes) codes.project(state.plane);
    state.centres = codes ? classCentres(codes.places, codes.labels, codes.classes.length) : [];
    if (!keep) {
      view.extent = link.told().extent ?? codes?.extent() ?? 3;
      view.reset();
      state.trail = [];
      state.hover = null;
    }
    tiles.open(decoder, (a, b) => liftTo(state, a, b), !keep, state.grid);
    schedule("marks", "picture", ...(keep ? [] : ["tiles"])); // kept ones stay until each is drawn over
  }

  /** Takes up the parts that are there; the rest follow with an event. */
  function takeParts() {
    if (!link.complete()) return;
    const { opened } = link, wanted = link.wanted();
    const part = (/** @type {import("./types").Kind} */ kind) => (wanted[kind] ? carried(wanted[kind]) : null);
    try {
      const before = state.decoder?.latentDim, codesBefore = state.codes;
      const changed = opened.decoder !== wanted.decoder || opened.codes !== wanted.codes;
      if (opened.decoder !== wanted.decoder) state.decoder = openDecoder(part("decoder"));
      if (opened.codes !== wanted.codes) state.codes = wanted.codes ? openCodes(part("codes")) : null;
      if (opened.grid !== wanted.grid) state.grid = wanted.grid ? openGrid(part("grid")) : null;
      if (changed) adopt(before);
      if (changed && !timeline.away() && before === state.latentDim && state.codes && codesBefore && state.codes !== codesBefore) {
        state.codes.glideFrom(codesBefore); // from one snapshot of a training to the next
        schedule("marks");
      }
      if (changed) timeline.adopted();
      else timeline.came();
      if (opened.thumbnails !== wanted.thumbnails) { // the map need not wait for them
        const thumbnails = part("thumbnails");
        state.thumbnails = thumbnails ? openThumbnails(thumbnails, () => schedule("picture")) : null;
        opened.thumbnails = thumbnails ? wanted.thumbnails : null;
      }
      letGo();
    } catch (error) {
      panel.message.hidden = false;
      panel.message.textContent = `The map cannot show this model: ${error.message}`;
    }
  }

  /** A model, or codes of it, that were not shown before. @param {number | undefined} before latent units until now */
  function adopt(before) {
    const { decoder, codes } = state, told = link.told(), wanted = link.wanted();
    Object.assign(link.opened, { decoder: wanted.decoder, codes: wanted.codes, grid: wanted.grid });
    Object.assign(state, { latentDim: decoder.latentDim, near: -1, chosen: -1 });
    panel.message.hidden = true;
    if (before !== decoder.latentDim) {
      state.units = told.units;
      state.pinned = Float32Array.from(told.z ?? new Float32Array(decoder.latentDim));
      state.current = new Float32Array(decoder.latentDim);
    }
    if (state.units === "pca" && !codes?.components) state.units = [0, 1];
    chooseSide();
    status.decode = (z) => Array.from(state.decoder.decode(Float32Array.from(z)));
    const looks = JSON.stringify([decoder.latentDim, decoder.heavy, codes?.classes, codes?.colours, decoder.latentDim > 2 && codes?.kl]);
    if (looks !== dressed) { // a training's next snapshot leaves the controls in the visitor's hands
      dressed = looks;
      rebuild();
      resize();
    }
    replane(before === decoder.latentDim && extent === told.extent);
    extent = told.extent;
    way.hear(told.strip, decoder);
    fit();
    if (told.guide) ghost.begin();
  }

  /** @param {Settings} settings @param {import("./types").Trigger} trigger */
  function update(settings, trigger) {
    const { timeline: snapshots, ...own } = settings; // told by itself: its charts grow each second
    const news = link.hear(own, trigger);
    if (snapshots) {
      const [frames, coming, plays, plain, charts, lastStep, eager] = snapshots;
      timeline.update({ frames, coming, plays, plain, charts, lastStep, eager }, trigger);
    }
    if (!news) return;
    if (!settings.fit) panel.root.style.setProperty("--lm-height", `${settings.height}px`);
    if (name !== settings.name) {
      name = settings.name;
      (window.__liveMap ??= {})[name] = status;
    }
    select(settings.selected);
    takeParts();
    way.hear(settings.strip, state.decoder);
    fit();
    link.askForLost();
    if (!state.decoder || !state.pinned) return;
    if (news.pin && state.ghost) ghost.stop();
    if (news.pin && settings.z.length === state.latentDim) movePin(settings.z);
    if (news.units && state.latentDim > 2) {
      state.units = settings.units;
      rebuild();
      replane();
    }
    schedule("marks");
  }

  /** @param {Settings["selected"]} selected */
  function select(selected) {
    const before = state.selected?.name, [of, zMean, zLogVar] = selected ?? [];
    state.selected = zMean ? { name: of, zMean: Float32Array.from(zMean), zLogVar: zLogVar ? Float32Array.from(zLogVar) : null } : null;
    if (state.selected && of !== before) state.chosen = -1; // Python's choice is the newer one
  }

  /** A narrow map has fewer and larger pictures, until the visitor says otherwise; a heavy decoder draws fewer too. */
  function chooseSide() {
    if (state.sideChosen || !link.told()) return;
    const usual = state.narrow ? NARROW_SIDE : link.told().tiles, side = state.decoder?.heavy ? Math.min(usual, HEAVY_SIDE) : usual;
    if (side === state.side && side === tiles.side) return;
    tiles.side = state.side = side;
    if (panel.grid) panel.grid.value = String(side);
    if (state.decoder && status.ready) tiles.stale(true);
  }

  /** The whole map above the fold, however high the window is: what lies above it on the page is measured once. */
  function fit() {
    const now = `${window.innerHeight} ${panel.strip.offsetHeight}`;
    if (!link.told()?.fit || fitted === now) return;
    fitted = now;
    panel.root.style.setProperty("--lm-height", `${Math.min(link.told().height, roomBelow(panel.stage))}px`);
  }

  function resize() {
    const size = panel.stage.clientWidth;
    if (!size) return;
    ratio = Math.min(window.devicePixelRatio || 1, 2);
    view.size = size;
    state.narrow = isNarrow(size);
    chooseSide();
    for (const canvas of [panel.tiles, panel.marks, panel.top]) {
      canvas.width = canvas.height = Math.round(size * ratio);
    }
    stamps = makeStamps(state.codes?.colours ?? [], state.narrow ? 2 : 2.3, ratio);
    schedule("tiles", "marks", "picture");
  }

  const observer = new ResizeObserver(resize);
  observer.observe(panel.stage);
  window.addEventListener("live-map-part", takeParts);
  window.addEventListener("resize", fit);
  return {
    update,
    end() {
      observer.disconnect();
      window.removeEventListener("live-map-part", takeParts);
      window.removeEventListener("resize", fit);
      ghost.end();
      buttons.end();
      [rest, glideRest].forEach(clearTimeout);
      cancelAnimationFrame(frame);
      interaction.end();
      timeline.end();
      link.end();
      tiles.end();
      if (window.__liveMap?.[name] === status) delete window.__liveMap[name];
      panel.root.remove();
    },
  };
}

/** @type {WeakMap<object, ReturnType<typeof makeMap>>} */
const maps = new WeakMap();

/** @param {{ data: Settings, parentElement: HTMLElement | ShadowRoot, setTriggerValue: import("./types").Trigger }} component */
export default function ({ data, parentElement, setTriggerValue }) {
  if (!maps.has(parentElement)) maps.set(parentElement, makeMap(parentElement));
  maps.get(parentElement).update(data, setTriggerValue);
  return () => {
    maps.get(parentElement)?.end();
    maps.delete(parentElement);
  };
}
