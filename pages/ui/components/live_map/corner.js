// Buttons to zoom in a corner of the map, and a hint that comes when somebody tries to zoom or to explore in another way.

const HINT = 2600; // milliseconds that a hint stays
const MAC = /Mac|iP(hone|ad)/.test(globalThis.navigator?.platform ?? "");

/** What makes the map move, for those who scrolled over it. @param {boolean} coarse a finger, no mouse */
export const hintWords = (coarse, mac = MAC) =>
  coarse ? "Hold to explore · pinch to zoom" : `${mac ? "⌘" : "Ctrl"} + scroll to zoom`;

/** @param {HTMLElement} stage @param {{ zoom: (factor: number) => void, reset: () => void }} wishes */
export function buildCorner(stage, wishes) {
  const corner = document.createElement("div"), hint = document.createElement("p");
  corner.className = "lm-corner";
  hint.className = "lm-hint";
  hint.hidden = true;
  hint.setAttribute("role", "status");
  const buttons = [["⤢", "Show the whole map", wishes.reset], ["+", "Zoom in", () => wishes.zoom(1.5)], ["−", "Zoom out", () => wishes.zoom(1 / 1.5)]];
  for (const [sign, name, act] of /** @type {[string, string, () => void][]} */ (buttons)) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = sign;
    button.title = name;
    button.setAttribute("aria-label", name);
    button.addEventListener("click", act);
    corner.append(button);
  }
  stage.append(corner, hint);
  let timer = 0;
  return {
    /** Once a visit: somebody has scrolled over the map. */
    scrolled() {
      if (window.__liveMapHinted) return;
      window.__liveMapHinted = true;
      hint.textContent = hintWords(matchMedia("(pointer: coarse)").matches);
      hint.hidden = false;
      timer = setTimeout(() => (hint.hidden = true), HINT);
    },
    /** There is nothing to reset. @param {boolean} whole */
    showsAll(whole) {
      /** @type {HTMLButtonElement} */ (corner.firstElementChild).disabled = whole;
    },
    end: () => clearTimeout(timer),
  };
}
