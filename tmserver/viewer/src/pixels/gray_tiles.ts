/** Fetches, decodes and keeps the gray tiles of the channels. */

import type { Api } from '../api';
import type { Band } from './bands';
import { tilePath } from './bands';

export const TILE_SIZE = 256;

/** One gray value per pixel, row by row from the top left. */
export type GrayTile = Uint8Array;

/** Decoded tiles that are kept, at 64 KiB each. */
const KEPT = 1024;

async function decode(blob: Blob): Promise<GrayTile> {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: 'none' });
  const canvas = new OffscreenCanvas(TILE_SIZE, TILE_SIZE);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) throw new Error('This browser cannot decode images.');
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = context.getImageData(0, 0, TILE_SIZE, TILE_SIZE).data;
  const gray = new Uint8Array(TILE_SIZE * TILE_SIZE);
  for (let pixel = 0; pixel < gray.length; pixel++) gray[pixel] = rgba[4 * pixel] ?? 0;
  return gray;
}

/** The tiles of one experiment; those used last are kept, and none is fetched twice at a time. */
export class GrayTiles {
  private readonly tiles = new Map<string, Promise<GrayTile>>();

  constructor(
    private readonly api: Api,
    private readonly experimentId: string,
  ) {}

  get(band: Band, z: number, x: number, y: number): Promise<GrayTile> {
    const path = tilePath(this.experimentId, band, z, x, y);
    const tile = this.tiles.get(path) ?? this.fetch(path);
    // A Map iterates in insertion order: putting the tile last makes the first the oldest.
    this.tiles.delete(path);
    this.tiles.set(path, tile);
    for (const oldest of this.tiles.keys()) {
      if (this.tiles.size <= KEPT) break;
      this.tiles.delete(oldest);
    }
    return tile;
  }

  private fetch(path: string): Promise<GrayTile> {
    const tile = this.api.image(path).then(decode);
    // What failed is tried again when it is asked for again.
    tile.catch(() => this.tiles.delete(path));
    return tile;
  }
}
