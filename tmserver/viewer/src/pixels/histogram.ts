/** How many pixels of a channel that are on screen have each intensity. */

import type { TileOnScreen } from '../plate/map';
import { bandOf } from './bands';
import type { ChannelDisplay, Plane } from './channels';
import { intensityLimit } from './channels';
import type { IntensityTile, IntensityTiles } from './intensity_tiles';
import { TILE_SIZE } from './intensity_tiles';

/** Adds the pixels of a part of a tile. */
export function addCounts(
  counts: Uint32Array,
  tile: IntensityTile,
  { left, top, right, bottom }: Pick<TileOnScreen, 'left' | 'top' | 'right' | 'bottom'>,
): void {
  for (let row = top; row < bottom; row++) {
    const end = row * TILE_SIZE + right;
    for (let pixel = row * TILE_SIZE + left; pixel < end; pixel++) {
      const intensity = tile[pixel] ?? 0;
      counts[intensity] = (counts[intensity] ?? 0) + 1;
    }
  }
}

/**
 * Counts of all intensities of a channel on screen.
 *
 * Intensity 0 is left out: it is where nothing was imaged.
 */
export async function countsOnScreen(
  display: ChannelDisplay,
  plane: Plane,
  tiles: IntensityTiles,
  onScreen: readonly TileOnScreen[],
): Promise<Uint32Array> {
  const counts = new Uint32Array(intensityLimit(display.channel) + 1);
  const band = bandOf(display, plane);
  if (band === undefined) return counts;
  const found = await Promise.all(onScreen.map(({ z, x, y }) => tiles.get(band, z, x, y)));
  found.forEach((tile, index) => {
    const part = onScreen[index];
    if (part !== undefined) addCounts(counts, tile, part);
  });
  counts[0] = 0;
  return counts;
}

/** The sums of so many parts of equal width between 0 and an intensity. */
export function binned(counts: Uint32Array, end: number, nBins: number): Uint32Array {
  const bins = new Uint32Array(nBins);
  const last = Math.min(end, counts.length - 1);
  for (let intensity = 0; intensity <= last; intensity++) {
    const bin = Math.min(nBins - 1, Math.floor((intensity * nBins) / end));
    bins[bin] = (bins[bin] ?? 0) + (counts[intensity] ?? 0);
  }
  return bins;
}
