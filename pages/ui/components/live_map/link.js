// The link to Python: what it has told this map, which parts are still to come, and what the map tells in return.
//
// Python tells the digests of the large parts; the parts travel through `carrier.js`. Both may be lost on the way, so the map
// asks for what it cannot find. Where the pin is goes both ways: a pin that Python only echoes must not move the map's own,
// which may be elsewhere by then.

import { carried } from "./parts.js";

/** @typedef {import("./types").Settings} Settings */
/** @typedef {import("./types").Kind} Kind */

const RETRY = 3000, PATIENCE = 30_000; // milliseconds until a lost part is asked for again, and one that is under way
const ECHOES = 20; // pins that are remembered as our own

/** @param {number[] | Float32Array} z */
const written = (z) => JSON.stringify(Array.from(z, (value) => Math.fround(value)));

export function makeLink() {
  /** @type {Record<Kind, string | null>} */
  const opened = { decoder: null, codes: null, grid: null, thumbnails: null }; // digests of the parts in use
  /** @type {Partial<Record<Kind, string | null>>} */
  let wanted = {};
  /** @type {string[]} */
  let coming = [];
  /** @type {string[]} */
  const sent = []; // pins that Python was told
  /** @type {import("./types").Trigger} */
  let trigger = () => {};
  /** @type {Settings | null} */
  let told = null;
  let lately = "", asked = -Infinity, promised = 0, waiting = 0, serial = 0, curious = false;

  /** @returns {Kind[]} what this map has yet to open and cannot find; what it has opened it needs no more */
  function lost() {
    const kinds = /** @type {Kind[]} */ (Object.keys(wanted));
    return kinds.filter((kind) => wanted[kind] && opened[kind] !== wanted[kind] && !carried(wanted[kind]));
  }

  /** Asks until the parts come; for those that are under way only after a long while. */
  function askForLost() {
    clearTimeout(waiting);
    const digests = lost().filter((kind) => curious || kind !== "thumbnails").map((kind) => wanted[kind]);
    const now = performance.now();
    if (!digests.length) return;
    const underWay = digests.every((digest) => coming.includes(digest)) && asked < promised;
    let wait = underWay ? promised + PATIENCE - now : asked + RETRY - now;
    if (wait <= 0) {
      trigger("missing", digests);
      [asked, wait] = [now, RETRY];
    }
    waiting = setTimeout(askForLost, wait);
  }

  return {
    opened,
    askForLost,
    /** Digests of the parts that the map should show, by kind. */
    wanted: () => wanted,
    /** Whether all that the map cannot do without is here. */
    complete: () => told !== null && !lost().some((kind) => kind !== "thumbnails"),
    told: () => told,
    /** The thumbnails are megabytes, and the page runs to send them: so they come for the first who looks closer, not in passing. */
    lookCloser() {
      curious = true;
      askForLost();
    },
    isCurious: () => curious,
    /** Takes up new settings. Null if they are as they were: the page runs each second beside a training.
     *  @param {Settings} settings @param {import("./types").Trigger} send */
    hear(settings, send) {
      trigger = send;
      const text = JSON.stringify(settings);
      if (text === lately) return null;
      lately = text;
      const pin = settings.z ? written(settings.z) : null, before = told?.z && written(told.z);
      const news = {
        pin: pin !== null && pin !== before && !sent.includes(pin),
        units: told !== null && JSON.stringify(settings.units) !== JSON.stringify(told.units),
      };
      if (settings.coming.length) promised = performance.now();
      [told, wanted, coming] = [settings, Object.fromEntries(settings.parts), settings.coming];
      return news;
    },
    /** @param {Float32Array} pinned @param {number | null} index of the code that was clicked */
    tellPin(pinned, index) {
      serial = Math.max(serial + 1, Date.now());
      sent.push(written(pinned));
      if (sent.length > ECHOES) sent.shift();
      trigger("pinned", { z: Array.from(pinned), serial, index });
    },
    /** A part of the strip was clicked. @param {string} part */
    tellPart: (part) => trigger("part", part),
    end: () => clearTimeout(waiting),
  };
}
