/** Pieces that show how something stands: its state, how much is done, what that means. */

import { element } from '../page/dom';
import { counted, formatCount, formatDuration } from '../page/format';
import type { JobStatus } from '../api_types';
import type { Counts } from './operations_api';

/** A state in a word, with a colour that says whether to worry. */
export class Pill {
  readonly element = element('span', { class: 'pill', 'data-testid': 'state' });

  show(state: JobStatus): void {
    this.element.textContent = state;
    this.element.dataset.state = state;
  }
}

/** A bar of what is done, with the share that failed at its end. */
export class Bar {
  private readonly done = element('span', { class: 'bar-done' });
  private readonly failed = element('span', { class: 'bar-failed' });
  readonly element: HTMLElement;

  constructor(label: string) {
    this.element = element(
      'div',
      {
        class: 'bar',
        role: 'progressbar',
        'aria-label': label,
        'aria-valuemin': '0',
        'aria-valuemax': '100',
      },
      this.done,
      this.failed,
    );
  }

  show({ percent_done, done, failed, state }: Counts): void {
    const share = done + failed === 0 ? 0 : failed / (done + failed);
    this.done.style.width = `${percent_done * (1 - share)}%`;
    // a single failure among thousands must be seen
    this.failed.style.width = failed === 0 ? '0' : `max(3px, ${percent_done * share}%)`;
    this.element.setAttribute('aria-valuenow', percent_done.toFixed(1));
    this.element.dataset.state = state;
  }
}

/** The share that is done, such as "63.7 %"; never 100 before all is. */
export function formatPercent({ percent_done, state }: Counts): string {
  if (state === 'done') return '100 %';
  return `${(Math.floor(percent_done * 10) / 10).toFixed(1)} %`;
}

/** Where the jobs stand, leaving out what there is none of. */
export function describeJobs({ running, waiting, done, skipped, failed }: Counts): string {
  const parts = [
    [running, 'running'],
    [waiting, 'waiting'],
    [done - skipped, 'done'],
    [skipped, 'skipped'],
    [failed, 'failed'],
  ] as const;
  const shown = parts.filter(([count]) => count > 0);
  return shown.map(([count, word]) => `${formatCount(count)} ${word}`).join(' · ');
}

/** How fast it goes and how long that still takes. */
export function describePace({ per_minute, seconds_left, finished_at }: Counts): string {
  if (finished_at != null) return '';
  const parts = [];
  if (per_minute != null) {
    const rate = per_minute >= 10 ? Math.round(per_minute) : Number(per_minute.toFixed(1));
    parts.push(`${counted(rate, 'job')} per minute`);
  }
  if (seconds_left != null) parts.push(`${formatDuration(seconds_left)} left in this step`);
  return parts.join(' · ');
}

/** A line that says whether what is shown is up to date. */
export class LiveMark {
  readonly element = element(
    'p',
    { class: 'live-mark', role: 'status', 'data-testid': 'live' },
    'Connecting …',
  );

  /** Shows what is wrong, or with an empty text that nothing is. */
  show(trouble: string): void {
    this.element.textContent = trouble === '' ? 'Live' : trouble;
    this.element.dataset.live = trouble === '' ? '1' : '0';
  }
}
