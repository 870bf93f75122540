/** Follows the map with histograms of what is in view, and on request with the contrast. */

import { messageOf } from '../api';
import type { PlateMap } from '../plate/map';
import type { ChannelDisplay, Plane } from './channels';
import { layerAt, layerWindow } from './channels';
import { autoWindow } from './contrast';
import { countsOnScreen } from './histogram';
import type { IntensityTiles } from './intensity_tiles';

export class ViewHistograms {
  /** Whether contrast is set anew whenever something else is in view. */
  follows = false;
  private counted = '';

  /** Called with the counts of all intensities of a channel that is in view. */
  onCounts: ((display: ChannelDisplay, counts: Uint32Array) => void) | undefined;
  /** Called when the windows of some channels were set. */
  onContrast: (() => void) | undefined;
  onError: ((message: string) => void) | undefined;

  constructor(
    private readonly map: PlateMap,
    private readonly tiles: IntensityTiles,
    private readonly displays: readonly ChannelDisplay[],
    private readonly plane: () => Plane,
  ) {
    map.onSettled(() => void this.update());
  }

  /** Sets the window of a channel by what is in view; leaves it where nothing was imaged. */
  async setContrast(display: ChannelDisplay): Promise<void> {
    try {
      const window = autoWindow(await this.counts(display));
      if (window !== null) display.window = window;
    } catch (error) {
      this.onError?.(messageOf(error));
    }
    this.onContrast?.();
  }

  /** Sets the window of a channel to the one that suits all of its images. */
  resetContrast(display: ChannelDisplay): void {
    const layer = layerAt(display.channel, this.plane());
    if (layer !== undefined) display.window = layerWindow(layer, display.channel);
    this.onContrast?.();
  }

  /** Counts anew if the view, the plane or the channels on show are others than before. */
  async update(): Promise<void> {
    const shown = this.displays.filter(({ visible }) => visible);
    const key = JSON.stringify([
      this.map.tilesOnScreen(),
      this.plane(),
      this.follows,
      shown.map(({ channel }) => channel.id),
    ]);
    if (key === this.counted) return;
    this.counted = key;
    try {
      for (const display of shown) {
        const counts = await this.counts(display);
        // The view has moved on, and is being counted already.
        if (key !== this.counted) return;
        this.onCounts?.(display, counts);
        const window = this.follows ? autoWindow(counts) : null;
        if (window !== null) display.window = window;
        // Lets the browser draw between two channels.
        await new Promise((resolve) => setTimeout(resolve));
      }
      if (this.follows) this.onContrast?.();
    } catch {
      // The map itself says which tiles are missing; they are counted when they are there.
      this.counted = '';
    }
  }

  private counts(display: ChannelDisplay): Promise<Uint32Array> {
    return countsOnScreen(display, this.plane(), this.tiles, this.map.tilesOnScreen());
  }
}
