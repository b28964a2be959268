// Many small pictures cut from one sprite, each of which can be chosen: by a click, or with arrow keys and Enter.
// One trigger goes to Python: `chosen`, the id of a tile. Words only ever go in through textContent.

import { mounted } from "../mount.js";

const WORDS = 42; // CSS pixels below a tile's picture, and between columns 8
const GAP = 8;

/** The largest tile, in CSS pixels, with which `count` of them fit a row of that width and a height; `least` where none does. */
export function largestTile(count, width, room, least) {
  let largest = least;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    largest = Math.max(largest, Math.floor(Math.min(160, (width + 2) / columns - GAP, room / rows - WORDS)));
  }
  return largest;
}

function makeMosaic(parent) {
  const root = document.createElement("div");
  root.className = "mosaic";
  root.setAttribute("role", "listbox");
  parent.append(root);
  /** @type {ReturnType<typeof makeTile>[]} */
  const tiles = [];
  /** @type {string[]} */
  let ids = [];
  /** @type {(name: string, value: string) => void} */
  let send = () => {};
  /** @type {any} */
  let data = null;
  let wide = 0;

  function mark(chosen) {
    tiles.forEach((tile, i) => tile.setAttribute("aria-selected", String(ids[i] === chosen)));
    // the chosen tile is where Tab enters, unless the focus is already inside
    const focused = tiles.findIndex((tile) => tile.matches(":focus"));
    reach(focused >= 0 ? focused : Math.max(0, ids.indexOf(chosen)));
  }

  function reach(index) {
    tiles.forEach((tile, i) => (tile.tabIndex = i === index ? 0 : -1));
  }

  function choose(index) {
    mark(ids[index]);
    send("chosen", ids[index]);
  }

  function onKey(event, index) {
    const columns = Math.max(1, tiles.filter((tile) => tile.offsetTop === tiles[0].offsetTop).length);
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -index, End: tiles.length - 1 - index };
    if (event.key === "Enter" || event.key === " ") choose(index);
    else if (event.key in steps) {
      const next = index + steps[event.key];
      if (next >= 0 && next < tiles.length) {
        reach(next);
        tiles[next].focus();
      }
    } else return;
    event.preventDefault();
  }

  function makeTile(index) {
    const span = (/** @type {string} */ className) => Object.assign(document.createElement("span"), { className });
    const parts = { picture: span("mosaic-picture"), name: span("mosaic-name"), note: span("mosaic-note") };
    const tile = Object.assign(document.createElement("div"), { className: "mosaic-tile" }, parts);
    tile.setAttribute("role", "option");
    tile.append(parts.picture, parts.name, parts.note);
    tile.addEventListener("click", () => {
      choose(index);
      reach(index);
      tile.focus({ preventScroll: true });
    });
    tile.addEventListener("keydown", (event) => onKey(event, index));
    return tile;
  }

  // whole multiples of the native pixels, so that they stay crisp; unless they are smooth
  function lay() {
    if (!data || !wide) return;
    const [width, height] = data.tile, small = wide < 440 && data.tiles.length > 24; // a phone
    const size = data.room ? largestTile(data.tiles.length, wide, data.room, data.least) : (small ? 0.75 : 1) * data.size;
    const free = size / Math.max(width, height), times = data.smooth ? free : Math.max(1, Math.floor(free));
    root.classList.toggle("smooth", data.smooth);
    root.style.setProperty("--tile-width", `${width * times}px`);
    root.style.setProperty("--tile-height", `${height * times}px`);
    root.classList.toggle("mosaic-sheet", data.sheet > 0);
    root.style.setProperty("--column", `${data.sheet ? width * times : Math.max(width * times, small ? 40 : data.least)}px`);
    root.style.maxWidth = data.sheet ? `${data.sheet * (width * times + 1) - 1}px` : "";
    const rows = Math.ceil(data.tiles.length / data.columns);
    root.style.setProperty("--sheet", `${width * times * data.columns}px ${height * times * rows}px`);
    tiles.forEach((tile, i) => {
      const x = (i % data.columns) * width * times, y = Math.floor(i / data.columns) * height * times;
      tile.picture.style.backgroundPosition = `${-x}px ${-y}px`;
    });
  }

  const observer = new ResizeObserver(([entry]) => {
    wide = entry.contentRect.width;
    lay();
  });
  observer.observe(root);

  return {
    update(news, trigger) {
      data = news;
      send = trigger;
      ids = data.tiles.map((tile) => tile.id);
      while (tiles.length > ids.length) tiles.pop().remove();
      while (tiles.length < ids.length) {
        tiles.push(makeTile(tiles.length));
        root.append(tiles.at(-1));
      }
      data.tiles.forEach(({ name, note, words }, i) => {
        tiles[i].name.textContent = name;
        tiles[i].note.textContent = note;
        tiles[i].title = words;
        tiles[i].setAttribute("aria-label", words);
      });
      root.setAttribute("aria-label", data.label);
      root.style.setProperty("--sprite", `url("${data.sprite}")`);
      wide ||= root.clientWidth;
      lay();
      mark(data.chosen);
    },
    end() {
      observer.disconnect();
      root.remove();
    },
  };
}

export default mounted(makeMosaic);
