/** What failed last, and why. */

import { element } from '../page/dom';
import { jobEntry } from './job_list';
import type { Job, OperationsApi } from './operations_api';

export class FailureList {
  private readonly list = element('ul', { class: 'jobs' });
  readonly element = element(
    'section',
    { 'aria-label': 'What failed last', hidden: true, 'data-testid': 'failures' },
    element('h2', {}, 'What failed last'),
    this.list,
  );
  private known = '';

  constructor(
    private readonly api: OperationsApi,
    private readonly withExperiment: boolean,
  ) {}

  show(failures: readonly Job[]): void {
    const told = JSON.stringify(failures);
    if (told === this.known) return;
    this.known = told;
    this.element.hidden = failures.length === 0;
    this.list.replaceChildren(
      ...failures.map((job) => jobEntry(this.api, job, this.withExperiment)),
    );
  }
}
