// Carries one large part (weights, codes, thumbnails) to the browser once. It shows nothing: it lays the part down in
// `window.__liveMapParts` under its digest, where a living map picks it up. A part of its own means that a map whose small
// settings change does not make Streamlit send the weights again.
// Bytes: the header's length (uint32, little-endian), the header (JSON with `digest`), the payload.

const held = new WeakMap(); // element -> digest

function store() {
  window.__liveMapParts ??= new Map();
  return window.__liveMapParts;
}

function release(element) {
  const digest = held.get(element), part = store().get(digest);
  held.delete(element);
  if (part && --part.holders === 0) store().delete(digest);
}

export default function ({ data, parentElement }) {
  if (!data) return;
  const length = new DataView(data.buffer, data.byteOffset, 4).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(data.subarray(4, 4 + length)));
  if (held.get(parentElement) !== header.digest) {
    const part = store().get(header.digest);
    if (part) part.holders++;
    else store().set(header.digest, { header, buffer: data.slice(4 + length).buffer, holders: 1 });
    if (held.has(parentElement)) release(parentElement);
    held.set(parentElement, header.digest);
    window.dispatchEvent(new Event("live-map-part"));
  }
  return () => release(parentElement);
}
