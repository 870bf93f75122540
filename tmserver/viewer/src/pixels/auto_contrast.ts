/** Contrast from the intensities of one channel that are on screen. */

import type { Band } from './bands';
import { bandOf } from './bands';
import type { ChannelDisplay, Plane } from './channels';
import { intensityLimit, layerAt, layerWindow } from './channels';
import type { IntensityWindow } from './contrast';
import { autoWindow, histogram, isSaturated } from './contrast';
import type { GrayTiles } from './gray_tiles';

/** A window of fewer gray levels of its tiles than these is measured again in finer steps. */
const COARSE_SHARE = 1 / 8;

/**
 * The window that shows what is on screen, or null when nothing was imaged there.
 *
 * Tiles have 256 levels only, so the first look, through the server's default window, may be cut off
 * above or too coarse; then a second one through a wider or narrower window decides.
 */
export async function autoContrast(
  display: ChannelDisplay,
  plane: Plane,
  tiles: GrayTiles,
  onScreen: readonly (readonly [number, number, number])[],
): Promise<IntensityWindow | null> {
  const { channel } = display;
  const layer = layerAt(channel, plane);
  if (layer === undefined) return null;
  const limit = intensityLimit(channel);
  const look = async (window: IntensityWindow) => {
    const band: Band | undefined = bandOf(display, plane, window);
    if (band === undefined) return new Uint32Array(256);
    return histogram(await Promise.all(onScreen.map(([z, x, y]) => tiles.get(band, z, x, y))));
  };

  let fetched = layerWindow(layer, channel);
  let counts = await look(fetched);
  if (isSaturated(counts) && fetched.max < limit) {
    fetched = { min: fetched.min, max: limit };
    counts = await look(fetched);
  }
  const found = autoWindow(counts, fetched, limit);
  if (found === null) return null;
  const width = fetched.max - fetched.min;
  if (width < 256 || found.max - found.min > COARSE_SHARE * width) return found;
  const finer = { min: fetched.min, max: Math.min(limit, Math.round(found.max + width / 128)) };
  return autoWindow(await look(finer), finer, limit) ?? found;
}
