// The size of a mosaic's tiles, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { largestTile } from "../../pages/ui/components/mosaic/mosaic.js";

test("tiles are as large as the row and the height allow", () => {
  for (const [count, width] of [[5, 640], [18, 640], [66, 640], [18, 350], [130, 350]]) {
    const size = largestTile(count, width, 430, 44), columns = Math.floor((width + 2) / (size + 8));
    assert.ok(size >= 44 && size <= 160);
    if (size > 44) assert.ok(Math.ceil(count / columns) * (size + 42) <= 430, `${count} in ${width}`);
  }
  assert.equal(largestTile(5, 640, 130, 52), 88);
  assert.ok(largestTile(18, 640, 430, 44) > largestTile(66, 640, 430, 44));
  assert.equal(largestTile(5, 350, 130, 52), 62);
  assert.equal(largestTile(1000, 350, 430, 44), 44);
});
