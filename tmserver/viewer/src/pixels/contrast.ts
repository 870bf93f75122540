/** Intensity windows: which part of a channel's range is shown from black to full colour. */

/** Intensities in the units of the image; `min` is shown black, `max` in full colour. */
export interface IntensityWindow {
  readonly min: number;
  readonly max: number;
}

/** The number of gray levels in a tile. */
const LEVELS = 256;

/** The share of pixels that "auto" lets go dark and bright, respectively. */
const DARK_SHARE = 0.01;
const BRIGHT_SHARE = 0.002;

/** Whole numbers with at least one step between them, inside [0, limit]. */
export function tidyWindow(min: number, max: number, limit: number): IntensityWindow {
  const low = Math.min(Math.max(0, Math.round(min)), limit - 1);
  return { min: low, max: Math.min(Math.max(low + 1, Math.round(max)), limit) };
}

export function sameWindow(a: IntensityWindow, b: IntensityWindow): boolean {
  return a.min === b.min && a.max === b.max;
}

/**
 * Whether tiles made for the window `fetched` can show `wanted` without loss: nothing that is
 * wanted was cut off, and either no gray level was lost (one level per intensity) or the windows
 * are the same.
 */
export function windowServes(fetched: IntensityWindow, wanted: IntensityWindow): boolean {
  if (sameWindow(fetched, wanted)) return true;
  const lossless = fetched.max - fetched.min < LEVELS;
  return lossless && fetched.min <= wanted.min && wanted.max <= fetched.max;
}

/** `gain` and `offset` that turn a tile's gray (0 to 1) into brightness, before clipping to 0..1. */
export function brightness(
  fetched: IntensityWindow,
  shown: IntensityWindow,
): { gain: number; offset: number } {
  const width = shown.max - shown.min;
  return {
    gain: (fetched.max - fetched.min) / width,
    offset: (fetched.min - shown.min) / width,
  };
}

/** Counts of the 256 gray levels over several tiles. */
export function histogram(tiles: Iterable<Uint8Array>): Uint32Array {
  const counts = new Uint32Array(LEVELS);
  for (const tile of tiles) {
    for (const gray of tile) counts[gray] = (counts[gray] ?? 0) + 1;
  }
  return counts;
}

/** The gray level below which `share` of the counted pixels lie. */
function percentile(counts: Uint32Array, share: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  for (let gray = 0; gray < counts.length; gray++) {
    seen += counts[gray] ?? 0;
    if (seen > 0 && seen >= share * total) return gray;
  }
  return counts.length - 1;
}

/**
 * The window that shows what the histogram of tiles fetched with `fetched` holds.
 *
 * Gray 0 is left out: it is mostly the part of the map where nothing was imaged. `null` when there
 * is nothing else.
 */
export function autoWindow(
  counts: Uint32Array,
  fetched: IntensityWindow,
  limit: number,
): IntensityWindow | null {
  const imaged = counts.slice();
  imaged[0] = 0;
  if (imaged.every((count) => count === 0)) return null;
  const step = (fetched.max - fetched.min) / (LEVELS - 1);
  return tidyWindow(
    fetched.min + step * percentile(imaged, DARK_SHARE),
    fetched.min + step * percentile(imaged, 1 - BRIGHT_SHARE),
    limit,
  );
}

/** Whether so many pixels lie at the upper end that the histogram does not show how far they go. */
export function isSaturated(counts: Uint32Array): boolean {
  const imaged = counts.slice(1).reduce((sum, count) => sum + count, 0);
  return (counts[LEVELS - 1] ?? 0) > BRIGHT_SHARE * imaged;
}
