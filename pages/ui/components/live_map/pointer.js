// Mouse, touch and keyboard on the map's top canvas, turned into a few plain wishes.
//
// The page keeps what is the page's: a wheel scrolls it, and so does a finger that swipes up or down. The map takes a wheel
// with Ctrl or ⌘ (a pinch on a trackpad comes as one), a drag when it is zoomed in, two fingers, and a finger that rests for
// a moment or begins at the handle.

/** @typedef {import("./types").Point} Point */

const CLICK = 5, HOLD = 150; // pixels that a click may move; milliseconds until a resting finger explores
const NOTCH = 50; // pixels of a wheel's turn from which on it is a mouse's; a pinch on a trackpad sends less

/** By how much a turn of the wheel zooms. @param {number} deltaY pixels */
export function wheelFactor(deltaY) {
  const bounded = Math.max(-200, Math.min(200, deltaY));
  return Math.exp(-bounded / (Math.abs(bounded) < NOTCH ? 100 : 400));
}

/** @param {HTMLCanvasElement} canvas @param {import("./types").MapWishes} wishes */
export function listen(canvas, wishes) {
  /** @type {Map<number, { start: Point, last: Point, pans: boolean, moved: boolean, waits: boolean }>} */
  const pointers = new Map();
  let pinched = false, hold = 0;
  /** @type {(from: Point, to: Point) => number} */
  const distance = ([a, b], [c, d]) => Math.hypot(a - c, b - d);
  /** @type {(event: MouseEvent) => Point} */
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  /** Whether this finger, or these, belong to the map: then the page must not scroll under them. */
  const taken = () => pointers.size > 1 || [...pointers.values()].some(({ waits }) => !waits);

  function down(event) {
    const at = place(event), touch = event.pointerType === "touch";
    if (event.button > 1) return;
    if (event.button === 1) event.preventDefault(); // no autoscroll
    const pans = !touch && (event.button === 1 || event.shiftKey || wishes.canPan());
    const pointer = { start: at, last: at, pans, moved: false, waits: touch && !wishes.onHandle(at) };
    if (!touch) canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, pointer);
    clearTimeout(hold);
    if (pointers.size > 1) {
      pinched = true;
      for (const other of pointers.values()) other.waits = false;
      wishes.leave();
    } else if (pointer.waits) hold = setTimeout(() => explore(pointer), HOLD);
    else if (!pans) wishes.hover(at);
  }

  /** From now on the finger leads the picture. */
  function explore(pointer) {
    clearTimeout(hold);
    if (!pointer.waits) return;
    pointer.waits = false;
    wishes.hover(pointer.last);
  }

  /** What goes sideways explores; what goes up or down is the page's, and rests no more. */
  function sideways(pointer, at) {
    if (!pointer.moved) return;
    if (Math.abs(at[0] - pointer.start[0]) > Math.abs(at[1] - pointer.start[1])) explore(pointer);
    else clearTimeout(hold);
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
    const before = pointer.last;
    pointer.last = at;
    if (distance(at, pointer.start) > CLICK) pointer.moved = true;
    if (pointers.size > 1) pinch(event, { last: before }, at);
    else if (pointer.waits) sideways(pointer, at);
    else if (pinched) return;
    else if (pointer.pans) pan(pointer, before, at);
    else wishes.hover(at);
  }

  function pan(pointer, before, at) {
    if (!pointer.moved) return; // a click trembles
    canvas.style.cursor = "grabbing";
    wishes.pan(at[0] - before[0], at[1] - before[1]);
  }

  function up(event) {
    const pointer = pointers.get(event.pointerId), at = place(event), touch = event.pointerType === "touch";
    if (!pointer) return;
    pointers.delete(event.pointerId);
    clearTimeout(hold);
    canvas.style.cursor = "";
    const alone = pointers.size === 0 && !pinched, ended = event.type === "pointerup";
    if (pointers.size === 0) pinched = false;
    if (alone && ended && !pointer.moved && event.button < 1 && !event.shiftKey) wishes.pin(at);
    else if (pointer.waits && !ended) wishes.scrolled();
    if (touch || !ended) wishes.leave();
  }

  function leave(event) {
    if (event.pointerType !== "touch" && !pointers.has(event.pointerId)) wishes.leave();
  }

  function wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return wishes.scrolled(); // the page's
    event.preventDefault();
    wishes.zoom(place(event), wheelFactor(event.deltaY));
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
  canvas.addEventListener("touchmove", (event) => taken() && event.cancelable && event.preventDefault(), { passive: false });
  canvas.addEventListener("contextmenu", (event) => pointers.size && event.preventDefault()); // a long press is no request for a menu
  canvas.addEventListener("keydown", key);
  canvas.addEventListener("blur", () => wishes.leave());
}
