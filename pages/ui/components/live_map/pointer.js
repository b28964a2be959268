// Mouse, touch and keyboard on the map's top canvas, turned into a few plain wishes.
//
// wishes: hover([x, y]), leave(), pin([x, y] or null for where the cursor is), pan(dx, dy), zoom([x, y], factor), reset(),
// step(right, up) in fortieths of the map.

/** @typedef {import("./types").Point} Point */

/** @param {HTMLCanvasElement} canvas @param {import("./types").MapWishes} wishes */
export function listen(canvas, wishes) {
  const CLICK = 5, DOUBLE = 350; // pixels, milliseconds
  /** @type {Map<number, { start: Point, last: Point, pans: boolean, moved: boolean }>} */
  const pointers = new Map();
  /** @type {{ time: number, at: Point }} */
  let lastClick = { time: -1e9, at: [0, 0] };
  let pinched = false;
  /** @type {(from: Point, to: Point) => number} */
  const distance = ([a, b], [c, d]) => Math.hypot(a - c, b - d);
  /** @type {(event: MouseEvent) => Point} */
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  function down(event) {
    const at = place(event), pans = event.button === 1 || event.shiftKey;
    if (event.button > 1) return;
    if (event.button === 1) event.preventDefault(); // no autoscroll
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { start: at, last: at, pans, moved: false });
    if (pointers.size > 1) {
      pinched = true;
      wishes.leave();
    } else if (!pans) wishes.hover(at);
  }

  function pinch(event, pointer, at) {
    const other = [...pointers].find(([id]) => id !== event.pointerId)[1].last;
    /** @type {(point: Point) => Point} */
    const middle = (point) => [(point[0] + other[0]) / 2, (point[1] + other[1]) / 2];
    const [before, after] = [middle(pointer.last), middle(at)];
    wishes.pan(after[0] - before[0], after[1] - before[1]);
    wishes.zoom(after, distance(at, other) / Math.max(distance(pointer.last, other), 1));
  }

  function move(event) {
    const at = place(event), pointer = pointers.get(event.pointerId);
    if (!pointer) {
      if (event.pointerType !== "touch") wishes.hover(at);
      return;
    }
    if (distance(at, pointer.start) > CLICK) pointer.moved = true;
    if (pointers.size > 1) pinch(event, pointer, at);
    else if (pointer.pans) wishes.pan(at[0] - pointer.last[0], at[1] - pointer.last[1]);
    else if (!pinched) wishes.hover(at);
    pointer.last = at;
  }

  function up(event) {
    const pointer = pointers.get(event.pointerId), at = place(event);
    if (!pointer) return;
    pointers.delete(event.pointerId);
    const alone = pointers.size === 0 && !pinched;
    if (pointers.size === 0) pinched = false;
    if (alone && !pointer.pans && !pointer.moved && event.type === "pointerup") click(at, event.timeStamp);
    if (event.pointerType === "touch" || event.type === "pointercancel") wishes.leave();
  }

  function click(at, time) {
    if (time - lastClick.time < DOUBLE && distance(at, lastClick.at) < CLICK) {
      lastClick.time = -1e9;
      return wishes.reset();
    }
    lastClick = { time, at };
    wishes.pin(at);
  }

  function leave(event) {
    if (event.pointerType !== "touch" && !pointers.has(event.pointerId)) wishes.leave();
  }

  function wheel(event) {
    event.preventDefault();
    wishes.zoom(place(event), Math.exp(-Math.max(-200, Math.min(200, event.deltaY)) / 400));
  }

  /** @type {() => Point} */
  const middle = () => [canvas.clientWidth / 2, canvas.clientHeight / 2];
  const keys = {
    ArrowRight: (far) => wishes.step(far, 0), ArrowLeft: (far) => wishes.step(-far, 0),
    ArrowUp: (far) => wishes.step(0, far), ArrowDown: (far) => wishes.step(0, -far),
    Enter: () => wishes.pin(null), Escape: () => wishes.leave(),
    "+": () => wishes.zoom(middle(), 1.5), "=": () => wishes.zoom(middle(), 1.5), "-": () => wishes.zoom(middle(), 1 / 1.5),
    0: () => wishes.reset(),
  };
  function key(event) {
    if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation(); // Streamlit has shortcuts of its own
    keys[event.key](event.shiftKey ? 5 : 1);
  }

  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", leave);
  canvas.addEventListener("wheel", wheel, { passive: false });
  canvas.addEventListener("keydown", key);
  canvas.addEventListener("blur", () => wishes.leave());
}
