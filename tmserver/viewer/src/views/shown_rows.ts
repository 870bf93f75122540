/** Which objects all views beside the map show, in which order, and with which columns. */

import type { Api } from '../api';
import type { TableColumn } from '../api_types';
import type { TableColumns } from '../objects/colour_by';
import { requestName } from '../objects/colour_by';
import type { ObjectSelection } from '../objects/object_selection';
import type { ObjectDisplay } from '../objects/objects';
import type { Plane } from '../pixels/channels';
import type { Condition, Order, ShownTable } from './docked';
import { among, MOST_IDS, RowRequests } from './row_requests';

/** Measurements that are shown unless columns are chosen. */
const FIRST_FEATURES = 4;

/** Columns that say nothing about an object but which one it is, or where. */
const LEFT_OUT = new Set(['mapobject_id', 'label', 'tpoint', 'zplane']);

export class ShownRows {
  typeName: string;
  columns: readonly string[];
  order: Order | undefined;
  filter: readonly Condition[];
  /** Whether nothing but the selection is shown. */
  onlySelected = false;
  /** The columns that are shown unless others are chosen. */
  private first: readonly string[] = [];
  /** All columns that there are, as requests call them, with their types. */
  known: ReadonlyMap<string, TableColumn> = new Map();
  /** Tells the columns that come late from those that were asked for last. */
  private visit = 0;

  constructor(
    private readonly api: Api,
    private readonly experimentId: string,
    readonly types: readonly ObjectDisplay[],
    private readonly all: TableColumns,
    private readonly selection: ObjectSelection,
    readonly plane: () => Plane,
    { typeName, columns, order, filter }: ShownTable,
  ) {
    this.typeName = types.some(({ type }) => type.name === typeName)
      ? typeName
      : (types[0]?.type.name ?? '');
    this.columns = columns;
    this.order = order;
    this.filter = filter;
  }

  /** What an address says of the rows. */
  state(): ShownTable {
    const { typeName, order, filter } = this;
    const isFirst = this.columns.join('\n') === this.first.join('\n');
    return { typeName, columns: isFirst ? [] : this.columns, order, filter };
  }

  /** Reads which columns there are; those that are gone are shown and sorted by no longer. */
  async readColumns(): Promise<void> {
    const visit = ++this.visit;
    const all = await this.all.get(this.typeId());
    if (visit !== this.visit) return;
    const named = all.map((column) => [requestName(column, all), column] as const);
    this.known = new Map(named.filter(([, { name }]) => !LEFT_OUT.has(name)));
    this.columns = this.columns.filter((name) => this.known.has(name));
    this.filter = this.filter.filter(({ column }) => this.known.has(column));
    if (this.order !== undefined && !this.known.has(this.order.column)) this.order = undefined;
    const features = named.filter(([, { kind }]) => kind === 'feature').map(([name]) => name);
    const first = ['well_name', ...features.slice(0, FIRST_FEATURES)];
    this.first = first.filter((name) => this.known.has(name));
    if (this.columns.length === 0) this.columns = this.first;
  }

  /** Says which objects are asked for, and in which order: the first page of others is another one. */
  asked(conditions: readonly Condition[]): string {
    return JSON.stringify([this.typeName, conditions, this.order, this.plane()]);
  }

  /** Shows another type, of which nothing is chosen yet. */
  show(typeName: string): void {
    this.typeName = typeName;
    this.columns = this.filter = [];
    this.order = undefined;
    this.onlySelected = false;
  }

  requests(): RowRequests {
    return new RowRequests(this.api, this.experimentId, this.typeId(), this.plane);
  }

  /** All that must hold of what is shown. */
  conditions(): readonly Condition[] {
    return this.onlySelected ? [...this.filter, this.amongSelected()] : this.filter;
  }

  /** Ids of the objects on show that meet further conditions. */
  async ids(further: readonly Condition[] = []): Promise<number[]> {
    const selected = this.onlySelected ? this.selection.of(this.typeName) : undefined;
    const found = await this.requests().ids([...this.filter, ...further]);
    // they may be too many to be named in the request
    return selected === undefined ? found : found.filter((id) => selected.has(id));
  }

  /** Holds for the selected objects alone, which may be too many to be named in a request. */
  amongSelected(): Condition {
    const ids = this.selection.of(this.typeName);
    if (ids.size > MOST_IDS) {
      throw new Error(
        `Of ${ids.size.toLocaleString('en')} selected objects no view can be made, of up to ` +
          `${MOST_IDS.toLocaleString('en')} it can. Keep them under a name, and filter by its column.`,
      );
    }
    return among(ids);
  }

  private typeId(): string {
    return this.types.find(({ type }) => type.name === this.typeName)?.type.id ?? '';
  }
}
