import { describe, expect, it } from 'vitest';
import { ObjectPlaces } from '../src/objects/object_places';
import { ObjectValues, parseCentroids, parseValues } from '../src/objects/object_values';
import { plainForm } from './plain_form';

describe('ObjectValues', () => {
  it.each([
    ['neighbouring', [7, 9, 8]],
    ['far apart', [7, 9_000_000_000, 8]],
  ])('finds values by ids that are %s', (_, ids) => {
    const values = new ObjectValues(Float64Array.from(ids), Float32Array.of(1, 2, 3));
    expect(ids.map((id) => values.of(id))).toEqual([1, 2, 3]);
    expect([values.of(6), values.of(10), values.of(-1)]).toEqual([NaN, NaN, NaN]);
  });

  it('has nothing where there are no objects', () => {
    expect(new ObjectValues(new Float64Array(), new Float32Array()).of(1)).toBeNaN();
  });

  it('takes a class of -1 as missing', () => {
    const values = new ObjectValues(Float64Array.of(1, 2), Int32Array.of(-1, 0), ['A']);
    expect([values.of(1), values.of(2)]).toEqual([NaN, 0]);
  });
});

describe('what the server sends', () => {
  it('is read as values', () => {
    const ids = Float64Array.of(4, 2, 3);
    const numbers = parseValues(plainForm({ mapobject_id: ids, value: Float32Array.of(1, 2, 3) }));
    expect([numbers.of(2), numbers.texts]).toEqual([2, null]);
    const tpoint = Int32Array.of(0, 0, 0);
    const columns = { mapobject_id: ids, tpoint, value: Int32Array.of(1, 0, -1) };
    const classes = parseValues(plainForm(columns, ['A', 'B']));
    expect([classes.of(4), classes.of(3), classes.texts]).toEqual([1, NaN, ['A', 'B']]);
  });

  it('is read as places', () => {
    const [x, y] = [Float32Array.of(5, 300), Float32Array.of(6, 600)];
    const places = parseCentroids(plainForm({ mapobject_id: Float64Array.of(1, 2), x, y }));
    expect([...places.inTile(1, 1, 2)]).toEqual([1]);
  });
});

describe('ObjectPlaces', () => {
  const places = new ObjectPlaces([10, 11, 12, 13], [0, 255.9, 256, 700], [0, 10, 255, 300]);

  it('puts every object into one tile of each level', () => {
    expect([...places.inTile(1, 0, 0)]).toEqual([0, 1]);
    expect([...places.inTile(1, 1, 0)]).toEqual([2]);
    expect([...places.inTile(1, 2, 1)]).toEqual([3]);
    expect([...places.inTile(4, 0, 0)]).toEqual([0, 1, 2, 3]);
  });

  it('has nothing outside', () => {
    for (const [column, row] of [[3, 0], [0, 5], [-1, 0], [0, -1]] as const) {
      expect([...places.inTile(1, column, row)]).toEqual([]);
    }
  });
});
