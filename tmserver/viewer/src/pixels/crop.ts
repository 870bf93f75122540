/** A small picture of a place at full resolution, in the channels as they are shown. */

import { paintOf, wantedBands } from './bands';
import { blend } from './canvas_layer';
import type { ChannelDisplay, Plane } from './channels';
import type { IntensityTile, IntensityTiles } from './intensity_tiles';
import { TILE_SIZE } from './intensity_tiles';

/** A square of the map in its pixels, y downwards. */
export interface Square {
  readonly left: number;
  readonly top: number;
  readonly size: number;
}

/** The latest drawing into each canvas: those before it may come to their end after it. */
const drawings = new WeakMap<HTMLCanvasElement, object>();

/** Copies what a tile has of a square. */
export function copyPart(
  tile: IntensityTile,
  [column, row]: readonly [number, number],
  square: Square,
  into: IntensityTile,
): void {
  const [x0, y0] = [column * TILE_SIZE - square.left, row * TILE_SIZE - square.top];
  for (let y = Math.max(0, y0); y < Math.min(square.size, y0 + TILE_SIZE); y++) {
    for (let x = Math.max(0, x0); x < Math.min(square.size, x0 + TILE_SIZE); x++) {
      into[y * square.size + x] = tile[(y - y0) * TILE_SIZE + (x - x0)] ?? 0;
    }
  }
}

/** Draws a square of the map into a canvas; `z` is the level of full resolution. */
export async function drawCrop(
  canvas: HTMLCanvasElement,
  square: Square,
  displays: readonly ChannelDisplay[],
  plane: Plane,
  tiles: IntensityTiles,
  z: number,
): Promise<void> {
  const drawing = {};
  drawings.set(canvas, drawing);
  const { left, top, size } = square;
  const bands = wantedBands(displays, plane);
  const columns = span(left, size);
  const rows = span(top, size);
  const planes = await Promise.all(
    bands.map(async (band) => {
      const pixels: IntensityTile = new Uint16Array(size * size);
      const places = rows.flatMap((row) => columns.map((column) => [column, row] as const));
      await Promise.all(
        places.map(async (place) => {
          copyPart(await tiles.get(band, z, ...place), place, square, pixels);
        }),
      );
      return pixels;
    }),
  );
  if (drawings.get(canvas) !== drawing) return;
  canvas.width = canvas.height = size;
  if (planes.length === 0) return;
  const paints = bands.map((band) => paintOf(band, displays));
  canvas.getContext('2d')?.putImageData(new ImageData(blend(planes, paints), size), 0, 0);
}

/** The tiles that a length touches; there are none before the first. */
function span(start: number, size: number): number[] {
  const first = Math.max(0, Math.floor(start / TILE_SIZE));
  const last = Math.floor((start + size - 1) / TILE_SIZE);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}
