// On a phone the menu covers the page: it closes once something in it has been chosen, a page or a model.

const NARROW = 768; // pixels, as Streamlit has it
const CLOSE = "[data-testid=stSidebarCollapseButton] button";

let listening = false;

export default function () {
  if (listening) return;
  listening = true;
  document.addEventListener("click", (event) => {
    if (window.innerWidth > NARROW || event.ctrlKey || event.metaKey || event.shiftKey || !(event.target instanceof Element)) return;
    const sidebar = document.querySelector("[data-testid=stSidebar]"), open = sidebar?.getAttribute("aria-expanded") === "true";
    const link = event.target.closest("a[href]");
    const chosen = (link && sidebar?.contains(link)) || event.target.closest("[role=option]");
    if (open && chosen) setTimeout(() => /** @type {HTMLElement | null} */ (sidebar.querySelector(CLOSE))?.click(), 50);
  });
}
