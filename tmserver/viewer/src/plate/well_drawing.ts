/** Describes wells by clicks and drags over them: a condition, and the value that they get. */

import { messageOf } from '../api';
import { element } from '../page/dom';
import type { WellPicker } from '../tools/controls_field';
import type { StoreTable } from './condition_table';
import type { Well } from './wells';

/** Conditions by the names of wells. */
type Table = ReadonlyMap<string, Map<string, string>>;

/** The cells of CSV as the server writes it. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n)/g)) {
    row.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
    if (end === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The conditions of a table whose first column has the names of the wells. */
export function conditionsOf(csv: string): Table {
  const [[, ...names] = [], ...rows] = readCsv(csv);
  return new Map(
    rows.map(([well = '', ...cells]) => {
      const given = names.map((name, index) => [name, cells[index] ?? ''] as const);
      return [well, new Map(given.filter(([, value]) => value !== ''))];
    }),
  );
}

function namesIn(table: Table): string[] {
  return [...new Set([...table.values()].flatMap((conditions) => [...conditions.keys()]))];
}

/** The same table as the server reads it. */
export function conditionsAsCsv(table: Table): string {
  const names = namesIn(table);
  const rows = [...table].map(([well, conditions]) => [
    well,
    ...names.map((name) => conditions.get(name) ?? ''),
  ]);
  return [['well_name', ...names], ...rows].map((row) => `${row.map(cell).join(',')}\n`).join('');
}

export interface WellDrawingContext {
  /** The conditions of the wells of the plate on show. */
  readonly table: Table;
  readonly pick: (picker: WellPicker | undefined) => void;
  readonly store: StoreTable;
  /** Called when it has ended, well or not. */
  readonly close: () => void;
}

/** A form whose wells get clicks until it is saved or left. */
export function wellDrawing({ table, pick, store, close }: WellDrawingContext): HTMLElement {
  const known = element('datalist', { id: 'drawn-names' }, ...namesIn(table).map((name) => element('option', { value: name })));
  const field = (label: string, testId: string, more: Record<string, string> = {}) =>
    element('input', { required: true, placeholder: label, 'aria-label': label, autocomplete: 'off', 'data-testid': testId, ...more });
  const name = field('Condition', 'draw-name', { list: known.id });
  const value = field('Value', 'draw-value');
  const isDrawn = (well: Well) => table.get(well.name)?.get(name.value.trim()) === value.value.trim();
  const picker: WellPicker = {
    hint: 'Name a condition and a value, and click wells or drag over them to give it to them.',
    has: isDrawn,
    toggle: (well) => {
      if (!form.reportValidity()) return;
      const conditions = table.get(well.name);
      if (isDrawn(well)) conditions?.delete(name.value.trim());
      else conditions?.set(name.value.trim(), value.value.trim());
    },
    stopped: () => {
      close();
    },
  };
  const problem = element('p', { class: 'error', role: 'alert', 'data-testid': 'draw-problem' });
  const cancel = element('button', { class: 'small', type: 'button' }, 'Cancel');
  const form = element(
    'form',
    { class: 'well-drawing' },
    element('div', { class: 'row' }, name, known, value),
    element('div', { class: 'row end' }, cancel, element('button', { class: 'small', 'data-testid': 'draw-store' }, 'Save')),
    problem,
  );
  const mark = () => {
    pick(picker);
  };
  name.addEventListener('input', mark);
  value.addEventListener('input', mark);
  cancel.addEventListener('click', () => {
    pick(undefined);
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    store(new Blob([conditionsAsCsv(table)], { type: 'text/csv' })).then(
      () => {
        pick(undefined);
      },
      (error: unknown) => {
        problem.textContent = messageOf(error);
      },
    );
  });
  pick(picker);
  return form;
}
