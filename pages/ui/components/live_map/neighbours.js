// Which classes lie around a z: what a picture decoded there is most like.

/** The class of most of the `k` codes nearest to z, by Euclidean distance of z_mean over all units.
 *  @param {import("./types").Codes} codes @param {ArrayLike<number>} z @param {number} k
 *  @returns {{ label: number, count: number, of: number } | null} null if there are not more than k codes */
export function classAround({ n, d, zMean, byIndex, classes }, z, k = 15) {
  if (n <= k) return null;
  const far = new Float64Array(k).fill(Infinity), who = new Int32Array(k);
  for (let i = 0, at = 0; i < n; i++, at += d) {
    let sum = 0;
    for (let u = 0; u < d && sum < far[k - 1]; u++) sum += (zMean[at + u] - z[u]) ** 2;
    if (sum >= far[k - 1]) continue;
    let place = k - 1;
    for (; place > 0 && far[place - 1] > sum; place--) [far[place], who[place]] = [far[place - 1], who[place - 1]];
    [far[place], who[place]] = [sum, i];
  }
  const counts = new Int32Array(classes.length);
  for (const i of who) counts[byIndex[i]]++;
  const label = counts.reduce((best, count, i) => (count > counts[best] ? i : best), 0);
  return { label, count: counts[label], of: k };
}
