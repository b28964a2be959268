// How large a map may be to be seen whole without scrolling.

const LEAST = 300, MARGIN = 14; // pixels of a map at least, and what is left below it

/** Pixels from the top of `stage` to the end of the window, as the page is before anybody scrolls. @param {HTMLElement} stage */
export function roomBelow(stage) {
  const root = stage.getRootNode(), host = root instanceof ShadowRoot ? root.host : null;
  const scrolled = host?.closest("[data-testid=stMain]")?.scrollTop ?? window.scrollY;
  return Math.max(Math.floor(window.innerHeight - stage.getBoundingClientRect().top - scrolled - MARGIN), LEAST);
}
