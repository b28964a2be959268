import assert from "node:assert/strict";
import { test } from "node:test";

import { mend } from "../../pages/ui/app/page_access.js";

/** An element that knows its attributes only. */
function element(attributes = {}, more = {}) {
  const known = new Map(Object.entries(attributes));
  return {
    ...more,
    known,
    setAttribute: (name, value) => known.set(name, value),
    removeAttribute: (name) => known.delete(name),
    hasAttribute: (name) => known.has(name),
    getAttribute: (name) => known.get(name) ?? null,
  };
}

function page(parts, pathname) {
  const answer = (selector) => Object.entries(parts).find(([word]) => selector.includes(word))?.[1] ?? [];
  return { querySelectorAll: (selector) => (selector.endsWith(" a") ? parts.links : answer(selector)), location: { pathname } };
}

test("icons are not read aloud, and the menu is a navigation", () => {
  const icon = element(), menu = element();
  mend(page({ stIconMaterial: [icon], "st-key-menu:not": [menu], links: [] }, "/"));
  assert.equal(icon.known.get("aria-hidden"), "true");
  assert.deepEqual([...menu.known], [["role", "navigation"], ["aria-label", "Pages"]]);
});

test("one link is the current page, also after moving on", () => {
  const front = element({ href: "?model=a" }), train = element({ href: "train?model=a" }), models = element({ href: "models" });
  const parts = { links: [front, train, models] };
  mend(page(parts, "/train"));
  assert.equal(train.known.get("aria-current"), "page");
  assert.ok(!models.hasAttribute("aria-current") && !front.hasAttribute("aria-current"));
  mend(page(parts, "/models"));
  assert.ok(!train.hasAttribute("aria-current"));
  assert.equal(models.known.get("aria-current"), "page");
  mend(page(parts, "/"));
  assert.deepEqual(parts.links.map((link) => link.hasAttribute("aria-current")), [true, false, false]);
});
