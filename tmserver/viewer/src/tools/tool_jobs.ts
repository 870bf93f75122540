/** The jobs of tools that are at work, and those that have failed since the page was opened. */

import { messageOf } from '../api';
import type { ToolJob } from '../api_types';
import { element } from '../page/dom';
import type { ToolRequests } from './tool_requests';

const LOOK_MILLISECONDS = 700;
/** Jobs that are looked at when the page is opened. */
const LATEST = 20;

export class ToolJobs {
  readonly element = element('ul', { class: 'tool-jobs' });
  private readonly shown = new Map<number, ToolJob>();
  private timer: number | undefined;
  private isDisposed = false;

  /** Called when a job has ended well, with the number of its submission. */
  onResult: ((submissionId: number) => void) | undefined;

  constructor(private readonly requests: ToolRequests) {}

  /** Takes up the jobs that are at work already; those that have ended are of an earlier visit. */
  async begin(): Promise<void> {
    for (const job of await this.requests.jobs(LATEST)) {
      if (!job.done) this.take(job);
    }
    this.draw();
    this.lookLater();
  }

  /** Follows a job from its start on, which it may have ended already. */
  async follow(submissionId: number): Promise<void> {
    const job = await this.requests.job(submissionId);
    if (job !== undefined) this.take(job);
    this.draw();
    this.lookLater();
  }

  dispose(): void {
    this.isDisposed = true;
    window.clearTimeout(this.timer);
    this.shown.clear();
  }

  /** Shows how a job stands, or tells of its result. */
  private take(job: ToolJob): void {
    if (this.isDisposed) return;
    if (!job.done || job.failed) {
      this.shown.set(job.submission_id, job);
      return;
    }
    this.shown.delete(job.submission_id);
    this.onResult?.(job.submission_id);
  }

  private lookLater(): void {
    window.clearTimeout(this.timer);
    if (![...this.shown.values()].some((job) => !job.done)) return;
    this.timer = window.setTimeout(() => {
      void this.look();
    }, LOOK_MILLISECONDS);
  }

  private async look(): Promise<void> {
    for (const [submissionId, before] of this.shown) {
      if (before.done) continue;
      // When the server does not answer for a moment, what was seen last stays.
      const job = await this.requests.job(submissionId).catch(() => before);
      // Meanwhile another look may have come to its end.
      if (job !== undefined && this.shown.get(submissionId)?.done === false) this.take(job);
    }
    this.draw();
    this.lookLater();
  }

  private draw(): void {
    this.element.replaceChildren(...[...this.shown.values()].map((job) => this.row(job)));
  }

  private row(job: ToolJob): HTMLElement {
    const button = (text: string, label: string, onclick: () => void) =>
      element('button', { class: 'small', type: 'button', 'aria-label': label, onclick }, text);
    const name = element('span', { class: 'grow' }, job.name.replace(/^tool_/, ''));
    if (job.done) {
      const close = button('×', 'Close the message', () => {
        this.shown.delete(job.submission_id);
        this.draw();
      });
      const reason = element('p', { class: 'error' }, job.error ?? 'It failed without a reason.');
      const row = element('div', { class: 'row' }, name, close);
      return element('li', { 'data-testid': 'tool-failure' }, row, reason);
    }
    const stop = button('Stop', 'Stop the tool', () => {
      stop.disabled = true;
      this.requests.kill(job).catch((error: unknown) => {
        name.textContent = messageOf(error);
      });
    });
    const bar = element('progress', { max: '100', value: String(job.percent_done) });
    // A job that waits tells of no progress.
    if (job.state !== 'RUNNING') bar.removeAttribute('value');
    return element('li', { 'data-testid': 'tool-job' }, element('div', { class: 'row' }, name, stop), bar);
  }
}
