/** The picture under the outlines, and how it follows the channel settings without flicker. */

import { messageOf } from '../api';
import type { Band } from './bands';
import { bandsServe, paintOf, wantedBands } from './bands';
import type { BlendedLayer } from './blended_layer';
import { canvasLayer } from './canvas_layer';
import type { ChannelDisplay, Plane } from './channels';
import type { IntensityTiles } from './intensity_tiles';
import type { PlateMap } from '../plate/map';
import { webglLayer } from './webgl_layer';

interface Generation extends BlendedLayer {
  readonly bands: readonly Band[];
  readonly interpolate: boolean;
}

/**
 * What is on screen and, below it, what replaces it once it is complete.
 *
 * Tiles have all intensities: contrast, gamma and colour paint those on screen differently, and
 * nothing is fetched. Other channels or planes are another generation of tiles, and the old one
 * stays on screen until all of the new one is there.
 */
export class PixelLayers {
  private shown: Generation | undefined;
  private next: Generation | undefined;

  /** Called with a sentence for the user when a tile cannot be had. */
  onError: ((message: string) => void) | undefined;

  constructor(
    private readonly map: PlateMap,
    private readonly tiles: IntensityTiles,
    private readonly webgl: boolean,
  ) {
    map.onSettled(() => {
      this.swap();
    });
  }

  /** Shows the settings with the tiles that are there. */
  paint(displays: readonly ChannelDisplay[]): void {
    for (const generation of [this.shown, this.next]) {
      generation?.paint(generation.bands.map((band) => paintOf(band, displays)));
    }
  }

  /** Shows the settings with the tiles that are best for them; `force` fetches failed ones again. */
  refresh(displays: readonly ChannelDisplay[], plane: Plane, force = false): void {
    this.paint(displays);
    const wanted = wantedBands(displays, plane);
    const interpolate = this.wantsInterpolation();
    const serves = (generation: Generation | undefined) =>
      generation !== undefined &&
      !force &&
      generation.interpolate === interpolate &&
      bandsServe(generation.bands, wanted);
    if (serves(this.next)) return;
    this.discardNext();
    if (serves(this.shown)) return;
    if (wanted.length === 0) {
      this.clear();
      return;
    }
    this.next = this.generation(wanted, displays, interpolate);
    this.map.olMap.getLayers().insertAt(0, this.next.layer);
    this.map.invalidate();
  }

  /** Whether the picture needs new tiles only because the view was zoomed across 1:1. */
  needsOtherInterpolation(): boolean {
    const current = this.next ?? this.shown;
    return current !== undefined && current.interpolate !== this.wantsInterpolation();
  }

  /** Magnified, single pixels are to be seen; reduced, smooth is truer. */
  private wantsInterpolation(): boolean {
    return (this.map.olMap.getView().getResolution() ?? 1) > 0.75;
  }

  private generation(
    bands: readonly Band[],
    displays: readonly ChannelDisplay[],
    interpolate: boolean,
  ): Generation {
    const create = this.webgl ? webglLayer : canvasLayer;
    const paints = bands.map((band) => paintOf(band, displays));
    const blended = create(this.map, this.tiles, bands, paints, interpolate);
    blended.source.on('tileloaderror', (event) => {
      const { tile } = event as unknown as { tile: { getError?: () => unknown } };
      this.onError?.(messageOf(tile.getError?.() ?? 'A part of the picture is missing.'));
    });
    return { ...blended, bands, interpolate };
  }

  private swap(): void {
    if (this.next === undefined) return;
    this.remove(this.shown);
    this.shown = this.next;
    this.next = undefined;
    this.map.invalidate();
  }

  private clear(): void {
    this.remove(this.shown);
    this.shown = undefined;
    this.map.invalidate();
  }

  private discardNext(): void {
    this.remove(this.next);
    this.next = undefined;
  }

  private remove(generation: Generation | undefined): void {
    if (generation === undefined) return;
    this.map.olMap.removeLayer(generation.layer);
    generation.layer.dispose();
  }
}
