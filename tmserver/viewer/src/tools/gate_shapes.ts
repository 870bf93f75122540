/** Gates as they are drawn in a scatter plot, and as the server takes them. */

import type { DrawnShape } from 'plotly.js-cartesian-dist-min';

export type Shape =
  | { kind: 'rectangle'; x_min: number; x_max: number; y_min: number; y_max: number }
  | { kind: 'polygon'; vertices: [number, number][] };

/** What was drawn, as the server takes it; undefined if it encloses nothing. */
export function shapeOf(drawn: DrawnShape): Shape | undefined {
  if (drawn.type === 'path') {
    const vertices = verticesOf(drawn.path ?? '');
    return vertices.length < 3 ? undefined : { kind: 'polygon', vertices };
  }
  const { x0 = 0, x1 = 0, y0 = 0, y1 = 0 } = drawn;
  if (x0 === x1 || y0 === y1) return undefined;
  return {
    kind: 'rectangle',
    x_min: Math.min(x0, x1),
    x_max: Math.max(x0, x1),
    y_min: Math.min(y0, y1),
    y_max: Math.max(y0, y1),
  };
}

/** Corners of a path like `M1,2L3,4L5,6Z`. */
function verticesOf(path: string): [number, number][] {
  const corners = path.match(/[-+.\deE]+,[-+.\deE]+/g) ?? [];
  return corners.map((corner) => {
    const [x = NaN, y = NaN] = corner.split(',').map(Number);
    return [x, y];
  });
}

/** A shape as Plotly draws it again. */
export function drawnOf(shape: Shape): DrawnShape {
  if (shape.kind === 'rectangle') {
    const { x_min: x0, x_max: x1, y_min: y0, y_max: y1 } = shape;
    return { type: 'rect', x0, x1, y0, y1 };
  }
  return { type: 'path', path: `M${shape.vertices.map(([x, y]) => `${x},${y}`).join('L')}Z` };
}

export interface Grid {
  /** Middles of the cells. */
  readonly x: number[];
  readonly y: number[];
  /** Counts by row (y) and column (x). */
  readonly counts: number[][];
}

export type Values = ArrayLike<number> & Iterable<number>;

/** Counts points on a grid of `size` x `size` cells; what is no number is left out. */
export function countOnGrid(x: Values, y: Values, size: number): Grid {
  const [xs, ys] = [rangeOf(x), rangeOf(y)];
  const counts = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  const cellOf = (value: number, [low, high]: [number, number]) =>
    Math.min(size - 1, Math.floor(((value - low) / (high - low)) * size));
  for (let row = 0; row < x.length; row++) {
    const [left, up] = [x[row] ?? NaN, y[row] ?? NaN];
    if (!Number.isFinite(left) || !Number.isFinite(up)) continue;
    const line = counts[cellOf(up, ys)];
    const column = cellOf(left, xs);
    if (line !== undefined) line[column] = (line[column] ?? 0) + 1;
  }
  const middles = ([low, high]: [number, number]) =>
    Array.from({ length: size }, (_, cell) => low + ((cell + 0.5) / size) * (high - low));
  return { x: middles(xs), y: middles(ys), counts };
}

function rangeOf(values: Values): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [0, 1];
  return low < high ? [low, high] : [low - 0.5, high + 0.5];
}
