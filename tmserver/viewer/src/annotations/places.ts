/** Places of annotations: in the unit of their table, and on the map. */

import type { Coordinate } from 'ol/coordinate';

/** x, y and z of a point as it is kept. */
export type Position = readonly [number, number, number];

/** Between the unit of a table and pixels of the map. */
export class Places {
  private readonly scale: readonly [number, number];

  /**
   * `resolution` is that of the table in nanometres, `pixelSize` the width of a pixel in
   * micrometres. Where that is not known, units are pixels; z is always the number of a focal plane.
   */
  constructor(resolution: readonly number[], pixelSize: number | null) {
    const [x = 1, y = 1] = resolution;
    this.scale =
      pixelSize === null ? [1, 1] : [scaleOf(x / (1000 * pixelSize)), scaleOf(y / (1000 * pixelSize))];
  }

  /** Where a point is on the map. */
  toMap([x = 0, y = 0]: readonly number[]): [number, number] {
    return [x * this.scale[0], -y * this.scale[1]];
  }

  /** The position of a place of the map, as exact as a hundredth of a pixel. */
  toTable([x = 0, y = 0]: Coordinate, plane: number): Position {
    return [rounded(x, this.scale[0]), rounded(-y, this.scale[1]), plane];
  }

  /** Left, top, right and bottom in the unit of the table, of an extent of the map. */
  boxOf([left = 0, bottom = 0, right = 0, top = 0]: readonly number[]): [number, number, number, number] {
    const [x, y] = this.scale;
    return [left / x, -top / y, right / x, -bottom / y];
  }

  /** Width and height on the map of a square of the table. */
  squareOnMap(side: number): [number, number] {
    return [side * this.scale[0], side * this.scale[1]];
  }
}

/** The same size, but for how it was rounded, is the same. */
function scaleOf(ratio: number): number {
  return Math.abs(ratio - 1) < 1e-9 ? 1 : ratio;
}

function rounded(place: number, scale: number): number {
  const digits = Math.min(12, Math.max(0, Math.ceil(Math.log10(scale)) + 2));
  return Number((place / scale).toFixed(digits));
}

/** The number of the focal plane that a coordinate lies in. */
export function planeOf(z: number): number {
  return Math.floor(z + 0.5);
}
