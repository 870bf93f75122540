/** A walk through a list of objects, each of which gets an answer. */

import { messageOf } from '../api';
import type { AnnotationEditor } from './editor.svelte';
import type { Memory, Task } from './memory';
import type { Row } from './requests';
import type { Choice } from './row_schema';

/** Objects in one walk. */
const MOST_OBJECTS = 10_000;

/** Objects of a type, by what they are called in the choice of lists. */
export interface ObjectList {
  readonly name: string;
  readonly ids: () => Promise<readonly number[]>;
}

export class Walk {
  task = $state.raw<Task | undefined>();
  /** Remarks that the object has in the table already. */
  there = $state.raw<readonly Row[]>([]);
  problem = $state('');
  isBeginning = $state(false);
  /** Rows that were written in this walk, by the numbers of their objects. */
  private own: Readonly<Record<number, number>> = {};
  /** Tells late answers from those for the present object. */
  private visit = 0;

  constructor(
    private readonly editor: AnnotationEditor,
    private readonly memory: Memory,
    /** Shows an object on the map. */
    private readonly go: (typeName: string, id: number) => Promise<void>,
  ) {}

  get choices(): readonly Choice[] {
    return this.editor.schemaOf(this.task?.tableName ?? '')?.answers()?.choices ?? [];
  }

  /** Goes on where the browser remembers that somebody was. */
  async resume(): Promise<void> {
    const task = this.memory.task();
    if (task === undefined || this.editor.table(task.tableName)?.may_write !== true) return;
    this.task = task;
    await this.arrive();
  }

  async begin(tableName: string, typeName: string, list: ObjectList, onlyNew: boolean): Promise<void> {
    this.problem = '';
    this.isBeginning = true;
    try {
      let ids = await list.ids();
      if (ids.length > MOST_OBJECTS) {
        throw new Error(`These are ${ids.length} objects. Select ${MOST_OBJECTS} at most.`);
      }
      if (onlyNew && ids.length > 0) {
        const where = JSON.stringify([{ field: 'target_id', comparison: 'in', value: ids }]);
        const rows = await this.editor.requests.rows(tableName, { where });
        const known = rows.map(({ values }) => values.target_id);
        ids = ids.filter((id) => !known.includes(id));
      }
      if (ids.length === 0) throw new Error('There is no object in this list to look at.');
      this.own = {};
      this.keep({ tableName, typeName, ids, index: 0 });
      await this.arrive();
    } catch (error) {
      this.problem = messageOf(error);
    } finally {
      this.isBeginning = false;
    }
  }

  end(): void {
    this.visit += 1;
    this.problem = '';
    this.keep(undefined);
  }

  /** Goes to the next object or the one before; nothing is written. */
  async step(by: 1 | -1): Promise<void> {
    const { task } = this;
    if (task === undefined || this.editor.saving.isBusy) return;
    const index = Math.min(task.ids.length, Math.max(0, task.index + by));
    this.keep({ ...task, index });
    await this.arrive();
  }

  /** Writes an answer down, in place of one that was given in this walk, and goes on. */
  async answer({ label, value }: Choice): Promise<void> {
    const { task, editor } = this;
    const field = editor.schemaOf(task?.tableName ?? '')?.answers()?.field;
    const id = task?.ids[task.index];
    if (task === undefined || field === undefined || id === undefined) return;
    const row = await editor.remark(task.tableName, id, { [field]: value }, this.own[id], label);
    if (row === undefined || this.task !== task) return;
    this.own = { ...this.own, [id]: row };
    await this.step(1);
  }

  private async arrive(): Promise<void> {
    const { task } = this;
    const number = ++this.visit;
    const id = task?.ids[task.index];
    this.there = [];
    this.problem = '';
    if (task === undefined || id === undefined) return;
    try {
      const where = JSON.stringify([{ field: 'target_id', comparison: 'eq', value: id }]);
      const [there] = await Promise.all([
        this.editor.requests.rows(task.tableName, { where }),
        this.go(task.typeName, id),
      ]);
      if (number === this.visit) this.there = there;
    } catch (error) {
      if (number === this.visit) this.problem = messageOf(error);
    }
  }

  private keep(task: Task | undefined): void {
    this.task = task;
    this.memory.keepTask(task);
  }
}
