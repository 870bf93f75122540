/** What was changed of annotations on this page, and how it is undone: by new states, never a loss. */

import { ApiError } from '../api';
import type { AnnotationRequests, Row, SentRow } from './requests';
import { newKey } from './requests';

/** Answers that say for certain that nothing was changed. */
const REFUSED = [400, 403, 404, 409, 422];

interface Step {
  readonly kind: 'add' | 'change' | 'end';
  readonly tableName: string;
  readonly id: number;
  /** The values before a change. */
  readonly before: Row['values'] | undefined;
  /** By which the server knows the request that undoes it. */
  readonly key: string;
}

/** What may have been carried out although no answer has said so. */
export interface Unanswered {
  readonly content: string;
  readonly key: string;
}

export class Changes {
  private steps: Step[] = [];
  /** Numbers of the states that have taken the place of others, by table and number. */
  private readonly successors = new Map<string, number>();

  constructor(private readonly requests: AnnotationRequests) {}

  /** What would be undone, in words; empty if there is nothing. */
  get next(): string {
    const step = this.steps.at(-1);
    if (step === undefined) return '';
    const what = { add: 'adding', change: 'the change of', end: 'the deletion of' }[step.kind];
    return `${what} ${step.tableName} ${this.present(step.tableName, step.id)}`;
  }

  async add(tableName: string, row: SentRow, key: string): Promise<number> {
    const id = await this.requests.add(tableName, row, key);
    this.note({ kind: 'add', tableName, id, before: undefined });
    return id;
  }

  /** `before` is what the row held. */
  async change(tableName: string, id: number, row: SentRow, before: Row['values'], key: string): Promise<number> {
    const made = await this.requests.update(tableName, { ...row, id }, key);
    this.follow(tableName, id, made);
    this.note({ kind: 'change', tableName, id: made, before });
    return made;
  }

  async end(tableName: string, id: number): Promise<void> {
    await this.endAsKnown(tableName, id);
    this.note({ kind: 'end', tableName, id, before: undefined });
  }

  /** Undoes what was done last; the number of the row, undefined if there is none any more. */
  async undo(): Promise<{ readonly tableName: string; readonly id: number | undefined } | undefined> {
    const step = this.steps.at(-1);
    if (step === undefined) return undefined;
    const { tableName, kind, before, key } = step;
    const id = this.present(tableName, step.id);
    let made: number | undefined;
    if (kind === 'add') await this.endAsKnown(tableName, id);
    else made = await this.requests.update(tableName, { ...before, id }, key);
    if (made !== undefined) this.follow(tableName, id, made);
    this.steps = this.steps.filter((one) => one !== step);
    return { tableName, id: made };
  }

  /** The number under which a row holds now, as far as this page has changed it. */
  present(tableName: string, id: number): number {
    let found = id;
    for (let next: number | undefined = id; next !== undefined; next = this.successors.get(`${tableName} ${next}`)) {
      found = next;
    }
    return found;
  }

  /** Lets a row end that nobody else has changed: what others have written is not deleted unseen. */
  private async endAsKnown(tableName: string, id: number): Promise<void> {
    const latest = (await this.requests.history(tableName, id)).at(-1);
    if (latest?.id !== id) {
      throw new Error('Somebody has changed this meanwhile. Look at it again before you delete it.');
    }
    await this.requests.end(tableName, id);
  }

  private follow(tableName: string, id: number, made: number): void {
    this.successors.set(`${tableName} ${id}`, made);
  }

  private note(step: Omit<Step, 'key'>): void {
    this.steps.push({ ...step, key: newKey() });
  }
}

/**
 * Sends a change once, however often it has to be tried. `before` is what was sent earlier without
 * an answer, if anything was, and `keep` is told what is without an answer now.
 */
export async function sendOnce<T>(
  content: string,
  before: Unanswered | undefined,
  keep: (unanswered: Unanswered | undefined) => void,
  send: (key: string) => Promise<T>,
): Promise<T> {
  const sent = before?.content === content ? before : { content, key: newKey() };
  keep(sent);
  try {
    const answer = await send(sent.key);
    keep(undefined);
    return answer;
  } catch (error) {
    if (error instanceof ApiError && REFUSED.includes(error.status)) keep(undefined);
    throw error;
  }
}
