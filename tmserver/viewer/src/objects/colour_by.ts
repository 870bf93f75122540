/** Chooses what the objects of a type are coloured by: any column of their table. */

import type { Api } from '../api';
import { experimentPath, messageOf } from '../api';
import type { MapobjectType, TableColumn } from '../api_types';
import { element } from '../page/dom';
import type { ObjectLayers } from './object_layers';

/** Columns that say nothing about an object but which one it is. */
const NUMBERS = new Set(['mapobject_id', 'label']);

/** The columns of the tables of all types of an experiment, each fetched when it is needed first. */
export class TableColumns {
  private readonly found = new Map<string, Promise<readonly TableColumn[]>>();

  constructor(
    private readonly api: Api,
    private readonly experimentId: string,
  ) {}

  get(typeId: string): Promise<readonly TableColumn[]> {
    const path = `${experimentPath(this.experimentId)}/mapobject_types/${encodeURIComponent(typeId)}`;
    const columns =
      this.found.get(typeId) ?? this.api.data<readonly TableColumn[]>(`${path}/table/columns`);
    this.found.set(typeId, columns);
    columns.catch(() => this.found.delete(typeId));
    return columns;
  }

  /** Fetches them again when they are asked for again. */
  forget(): void {
    this.found.clear();
  }
}

/** What a request calls a column: its name, with its kind where columns of several have that name. */
export function requestName(column: Pick<TableColumn, 'name' | 'kind'>, all: readonly TableColumn[]): string {
  const isUnique = all.filter(({ name }) => name === column.name).length === 1;
  return isUnique ? column.name : `${column.kind}:${column.name}`;
}

export interface ColourBy {
  readonly element: HTMLElement;
  /** Shows what the type is coloured by now. */
  readonly show: () => void;
}

export function colourBy(
  type: MapobjectType,
  columns: TableColumns,
  layers: ObjectLayers,
  choose: (column: string | undefined) => void,
  onError: (message: string) => void,
): ColourBy {
  const id = `colour-by-${type.id}`;
  const list = element('datalist', { id });
  const input = element('input', {
    type: 'search',
    list: id,
    placeholder: 'Colour by …',
    autocomplete: 'off',
    'aria-label': `Colour ${type.name} by`,
    'data-testid': `objects-${type.name}-colour-by`,
  });
  let names: readonly string[] = [];
  const show = () => {
    // Nobody takes away what somebody is typing.
    if (document.activeElement === input) return;
    input.value = layers.columnOf(type.name)?.name ?? '';
  };
  const take = () => {
    // Leaving the field says once more what it says already.
    if (input.value === (layers.columnOf(type.name)?.name ?? '')) return;
    if (input.value === '') choose(undefined);
    else if (names.includes(input.value)) choose(input.value);
  };
  input.addEventListener('focus', () => {
    input.select();
    // Tools may have added some.
    columns.forget();
    columns.get(type.id).then(
      (all) => {
        names = all.filter(({ name }) => !NUMBERS.has(name)).map((one) => requestName(one, all));
        list.replaceChildren(...names.map((name) => element('option', { value: name })));
        // Somebody may have typed one meanwhile.
        if (document.activeElement === input) take();
      },
      (error: unknown) => {
        onError(messageOf(error));
      },
    );
  });
  // A click on a name is no change until the field is left, but it is an input.
  input.addEventListener('input', take);
  input.addEventListener('change', () => {
    take();
    show();
  });
  input.addEventListener('blur', show);
  show();
  return { element: element('div', { class: 'colour-by' }, input, list), show };
}
