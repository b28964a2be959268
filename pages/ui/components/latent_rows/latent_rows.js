// Traversals: a row of pictures per latent unit, cut from one sprite. Over each row a mark shows where the unit's value is
// now. A click, or arrow keys and Enter, sends one trigger to Python: `chosen`, the whole z with that unit changed.
// Words only ever go in through textContent.

import { mounted } from "../mount.js";

const GAP = 2, HEAD = 128; // pixels between pictures, and of a row's name: above the row where that makes the pictures larger
const signed = (value, digits) => value.toFixed(digits).replace("-", "−");

function add(tag, className, parent) {
  const element = document.createElement(tag);
  element.className = className;
  parent.append(element);
  return element;
}

function makeRows(parent) {
  const root = add("div", "rows", parent);
  /** @type {any} */
  let data = null;
  /** @type {(name: string, z: number[]) => void} */
  let send = () => {};
  /** @type {any[]} */
  let rows = [];
  let wide = 0, shape = "";

  function build() {
    root.replaceChildren();
    rows = data.rows.map((_, r) => {
      const box = add("div", "rows-row", root), head = add("div", "rows-head", box), strip = add("div", "rows-strip", box);
      const row = {
        name: add("strong", "", head), note: add("span", "", head), now: add("span", "rows-now", head),
        strip, mark: add("div", "rows-mark", strip),
      };
      row.mark.setAttribute("aria-hidden", "true");
      row.list = add("div", "rows-tiles", strip);
      row.list.setAttribute("role", "listbox");
      row.list.setAttribute("aria-orientation", "horizontal");
      row.tiles = data.values.map((_, i) => {
        const tile = add("div", "rows-tile", row.list);
        tile.setAttribute("role", "option");
        tile.picture = add("span", "rows-picture", tile);
        tile.value = add("span", "rows-value", tile);
        tile.addEventListener("click", () => choose(r, i));
        tile.addEventListener("keydown", (event) => onKey(event, r, i));
        return tile;
      });
      return row;
    });
  }

  function choose(r, i) {
    const z = [...data.z];
    z[data.rows[r].unit] = data.values[i];
    send("chosen", z);
  }

  function onKey(event, r, i) {
    const last = data.values.length - 1;
    const to = { ArrowLeft: [r, i - 1], ArrowRight: [r, i + 1], ArrowUp: [r - 1, i], ArrowDown: [r + 1, i], Home: [r, 0], End: [r, last] }[event.key];
    if (event.key === "Enter" || event.key === " ") choose(r, i);
    else if (to) {
      const tile = rows[to[0]]?.tiles[to[1]];
      if (tile) {
        reach(to[0], to[1]);
        tile.focus();
      }
    } else return;
    event.preventDefault();
  }

  const reach = (r, i) => rows[r].tiles.forEach((tile, j) => (tile.tabIndex = i === j ? 0 : -1));

  // whole multiples of the native pixels, so that they stay crisp; large pictures shrink instead
  function lay() {
    if (!data || !wide) return;
    const [width, height] = data.tile, steps = data.values.length;
    const enlarged = (/** @type {number} */ room) => {
      const fits = Math.min(room / steps - GAP, data.size) / width;
      return fits >= 1 ? Math.floor(fits) : fits;
    };
    const beside = enlarged(wide - HEAD), above = enlarged(wide), narrow = above > beside;
    const times = narrow ? above : beside, side = width * times;
    root.classList.toggle("rows-narrow", narrow);
    root.style.setProperty("--side", `${side}px`);
    root.style.setProperty("--tall", `${height * times}px`);
    root.style.setProperty("--sheet", `${side * steps}px ${height * times * rows.length}px`);
    root.style.setProperty("--pixels", times >= 1 ? "pixelated" : "auto");
    const low = data.values[0], high = data.values[steps - 1];
    rows.forEach((row, r) => {
      row.tiles.forEach((tile, i) => (tile.picture.style.backgroundPosition = `${-i * side}px ${-r * height * times}px`));
      const share = (Math.min(Math.max(data.z[data.rows[r].unit], low), high) - low) / (high - low);
      row.mark.style.left = `${side / 2 + share * (steps - 1) * (side + GAP)}px`;
    });
  }

  function write() {
    const low = data.values[0], high = data.values[data.values.length - 1];
    root.style.setProperty("--sprite", `url("${data.sprite}")`);
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", data.label);
    rows.forEach((row, r) => {
      const { name, note, unit } = data.rows[r], now = data.z[unit], beyond = now < low || now > high;
      row.name.textContent = name;
      row.note.textContent = note;
      row.now.textContent = `now ${signed(now, 2)}${beyond ? ", beyond the row" : ""}`;
      row.list.setAttribute("aria-label", `${name}, ${note}, now ${signed(now, 2)}`);
      let nearest = 0;
      row.tiles.forEach((tile, i) => {
        const value = data.values[i];
        if (Math.abs(value - now) < Math.abs(data.values[nearest] - now)) nearest = i;
        tile.value.textContent = signed(value, 1);
        tile.title = `${name} = ${signed(value, 1)}: go there`;
        tile.setAttribute("aria-label", `${name} = ${signed(value, 1)}`);
      });
      row.tiles.forEach((tile, i) => tile.setAttribute("aria-selected", String(i === nearest && Math.abs(data.values[i] - now) < 0.005)));
      if (!row.tiles.some((tile) => tile.matches(":focus"))) reach(r, nearest); // where Tab enters
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
      const now = `${data.rows.length} ${data.values.length}`;
      if (now !== shape) build();
      shape = now;
      write();
      wide ||= root.clientWidth;
      lay();
    },
    end() {
      observer.disconnect();
      root.remove();
    },
  };
}

export default mounted(makeRows);
