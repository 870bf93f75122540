/** One figure for each well: a condition, how many objects it has, or the mean of what colours them. */

import type { Api } from '../api';
import { experimentPath } from '../api';
import type { GroupPage, MapobjectType } from '../api_types';
import { Colouring } from '../objects/colouring';
import type { ColouringOptions } from '../objects/colouring';
import { ObjectValues } from '../objects/object_values';
import type { Well } from './wells';

export type Figure =
  | { readonly kind: 'condition'; readonly name: string }
  | { readonly kind: 'count'; readonly type: MapobjectType }
  | { readonly kind: 'mean'; readonly type: MapobjectType; readonly column: string };

export function figureName(figure: Figure): string {
  if (figure.kind === 'condition') return figure.name;
  if (figure.kind === 'count') return `Number of ${figure.type.name}`;
  return `Mean ${figure.column} of ${figure.type.name}`;
}

/** All names of conditions that wells have, in their order. */
export function conditionNames(wells: readonly Well[]): string[] {
  return [...new Set(wells.flatMap(({ conditions }) => [...conditions.keys()]))];
}

/** Colours of wells by values of their own: numbers where all are, else classes. */
export function wellColouring(
  title: string,
  wells: readonly Well[],
  valueOf: (well: Well) => string | number | undefined,
  options: ColouringOptions = {},
): Colouring {
  const ids = Float64Array.from(wells, ({ id }) => id);
  const values = wells.map(valueOf);
  if (!values.some((value) => typeof value === 'string')) {
    const numbers = Float64Array.from(values, (value) => Number(value ?? NaN));
    return new Colouring(title, new ObjectValues(ids, numbers), options);
  }
  const given = values.filter((value) => value !== undefined);
  const texts = [...new Set(given.map(String))].sort();
  const codes = Int32Array.from(values, (value) => texts.indexOf(String(value)));
  return new Colouring(title, new ObjectValues(ids, codes, texts));
}

export async function figureColouring(
  api: Api,
  experimentId: string,
  wells: readonly Well[],
  figure: Figure,
  tpoint: number,
): Promise<Colouring> {
  const title = figureName(figure);
  if (figure.kind === 'condition') {
    return wellColouring(title, wells, ({ conditions }) => conditions.get(figure.name));
  }
  const column = figure.kind === 'mean' ? figure.column : 'label';
  const query = new URLSearchParams({
    columns: JSON.stringify([column]),
    by: JSON.stringify(['plate_name', 'well_name']),
    quantiles: '[]',
    tpoint: String(tpoint),
    limit: '10000',
  });
  const types = `${experimentPath(experimentId)}/mapobject_types`;
  const path = `${types}/${encodeURIComponent(figure.type.id)}/table/groups?${query.toString()}`;
  const { groups } = await api.data<GroupPage>(path);
  const found = new Map(
    groups.map(({ key, n_objects, statistics }) => [
      JSON.stringify(key),
      figure.kind === 'count' ? n_objects : (statistics[0]?.mean ?? undefined),
    ]),
  );
  return wellColouring(title, wells, ({ plate, name }) => found.get(JSON.stringify([plate, name])));
}
