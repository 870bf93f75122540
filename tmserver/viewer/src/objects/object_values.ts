/** One column for all objects of a type: numbers or classes by the ids of the objects. */

import type { Api } from '../api';
import { experimentPath, layerPath } from '../api';
import { ObjectPlaces } from './object_places';

export type Numbers = Float32Array | Float64Array | Int32Array | Uint8Array;

interface Column {
  readonly name: string;
  readonly type: string;
  readonly offset: number;
  readonly texts?: readonly string[];
}

interface Header {
  readonly n_rows: number;
  readonly columns: readonly Column[];
}

/** A table of positions may have so many times more entries than there are objects. */
const SPARSE = 8;

export class ObjectValues {
  private readonly first: number;
  /** Position + 1 of each id from the first on, 0 for ids that are not there. */
  private readonly table: Uint32Array | undefined;
  private readonly positions: Map<number, number> | undefined;

  /** `texts` are the names of classes, which `values` number; null if values are measured. */
  constructor(
    readonly ids: Float64Array,
    readonly values: Numbers,
    readonly texts: readonly string[] | null = null,
  ) {
    let first = Infinity;
    let last = -Infinity;
    for (const id of ids) {
      if (id < first) first = id;
      if (id > last) last = id;
    }
    this.first = first;
    if (last - first < SPARSE * ids.length) {
      this.table = new Uint32Array(ids.length > 0 ? last - first + 1 : 0);
      for (let row = 0; row < ids.length; row++) this.table[(ids[row] ?? 0) - first] = row + 1;
    } else {
      this.positions = new Map();
      for (let row = 0; row < ids.length; row++) this.positions.set(ids[row] ?? 0, row);
    }
  }

  /** The value of an object; NaN if it has none. */
  of(id: number): number {
    const row =
      this.table === undefined ? this.positions?.get(id) : (this.table[id - this.first] ?? 0) - 1;
    if (row === undefined || row < 0) return NaN;
    const value = this.values[row] ?? NaN;
    return this.texts !== null && value < 0 ? NaN : value;
  }
}

function numbersOf(buffer: ArrayBuffer, type: string, offset: number, length: number): Numbers {
  switch (type) {
    case 'float64':
      return new Float64Array(buffer, offset, length);
    case 'float32':
      return new Float32Array(buffer, offset, length);
    case 'int32':
      return new Int32Array(buffer, offset, length);
    case 'uint8':
      return new Uint8Array(buffer, offset, length);
    default:
      throw new Error(`The server sent numbers of type ${type}, which this page does not know.`);
  }
}

/** Reads columns of the server's plain form: a header that says where the arrays are. */
function readColumns(buffer: ArrayBuffer, names: readonly string[]): [Numbers, Column][] {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length))) as Header;
  return names.map((name) => {
    const column = header.columns.find((each) => each.name === name);
    if (column === undefined) throw new Error(`The server sent no ${name}.`);
    return [numbersOf(buffer, column.type, 4 + length + column.offset, header.n_rows), column];
  });
}

export function parseValues(buffer: ArrayBuffer): ObjectValues {
  const [ids, value] = readColumns(buffer, ['mapobject_id', 'value']);
  if (ids === undefined || value === undefined) throw new Error('The server sent no values.');
  return new ObjectValues(Float64Array.from(ids[0]), value[0], value[1].texts ?? null);
}

export function parseCentroids(buffer: ArrayBuffer): ObjectPlaces {
  const [ids, x, y] = readColumns(buffer, ['mapobject_id', 'x', 'y']).map(([numbers]) => numbers);
  return new ObjectPlaces(ids ?? [], x ?? [], y ?? []);
}

/** Fetches a feature, a tool result or metadata, by its name, of all objects at a time and plane. */
export async function fetchValues(
  api: Api,
  experimentId: string,
  typeId: string,
  column: string,
  tpoint: number | null,
  zplane: number | null = null,
): Promise<ObjectValues> {
  const query = new URLSearchParams({ column, dtype: 'float32', format: 'binary' });
  if (tpoint !== null) query.set('tpoint', String(tpoint));
  if (zplane !== null) query.set('zplane', String(zplane));
  const path = `${experimentPath(experimentId)}/mapobject_types/${encodeURIComponent(typeId)}/values`;
  return parseValues(await api.bytes(`${path}?${query.toString()}`));
}

/** Fetches where all objects of a version of a segmentation layer lie. */
export async function fetchCentroids(
  api: Api,
  experimentId: string,
  layerId: string,
  version: string,
): Promise<ObjectPlaces> {
  const path = `${layerPath(experimentId, layerId)}/centroids`;
  return parseCentroids(await api.bytes(`${path}?version=${encodeURIComponent(version)}`));
}
