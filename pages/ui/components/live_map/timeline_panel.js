// The timeline's elements: Play, the slider, words, the sheet of pictures; and the marker on the page's charts.

const INNER = { left: 56, right: 16, top: 34, bottom: 44 }; // of a chart: where its axes lie, see pages/ui/train/charts.py

/** @param {string} tag @param {string} className @param {Element} parent */
function addElement(tag, className, parent) {
  const element = document.createElement(tag);
  element.className = className;
  parent.append(element);
  return /** @type {any} */ (element);
}

/** @param {number} step */
const counted = (step) => step.toLocaleString("en");

/** @param {any} panel @param {any} on @param {boolean} plain */
export function buildTimeline(panel, on, plain) {
  panel.root.classList.add("lm-timed");
  panel.root.classList.toggle("lm-plain", plain);
  const box = document.createElement("div");
  box.className = "lm-timeline";
  panel.stage.after(box);
  const row = addElement("div", "lm-time-row", box), play = addElement("button", "lm-play", row), slider = addElement("input", "lm-time", row);
  const words = addElement("span", "lm-when", row), sheet = addElement("canvas", "lm-sheet", box), caption = addElement("div", "lm-note", box);
  play.type = "button";
  Object.assign(slider, { type: "range", min: 0, step: 0.01 });
  slider.setAttribute("aria-label", "Timeline: snapshot of the training");
  sheet.setAttribute("role", "img");
  play.addEventListener("click", on.play);
  slider.addEventListener("input", () => on.drag(Number(slider.value)));
  slider.addEventListener("change", on.drop);
  slider.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const to = { ArrowLeft: on.place() - 1, ArrowDown: on.place() - 1, ArrowRight: on.place() + 1, ArrowUp: on.place() + 1, Home: 0, End: on.last() }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    on.go(to);
  });
  let drawn = "";

  /** @param {HTMLElement} element @param {string} text */
  function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  return {
    /** @param {any[]} frames @param {number} i @param {number} share of the way to the next @param {{ playing: boolean, ready: boolean, asked: boolean }} how */
    show(frames, i, share, { playing, ready, asked }) {
      const here = frames[i].opened, next = share > 0 ? frames[i + 1]?.opened : null, between = share >= 1e-3;
      box.hidden = frames.length < 2 && !here;
      row.hidden = frames.length < 2;
      slider.max = String(frames.length - 1);
      if (Math.abs(Number(slider.value) - i - share) > 1e-3) slider.value = String(i + share);
      const name = `step ${counted(frames[i].step)}`, moving = between ? `${name} → ${counted(frames[i + 1].step)}` : name;
      slider.setAttribute("aria-valuetext", name);
      say(words, asked && !ready ? "loading …" : moving);
      if (play.dataset.on !== String(playing)) {
        play.dataset.on = String(playing);
        play.setAttribute("aria-label", playing ? "Pause the timeline" : "Play the timeline");
        play.textContent = playing ? "❚❚" : "▶";
      }
      sheet.hidden = caption.hidden = !here;
      if (!here) return;
      const key = `${frames[i].digest} ${next ? share.toFixed(2) : 0}`;
      if (key === drawn) return;
      drawn = key;
      const context = sheet.getContext("2d"), { width, height } = here.sheet;
      if (sheet.width !== width || sheet.height !== height) Object.assign(sheet, { width, height });
      context.globalAlpha = 1;
      context.drawImage(here.sheet, 0, 0);
      context.globalAlpha = share;
      if (next) context.drawImage(next.sheet, 0, 0);
      if (between) return;
      sheet.setAttribute("aria-label", `At ${name}: ${here.words.join("; ")}`);
      say(caption, `At ${name}, from the top: ${here.words.join("; ")}.`);
    },
  };
}

/** A line on the page's charts at the step that is shown; null takes it away. The charts are Streamlit's own canvases.
 *  @param {Element} root @param {string[]} charts @param {number | null} step @param {number} lastStep */
export function markCharts(root, charts, step, lastStep) {
  for (const key of charts) {
    const chart = /** @type {HTMLElement | null} */ (root.ownerDocument.querySelector(`.st-key-${key}`));
    let line = /** @type {HTMLElement | null} */ (chart?.querySelector(":scope > .training-marker") ?? null);
    if (!chart || step === null) {
      line?.remove();
      continue;
    }
    if (!line) {
      line = addElement("div", "training-marker", chart);
      chart.style.position = "relative";
      line.setAttribute("aria-hidden", "true");
      line.style.cssText = "position:absolute;width:2px;background:#8e5bd6;pointer-events:none;top:0;left:0;";
    }
    const canvas = chart.querySelector("canvas"), inside = (canvas ?? chart).getBoundingClientRect(), outside = chart.getBoundingClientRect();
    const wide = inside.width - INNER.left - INNER.right, share = Math.min(Math.max(step / Math.max(lastStep, 1), 0), 1);
    line.style.transform = `translate(${inside.left - outside.left + INNER.left + share * wide - 1}px, ${inside.top - outside.top + INNER.top}px)`;
    line.style.height = `${inside.height - INNER.top - INNER.bottom}px`;
    line.dataset.step = String(Math.round(step));
  }
}
