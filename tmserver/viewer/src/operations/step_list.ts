/** The steps of a workflow by their stages: how far each is, and what it uses. */

import { element } from '../page/dom';
import { formatDuration, formatMegabytes } from '../page/format';
import type { Part } from '../page/keyed';
import { Keyed } from '../page/keyed';
import type { Step } from './operations_api';
import { Bar, describeJobs, describePace, formatPercent, Pill } from './progress_parts';

/** From what share of its limit on a job is said to come near it. */
const NEAR = 0.8;

type NamedStep = readonly [string, Step];

function elapsed(step: Step): number | null {
  if (step.started_at == null) return null;
  const end = step.finished_at == null ? Date.now() : Date.parse(step.finished_at);
  return (end - Date.parse(step.started_at)) / 1000;
}

/** How long the job has been running that began first. */
function longest(step: Step): number | null {
  if (step.oldest_started_at == null) return null;
  return (Date.now() - Date.parse(step.oldest_started_at)) / 1000;
}

function isNearLimit(step: Step): boolean {
  const { seconds, memory_mb } = step.limits;
  return (longest(step) ?? 0) > NEAR * seconds || (step.memory_mb ?? 0) > NEAR * memory_mb;
}

/** What a step takes, and of what each job may take. */
function describeUse(step: Step): string {
  const parts = [];
  const seconds = elapsed(step);
  if (seconds !== null) parts.push(formatDuration(seconds));
  if (step.cpu_seconds != null) parts.push(`CPU ${formatDuration(step.cpu_seconds)}`);
  const running = longest(step);
  if (running !== null) {
    const limit = formatDuration(step.limits.seconds);
    parts.push(`longest running ${formatDuration(running)} of ${limit}`);
  }
  if (step.memory_mb != null) {
    const { memory_mb } = step.limits;
    parts.push(`memory ${formatMegabytes(step.memory_mb)} of ${formatMegabytes(memory_mb)}`);
  }
  return parts.join(' · ');
}

class StepRow implements Part<Step> {
  readonly element: HTMLElement;
  private readonly pill = new Pill();
  private readonly bar: Bar;
  private readonly percent = element('span', { class: 'percent' });
  private readonly jobs = element('span', { class: 'step-jobs', 'data-testid': 'step-jobs' });
  private readonly use = element('span', { class: 'step-use' });

  constructor(name: string) {
    this.bar = new Bar(`Progress of ${name}`);
    this.element = element(
      'li',
      { class: 'step', 'data-testid': `step-${name}` },
      this.pill.element,
      element('strong', {}, name),
      this.percent,
      this.bar.element,
      this.jobs,
      this.use,
    );
  }

  update(step: Step): void {
    this.pill.show(step.state);
    this.bar.show(step);
    this.element.dataset.state = step.state;
    this.percent.textContent = step.state === 'new' ? '' : formatPercent(step);
    this.jobs.textContent = [describeJobs(step), describePace(step)].filter(Boolean).join(' · ');
    this.use.textContent = describeUse(step);
    this.use.classList.toggle('near-limit', isNearLimit(step));
  }
}

class StageBlock implements Part<readonly NamedStep[]> {
  readonly element: HTMLElement;
  private readonly rows: Keyed<Step>;

  constructor(stage: string) {
    const list = element('ul', { class: 'steps' });
    this.rows = new Keyed(list, (name) => new StepRow(name));
    this.element = element('div', { class: 'stage' }, element('h3', {}, stage), list);
  }

  update(steps: readonly NamedStep[]): void {
    this.rows.show(steps);
  }
}

export class StepList {
  private readonly body = element('div', { class: 'stages' });
  readonly element = element(
    'section',
    { 'aria-label': 'Steps' },
    element('h2', {}, 'Steps'),
    this.body,
  );
  private readonly stages = new Keyed<readonly NamedStep[]>(
    this.body,
    (stage) => new StageBlock(stage),
  );

  show(steps: Readonly<Record<string, Step>>): void {
    const inOrder = Object.entries(steps).sort(([, one], [, other]) => one.position - other.position);
    const byStage = new Map<string, NamedStep[]>();
    for (const [name, step] of inOrder) {
      byStage.set(step.stage, [...(byStage.get(step.stage) ?? []), [name, step]]);
    }
    this.element.hidden = inOrder.length === 0;
    this.stages.show([...byStage]);
  }
}
