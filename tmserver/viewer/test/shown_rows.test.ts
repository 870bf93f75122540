import { describe, expect, it } from 'vitest';
import { Api } from '../src/api';
import type { MapobjectType, TableColumn } from '../src/api_types';
import { TableColumns } from '../src/objects/colour_by';
import { ObjectSelection } from '../src/objects/object_selection';
import { ShownRows } from '../src/views/shown_rows';
import { later } from './later';
import { plainForm } from './plain_form';

const typeNamed = (name: string): MapobjectType => ({ id: `id of ${name}`, name, layers: [], features: [] });
const display = (name: string) => ({
  type: typeNamed(name),
  isStatic: false,
  visible: true,
  colour: '#ffffff',
});

/** Rows of nuclei and cells on a server that answers as it is told. */
function shownRows(api: Api, plane = () => ({ tpoint: 0, zplane: 0 })) {
  const selection = new ObjectSelection();
  const types = ['Nuclei', 'Cells'].map(display);
  const columns = new TableColumns(api, '1');
  const table = { typeName: 'Nuclei', columns: [], order: undefined, filter: [] };
  return { selection, rows: new ShownRows(api, '1', types, columns, selection, plane, table) };
}

describe('the rows on show', () => {
  it('are no other objects than the selected ones where only these are shown', async () => {
    const api = new Api();
    const ids = Float64Array.of(1, 2, 3);
    api.bytes = () => Promise.resolve(plainForm({ mapobject_id: ids, value: ids }));
    const { rows, selection } = shownRows(api);
    selection.replace('Nuclei', [2, 3, 4]);
    expect(await rows.ids()).toEqual([1, 2, 3]);
    rows.onlySelected = true;
    expect(await rows.ids()).toEqual([2, 3]);
  });

  it('have the columns of their type, also when those of the type before come later', async () => {
    const api = new Api();
    const column = (name: string) => ({ name, kind: 'feature', type: 'float' }) as TableColumn;
    const [ofNuclei, ofCells] = [later<unknown>(), later<unknown>()];
    api.data = <T>(path: string) =>
      (path.includes('Nuclei') ? ofNuclei.promise : ofCells.promise) as Promise<T>;
    const { rows } = shownRows(api);
    const first = rows.readColumns();
    rows.show('Cells');
    const second = rows.readColumns();
    ofCells.come([column('Area of cells')]);
    await second;
    ofNuclei.come([column('Area of nuclei')]);
    await first;
    expect([...rows.known.keys()]).toEqual(['Area of cells']);
    expect(rows.columns).toEqual(['Area of cells']);
  });

  it('are others on another plane', () => {
    const here = { tpoint: 0, zplane: 0 };
    const { rows } = shownRows(new Api(), () => here);
    const before = rows.asked([]);
    expect(rows.asked([])).toBe(before);
    here.tpoint = 1;
    expect(rows.asked([])).not.toBe(before);
  });
});
