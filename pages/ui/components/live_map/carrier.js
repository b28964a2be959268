// Carries one large part (weights, codes, thumbnails) to the browser. It shows nothing: it lays the part down in
// `window.__liveMapParts` under its digest, where a map picks it up, now or on another page. The page mounts it only
// in the run in which the part is sent for the first time; a map that finds a part gone asks for it.
// Bytes: the header's length (uint32, little-endian), the header (JSON with `digest`), the payload.

export default function ({ data }) {
  if (!data) return;
  const length = new DataView(data.buffer, data.byteOffset, 4).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(data.subarray(4, 4 + length)));
  const parts = (window.__liveMapParts ??= new Map());
  if (parts.has(header.digest)) return;
  parts.set(header.digest, { header, buffer: data.slice(4 + length).buffer });
  window.dispatchEvent(new Event("live-map-part"));
}
