/** Intensity windows: which part of a channel's range is shown from black to full colour. */

/** Intensities in the units of the image; `min` is shown black, `max` in full colour. */
export interface IntensityWindow {
  readonly min: number;
  readonly max: number;
}

/** The shares of pixels that automatic contrast lets go dark and bright, respectively. */
const DARK_SHARE = 0.01;
const BRIGHT_SHARE = 0.002;

/** Whole numbers with at least one step between them, inside [0, limit]. */
export function tidyWindow(min: number, max: number, limit: number): IntensityWindow {
  const low = Math.min(Math.max(0, Math.round(min)), limit - 1);
  return { min: low, max: Math.min(Math.max(low + 1, Math.round(max)), limit) };
}

/** The smallest intensity that at least a share of the counted pixels do not exceed. */
export function percentile(counts: Uint32Array, share: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  for (let intensity = 0; intensity < counts.length; intensity++) {
    seen += counts[intensity] ?? 0;
    if (seen > 0 && seen >= share * total) return intensity;
  }
  return counts.length - 1;
}

/** The window that shows all of these pixels but the darkest and the brightest; null if there are none. */
export function autoWindow(counts: Uint32Array): IntensityWindow | null {
  if (counts.every((count) => count === 0)) return null;
  const [low, high] = [percentile(counts, DARK_SHARE), percentile(counts, 1 - BRIGHT_SHARE)];
  return tidyWindow(low, high, counts.length - 1);
}
