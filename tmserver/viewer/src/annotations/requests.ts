/** What the server is asked about annotation tables, and told. */

import type { Api } from '../api';
import { experimentPath } from '../api';
import type {
  AnnotationRow,
  AnnotationSchema,
  AnnotationState,
  AnnotationTableInfo,
  Density,
  NewAnnotationTable,
  UpdatedRow,
} from '../api_types';
import { RowSchema } from './row_schema';

export type Table = AnnotationTableInfo;
export type Row = AnnotationRow;

/** What is sent of a row: points as `{ position }`, and its number if it is there already. */
export type SentRow = Readonly<Record<string, unknown>>;

/** A key that no other request has; not of `crypto.randomUUID`, which plain http does not offer. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join('-');
}

export class AnnotationRequests {
  private readonly known = new Map<string, Promise<RowSchema>>();

  constructor(
    private readonly api: Api,
    private readonly experimentId: string,
  ) {}

  tables(): Promise<Table[]> {
    return this.api.data(this.path());
  }

  schemas(): Promise<AnnotationSchema[]> {
    return this.api.data('api/annotation_schemas');
  }

  async addSchema(name: string, definition: AnnotationSchema['definition']): Promise<void> {
    await this.api.post('api/annotation_schemas', { name, definition });
  }

  /** A schema, which never changes. */
  schema(name: string): Promise<RowSchema> {
    const found =
      this.known.get(name) ??
      this.api
        .data<AnnotationSchema>(`api/annotation_schemas/${encodeURIComponent(name)}`)
        .then(({ definition }) => new RowSchema(name, definition));
    this.known.set(name, found);
    found.catch(() => this.known.delete(name));
    return found;
  }

  async make(table: Partial<NewAnnotationTable>): Promise<Table> {
    return ((await this.api.post(this.path(), table)) as { data: Table }).data;
  }

  rows(table: string, query: Readonly<Record<string, string>>): Promise<Row[]> {
    return this.api.query(`${this.rowsOf(table)}/query`, query);
  }

  density(table: string, box: string, side: number): Promise<Density> {
    const query = new URLSearchParams({ box, side: String(side) });
    return this.api.data(`${this.path(table)}/density?${query.toString()}`);
  }

  /** All states of an annotation, the first one first. */
  history(table: string, id: number): Promise<AnnotationState[]> {
    return this.api.data(`${this.rowsOf(table)}/${id}/history`);
  }

  /** Enters a row; its number. With the same key it is entered once, however often it is sent. */
  async add(table: string, row: SentRow, key: string): Promise<number> {
    const answer = await this.change('POST', table, row, key);
    return Number((answer as { data: number[] }).data[0]);
  }

  /** Puts a new state in the place of a row; its number. */
  async update(table: string, row: SentRow, key: string): Promise<number> {
    const answer = await this.change('PUT', table, row, key);
    return Number((answer as { data: UpdatedRow[] }).data[0]?.new_id);
  }

  /** Lets a row end. */
  async end(table: string, id: number): Promise<void> {
    await this.api.send('DELETE', this.rowsOf(table), { ids: [id] });
  }

  private change(method: 'POST' | 'PUT', table: string, row: SentRow, key: string): Promise<unknown> {
    const headers = { 'Idempotency-Key': key };
    return this.api.send(method, this.rowsOf(table), { annotations: [row] }, headers);
  }

  private path(table?: string): string {
    const all = `${experimentPath(this.experimentId)}/annotation_tables`;
    return table === undefined ? all : `${all}/${encodeURIComponent(table)}`;
  }

  private rowsOf(table: string): string {
    return `${this.path(table)}/annotations`;
  }
}
