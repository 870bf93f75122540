/** Where all objects of a type lie, by tile: what is needed to colour densities by their values. */

import { TILE_SIZE } from '../pixels/intensity_tiles';

interface Level {
  readonly columns: number;
  readonly starts: Uint32Array;
  readonly order: Uint32Array;
}

export class ObjectPlaces {
  private readonly levels = new Map<number, Level>();

  /** `x` and `y` are pixels of the map, y downwards. */
  constructor(
    readonly ids: ArrayLike<number>,
    readonly x: ArrayLike<number>,
    readonly y: ArrayLike<number>,
  ) {}

  /** Positions of the objects in a tile of so many map pixels to a screen pixel. */
  inTile(resolution: number, column: number, row: number): Uint32Array {
    const level = this.levels.get(resolution) ?? this.sorted(resolution);
    const tile = row * level.columns + column;
    if (column < 0 || row < 0 || column >= level.columns) return new Uint32Array();
    return level.order.subarray(level.starts[tile] ?? 0, level.starts[tile + 1] ?? 0);
  }

  /** Sorts the objects by tile, once for each level. */
  private sorted(resolution: number): Level {
    const size = TILE_SIZE * resolution;
    const { ids, x, y } = this;
    let right = 0;
    let bottom = 0;
    for (let row = 0; row < ids.length; row++) {
      right = Math.max(right, x[row] ?? 0);
      bottom = Math.max(bottom, y[row] ?? 0);
    }
    const columns = Math.floor(right / size) + 1;
    const rows = Math.floor(bottom / size) + 1;
    const tileOf = (row: number) =>
      Math.floor((y[row] ?? 0) / size) * columns + Math.floor((x[row] ?? 0) / size);
    const starts = new Uint32Array(columns * rows + 1);
    for (let row = 0; row < ids.length; row++) {
      const after = tileOf(row) + 1;
      starts[after] = (starts[after] ?? 0) + 1;
    }
    for (let tile = 1; tile < starts.length; tile++) {
      starts[tile] = (starts[tile] ?? 0) + (starts[tile - 1] ?? 0);
    }
    const next = starts.slice();
    const order = new Uint32Array(ids.length);
    for (let row = 0; row < ids.length; row++) {
      const tile = tileOf(row);
      const place = next[tile] ?? 0;
      order[place] = row;
      next[tile] = place + 1;
    }
    const level = { columns, starts, order };
    this.levels.set(resolution, level);
    return level;
  }
}
