import { describe, expect, it } from 'vitest';
import { Places, planeOf } from '../src/annotations/places';
import { RowSchema } from '../src/annotations/row_schema';

const POINT = { type: 'object', $ref: '#/definitions/BoundSpatialPoint' };

function schemaOf(properties: Record<string, unknown>, required: string[]): RowSchema {
  return new RowSchema('mitosis', {
    $ref: '#/definitions/Mitosis',
    definitions: { BoundSpatialPoint: {}, Mitosis: { properties, required } },
  });
}

describe('places of annotations', () => {
  it('are pixels of the map in tables of the same resolution, y downwards', () => {
    const places = new Places([325, 325, 1000], 0.325);
    expect(places.toMap([10, 20, 3])).toEqual([10, -20]);
    expect(places.toTable([10.123, -20.456], 3)).toEqual([10.12, 20.46, 3]);
  });

  it('are scaled by the resolution of the table along each axis', () => {
    const places = new Places([65, 650, 1000], 0.325);
    expect(places.toMap([50, 2, 0])).toEqual([10, -4]);
    expect(places.toTable([10, -4], 1)).toEqual([50, 2, 1]);
    expect(places.boxOf([10, -8, 20, -4])).toEqual([50, 2, 100, 4]);
  });

  it('are pixels where their size is not known', () => {
    expect(new Places([65, 650, 1000], null).toMap([5, 7, 0])).toEqual([5, -7]);
  });

  it('lie in the nearest focal plane, as the server has it', () => {
    expect([-0.5, 0.49, 0.5, 2].map(planeOf)).toEqual([0, 0, 1, 2]);
  });
});

describe('the form of a row', () => {
  const schema = schemaOf(
    {
      near: POINT,
      pt: POINT,
      phase: { type: 'string', enum: ['early', 'late'] },
      grade: { type: ['number', 'null'], format: 'integer', enum: [1, 2] },
      count: { type: 'number', format: 'integer' },
      odd: { type: ['boolean', 'null'] },
      note: { type: ['string', 'null'], default: 'none' },
      valid: { type: ['boolean', 'null'] },
    },
    ['pt', 'phase', 'count'],
  );

  it('has a field for what people fill in', () => {
    expect(schema.points.map(({ name }) => name)).toEqual(['pt', 'near']);
    expect(Object.keys(schema.form.properties)).toEqual(['phase', 'grade', 'count', 'odd', 'note']);
    expect(schema.form.required).toEqual(['phase', 'count']);
    expect(schema.form.properties.count?.type).toBe('integer');
    expect(schema.form.properties.odd?.enum).toEqual(['yes', 'no']);
    expect(schema.isForPeople).toBe(true);
    expect(schemaOf({ pt: { $ref: '#/definitions/DerivedSpatialPoint' } }, ['pt']).isForPeople).toBe(false);
  });

  it('sends the values that were read back as they were', () => {
    const row = { phase: 'late', grade: 2, count: 7, odd: false, note: null };
    expect(schema.sent(schema.values({ ...row, pt_position: [1, 2, 3], near_position: null }))).toEqual(row);
    expect(schema.values()).toEqual({ phase: null, grade: null, count: null, odd: null, note: 'none' });
    expect(schema.positions({ pt_position: [1, 2, 3], near_position: null })).toEqual({ pt: [1, 2, 3] });
  });

  it('has answers for single keys where one choice is all that is needed', () => {
    const target = { target_id: { type: 'integer' } };
    const answer = { type: 'string', enum: ['good', 'bad'] };
    expect(schema.answers()).toBeUndefined();
    expect(schemaOf({ ...target, answer }, ['target_id', 'answer']).answers()).toEqual({
      field: 'answer',
      choices: [{ label: 'good', value: 'good' }, { label: 'bad', value: 'bad' }],
    });
    expect(schemaOf({ ...target, is_odd: { type: 'boolean' } }, ['is_odd']).answers()?.choices).toEqual([
      { label: 'yes', value: true },
      { label: 'no', value: false },
    ]);
    expect(schemaOf({ ...target, tag: { type: 'string' } }, ['tag']).answers()).toBeUndefined();
  });
});
