import { describe, expect, it } from 'vitest';
import { Colouring, MISSING_COLOUR, ramp, robustRange } from '../src/objects/colouring';
import { CELLS, merge, paintCounts, paintValues } from '../src/objects/density';
import { ObjectPlaces } from '../src/objects/object_places';
import { ObjectValues } from '../src/objects/object_values';

const BLACK_TO_WHITE = ['#000000', '#ffffff'];

function measured(...values: number[]): ObjectValues {
  return new ObjectValues(Float64Array.from(values.keys()), Float32Array.from(values));
}

describe('Colouring', () => {
  it('spreads values over its range', () => {
    const options = { range: [0, 10], colours: BLACK_TO_WHITE } as const;
    const colouring = new Colouring('Area', measured(0, 10, -5, 99, NaN), options);
    const colours = [0, 1, 2, 3, 4, 5].map((id) => colouring.colourOf(id));
    expect(colours).toEqual([
      '#000000', '#ffffff', '#000000', '#ffffff', MISSING_COLOUR, MISSING_COLOUR,
    ]);
  });

  it('can spread ratios instead of differences, from above 0 on', () => {
    const options = { range: [1, 100], colours: BLACK_TO_WHITE, isLogarithmic: true } as const;
    const colouring = new Colouring('Sum', measured(1, 10, 100, 0), options);
    expect([0, 2, 3].map((id) => colouring.colourOf(id))).toEqual(['#000000', '#ffffff', '#000000']);
    expect(colouring.place(10, colouring.range)).toBeCloseTo(0.5);
    expect(colouring.valueAt(0.5, colouring.range)).toBeCloseTo(10);
    const whole = new Colouring('Sum', measured(0, 2, 8), { range: [0, 8], isLogarithmic: true });
    expect(whole.range).toEqual([2, 8]);
  });

  it('has a range with two ends, whatever was chosen before it was logarithmic', () => {
    const values = measured(-5, 0, 2, 8);
    for (const range of [[-5, 1], [-5, -1], [3, 3], [NaN, NaN]] as const) {
      expect(new Colouring('Sum', values, { range, isLogarithmic: true }).range).toEqual([2, 8]);
    }
    const same = new Colouring('Sum', measured(0.3, 0.3), { isLogarithmic: true });
    expect(same.limits[0]).toBeCloseTo(0.15);
    expect(same.indexOf(0.3)).toBeGreaterThan(0);
    const range = [NaN, 4] as const;
    expect(new Colouring('Sum', values, { range }).range).toEqual([-5, 8]);
  });

  it('tells the limits of its range and the values of objects in words', () => {
    const colouring = new Colouring('Area', measured(3, 1500.2, -2, NaN));
    expect([...colouring.limits].map(Math.round)).toEqual([-2, 1500]);
    expect([1, 3].map((id) => colouring.textOf(id))).toEqual(['1,500', undefined]);
  });

  it('gives each class a colour of its own', () => {
    const values = new ObjectValues(
      Float64Array.of(1, 2, 3),
      Int32Array.of(0, 1, -1),
      ['A', 'B'],
    );
    const colouring = new Colouring('Classes', values);
    expect(new Set([1, 2, 3].map((id) => colouring.colourOf(id))).size).toBe(3);
    expect(colouring.colourOf(3)).toBe(MISSING_COLOUR);
    const own = new Colouring('Classes', values, { colours: ['#111111', '#222222'] });
    expect([own.colourOf(1), own.colourOf(2)]).toEqual(['#111111', '#222222']);
  });
});

describe('robustRange', () => {
  it('leaves out the few values far off', () => {
    const values = Array.from({ length: 1000 }, (_, index) => index / 1000);
    expect(robustRange([...values, 1e9, NaN, Infinity])).toEqual([0.01, 0.99]);
  });

  it('is never empty', () => {
    expect(robustRange([])).toEqual([0, 1]);
    expect(robustRange([3, 3])).toEqual([2.5, 3.5]);
  });
});

describe('ramp', () => {
  it('passes its stops', () => {
    expect(ramp(['#000000', '#ff0000', '#ffffff'], 5)).toEqual([
      '#000000', '#800000', '#ff0000', '#ff8080', '#ffffff',
    ]);
  });
});

describe('densities', () => {
  const counts = new Uint32Array(CELLS * CELLS);
  counts.set([1, 10, 100]);

  it('are brighter where there are more objects, and nothing where there are none', () => {
    const pixels = paintCounts(counts, 100, '#808080');
    const brightness = [0, 1, 2].map((cell) => (pixels[4 * cell] ?? 0) * (pixels[4 * cell + 3] ?? 0));
    expect(brightness).toEqual([...brightness].sort((a, b) => a - b));
    expect(new Set(brightness).size).toBe(3);
    expect(pixels[4 * 3 + 3]).toBe(0);
  });

  it('can be merged to squares of twice the size', () => {
    const merged = merge(counts);
    expect([merged[0], merged[1], merged[2], merged[CELLS], merged[CELLS + 2]]).toEqual([
      11, 11, 100, 11, 100,
    ]);
    expect(merged[2 * CELLS]).toBe(0);
  });

  it('have the mean colour of their objects', () => {
    const places = new ObjectPlaces([0, 1, 2, 3], [1, 2, 5, 9], [1, 3, 1, 1]);
    const options = { range: [0, 10], colours: BLACK_TO_WHITE } as const;
    const colouring = new Colouring('Area', measured(0, 10, 10, NaN), options);
    const tile = { resolution: 1, column: 0, row: 0 };
    const pixels = paintValues(counts, 100, colouring, places, tile);
    const reds = [0, 1, 2].map((cell) => pixels[4 * cell]);
    expect(reds[0]).toBeGreaterThan(110);
    expect(reds[0]).toBeLessThan(145);
    expect(reds[1]).toBe(255);
    expect(reds[2]).toBe(parseInt(MISSING_COLOUR.slice(1, 3), 16));
  });

  it('have the colour of the class that most objects have', () => {
    const places = new ObjectPlaces([0, 1, 2], [1, 1, 1], [1, 1, 1]);
    const classes = new ObjectValues(Float64Array.of(0, 1, 2), Int32Array.of(1, 0, 1), ['A', 'B']);
    const colouring = new Colouring('Classes', classes, { colours: ['#000000', '#ff0000'] });
    const tile = { resolution: 1, column: 0, row: 0 };
    expect(paintValues(counts, 100, colouring, places, tile)[0]).toBe(255);
  });
});
