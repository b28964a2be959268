// Gestures on the map: what belongs to the page, and what the map takes.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { hintWords } from "../../pages/ui/components/live_map/corner.js";
import { listen, wheelFactor } from "../../pages/ui/components/live_map/pointer.js";

/** A canvas that only listens, and what the gestures on it ask for. zoomed: a drag pans. handle: where a finger takes hold at once. */
function stage({ zoomed = false, handle = () => false } = {}) {
  const heard = {}, asked = [];
  const canvas = {
    style: {}, clientWidth: 400, clientHeight: 400, setPointerCapture() {},
    getBoundingClientRect: () => ({ left: 0, top: 0 }),
    addEventListener: (name, act) => (heard[name] = act),
  };
  const note = (name) => (...what) => void asked.push([name, ...what]);
  const names = ["hover", "leave", "pin", "pan", "zoom", "reset", "step", "scrolled"];
  const wishes = Object.fromEntries(names.map((name) => [name, note(name)]));
  listen(canvas, { ...wishes, canPan: () => zoomed, onHandle: handle });
  const fire = (name, x = 0, y = 0, more = {}) => {
    let prevented = false;
    heard[name]({
      type: name, pointerId: 1, pointerType: "mouse", button: 0, clientX: x, clientY: y, cancelable: true,
      preventDefault: () => (prevented = true), stopPropagation() {}, ...more,
    });
    return prevented;
  };
  return { asked, fire, names: () => asked.map(([name]) => name), touch: (name, x, y, id = 1) => fire(name, x, y, { pointerType: "touch", pointerId: id }) };
}

test("a wheel scrolls the page; with Ctrl or ⌘ it zooms", () => {
  const { asked, fire, names } = stage();
  assert.equal(fire("wheel", 10, 20, { deltaY: -200 }), false);
  assert.deepEqual(names(), ["scrolled"]);
  assert.equal(fire("wheel", 10, 20, { deltaY: -200, ctrlKey: true }), true);
  assert.equal(fire("wheel", 10, 20, { deltaY: 120, metaKey: true }), true);
  assert.deepEqual(asked.slice(1), [["zoom", [10, 20], Math.exp(0.5)], ["zoom", [10, 20], Math.exp(-0.3)]]);
  assert.ok(wheelFactor(-4) > 1.03 && wheelFactor(-9999) === Math.exp(0.5)); // a pinch on a trackpad comes in small steps
});

test("a click pins where it is, and a second one right after it does no more", () => {
  const { asked, fire } = stage();
  for (let i = 0; i < 2; i++) {
    fire("pointerdown", 50, 60);
    fire("pointermove", 52, 60);
    fire("pointerup", 52, 60);
  }
  assert.deepEqual(asked.filter(([name]) => name === "pin"), [["pin", [52, 60]], ["pin", [52, 60]]]);
  assert.ok(!asked.some(([name]) => name === "reset"));
});

test("a drag pans a map that is zoomed in, and pins nothing; over the whole map it explores", () => {
  const zoomed = stage({ zoomed: true }), whole = stage();
  for (const { fire } of [zoomed, whole]) {
    fire("pointerdown", 100, 100);
    fire("pointermove", 103, 100); // a trembling hand
    fire("pointermove", 130, 90);
    fire("pointermove", 150, 90);
    fire("pointerup", 150, 90);
  }
  assert.deepEqual(zoomed.asked, [["pan", 27, -10], ["pan", 20, 0]]);
  assert.deepEqual(new Set(whole.names()), new Set(["hover"]));
});

test("with Shift a drag pans always", () => {
  const { asked, fire } = stage();
  fire("pointerdown", 100, 100, { shiftKey: true });
  fire("pointermove", 120, 100, { shiftKey: true });
  fire("pointerup", 120, 100, { shiftKey: true });
  assert.deepEqual(asked, [["pan", 20, 0]]);
});

test("a finger that swipes up or down is the page's; one that rests for 150 ms explores, and then the page holds still", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const swipe = stage();
    swipe.touch("pointerdown", 100, 100);
    mock.timers.tick(60);
    swipe.touch("pointermove", 102, 120); // the browser tells of it before it takes over
    assert.equal(swipe.touch("touchmove", 102, 120), false); // the page may scroll
    swipe.touch("pointercancel", 100, 130); // and the browser does
    mock.timers.tick(500);
    assert.deepEqual(swipe.names(), ["scrolled", "leave"]);

    const hold = stage();
    hold.touch("pointerdown", 100, 100);
    mock.timers.tick(151);
    assert.deepEqual(hold.asked, [["hover", [100, 100]]]);
    assert.equal(hold.touch("touchmove", 100, 160), true);
    hold.touch("pointermove", 100, 160);
    hold.touch("pointerup", 100, 160);
    assert.deepEqual(hold.asked.slice(1), [["hover", [100, 160]], ["leave"]]);
  } finally {
    mock.timers.reset();
  }
});

test("a finger on the handle explores at once, and one that moves sideways; a tap pins", () => {
  const handle = stage({ handle: () => true }), sideways = stage(), tap = stage();
  handle.touch("pointerdown", 100, 100);
  assert.deepEqual(handle.asked, [["hover", [100, 100]]]);
  assert.equal(handle.touch("touchmove", 100, 120), true);
  sideways.touch("pointerdown", 100, 100);
  sideways.touch("pointermove", 120, 101);
  assert.deepEqual(sideways.asked, [["hover", [120, 101]]]);
  tap.touch("pointerdown", 100, 100);
  tap.touch("pointerup", 100, 100);
  assert.deepEqual(tap.asked, [["pin", [100, 100]], ["leave"]]);
});

test("two fingers zoom and pan, whatever they did before, and pin nothing", () => {
  const { asked, touch, names } = stage();
  touch("pointerdown", 100, 200, 1);
  touch("pointerdown", 200, 200, 2);
  assert.equal(touch("touchmove", 90, 200), true);
  touch("pointermove", 50, 200, 1);
  touch("pointerup", 50, 200, 1);
  touch("pointerup", 200, 200, 2);
  assert.deepEqual(asked[1], ["pan", -25, 0]);
  assert.deepEqual(asked[2], ["zoom", [125, 200], 1.5]);
  assert.ok(!names().includes("pin") && !names().includes("hover"));
});

test("the hint names the keys of the machine", () => {
  assert.deepEqual([hintWords(false, true), hintWords(false, false)], ["⌘ + scroll to zoom", "Ctrl + scroll to zoom"]);
  assert.match(hintWords(true), /Hold/);
});
