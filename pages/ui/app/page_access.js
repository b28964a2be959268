// What screen readers and keyboards need and Streamlit leaves out: the menu as a navigation, icons that are not read aloud.

const ICONS = '[data-testid="stIconMaterial"]:not([aria-hidden])';

/** Mend a document; quick where there is nothing to mend. */
export function mend(page) {
  // an icon is a ligature: text such as "arrow_upward", drawn as a picture
  for (const icon of page.querySelectorAll(ICONS)) icon.setAttribute("aria-hidden", "true");
  // a table that is wider than its place can be scrolled by keys once it can be focused
  for (const region of page.querySelectorAll('[data-testid="stTable"] div:not([tabindex])')) {
    if (region.scrollWidth > region.clientWidth + 1) region.setAttribute("tabindex", "0");
  }
  for (const menu of page.querySelectorAll(".st-key-menu:not([role])")) {
    menu.setAttribute("role", "navigation");
    menu.setAttribute("aria-label", "Pages");
  }
  // the front page's address is "?…", which the browser would take for this page's: the names are compared as they are written
  const name = (/** @type {string} */ address) => address.split("?")[0].split("/").pop();
  for (const link of page.querySelectorAll(".st-key-menu a")) {
    const here = name(link.getAttribute("href") ?? "") === name(page.location.pathname);
    if (here !== link.hasAttribute("aria-current")) {
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }
}

export default function () {
  let waiting = 0;
  const soon = () => {
    if (!waiting) waiting = requestAnimationFrame(() => {
      waiting = 0;
      mend(document);
    });
  };
  const observer = new MutationObserver(soon);
  observer.observe(document.body, { childList: true, subtree: true });
  mend(document);
  return () => {
    cancelAnimationFrame(waiting);
    observer.disconnect();
  };
}
