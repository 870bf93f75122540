/** What somebody does with the annotations of an experiment: what is shown, chosen and filled in. */

import type { Coordinate } from 'ol/coordinate';
import { messageOf } from '../api';
import type { AnnotationState } from '../api_types';
import { Action } from '../shell/action.svelte';
import type { Unanswered } from './changes';
import { Changes, sendOnce } from './changes';
import type { AnnotationLayers } from './layers';
import type { Draft, Memory, ShownTables } from './memory';
import type { AnnotationRequests, SentRow, Table } from './requests';
import { newKey } from './requests';
import type { RowSchema } from './row_schema';

/** To be seen on all channels, and other than those of objects. */
const COLOURS = ['#ff5c8a', '#4cc9f0', '#f9c74f', '#7bd389', '#b388ff', '#ff924c'];

export interface ChosenRow {
  readonly tableName: string;
  readonly id: number;
}

export class AnnotationEditor {
  tables = $state.raw<readonly Table[]>([]);
  schemas = $state.raw<Readonly<Record<string, RowSchema>>>({});
  shown = $state.raw<ShownTables>({});
  selected = $state.raw<ChosenRow | undefined>();
  /** The object that is selected on the map. */
  object = $state.raw<{ readonly typeName: string; readonly id: number } | undefined>();
  draft = $state<Draft | undefined>();
  /** The point that the next click on the map is for. */
  placing = $state<string | undefined>();
  /** Counts what makes others read again: changes, and other rows on the map. */
  revision = $state(0);
  inView = $state(0);
  /** What would be undone. */
  undoable = $state('');
  readonly saving = new Action();
  /** Why something cannot be shown. */
  problem = $state('');
  /** Colours that were chosen, also of tables that are not shown. */
  private colours = $state.raw<ShownTables>({});
  /** Tells late answers from those to what was asked last. */
  private visit = 0;
  readonly changes: Changes;
  /** What the row that is being changed held before. */
  private before: AnnotationState['values'] | undefined;

  constructor(
    readonly requests: AnnotationRequests,
    readonly layers: AnnotationLayers,
    private readonly memory: Memory,
    private readonly plane: () => number,
    private readonly goTo: (x: number, y: number) => void,
  ) {
    this.changes = new Changes(requests);
    layers.onRows = () => {
      this.inView += 1;
    };
    layers.onError = (message) => {
      this.problem = message;
    };
  }

  async load(): Promise<void> {
    const number = ++this.visit;
    try {
      const tables = await this.requests.tables();
      const found = tables.map(
        async ({ schema_name: name }) => [name, await this.requests.schema(name)] as const,
      );
      const schemas = Object.fromEntries(await Promise.all(found));
      if (number !== this.visit) return;
      this.tables = tables;
      this.schemas = schemas;
      this.problem = '';
      this.showAgain();
    } catch (error) {
      if (number === this.visit) this.problem = messageOf(error);
    }
  }

  /** Shows what the browser remembers: the tables on the map, and what was being filled in. */
  async begin(): Promise<void> {
    this.shown = this.memory.shown();
    await this.load();
    const draft = this.memory.draft();
    if (draft === undefined || this.table(draft.tableName)?.may_write !== true) return;
    this.draft = draft;
    if (draft.rowId !== undefined) await this.saving.run(() => this.readBefore(draft));
    this.placeNext();
    this.saving.done = 'This was not saved yet.';
  }

  table(name: string): Table | undefined {
    return this.tables.find((one) => one.name === name);
  }

  schemaOf(name: string): RowSchema | undefined {
    return this.schemas[this.table(name)?.schema_name ?? ''];
  }

  colourOf(name: string): string {
    const place = this.tables.findIndex((one) => one.name === name);
    return this.shown[name] ?? this.colours[name] ?? COLOURS[place % COLOURS.length] ?? '#ffffff';
  }

  show(name: string, isShown: boolean): void {
    const others = Object.entries(this.shown).filter(([one]) => one !== name);
    const all = isShown ? [...others, [name, this.colourOf(name)] as const] : others;
    this.keepShown(Object.fromEntries(all));
    const [table, schema] = [this.table(name), this.schemaOf(name)];
    if (!isShown) this.layers.hide(name);
    else if (table !== undefined && schema !== undefined) {
      this.layers.show(table, schema, this.colourOf(name));
    }
  }

  recolour(name: string, colour: string): void {
    this.colours = { ...this.colours, [name]: colour };
    if (!(name in this.shown)) return;
    this.keepShown({ ...this.shown, [name]: colour });
    this.layers.recolour(name, colour);
  }

