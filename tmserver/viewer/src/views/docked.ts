/** What is docked beside the map, as parts of an address. */

/** What must hold of a column; bounds are included. */
export interface Condition {
  readonly column: string;
  readonly min?: number;
  readonly max?: number;
  readonly values?: readonly (string | number | boolean)[];
}

export interface Order {
  readonly column: string;
  readonly descending: boolean;
}

/** Rows and columns of the table of a type of objects. */
export interface ShownTable {
  readonly typeName: string;
  readonly columns: readonly string[];
  readonly order: Order | undefined;
  readonly filter: readonly Condition[];
}

export const VIEW_NAMES = ['table', 'gallery', 'distribution'] as const;
export type ViewName = (typeof VIEW_NAMES)[number];

export interface Docked extends ShownTable {
  readonly view: ViewName;
}

/** A condition in words, such as "Area 100 to 500". */
export function conditionText({ column, min, max, values }: Condition): string {
  if (values !== undefined) return `${column}: ${values.join(', ')}`;
  if (min !== undefined && max !== undefined) return `${column} ${min} to ${max}`;
  return min === undefined ? `${column} up to ${max}` : `${column} from ${min}`;
}

/** Puts into an address what is docked. */
export function writeDocked(query: URLSearchParams, docked: Docked | undefined): void {
  if (docked === undefined) return;
  const { view, typeName, columns, order, filter } = docked;
  query.set('docked', `${view},${typeName}`);
  if (columns.length > 0) query.set('columns', JSON.stringify(columns));
  if (order !== undefined) query.set('sort', `${order.descending ? '-' : ''}${order.column}`);
  if (filter.length > 0) query.set('filter', JSON.stringify(filter));
}

/** Reads what is docked; what an address says in no known way is left out. */
export function readDocked(query: URLSearchParams): Docked | undefined {
  const [name, ...typeName] = (query.get('docked') ?? '').split(',');
  const view = VIEW_NAMES.find((one) => one === name);
  if (view === undefined) return undefined;
  const sort = query.get('sort') ?? '';
  const descending = sort.startsWith('-');
  return {
    view,
    typeName: typeName.join(','),
    columns: readList(query.get('columns')).filter((one) => typeof one === 'string'),
    order: sort === '' ? undefined : { column: descending ? sort.slice(1) : sort, descending },
    filter: readList(query.get('filter')).filter(isCondition),
  };
}

function readList(text: string | null): unknown[] {
  try {
    const found: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

function isCondition(value: unknown): value is Condition {
  if (typeof value !== 'object' || value === null) return false;
  const { column, min, max, values, ...others } = value as Record<string, unknown>;
  const isBound = (bound: unknown) => bound === undefined || typeof bound === 'number';
  const isSet = values === undefined || (Array.isArray(values) && values.length > 0);
  const isAny = min !== undefined || max !== undefined || values !== undefined;
  const isAll = typeof column === 'string' && isBound(min) && isBound(max) && isSet && isAny;
  return isAll && Object.keys(others).length === 0;
}
