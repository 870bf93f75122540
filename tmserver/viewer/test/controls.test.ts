import { describe, expect, it } from 'vitest';
import type { Well } from '../src/plate/wells';
import { conditionValues, isControl } from '../src/tools/controls_field';

function well(name: string, column: number, conditions: Record<string, string | number>): Well {
  const box = [0, 0, 1, 1] as const;
  return { id: column, plate: 'p', name, row: 0, column, box, conditions: new Map(Object.entries(conditions)) };
}

const WELLS = [
  well('A01', 0, { compound: 'taxol', nM: 10 }),
  well('A02', 1, { compound: 'DMSO', nM: 9 }),
  well('A03', 2, { compound: 'taxol', nM: 10 }),
];

describe('conditionValues', () => {
  it('counts the wells of each value, in the order of values', () => {
    const found = [...conditionValues(WELLS)].map(([name, values]) => [name, [...values]]);
    expect(found).toEqual([
      ['compound', [['DMSO', 1], ['taxol', 2]]],
      ['nM', [[9, 1], [10, 2]]],
    ]);
  });
});

describe('isControl', () => {
  it('knows wells by their names and by what was done to them', () => {
    const of = (control: Parameters<typeof isControl>[1]) =>
      WELLS.filter((each) => isControl(each, control)).map(({ name }) => name);
    expect(of('a2')).toEqual(['A02']);
    expect(of({ column: 'nM', value: 10 })).toEqual(['A01', 'A03']);
    expect(of({ column: 'nM', value: '10' })).toEqual([]);
    expect(of({ column: 'siRNA', value: 10 })).toEqual([]);
  });
});
