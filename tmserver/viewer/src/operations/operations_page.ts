/** The page of the installation, for its administrators: queues, hosts, workflows, failures, jobs. */

import type { Api } from '../api';
import { element } from '../page/dom';
import { workflowAddress } from './address';
import { FailureList } from './failure_list';
import { counted, formatCount } from '../page/format';
import { HostList } from './host_list';
import { JobList } from './job_list';
import type { Part } from '../page/keyed';
import { Keyed } from '../page/keyed';
import { LiveState } from './live_state';
import type { Installation, Queue, Workflow } from './operations_api';
import { INSTALLATION, OperationsApi } from './operations_api';
import { Bar, describeJobs, describePace, formatPercent, LiveMark, Pill } from './progress_parts';

const QUEUES: Readonly<Record<string, string>> = { jobs: 'Workflows', interactive: 'Tools' };

class QueueCard implements Part<Queue> {
  readonly element: HTMLElement;
  private readonly running = element('strong');
  private readonly waiting = element('strong');
  private readonly note = element('p', { class: 'hint' });

  constructor(name: string) {
    this.element = element(
      'div',
      { class: 'queue', 'data-testid': `queue-${name}` },
      element('h3', {}, QUEUES[name] ?? name),
      element('p', {}, this.running, ' running'),
      element('p', {}, this.waiting, ' waiting'),
      this.note,
    );
  }

  update(queue: Queue): void {
    this.running.textContent = formatCount(queue.running);
    this.waiting.textContent = formatCount(queue.waiting);
    const isAway = queue.messages == null;
    this.note.textContent = isAway
      ? 'Redis does not answer: no new jobs reach the workers.'
      : `${counted(queue.messages ?? 0, 'message')} on the queue`;
    this.note.classList.toggle('alarm', isAway);
  }
}

class WorkflowRow implements Part<Workflow> {
  readonly element: HTMLElement;
  private readonly name = element('strong');
  private readonly pill = new Pill();
  private readonly percent = element('span', { class: 'percent' });
  private readonly bar = new Bar('Progress');
  private readonly jobs = element('span', { class: 'step-jobs' });
  private readonly pace = element('span', { class: 'step-use' });

  constructor(experimentId: string, goTo: (address: string) => void) {
    const address = workflowAddress(experimentId);
    const link = element(
      'a',
      { href: address, class: 'step', 'data-testid': `workflow-${experimentId}` },
      this.pill.element,
      this.name,
      this.percent,
      this.bar.element,
      this.jobs,
      this.pace,
    );
    link.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      goTo(address);
    });
    this.element = element('li', {}, link);
  }

  update(workflow: Workflow): void {
    this.pill.show(workflow.state);
    const steps = workflow.steps.length > 0 ? `: ${workflow.steps.join(', ')}` : '';
    this.name.textContent = workflow.experiment + steps;
    this.percent.textContent = formatPercent(workflow);
    this.bar.show(workflow);
    this.jobs.textContent = describeJobs(workflow);
    this.pace.textContent = describePace(workflow);
  }
}

/** What is at work comes first, as it was submitted; then what ended last. */
function inOrder(workflows: Readonly<Record<string, Workflow>>): [string, Workflow][] {
  const rank = ({ finished_at, submission_id }: Workflow) =>
    finished_at == null ? submission_id : 1e15 - Date.parse(finished_at) / 1000;
  return Object.entries(workflows).sort(([, one], [, other]) => rank(one) - rank(other));
}

export class OperationsPage {
  readonly element: HTMLElement;
  private readonly mark = new LiveMark();
  private readonly queues: Keyed<Queue>;
  private readonly hosts: HostList;
  private readonly workflows: Keyed<Workflow>;
  private readonly noWorkflows = element('p', { class: 'hint' }, 'None runs or ended within a day.');
  private readonly failures: FailureList;
  private readonly jobs: JobList;
  private readonly live: LiveState<Installation>;

  constructor(
    api: Api,
    links: HTMLElement,
    goTo: (address: string) => void,
    onFailure: (error: unknown) => void,
  ) {
    const operations = new OperationsApi(api);
    const queues = element('div', { class: 'queues' });
    const workflows = element('ul', { class: 'steps' });
    this.queues = new Keyed(queues, (name) => new QueueCard(name));
    this.workflows = new Keyed(workflows, (id) => new WorkflowRow(id, goTo));
    this.hosts = new HostList(operations);
    this.failures = new FailureList(operations, true);
    this.jobs = new JobList(operations, INSTALLATION, true);
    this.element = element(
      'main',
      { class: 'operations', 'data-testid': 'operations' },
      element('header', {}, links, element('h1', {}, 'Operations'), this.mark.element),
      element('section', { 'aria-label': 'Queues' }, element('h2', {}, 'Jobs by queue'), queues),
      this.hosts.element,
      element(
        'section',
        { 'aria-label': 'Workflows' },
        element('h2', {}, 'Workflows'),
        workflows,
        this.noWorkflows,
      ),
      this.failures.element,
      this.jobs.element,
    );
    this.live = new LiveState(api, INSTALLATION, {
      onState: (state) => {
        this.show(state);
      },
      onTrouble: (trouble) => {
        this.mark.show(trouble);
      },
      onFailure,
    });
  }

  dispose(): void {
    this.live.dispose();
    this.jobs.dispose();
  }

  private show(state: Installation): void {
    this.queues.show(Object.entries(state.queues));
    this.hosts.show(state.hosts);
    const workflows = inOrder(state.workflows);
    this.workflows.show(workflows);
    this.noWorkflows.hidden = workflows.length > 0;
    this.failures.show(state.failures);
    this.jobs.begin(Object.values(state.queues).some(({ running }) => running > 0));
    this.jobs.offerSteps([...new Set(workflows.flatMap(([, { steps }]) => steps))]);
    this.jobs.noticeChange(JSON.stringify([state.queues, workflows.map(([, each]) => describeJobs(each))]));
  }
}
