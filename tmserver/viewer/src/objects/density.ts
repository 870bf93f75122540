/** Densities: how many objects each cell of a tile has, as pixels. */

import MVT from 'ol/format/MVT';
import RenderFeature from 'ol/render/Feature';
import type { Colouring, Rgb } from './colouring';
import { MISSING_COLOUR, mix, rgbOf } from './colouring';
import type { ObjectPlaces } from './object_places';

/** Rows and columns of cells in a tile. */
export const CELLS = 64;

const FORMAT = new MVT<RenderFeature>({ featureClass: RenderFeature });
const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [0, 0, 0];
/** Share of the scale above which colours turn to white. */
const GLOW = 0.7;

/** Number of objects in each cell of a density tile, row by row. */
export function parseDensity(buffer: ArrayBuffer): Uint32Array {
  const counts = new Uint32Array(CELLS * CELLS);
  for (const feature of FORMAT.readFeatures(buffer)) {
    const [left = 0, , ,] = feature.getExtent();
    const corners = feature.getFlatCoordinates();
    let top = Infinity;
    for (let index = 1; index < corners.length; index += 2) top = Math.min(top, corners[index] ?? 0);
    counts[top * CELLS + left] = Number(feature.get('count'));
  }
  return counts;
}

/** The same counts for squares of twice the size: each of their cells has the number of all four. */
export function merge(counts: Uint32Array): Uint32Array {
  return counts.map((_, cell) => {
    const corner = cell - (Math.floor(cell / CELLS) % 2) * CELLS - (cell % 2);
    return [0, 1, CELLS, CELLS + 1].reduce((sum, next) => sum + (counts[corner + next] ?? 0), 0);
  });
}

/** Brightness of a cell between 0 and 1: its logarithm, for few and many are to be told apart. */
function strength(count: number, largest: number): number {
  return Math.min(1, Math.log1p(count) / Math.log1p(Math.max(largest, 1)));
}

function put(pixels: Uint8ClampedArray, cell: number, rgb: Rgb, alpha: number): void {
  pixels.set([...rgb, 255 * alpha], 4 * cell);
}

/** Cells in the colour of their type: dark where there are few objects, glowing where many. */
export function paintCounts(
  counts: Uint32Array,
  largest: number,
  colour: string,
): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(4 * counts.length);
  const own = rgbOf(colour);
  counts.forEach((count, cell) => {
    if (count === 0) return;
    const share = strength(count, largest);
    const rgb =
      share < GLOW ? mix(BLACK, own, 0.35 + (0.65 * share) / GLOW) : mix(own, WHITE, (share - GLOW) / 0.6);
    put(pixels, cell, rgb, 0.45 + 0.5 * share);
  });
  return pixels;
}

/** Cells in the mean colour of the values of their objects, or in that of their largest class. */
export function paintValues(
  counts: Uint32Array,
  largest: number,
  colouring: Colouring,
  places: ObjectPlaces,
  tile: { readonly resolution: number; readonly column: number; readonly row: number },
): Uint8ClampedArray<ArrayBuffer> {
  const colours = cellColours(colouring, places, tile);
  const pixels = new Uint8ClampedArray(4 * counts.length);
  counts.forEach((count, cell) => {
    if (count === 0) return;
    const colour = colouring.colours[colours[cell] ?? -1] ?? MISSING_COLOUR;
    put(pixels, cell, rgbOf(colour), 0.5 + 0.5 * strength(count, largest));
  });
  return pixels;
}

function cellColours(
  colouring: Colouring,
  places: ObjectPlaces,
  { resolution, column, row }: { resolution: number; column: number; row: number },
): Int32Array {
  const n = colouring.classes === null ? 1 : colouring.colours.length;
  // of each cell: the number of objects of every class, or the sum of all values
  const sums = new Float64Array(CELLS * CELLS * n);
  const known = new Uint32Array(CELLS * CELLS);
  const size = 4 * resolution;
  for (const position of places.inTile(resolution, column, row)) {
    const value = colouring.values.of(places.ids[position] ?? -1);
    if (colouring.indexOf(value) < 0) continue;
    const left = Math.floor((places.x[position] ?? 0) / size) - column * CELLS;
    const top = Math.floor((places.y[position] ?? 0) / size) - row * CELLS;
    const cell = top * CELLS + left;
    const entry = colouring.classes === null ? cell : cell * n + value;
    sums[entry] = (sums[entry] ?? 0) + (colouring.classes === null ? value : 1);
    known[cell] = (known[cell] ?? 0) + 1;
  }
  return Int32Array.from(known, (number, cell) => {
    if (number === 0) return -1;
    if (colouring.classes === null) return colouring.indexOf((sums[cell] ?? 0) / number);
    const own = sums.subarray(cell * n, (cell + 1) * n);
    return own.reduce((best, sum, index) => (sum > (own[best] ?? 0) ? index : best), 0);
  });
}

/** Pixels of cells as an image, one pixel for each cell. */
export function cellImage(pixels: Uint8ClampedArray<ArrayBuffer>): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = CELLS;
  canvas.getContext('2d')?.putImageData(new ImageData(pixels, CELLS), 0, 0);
  return canvas;
}
