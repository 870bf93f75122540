/** Jobs, the latest first, by pages: however many there are, only those on show are asked for. */

import { messageOf } from '../api';
import { element } from '../page/dom';
import { formatDuration, formatMegabytes } from '../page/format';
import { showLog } from './log_dialog';
import type { Job, JobFilter, OperationsApi } from './operations_api';
import { STATUSES } from './operations_api';
import { Pill } from './progress_parts';

const PAGE = 25;
const TYPING_MILLISECONDS = 400;
const CHANGE_MILLISECONDS = 2500;

function secondsOf(job: Job): number | null {
  if (job.seconds != null) return job.seconds;
  if (job.state !== 'running' || job.started_at == null) return null;
  return (Date.now() - Date.parse(job.started_at)) / 1000;
}

/** A job that opens its log. */
export function jobEntry(api: OperationsApi, job: Job, withExperiment: boolean): HTMLElement {
  const pill = new Pill();
  pill.show(job.state);
  const seconds = secondsOf(job);
  const facts = [
    job.host ?? '',
    seconds === null ? '' : formatDuration(seconds),
    job.memory_mb == null ? '' : formatMegabytes(job.memory_mb),
    job.skipped ? 'skipped' : '',
    job.attempt > 1 ? `attempt ${job.attempt}` : '',
  ];
  const parts = [
    pill.element,
    element('span', { class: 'job-name' }, job.name),
    element('span', { class: 'job-facts' }, facts.filter((fact) => fact !== '').join(' · ')),
  ];
  if (withExperiment) parts.push(element('span', { class: 'job-experiment' }, job.experiment));
  // that it was killed is told by its state
  if (job.error != null && job.state !== 'killed') parts.push(element('span', { class: 'job-error' }, job.error));
  const open = element(
    'button',
    {
      class: 'job',
      'data-testid': `job-${job.name}`,
      title: 'Show the log',
      onclick: () => {
        showLog(api, job);
      },
    },
    ...parts,
  );
  return element('li', {}, open);
}

function choice(label: string, testId: string, names: readonly string[]): HTMLSelectElement {
  return element(
    'select',
    { 'aria-label': label, 'data-testid': testId },
    element('option', { value: '' }, label),
    ...names.map((name) => element('option', { value: name }, name)),
  );
}

export class JobList {
  readonly element: HTMLElement;
  private readonly list = element('ul', { class: 'jobs', 'data-testid': 'jobs' });
  private readonly message = element('p', { class: 'hint', role: 'status' });
  private readonly more = element('button', { hidden: true, 'data-testid': 'more-jobs' }, 'More jobs');
  private readonly state = choice('Any state', 'job-state', STATUSES);
  private readonly step = choice('Any step', 'job-step', []);
  private readonly text = element('input', {
    type: 'search',
    placeholder: 'Text in failed jobs',
    'aria-label': 'Find failed jobs by a text in their reason or log',
    'data-testid': 'job-text',
  });
  private last: Job | undefined;
  private nPages = 0;
  private visit = 0;
  private timer: number | undefined;
  private known = '';

  /** Lists the jobs below a path of the server, with their experiments if those are several. */
  constructor(
    private readonly api: OperationsApi,
    private readonly path: string,
    private readonly withExperiment: boolean,
  ) {
    const reload = () => void this.load();
    this.state.addEventListener('change', reload);
    this.step.addEventListener('change', reload);
    this.text.addEventListener('input', () => {
      this.loadAfter(TYPING_MILLISECONDS);
    });
    this.more.addEventListener('click', () => void this.load(this.last));
    this.element = element(
      'section',
      { 'aria-label': 'Jobs' },
      element('h2', {}, 'Jobs'),
      element('div', { class: 'filters' }, this.state, this.step, this.text),
      this.list,
      this.message,
      this.more,
    );
  }

  /** Lists what is running if anything is, else all jobs; what is chosen already stays. */
  begin(isAtWork: boolean): void {
    if (this.visit > 0) return;
    if (isAtWork) this.state.value = 'running';
    void this.load();
  }

  dispose(): void {
    this.visit += 1;
    window.clearTimeout(this.timer);
  }

  /** Offers steps to choose from. */
  offerSteps(names: readonly string[]): void {
    const known = [...this.step.options].map((option) => option.value);
    for (const name of names) {
      if (!known.includes(name)) this.step.append(element('option', { value: name }, name));
    }
  }

  /** Asks again soon if what this tells of the jobs has changed, unless later pages are read. */
  noticeChange(told: string): void {
    if (told === this.known) return;
    this.known = told;
    if (this.nPages <= 1 && this.timer === undefined) this.loadAfter(CHANGE_MILLISECONDS);
  }

  private loadAfter(milliseconds: number): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.load(), milliseconds);
  }

  private async load(after?: Job): Promise<void> {
    window.clearTimeout(this.timer);
    this.timer = undefined;
    const visit = ++this.visit;
    const text = this.text.value.trim();
    const filter: JobFilter = {
      state: text.length > 1 ? '' : this.state.value,
      step: this.step.value,
      text: text.length > 1 ? text : '',
    };
    this.state.disabled = text.length > 1;
    try {
      const page = await this.api.jobs(this.path, filter, PAGE, after?.id);
      if (visit !== this.visit) return;
      const entries = page.jobs.map((job) => jobEntry(this.api, job, this.withExperiment));
      this.nPages = after === undefined ? 1 : this.nPages + 1;
      this.last = page.jobs.at(-1);
      this.show(entries, after !== undefined);
      this.more.hidden = !page.has_more;
    } catch (error) {
      if (visit === this.visit) this.message.textContent = messageOf(error);
    }
  }

  private show(entries: readonly HTMLElement[], isContinued: boolean): void {
    const focused = this.list.contains(document.activeElement)
      ? document.activeElement?.getAttribute('data-testid')
      : undefined;
    if (isContinued) this.list.append(...entries);
    else this.list.replaceChildren(...entries);
    if (focused != null) {
      this.list.querySelector<HTMLElement>(`[data-testid="${CSS.escape(focused)}"]`)?.focus();
    }
    this.message.textContent = this.list.childElementCount === 0 ? 'No such jobs.' : '';
  }
}
