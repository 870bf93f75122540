/** Fetches, decodes and keeps the tiles of the channels, with all of their intensities. */

import type { Api } from '../api';
import type { Band } from './bands';
import { tilePath } from './bands';
import { Decoders } from './decoders';

export const TILE_SIZE = 256;

/** One intensity per pixel, row by row from the top left. */
export type IntensityTile = Uint16Array<ArrayBuffer>;

/** Decoded tiles that are kept, at 128 KiB each. */
const KEPT = 768;

/** The tiles of one experiment; those used last are kept, and none is fetched twice at a time. */
export class IntensityTiles {
  private readonly tiles = new Map<string, Promise<IntensityTile>>();
  private readonly decoders = new Decoders();

  constructor(
    private readonly api: Api,
    private readonly experimentId: string,
  ) {}

  get(band: Band, z: number, x: number, y: number): Promise<IntensityTile> {
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

  dispose(): void {
    this.decoders.dispose();
  }

  private fetch(path: string): Promise<IntensityTile> {
    const tile = this.api.bytes(path).then((png) => this.decoders.decode(png));
    // What failed is tried again when it is asked for again.
    tile.catch(() => this.tiles.delete(path));
    return tile;
  }
}
