// On a phone the menu covers the page: it closes once something in it has been chosen, a page or a model.

const NARROW = 768; // pixels, as Streamlit has it
const CLOSE = "[data-testid=stSidebarCollapseButton] button";

let listening = false;

export default function () {
  if (listening) return;
  listening = true;
  document.addEventListener("click", (event) => {
    if (window.innerWidth > NARROW || event.ctrlKey || event.metaKey || event.shiftKey || !(event.target instanceof Element)) return;
    const sidebar = document.querySelector("[data-testid=stSidebar]");
    // there while the menu is open
    const close = /** @type {HTMLElement | null} */ (sidebar?.querySelector(CLOSE)), link = event.target.closest("a[href]");
    const chosen = (link && sidebar?.contains(link)) || event.target.closest("[role=option]");
    if (close && chosen) setTimeout(() => close.click(), 50);
  });
}
