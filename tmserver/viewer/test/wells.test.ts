import { describe, expect, it, vi } from 'vitest';
import type { TablePage } from '../src/api_types';
import { conditionNames, wellColouring } from '../src/plate/well_figures';
import { joinWells, wellPosition } from '../src/plate/wells';

vi.stubGlobal('navigator', { userAgent: 'node' });
const { rowName } = await import('../src/plate/well_panel');
const { conditionsAsCsv, conditionsOf } = await import('../src/plate/well_drawing');

const COLUMNS = ['mapobject_id', 'centroid_x', 'plate_name', 'well_name', 'compound', 'dose'];
const PAGE: TablePage = {
  columns: COLUMNS.map((name) => ({ name, kind: 'metadata', type: 'text' })),
  rows: [
    [7, 5, 'P', 'B03', 'taxol', 0.5],
    [8, 15, 'P', 'AA12', 'DMSO', null],
    [9, 25, 'P', 'C01', 'DMSO', 1],
  ],
  n_rows: 3,
  offset: 0,
  cursor: null,
};
const outline = (id: number) => ({ id, label: null, x: 0, y: 0, box: [id, 0, id + 1, 2] });
const WELLS = joinWells(PAGE, [outline(7), outline(8)]);

describe('wells', () => {
  it('have the place that their name says', () => {
    expect(['A01', 'B03', 'AF48'].map(wellPosition)).toEqual([[0, 0], [1, 2], [31, 47]]);
    expect(wellPosition('well 3')).toBeNull();
    expect([0, 25, 26, 31].map(rowName)).toEqual(['A', 'Z', 'AA', 'AF']);
  });

  it('come with their outline and their conditions', () => {
    expect(WELLS.map(({ name, row, column, box }) => [name, row, column, box])).toEqual([
      ['B03', 1, 2, [7, 0, 8, 2]],
      ['AA12', 26, 11, [8, 0, 9, 2]],
    ]);
    expect(WELLS.map(({ conditions }) => [...conditions])).toEqual([
      [['compound', 'taxol'], ['dose', 0.5]],
      [['compound', 'DMSO']],
    ]);
    expect(conditionNames(WELLS)).toEqual(['compound', 'dose']);
  });

  it('are coloured by classes or numbers, and have no colour of their own without a value', () => {
    const compound = wellColouring('compound', WELLS, ({ conditions }) => conditions.get('compound'));
    expect(compound.classes).toEqual(['DMSO', 'taxol']);
    expect(WELLS.map(({ id }) => compound.textOf(id))).toEqual(['taxol', 'DMSO']);
    const dose = wellColouring('dose', WELLS, ({ conditions }) => conditions.get('dose'));
    expect(WELLS.map(({ id }) => dose.textOf(id))).toEqual(['0.5', undefined]);
  });
});

describe('what is drawn onto wells', () => {
  it('is a table that the server reads, whatever is in the cells', () => {
    const table = new Map([
      ['B03', new Map([['compound', 'taxol, "pure"'], ['dose', '0.5']])],
      ['C01', new Map([['note', 'two\nlines']])],
    ]);
    const csv = 'well_name,compound,dose,note\nB03,"taxol, ""pure""",0.5,\nC01,,,"two\nlines"\n';
    expect(conditionsAsCsv(table)).toBe(csv);
    expect([...conditionsOf(csv)]).toEqual([...table]);
  });
});
