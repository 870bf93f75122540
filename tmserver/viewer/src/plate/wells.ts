/** The wells of an experiment: where they lie on the map, and what was done to them. */

import type { Api } from '../api';
import { experimentPath, layerPath } from '../api';
import type { MapobjectType, ObjectPage, TablePage } from '../api_types';

export interface Well {
  /** Of its outline, a plain number. */
  readonly id: number;
  readonly plate: string;
  readonly name: string;
  /** Counted from 0 at A01. */
  readonly row: number;
  readonly column: number;
  /** Left, top, right and bottom in pixels of the map, y downwards. */
  readonly box: readonly [number, number, number, number];
  readonly conditions: ReadonlyMap<string, string | number>;
}

const MOST_WELLS = 10_000;
const PLACE = ['mapobject_id', 'plate_name', 'well_name'];
const NO_CONDITIONS = new Set([...PLACE, 'centroid_x', 'centroid_y']);

/** Row and column of a name such as B03 or AA12; null if it is none. */
export function wellPosition(name: string): readonly [number, number] | null {
  const match = /^([A-Z]{1,2})(\d+)$/.exec(name);
  if (match === null) return null;
  const [, letters = '', digits = ''] = match;
  const row = Array.from(letters).reduce((sum, letter) => 26 * sum + letter.charCodeAt(0) - 64, 0);
  return [row - 1, Number(digits) - 1];
}

/** Puts a page of the table of wells and their outlines together. */
export function joinWells(page: TablePage, outlines: ObjectPage['objects']): Well[] {
  const boxes = new Map(outlines.map(({ id, box }) => [id, box]));
  const names = page.columns.map(({ name }) => name);
  const wells = page.rows.flatMap((row) => {
    const value = (name: string): unknown => row[names.indexOf(name)];
    const [id, plate, name] = [Number(value('mapobject_id')), String(value('plate_name')), String(value('well_name'))];
    const [box, position] = [boxes.get(id), wellPosition(name)];
    if (box === undefined || position === null) return [];
    const [left = 0, top = 0, right = 0, bottom = 0] = box;
    const conditions = new Map<string, string | number>();
    page.columns.forEach((column, index) => {
      const found: unknown = row[index];
      if (column.kind !== 'metadata' || NO_CONDITIONS.has(column.name)) return;
      if (typeof found === 'string' || typeof found === 'number') conditions.set(column.name, found);
    });
    return [{ id, plate, name, row: position[0], column: position[1], box: [left, top, right, bottom] as const, conditions }];
  });
  return wells;
}

export async function fetchWells(
  api: Api,
  experimentId: string,
  types: readonly MapobjectType[],
): Promise<Well[]> {
  const type = types.find(({ name }) => name === 'Wells');
  const layer = type?.layers[0];
  if (type === undefined || layer === undefined) return [];
  const table = `${experimentPath(experimentId)}/mapobject_types/${encodeURIComponent(type.id)}/table`;
  const { width, height } = layer.image_size;
  const region = `min_x=-1&min_y=-1&max_x=${width + 1}&max_y=${height + 1}&limit=${MOST_WELLS}`;
  const [page, outlines] = await Promise.all([
    api.data<TablePage>(`${table}?limit=${MOST_WELLS}`),
    api.data<ObjectPage>(`${layerPath(experimentId, layer.id)}/mapobjects/within?${region}`),
  ]);
  return joinWells(page, outlines.objects);
}
