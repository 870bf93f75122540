/** The intensities of the channels at a place, as they are drawn. */

import type { TilePixel } from '../plate/map';
import { bandOf } from './bands';
import type { ChannelDisplay, Plane } from './channels';
import type { IntensityTiles } from './intensity_tiles';

/**
 * "DNA: 1,204", for each channel on show that was imaged there.
 *
 * Far out a pixel of the screen is the mean of several of the images. What is on screen has been
 * fetched, so nothing is asked for.
 */
export async function intensitiesAt(
  { z, x, y, index }: TilePixel,
  displays: readonly ChannelDisplay[],
  plane: Plane,
  tiles: IntensityTiles,
): Promise<string[]> {
  const found = await Promise.all(
    displays.map(async (display) => {
      const band = display.visible ? bandOf(display, plane) : undefined;
      const intensity = band === undefined ? 0 : ((await tiles.get(band, z, x, y))[index] ?? 0);
      return { name: display.channel.name, intensity };
    }),
  );
  return found
    .filter(({ intensity }) => intensity > 0)
    .map(({ name, intensity }) => `${name}: ${intensity.toLocaleString('en')}`);
}
