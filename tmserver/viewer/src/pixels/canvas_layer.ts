/** Blends the channels without WebGL: the same picture, made tile by tile on the processor. */

import TileLayer from 'ol/layer/Tile';
import DataTileSource from 'ol/source/DataTile';
import type { Band, BandPaint } from './bands';
import type { IntensityTile, IntensityTiles } from './intensity_tiles';
import { TILE_SIZE } from './intensity_tiles';
import type { PlateMap } from '../plate/map';
import type { BlendedLayer } from './blended_layer';

/** Milliseconds between two redraws while a slider moves. */
const REDRAW_INTERVAL = 80;

const INTENSITIES = 2 ** 16;

/** The brightness, from 0 to 1, that each intensity of a band has. */
export function brightness({ gain, offset, gamma }: BandPaint): Float32Array {
  const table = new Float32Array(INTENSITIES);
  for (let intensity = 0; intensity < INTENSITIES; intensity++) {
    table[intensity] = Math.min(1, Math.max(0, intensity * gain + offset)) ** gamma;
  }
  return table;
}

/** The opaque RGBA pixels of one tile: the sum of all bands in their colours. */
export function blend(
  planes: readonly IntensityTile[],
  paints: readonly BandPaint[],
  tables: readonly Float32Array[] = paints.map(brightness),
): Uint8ClampedArray<ArrayBuffer> {
  const length = planes[0]?.length ?? 0;
  const sums = new Float32Array(3 * length);
  planes.forEach((plane, band) => {
    const [paint, table] = [paints[band], tables[band]];
    if (paint === undefined || table === undefined) return;
    for (let pixel = 0; pixel < length; pixel++) {
      const value = table[plane[pixel] ?? 0] ?? 0;
      for (let part = 0; part < 3; part++) {
        sums[3 * pixel + part] = (sums[3 * pixel + part] ?? 0) + value * (paint.rgb[part] ?? 0);
      }
    }
  });
  const pixels = new Uint8ClampedArray(4 * length).fill(255);
  for (let pixel = 0; pixel < length; pixel++) {
    for (let part = 0; part < 3; part++) pixels[4 * pixel + part] = sums[3 * pixel + part] ?? 0;
  }
  return pixels;
}

/** A source whose tiles can be made anew. */
class RepaintableSource extends DataTileSource {
  private painting = 0;

  repaint(): void {
    this.painting += 1;
    // With a new key, OpenLayers shows each old tile until the new one is made.
    this.setKey(String(this.painting));
  }
}

function drawn(pixels: Uint8ClampedArray<ArrayBuffer>): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = TILE_SIZE;
  canvas.height = TILE_SIZE;
  canvas.getContext('2d')?.putImageData(new ImageData(pixels, TILE_SIZE), 0, 0);
  return canvas;
}

export function canvasLayer(
  map: PlateMap,
  tiles: IntensityTiles,
  bands: readonly Band[],
  initialPaints: readonly BandPaint[],
  interpolate: boolean,
): BlendedLayer {
  let paints = initialPaints;
  let tables = paints.map(brightness);
  let redraw: number | undefined;
  const source = new RepaintableSource({
    loader: async (z, x, y) => {
      const planes = await Promise.all(bands.map((band) => tiles.get(band, z, x, y)));
      return drawn(blend(planes, paints, tables));
    },
    key: '0',
    tileGrid: map.tileGrid,
    projection: map.projection,
    zDirection: map.zDirection,
    interpolate,
    transition: 0,
  });
  return {
    layer: new TileLayer({ source, extent: map.extent }),
    source,
    paint: (changed) => {
      paints = changed;
      redraw ??= window.setTimeout(() => {
        redraw = undefined;
        tables = paints.map(brightness);
        source.repaint();
      }, REDRAW_INTERVAL);
    },
  };
}
