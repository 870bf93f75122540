/** What the browser remembers of annotating, so that an expired login or a reload loses nothing. */

import type { Values } from '../shell/schema_values';
import type { Unanswered } from './changes';
import type { Position } from './places';

/** A row that somebody fills in. */
export interface Draft {
  readonly tableName: string;
  /** The row that is changed; undefined of a new one. */
  rowId: number | undefined;
  values: Values;
  points: Record<string, Position>;
  /** The object that it is a remark on. */
  readonly target: number | undefined;
  /** What was sent and may have been carried out, without an answer that has said so. */
  unanswered: Unanswered | undefined;
}

/** A walk through objects that get answers. */
export interface Task {
  readonly tableName: string;
  readonly typeName: string;
  readonly ids: readonly number[];
  readonly index: number;
}

/** Tables on the map with their colours. */
export type ShownTables = Readonly<Record<string, string>>;

export class Memory {
  private readonly draftKey: string;
  private readonly shownKey: string;
  private readonly taskKey: string;

  constructor(experimentId: string, userId: string) {
    this.draftKey = `tmserver.annotation.${experimentId}.${userId}`;
    this.taskKey = `tmserver.task.${experimentId}.${userId}`;
    this.shownKey = `tmserver.annotations.${experimentId}`;
  }

  draft(): Draft | undefined {
    return read(() => sessionStorage.getItem(this.draftKey)) as Draft | undefined;
  }

  keepDraft(draft: Draft | undefined): void {
    keep(this.draftKey, draft);
  }

  task(): Task | undefined {
    return read(() => sessionStorage.getItem(this.taskKey)) as Task | undefined;
  }

  keepTask(task: Task | undefined): void {
    keep(this.taskKey, task);
  }

  shown(): ShownTables {
    return (read(() => localStorage.getItem(this.shownKey)) ?? {}) as ShownTables;
  }

  keepShown(shown: ShownTables): void {
    write(() => {
      localStorage.setItem(this.shownKey, JSON.stringify(shown));
    });
  }
}

function read(stored: () => string | null): unknown {
  try {
    return JSON.parse(stored() ?? 'null') ?? undefined;
  } catch {
    // A browser that lets pages keep nothing.
    return undefined;
  }
}

/** Keeps something as long as the window is open; undefined is forgotten. */
function keep(key: string, something: unknown): void {
  write(() => {
    if (something === undefined) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, JSON.stringify(something));
  });
}

function write(store: () => void): void {
  try {
    store();
  } catch {
    // A browser that keeps nothing, or has no room: what is on the page is still there.
  }
}
