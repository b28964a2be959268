// The timeline below a map: plays and drags through the snapshots of a training, all in the browser.
//
// At a snapshot the map holds its decoder and codes. Between two of them codes glide and pictures fade: what is shown there is
// no model, and the words say so. `mosaics.js` decodes the pictures that the server has not.

import { openFrame } from "./frames.js";
import { classCentres } from "./labels.js";
import { makeMosaics } from "./mosaics.js";
import { carried } from "./parts.js";
import { buildTimeline, markCharts } from "./timeline_panel.js";

const STEP_TIME = 1100; // milliseconds from one snapshot to the next
const END_TIME = 2500; // that the last one stays before it all begins again
const FRAME_RETRY = 4000, FRAME_PATIENCE = 20_000; // milliseconds until a lost snapshot is asked for again, and one that is under way
const AT_SNAPSHOT = 1e-3; // of a snapshot's place: so near it is that snapshot

/** @typedef {import("./types").Snapshot} Snapshot */

/** @param {import("./types").TimelineMap} map @returns {import("./types").TimelineLink} */
export function makeTimeline({ panel, state, view, tiles, schedule, status }) {
  /** @type {ReturnType<typeof buildTimeline> | null} */
  let bar = null;
  /** @type {import("./types").TimelineSettings | null} */
  let told = null;
  /** @type {import("./types").Trigger} */
  let trigger = () => {};
  /** @type {{ step: number, digest: string, opened: Snapshot | null }[]} */
  let frames = [];
  /** @type {{ decoder: any, codes: any, grid: any }} */
  let newest = { decoder: null, codes: null, grid: null };
  let place = 0, goal = /** @type {number | null} */ (null), playing = false, looping = false, wished = false;
  let before = 0, held = 0, asked = -Infinity, promised = -Infinity, waiting = 0, seen = true, meterFrom = 0, meterFrames = 0;
  let lately = "", plane = /** @type {any} */ (null), lent = false;
  const mosaics = makeMosaics(state, view, () => schedule("tiles"));
  const facts = { place: 0, step: 0, frames: 0, ready: false, playing: false, fps: 0, between: false };
  status.timeline = facts;
  const last = () => frames.length - 1;
  const away = () => frames.length > 1 && place < last() - AT_SNAPSHOT;
  const ready = () => frames.length > 1 && frames.every(({ opened }) => opened);
  const watcher = new IntersectionObserver((entries) => {
    seen = entries.some((entry) => entry.isIntersecting);
    if (seen && playing) schedule();
  });
  watcher.observe(panel.stage);

  // ---- what is shown ----

  /** @param {number} i @returns {{ decoder: any, codes: any }} */
  function holds(i) {
    const { opened } = frames[i];
    return { decoder: opened?.decoder ?? newest.decoder, codes: opened?.codes ?? newest.codes };
  }

  /** @param {any} a @param {any} b @param {number} share */
  function blended(a, b, share) {
    if (a === b || share < AT_SNAPSHOT) return a;
    const image = new Float32Array(a.pixels);
    return {
      ...a,
      /** @param {Float32Array} z */
      decode(z) {
        image.set(a.decode(z));
        const next = b.decode(z);
        for (let p = 0; p < image.length; p++) image[p] += share * (next[p] - image[p]);
        return image;
      },
    };
  }

  /** @param {any} a @param {any} b @param {number} share */
  function between(a, b, share) {
    if (!a || !b || a === b || share < AT_SNAPSHOT || a.n !== b.n) return a;
    const places = new Float32Array(a.places.length);
    for (let i = 0; i < places.length; i++) places[i] = a.places[i] + share * (b.places[i] - a.places[i]);
    return { ...a, places, moved: () => false };
  }

  function show() {
    if (!frames.length || !newest.decoder) return;
    const i = Math.min(Math.floor(place + AT_SNAPSHOT), last()), share = Math.max(place - i, 0);
    const here = holds(i), next = share >= AT_SNAPSHOT ? holds(i + 1) : here;
    if (plane !== state.plane) {
      for (const { opened } of frames) opened?.codes?.project(state.plane);
      plane = state.plane;
    }
    state.decoder = blended(here.decoder, next.decoder, share);
    state.codes = between(here.codes, next.codes, share);
    state.centres = state.codes ? classCentres(state.codes.places, state.codes.labels, state.codes.classes.length) : [];
    tiles.covered = away();
    Object.assign(facts, { place, step: frames[i].step, frames: frames.length, ready: ready(), playing, between: share >= AT_SNAPSHOT });
    if (lent && !away()) { // the pictures of the newest again
      lent = false;
      tiles.open(newest.decoder, (a, b) => lift(a, b), false, newest.grid);
    }
    bar?.show(frames, i, share, { playing, ready: facts.ready, asked: wished });
    markCharts(panel.root, told?.charts ?? [], away() ? frames[i].step + share * ((frames[i + 1]?.step ?? 0) - frames[i].step) : null, told?.lastStep ?? 1);
    schedule("tiles", "marks", "picture");
  }

  /** @param {number} a @param {number} b */
  function lift(a, b) {
    return state.plane.lift(state.pinned, a, b, new Float32Array(state.latentDim));
  }

  /** The pictures over the map while the timeline stands elsewhere than at its end; false leaves it to the tiles.
   *  @param {CanvasRenderingContext2D} context */
  function drawPictures(context) {
    if (!away() || view.quantile) return false;
    const i = Math.min(Math.floor(place + AT_SNAPSHOT), last()), share = Math.max(place - i, 0);
    const pair = share >= AT_SNAPSHOT ? [[i, 1], [i + 1, share]] : [[i, 1]];
    if (!tiles.shown) return true;
    for (const [index, opacity] of pair) {
      const mosaic = mosaics.of(frames[index], holds(index).decoder, frames[index].opened?.decoder ? null : newest.grid);
      if (!mosaic) continue;
      const [left, top] = view.toScreen([-mosaic.extent, mosaic.extent]), [right, bottom] = view.toScreen([mosaic.extent, -mosaic.extent]);
      context.globalAlpha = opacity;
      context.imageSmoothingEnabled = right - left < mosaic.canvas.width;
      context.drawImage(mosaic.canvas, left, top, right - left, bottom - top);
    }
    context.globalAlpha = 1;
    return true;
  }

  // ---- time ----

  /** Before a frame is drawn. @param {number} now */
  function tick(now) {
    if (plane !== state.plane && away()) {
      lent = true; // the tiles were opened with what was shown
      show();
    }
    const moving = (playing && seen) || goal !== null;
    const spent = before ? Math.min(now - before, 100) : 0;
    before = moving ? now : 0;
    if (!moving) {
      meterFrames = 0;
      return;
    }
    if (!meterFrames++) meterFrom = now;
    else if (now > meterFrom) facts.fps = (1000 * (meterFrames - 1)) / (now - meterFrom);
    if (goal !== null) {
      const step = spent / (STEP_TIME / 4);
      place = Math.abs(goal - place) <= step ? goal : place + Math.sign(goal - place) * Math.max(step, 0.15 * Math.abs(goal - place));
      if (place === goal) goal = null;
    } else if (!ready()) {
      return; // it begins when they are here
    } else if (place >= last() - AT_SNAPSHOT) {
      place = last();
      held += spent;
      if (!looping) setPlaying(false);
      else if (held > END_TIME) [place, held] = [0, 0];
    } else {
      place = Math.min(place + spent / STEP_TIME, last());
      held = 0;
    }
    show();
  }

  /** @param {boolean} on */
  function setPlaying(on) {
    playing = on;
    if (on && !looping && place >= last() - AT_SNAPSHOT) place = 0;
    if (!on && goal === null && place % 1) goal = Math.round(place);
    before = held = 0;
    show();
  }

  // ---- the visitor ----

  function touched() {
    looping = false;
    wished = true;
    ask();
  }

  const on = {
    play() {
      touched();
      setPlaying(!playing);
    },
    /** @param {number} to */
    drag(to) {
      touched();
      [goal, playing] = [null, false];
      place = ready() ? to : Math.round(to);
      if (ready() || frames[place]?.opened) show();
      else bar?.show(frames, place, 0, { playing, ready: false, asked: true });
    },
    drop() {
      goal = Math.round(place);
      schedule();
    },
    /** @param {number} to */
    go(to) {
      touched();
      playing = false;
      goal = Math.min(Math.max(Math.round(to), 0), last());
      schedule();
    },
    place: () => goal ?? place,
    last,
  };

  // ---- what Python sends ----

  /** Other snapshots: where the timeline stands, it stays. @param {[number, string][]} others */
  function list(others) {
    const followed = !away(), base = Math.floor(place), stood = frames[base]?.step, share = place - base;
    const known = new Map(frames.map((frame) => [frame.digest, frame.opened]));
    frames = others.map(([step, digest]) => ({ step, digest, opened: known.get(digest) ?? null }));
    const again = frames.findIndex(({ step }) => step === stood);
    place = followed || again < 0 ? last() : Math.min(again + share, last());
    goal = goal === null || followed ? null : Math.round(place);
  }

  function missing() {
    return frames.filter(({ opened, digest }) => !opened && !carried(digest));
  }

  function ask() {
    clearTimeout(waiting);
    const lost = missing().map(({ digest }) => digest);
    if (!lost.length || !told || !(wished || told.eager)) return;
    const now = performance.now(), coming = now < promised + FRAME_PATIENCE && lost.every((digest) => told?.coming.includes(digest));
    if (!coming && now - asked >= FRAME_RETRY) {
      asked = now;
      trigger("frames", lost);
    }
    waiting = setTimeout(ask, FRAME_RETRY);
  }

  function take() {
    if (!newest.decoder || !state.plane) return;
    let news = false;
    for (const frame of frames) {
      const part = frame.opened ? null : carried(frame.digest);
      if (!part) continue;
      frame.opened = openFrame(part, newest.codes);
      frame.opened.codes?.project(state.plane);
      news = true;
    }
    if (!news) return;
    if (ready() && looping && !playing) [place, playing] = [0, true];
    show();
  }

  return {
    tick,
    draw: drawPictures,
    /** @param {import("./types").TimelineSettings | null} settings @param {import("./types").Trigger} send */
    update(settings, send) {
      trigger = send;
      const text = JSON.stringify(settings);
      if (!settings || text === lately) return;
      const first = !told, listed = JSON.stringify(settings.frames) !== JSON.stringify(told?.frames);
      [lately, told] = [text, settings];
      if (settings.coming.length) promised = performance.now();
      bar ??= buildTimeline(panel, on, settings.plain);
      if (listed) list(settings.frames);
      if (first && settings.plays && !matchMedia("(prefers-reduced-motion: reduce)").matches) looping = true;
      take();
      if (listed || away()) show();
      ask();
    },
    adopted() {
      newest = { decoder: state.decoder, codes: state.codes, grid: state.grid };
      take();
      if (away()) show();
    },
    came: take,
    away,
    end() {
      clearTimeout(waiting);
      watcher.disconnect();
      mosaics.end();
      markCharts(panel.root, told?.charts ?? [], null, 1);
    },
  };
}
