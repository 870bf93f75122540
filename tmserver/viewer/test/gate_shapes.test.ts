import { describe, expect, it } from 'vitest';
import { countOnGrid, drawnOf, shapeOf } from '../src/tools/gate_shapes';

describe('shapeOf', () => {
  it('reads rectangles, whatever the direction in which they were drawn', () => {
    const shape = shapeOf({ type: 'rect', x0: 5, x1: 1, y0: -2, y1: 3 });
    expect(shape).toEqual({ kind: 'rectangle', x_min: 1, x_max: 5, y_min: -2, y_max: 3 });
  });

  it('reads polygons with numbers of all forms', () => {
    const path = 'M1.5,2L-3,4e-3L5,-1.25E+2Z';
    expect(shapeOf({ type: 'path', path })).toEqual({
      kind: 'polygon',
      vertices: [[1.5, 2], [-3, 0.004], [5, -125]],
    });
  });

  it('leaves out what encloses nothing', () => {
    expect(shapeOf({ type: 'rect', x0: 1, x1: 1, y0: 0, y1: 2 })).toBeUndefined();
    expect(shapeOf({ type: 'path', path: 'M1,2L3,4Z' })).toBeUndefined();
  });

  it('comes back from what it is drawn as', () => {
    const shape = shapeOf({ type: 'path', path: 'M0,0L1,0L1,1Z' });
    expect(shape && shapeOf(drawnOf(shape))).toEqual(shape);
  });
});

describe('countOnGrid', () => {
  it('counts every point that is a number', () => {
    const grid = countOnGrid([0, 10, 10, NaN, 3], [0, 1, 1, 0, Infinity], 2);
    expect(grid.counts).toEqual([[1, 0], [0, 2]]);
    expect(grid.x).toEqual([2.5, 7.5]);
    expect(grid.y).toEqual([0.25, 0.75]);
  });

  it('has room for points that are all the same', () => {
    const grid = countOnGrid([4, 4], [7, 7], 4);
    expect(grid.counts.flat().reduce((one, other) => one + other)).toBe(2);
  });
});
