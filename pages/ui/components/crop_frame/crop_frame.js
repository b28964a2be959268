// A picture under a frame: drag it, drag its edges, or draw a new one; with keys, arrows move it and Shift + arrows resize it.
// One trigger goes to Python when it is let go: `box`, its [left, top, right, bottom] as shares of the sides.

const SMALLEST = 0.05; // share of a side
const EDGE = 14; // CSS pixels on both sides of an edge within which it is the edge that is dragged
const KEY_STEP = 0.02; // share of a side

/**
 * The box after its gripped sides have moved by (x, y) shares; without sides all of it moves. It stays in the picture.
 * @param {number[]} box @param {any} sides @param {number} x @param {number} y
 */
export function moveBox(box, sides, x, y) {
  const [left, top, right, bottom] = box;
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  if (!sides) {
    const dx = clamp(x, -left, 1 - right), dy = clamp(y, -top, 1 - bottom);
    return [left + dx, top + dy, right + dx, bottom + dy];
  }
  return [
    sides.left ? clamp(left + x, 0, right - SMALLEST) : left,
    sides.top ? clamp(top + y, 0, bottom - SMALLEST) : top,
    sides.right ? clamp(right + x, left + SMALLEST, 1) : right,
    sides.bottom ? clamp(bottom + y, top + SMALLEST, 1) : bottom,
  ];
}

/**
 * Which sides of a box lie within reach of a place, in CSS pixels; null for its inside, undefined outside.
 * @param {number[]} box @param {number} x @param {number} y @param {number} reach
 */
export function gripped(box, x, y, reach) {
  const [left, top, right, bottom] = box;
  if (x < left - reach || x > right + reach || y < top - reach || y > bottom + reach) return undefined;
  const sides = {
    left: Math.abs(x - left) < reach,
    top: Math.abs(y - top) < reach,
    right: Math.abs(x - right) < reach && Math.abs(x - left) >= reach,
    bottom: Math.abs(y - bottom) < reach && Math.abs(y - top) >= reach,
  };
  return sides.left || sides.top || sides.right || sides.bottom ? sides : null;
}

const frames = new WeakMap();

function makeFrame(parent) {
  const root = Object.assign(document.createElement("div"), { className: "crop-frame" });
  const image = document.createElement("img"), frame = Object.assign(document.createElement("div"), { className: "frame" });
  frame.tabIndex = 0;
  frame.setAttribute("role", "group");
  root.append(image, frame);
  parent.append(root);
  /** @type {number[]} */
  let box = [0, 0, 1, 1];
  /** @type {{ start: number[], at: number[], sides: any } | null} */
  let drag = null;
  /** @type {(name: string, value: number[]) => void} */
  let send = () => {};
  let label = "";

  function show() {
    const percent = box.map((share) => 100 * share);
    const [left, top, right, bottom] = percent;
    Object.assign(frame.style, { left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${bottom - top}%` });
    const words = percent.map((share) => `${Math.round(share)} %`);
    frame.setAttribute("aria-label",
      `${label}: kept from ${words[0]} to ${words[2]} across and from ${words[1]} to ${words[3]} down. Arrow keys move the frame, with Shift they resize it.`);
  }

  function letGo() {
    send("box", box.map((share) => Math.round(1000 * share) / 1000));
  }

  const place = (event) => {
    const area = root.getBoundingClientRect();
    return [event.clientX - area.left, event.clientY - area.top, area.width, area.height];
  };

  root.addEventListener("pointerdown", (event) => {
    const [x, y, width, height] = place(event);
    let sides = gripped(box.map((share, i) => share * (i % 2 ? height : width)), x, y, EDGE);
    if (sides === undefined) {
      if (event.pointerType === "touch") return; // a finger beside the frame scrolls
      const left = Math.min(x / width, 1 - SMALLEST), top = Math.min(y / height, 1 - SMALLEST);
      box = [left, top, left + SMALLEST, top + SMALLEST];
      sides = { left: false, top: false, right: true, bottom: true };
    }
    drag = { start: box, at: [x, y], sides };
    root.setPointerCapture(event.pointerId);
  });
  root.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [x, y, width, height] = place(event);
    box = moveBox(drag.start, drag.sides, (x - drag.at[0]) / width, (y - drag.at[1]) / height);
    show();
  });
  const end = () => {
    if (drag) letGo();
    drag = null;
  };
  root.addEventListener("pointerup", end);
  root.addEventListener("pointercancel", end);
  frame.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (!(event.key in steps)) return;
    const [x, y] = steps[event.key];
    box = moveBox(box, event.shiftKey ? { right: true, bottom: true } : null, KEY_STEP * x, KEY_STEP * y);
    show();
    event.preventDefault();
  });
  frame.addEventListener("keyup", (event) => {
    if (event.key.startsWith("Arrow")) letGo();
  });

  return {
    update(data, trigger) {
      send = trigger;
      label = data.label;
      root.style.width = `${data.width}px`;
      if (image.src !== data.picture) image.src = data.picture;
      image.alt = data.label;
      if (!drag) box = [...data.box];
      show();
    },
  };
}

export default function ({ data, parentElement, setTriggerValue }) {
  if (!data) return;
  if (!frames.has(parentElement)) frames.set(parentElement, makeFrame(parentElement));
  frames.get(parentElement).update(data, setTriggerValue);
}