  select(row: ChosenRow | undefined): void {
    if (this.draft !== undefined) return;
    this.saving.done = this.saving.error = '';
    this.selected = row;
    if (row === undefined) this.layers.mark(undefined, []);
  }

  /** Marks where a state of the selected row is. */
  markState(tableName: string, state: AnnotationState): void {
    const positions = this.schemaOf(tableName)?.positions(state.values) ?? {};
    this.layers.mark(this.table(tableName), state.is_valid ? Object.values(positions) : []);
  }

  go(tableName: string, position: readonly number[]): void {
    const table = this.table(tableName);
    if (table === undefined) return;
    const [x, y] = this.layers.places(table).toMap(position);
    this.goTo(x, -y);
  }

  /** Begins a row: a point that is placed next, or a remark on an object. */
  add(tableName: string, target?: number, values?: Draft['values']): void {
    const schema = this.schemaOf(tableName);
    if (schema === undefined) return;
    if (schema.points.length > 0 && this.shown[tableName] === undefined) this.show(tableName, true);
    this.select(undefined);
    this.before = undefined;
    this.draft = {
      tableName,
      rowId: undefined,
      values: values ?? schema.values(),
      points: {},
      target,
      unanswered: undefined,
    };
    this.placeNext();
    this.keep();
  }

  /** Begins to change a row. */
  edit(tableName: string, state: AnnotationState): void {
    const schema = this.schemaOf(tableName);
    if (schema === undefined) return;
    this.select(undefined);
    this.before = state.values;
    this.draft = {
      tableName,
      rowId: state.id,
      values: schema.values(state.values),
      points: schema.positions(state.values),
      target: typeof state.values.target_id === 'number' ? state.values.target_id : undefined,
      unanswered: undefined,
    };
    this.markDraft();
    this.keep();
  }

  /** Takes a place of the map for the point that is asked for. */
  place(coordinate: Coordinate): void {
    const { draft, placing } = this;
    const table = this.table(draft?.tableName ?? '');
    if (draft === undefined || placing === undefined || table === undefined) return;
    draft.points[placing] = this.layers.places(table).toTable(coordinate, this.plane());
    this.placeNext();
    this.keep();
  }

  /** Remembers what is filled in. */
  keep(): void {
    this.memory.keepDraft(this.draft === undefined ? undefined : $state.snapshot(this.draft));
  }

  cancel(): void {
    this.close();
    this.saving.error = this.saving.done = '';
  }

  /** Saves what is filled in, and goes on with the next point where one was added. */
  async save(): Promise<boolean> {
    const { draft } = this;
    const schema = this.schemaOf(draft?.tableName ?? '');
    if (draft === undefined || schema === undefined) return false;
    const { tableName, values, target } = draft;
    const isNewPoint = draft.rowId === undefined && schema.points.length > 0;
    let done = 'Saved.';
    const isDone = await this.saving.run(async () => {
      const id = await this.send(draft, schema);
      this.close();
      await this.changed(tableName, id);
      if (!isNewPoint) return;
      this.add(tableName, target, $state.snapshot(values));
      done = `Saved as number ${id}. Click where the next one is.`;
    });
    if (isDone) this.saving.done = done;
    return isDone;
  }

  /** Deletes a row, which can be undone, and stays in its history. */
  async end(tableName: string, id: number): Promise<void> {
    await this.run(async () => {
      await this.changes.end(tableName, id);
      await this.changed(tableName, undefined);
    }, 'Deleted.');
  }

  /** Makes an earlier state of a row the present one. */
  async restore(tableName: string, present: AnnotationState, state: AnnotationState): Promise<void> {
    await this.run(async () => {
      const { changes } = this;
      // sent again without an answer, it is refused: the row has another number then
      const id = await changes.change(tableName, present.id, state.values, present.values, newKey());
      await this.changed(tableName, id);
    }, 'The earlier state holds again.');
  }

  async undo(): Promise<void> {
    if (this.draft !== undefined || this.undoable === '') return;
    const what = this.undoable;
    await this.run(async () => {
      const undone = await this.changes.undo();
      if (undone !== undefined) await this.changed(undone.tableName, undone.id);
    }, `Undone: ${what}.`);
  }

  /** Shows what has become of a table, and the row that was changed. */
  async changed(tableName: string, id: number | undefined): Promise<void> {
    this.undoable = this.changes.next;
    this.select(id === undefined ? undefined : { tableName, id });
    await this.load();
    this.revision += 1;
  }

