// The component's elements. Words only ever go in through textContent.

const LAYERS = { // what a layer is called, and what it shows
  codes: ["Codes", "A dot where each test image lies: its z_mean, coloured by class"],
  names: ["Names", "Each class's name at the centre of its dots"],
  garments: ["Pictures", "What the decoder draws at each place of the map"],
  posterior: ["Posterior", "How sure the encoder is of the chosen picture: ellipses at one and two sigma, to scale"],
  trail: ["Trail", "Where the pointer has been"],
  prior: ["Prior", "One, two and three standard deviations of the distribution that z is drawn from"],
};
const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
export const unitName = (unit) => "z" + [...String(unit + 1)].map((digit) => SUBSCRIPTS[digit]).join("");
export const signed = (value, digits = 2) => value.toFixed(digits).replace("-", "−");

function make(tag, className = "", parent = null, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  if (text) element.textContent = text;
  parent?.append(element);
  return element;
}

function makeSelect(parent, name, options, chosen, onChange) {
  const select = make("select", "", parent);
  select.setAttribute("aria-label", name);
  for (const [value, text] of options) {
    const option = make("option", "", select, text);
    option.value = value;
    option.selected = String(value) === String(chosen);
  }
  select.addEventListener("change", () => onChange(select.value));
  return select;
}

function makeToggle(parent, text, pressed, onToggle, { colour = null, title = "", onOver = null } = {}) {
  const button = make("button", "", parent);
  button.type = "button";
  button.title = title;
  for (const [event, over] of onOver ? [["pointerenter", true], ["focus", true], ["pointerleave", false], ["blur", false]] : []) {
    button.addEventListener(event, () => onOver(over));
  }
  if (colour) make("span", "lm-swatch", button).style.background = colour;
  button.append(text);
  button.setAttribute("aria-pressed", String(pressed));
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    onToggle(on);
  });
}

export function buildPanel(parent) {
  const root = make("div", "live-map"), body = make("div", "lm-body", root);
  const strip = make("div", "lm-way", body), preview = make("div", "lm-preview", body), stage = make("div", "lm-stage", body);
  const picture = make("canvas", "lm-picture", preview), facts = make("div", "lm-facts", preview);
  picture.setAttribute("role", "img");
  const panel = {
    root, body, stage, strip, picture,
    tiles: make("canvas", "", stage), marks: make("canvas", "", stage), top: make("canvas", "", stage),
    message: make("p", "lm-message", stage, "Loading the decoder …"),
    around: make("div", "lm-around", facts), z: make("div", "lm-z", facts), count15: make("div", "lm-note", facts),
    note: make("div", "lm-note", facts),
  };
  panel.note.setAttribute("role", "status");
  const code = make("div", "lm-code", facts);
  panel.thumbnail = make("canvas", "", code);
  panel.thumbnail.hidden = true;
  panel.code = make("span", "", code);
  panel.controls = make("div", "lm-controls", body);
  panel.top.tabIndex = 0;
  panel.top.setAttribute("role", "application");
  panel.top.setAttribute(
    "aria-label",
    "Map of the latent space. Arrow keys move and decode, Enter pins, Escape goes back to the pinned point, + and − zoom, 0 shows all.",
  );
  parent.append(root);
  return panel;
}

/** Legend, layers, grid, axes and sliders, built anew when the model or its codes change. Returns sync(z) for the sliders. */
export function buildControls(panel, state, on) {
  const { codes, latentDim } = state;
  panel.controls.replaceChildren();
  if (codes) {
    const legend = make("div", "lm-row", panel.controls);
    codes.classes.forEach((name, label) =>
      makeToggle(legend, name, !state.hidden.has(label), (shown) => on.showClass(label, shown), {
        colour: codes.colours[label], title: `Click to hide ${name} or show it again`, onOver: (over) => on.lift(over ? label : null),
      }),
    );
  }
  const fold = make("details", "lm-fold"), layers = make("div", "lm-row", fold);
  fold.open = state.folded === false;
  fold.addEventListener("toggle", () => (state.folded = !fold.open));
  fold.prepend(make("summary", "", null, "What the map shows: layers, grid, scale"));
  for (const [layer, [name, title]] of Object.entries(LAYERS)) {
    if (!codes && ["codes", "names", "posterior"].includes(layer)) continue;
    makeToggle(layers, name, state.layers[layer], (shown) => on.showLayer(layer, shown), { title });
  }
  const grid = make("div", "lm-row", fold);
  const sides = [10, 12, 16, 20, 24, 30].map((side) => [side, `${side} × ${side}`]);
  panel.grid = makeSelect(grid, "Pictures decoded across the map", sides, state.side, (side) => on.grid(Number(side), null));
  const scales = [["linear", "even steps of z"], ["quantile", "equal shares of the prior"]];
  makeSelect(grid, "Scale of the axes", scales, state.scale, (scale) => on.grid(null, scale));
  panel.count = make("div", "lm-note", fold);
  if (latentDim === 2) {
    panel.controls.append(fold);
    return () => {};
  }

  const units = [...Array(latentDim).keys()];
  const kl = codes?.kl;
  if (kl) units.sort((a, b) => kl[b] - kl[a]);
  const unitText = (unit) => unitName(unit) + (kl ? ` · KL ${kl[unit].toFixed(2)}` : "");
  const options = units.map((unit) => [unit, unitText(unit)]);
  const axes = make("div", "lm-row", panel.controls);
  const components = codes?.components ? [["pca", "principal components"]] : [];
  const across = state.units === "pca" ? "pca" : state.units[0];
  makeSelect(axes, "Axis to the right", [...options, ...components], across, (value) => on.axis(0, value));
  if (state.units !== "pca") makeSelect(axes, "Axis upwards", options, state.units[1], (value) => on.axis(1, Number(value)));
  const box = make("div", "lm-sliders", panel.controls);
  panel.controls.append(fold);
  const sliders = units.map((unit) => {
    const row = make("label", "lm-slider", box), text = make("span", "", row), input = make("input", "", row);
    Object.assign(input, { type: "range", min: -5, max: 5, step: 0.05 });
    input.addEventListener("input", () => on.slide(unit, Number(input.value)));
    input.addEventListener("change", () => on.slid());
    return { unit, text, input };
  });
  return (z) => {
    for (const { unit, text, input } of sliders) {
      text.textContent = `${unitName(unit)} = ${signed(z[unit])}` + (kl ? ` · KL ${kl[unit].toFixed(2)}` : "");
      if (Math.abs(Number(input.value) - z[unit]) > 0.03) input.value = z[unit];
    }
  };
}
