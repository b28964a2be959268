// Two pictures of the same size on top of each other; the border between them follows the pointer or a slider.

export default function ({ data, parentElement }) {
  const make = (tag, className) => Object.assign(document.createElement(tag), { className });
  let root = parentElement.querySelector(".wipe");
  if (!root) {
    root = make("div", "wipe");
    const stage = make("div", "stage"), slider = make("input", "");
    const words = make("div", "words");
    stage.append(make("img", "under"), make("img", "over"), make("div", "line"));
    words.append(make("span", "left"), make("span", "right"));
    Object.assign(slider, { type: "range", min: 0, max: 100, value: 50 });
    root.append(stage, slider, words);
    parentElement.append(root);
    const show = () => {
      stage.querySelector(".over").style.clipPath = `inset(0 ${100 - slider.value}% 0 0)`;
      stage.querySelector(".line").style.left = `${slider.value}%`;
    };
    const follow = (event) => {
      if (event.pointerType === "touch" && !event.buttons) return;
      const box = stage.getBoundingClientRect();
      slider.value = Math.min(Math.max((100 * (event.clientX - box.left)) / box.width, 0), 100);
      show();
    };
    slider.addEventListener("input", show);
    stage.addEventListener("pointermove", follow);
    stage.addEventListener("pointerdown", follow);
    show();
  }
  root.style.width = `${data.width}px`;
  const [under, over] = root.querySelectorAll("img");
  const set = (image, [uri, name]) => {
    if (image.src !== uri) image.src = uri;
    image.alt = name;
  };
  set(under, data.right);
  set(over, data.left);
  root.querySelector(".left").textContent = data.left[1];
  root.querySelector(".right").textContent = data.right[1];
  root.querySelector("input").setAttribute("aria-label", `Share of ${data.left[1]} against ${data.right[1]}`);
}
