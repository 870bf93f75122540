/** Requests for rows of the table of objects, and for statistics of them. */

import type { Api } from '../api';
import { experimentPath } from '../api';
import type { Distribution, GroupPage, TablePage } from '../api_types';
import { parseValues } from '../objects/object_values';
import type { Plane } from '../pixels/channels';
import type { Condition, Order } from './docked';
import type { PlacedObject } from './view';

/** The objects whose numbers one request may name. */
export const MOST_IDS = 10_000;

/** Columns that say which object a row is, and where it lies. */
export const PLACE = ['metadata:mapobject_id', 'metadata:centroid_x', 'metadata:centroid_y'];

/** The objects of rows that begin with the columns of `PLACE`. */
export function placesOf(rows: readonly (readonly unknown[])[]): PlacedObject[] {
  return rows.map(([id, x, y]) => ({ id: Number(id), x: Number(x), y: Number(y) }));
}

/** Holds for some objects alone. */
export function among(ids: Iterable<number>): Condition {
  return { column: 'metadata:mapobject_id', values: [...ids] };
}

export class RowRequests {
  private readonly path: string;

  constructor(
    private readonly api: Api,
    experimentId: string,
    typeId: string,
    private readonly plane: () => Plane,
  ) {
    this.path = `${experimentPath(experimentId)}/mapobject_types/${encodeURIComponent(typeId)}`;
  }

  page(
    columns: readonly string[],
    filter: readonly Condition[],
    order: Order | undefined,
    offset: number,
    limit: number,
  ): Promise<TablePage> {
    return this.ask('table', {
      columns: JSON.stringify(columns),
      filter: this.filter(filter),
      ...(order === undefined ? {} : { sort: JSON.stringify([order]) }),
      offset: String(offset),
      limit: String(limit),
    });
  }

  /** Numbers of all objects that meet the conditions. */
  async ids(filter: readonly Condition[]): Promise<number[]> {
    const column = 'metadata:mapobject_id';
    const query = new URLSearchParams({ column, filter: this.filter(filter), format: 'binary' });
    const found = parseValues(await this.api.bytes(`${this.path}/values?${query.toString()}`));
    return [...found.ids];
  }

  /** The histogram of a column in so many bins, between given bounds or over all values. */
  distribution(
    column: string,
    filter: readonly Condition[],
    bins: number,
    bounds?: readonly [number, number],
  ): Promise<Distribution> {
    return this.ask('table/distribution', {
      column,
      filter: this.filter(filter),
      bins: String(bins),
      ...(bounds === undefined ? {} : { min: String(bounds[0]), max: String(bounds[1]) }),
    });
  }

  /** Quartiles and further quantiles of a column by the values of another. */
  groups(
    column: string,
    by: string,
    filter: readonly Condition[],
    quantiles: readonly number[],
    limit: number,
  ): Promise<GroupPage> {
    return this.ask('table/groups', {
      columns: JSON.stringify([column]),
      by: JSON.stringify([by]),
      filter: this.filter(filter),
      quantiles: JSON.stringify(quantiles),
      limit: String(limit),
    });
  }

  private filter(conditions: readonly Condition[]): string {
    const { tpoint, zplane } = this.plane();
    const here = [
      { column: 'metadata:tpoint', values: [tpoint] },
      { column: 'metadata:zplane', values: [zplane] },
    ];
    return JSON.stringify([...conditions, ...here]);
  }

  private ask<T>(what: string, query: Readonly<Record<string, string>>): Promise<T> {
    return this.api.query<T>(`${this.path}/${what}/query`, query);
  }
}