  /**
   * Writes a remark on an object without a form, or changes one that this page has written; its
   * number, undefined if it could not be written.
   */
  async remark(
    tableName: string, target: number, values: SentRow, rowId: number | undefined, label: string,
  ): Promise<number | undefined> {
    let written: number | undefined;
    await this.run(async () => {
      const row = { ...values, target_id: target };
      const content = JSON.stringify(row);
      const unsure = this.unsure?.tableName === tableName ? this.unsure : undefined;
      let id = rowId;
      if (unsure !== undefined && unsure.content !== content) {
        // nobody knows whether the answer before was written: it is now, once, and changed then
        const before = await this.sendRemark(tableName, unsure.rowId, unsure.content);
        if (unsure.target === target) id = before;
      }
      written = await this.sendRemark(tableName, id, content);
      this.revision += 1;
    }, `${label} for ${target}.`);
    return written;
  }

  /** The remark that was sent without an answer. */
  private unsure: (Unanswered & {
    readonly tableName: string;
    readonly target: unknown;
    readonly rowId: number | undefined;
  }) | undefined;

  private async sendRemark(tableName: string, rowId: number | undefined, content: string): Promise<number> {
    const row = JSON.parse(content) as SentRow;
    const id = rowId === undefined ? undefined : this.changes.present(tableName, rowId);
    const before = id === undefined ? undefined : (await this.requests.history(tableName, id)).at(-1);
    return sendOnce(
      content,
      this.unsure,
      (kept) => {
        this.unsure = kept && { ...kept, tableName, target: row.target_id, rowId };
      },
      (key) =>
        id === undefined
          ? this.changes.add(tableName, row, key)
          : this.changes.change(tableName, id, row, before?.values ?? {}, key),
    );
  }

  private async run(work: () => Promise<void>, done: string): Promise<void> {
    await this.saving.run(work, done);
    this.undoable = this.changes.next;
  }

  private async send(draft: Draft, schema: RowSchema): Promise<number> {
    const missing = schema.points.find(({ name, isRequired }) => isRequired && !(name in draft.points));
    if (missing !== undefined) throw new Error(`Click on the map where ${missing.name} is.`);
    const row: SentRow = {
      ...schema.sent($state.snapshot(draft.values)),
      ...Object.fromEntries(
        Object.entries($state.snapshot(draft.points)).map(([name, position]) => [name, { position }]),
      ),
      ...(draft.target === undefined ? {} : { target_id: draft.target }),
    };
    const { unanswered } = draft;
    if (unanswered !== undefined && unanswered.content !== JSON.stringify(row)) {
      // nobody knows whether it was carried out: it is now, once, and changed then
      draft.rowId = await this.sendRow(draft, JSON.parse(unanswered.content) as SentRow);
      this.before ??= (await this.requests.history(draft.tableName, draft.rowId)).at(-1)?.values;
    }
    return this.sendRow(draft, row);
  }

  private sendRow(draft: Draft, row: SentRow): Promise<number> {
    const { tableName, rowId } = draft;
    return sendOnce(
      JSON.stringify(row),
      draft.unanswered,
      (unanswered) => {
        draft.unanswered = unanswered;
        this.keep();
      },
      (key) =>
        rowId === undefined
          ? this.changes.add(tableName, row, key)
          : this.changes.change(tableName, rowId, row, this.before ?? {}, key),
    );
  }

  private async readBefore(draft: Draft): Promise<void> {
    const states = await this.requests.history(draft.tableName, draft.rowId ?? 0);
    this.before = states.find(({ id }) => id === draft.rowId)?.values;
  }

  private close(): void {
    this.draft = this.placing = undefined;
    this.layers.mark(undefined, []);
    this.keep();
  }

  private placeNext(): void {
    const { draft } = this;
    const points = this.schemaOf(draft?.tableName ?? '')?.points ?? [];
    this.placing = points.find(({ name, isRequired }) => isRequired && !(name in (draft?.points ?? {})))?.name;
    this.markDraft();
  }

  private markDraft(): void {
    const { draft } = this;
    if (draft === undefined) return;
    this.layers.mark(this.table(draft.tableName), Object.values($state.snapshot(draft.points)));
  }

  /** Tables have changed: their layers are made anew. */
  private showAgain(): void {
    for (const name of Object.keys(this.shown)) {
      const [table, schema] = [this.table(name), this.schemaOf(name)];
      if (table?.may_read === true && schema !== undefined && schema.points.length > 0) {
        this.layers.show(table, schema, this.colourOf(name));
      } else this.layers.hide(name);
    }
  }

  private keepShown(shown: ShownTables): void {
    this.shown = shown;
    this.memory.keepShown(shown);
  }
}

