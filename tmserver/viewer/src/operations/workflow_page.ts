/** The page of one workflow: how far it is, what failed and why, and what can be done about it. */

import type { Api } from '../api';
import type { Experiment } from '../api_types';
import { messageOf } from '../api';
import { element } from '../page/dom';
import { FailureList } from './failure_list';
import { counted } from '../page/format';
import { JobList } from './job_list';
import { LiveState } from './live_state';
import type { Workflow, WorkflowState } from './operations_api';
import { OperationsApi, operationsPath } from './operations_api';
import { Bar, describeJobs, describePace, formatPercent, LiveMark, Pill } from './progress_parts';
import { ask } from '../page/question';
import { StepList } from './step_list';

function actionButton(testId: string, text: string, act: () => Promise<void>): HTMLButtonElement {
  return element(
    'button',
    { hidden: true, 'data-testid': testId, onclick: () => void act() },
    text,
  );
}

/** How the workflow stands as a whole. */
class Summary {
  readonly element: HTMLElement;
  private readonly pill = new Pill();
  private readonly bar = new Bar('Progress of the workflow');
  private readonly percent = element('strong', { class: 'percent', 'data-testid': 'percent' });
  private readonly jobs = element('p', { 'data-testid': 'summary-jobs' });
  private readonly pace = element('p', { class: 'hint' });

  constructor() {
    this.element = element(
      'section',
      { class: 'summary', 'aria-label': 'Workflow', 'data-testid': 'summary' },
      element('div', { class: 'row' }, this.pill.element, this.percent),
      this.bar.element,
      this.jobs,
      this.pace,
    );
  }

  show(workflow: Workflow | null | undefined): void {
    this.pill.element.hidden = this.bar.element.hidden = workflow == null;
    if (workflow == null) {
      this.jobs.textContent = 'No workflow of this experiment was submitted yet.';
      return;
    }
    this.pill.show(workflow.state);
    this.bar.show(workflow);
    this.percent.textContent = formatPercent(workflow);
    this.jobs.textContent = describeJobs(workflow);
    const steps = workflow.steps.length > 0 ? `At work: ${workflow.steps.join(', ')}` : '';
    this.pace.textContent = [steps, describePace(workflow)].filter(Boolean).join(' · ');
  }
}

const ASK_AGAIN_MILLISECONDS = 2000;

export class WorkflowPage {
  readonly element: HTMLElement;
  private readonly operations: OperationsApi;
  private readonly summary = new Summary();
  private readonly steps = new StepList();
  private readonly failures: FailureList;
  private readonly jobs: JobList;
  private readonly live: LiveState<WorkflowState>;
  private readonly mark = new LiveMark();
  private readonly message = element('p', {
    class: 'error',
    role: 'alert',
    'data-testid': 'action-message',
  });
  private readonly killButton = actionButton('kill', 'Kill', () => this.kill());
  private readonly retryButton = actionButton('retry', 'Retry what failed', () => this.retry());
  private readonly resubmitButton = actionButton('resubmit', 'Run again from', () =>
    this.resubmit(),
  );
  private readonly stage = element('select', {
    hidden: true,
    'aria-label': 'Stage to begin at',
    'data-testid': 'stage',
  });
  /** Undefined until the server has told. */
  private mayWrite: boolean | undefined;
  private isAsking = false;
  private askAgain: number | undefined;
  private state: WorkflowState | undefined;

  constructor(
    api: Api,
    private readonly experiment: Experiment,
    links: HTMLElement,
    onFailure: (error: unknown) => void,
  ) {
    const path = operationsPath(experiment.id);
    this.operations = new OperationsApi(api);
    this.failures = new FailureList(this.operations, false);
    this.jobs = new JobList(this.operations, path, false);
    this.element = element(
      'main',
      { class: 'operations', 'data-testid': 'workflow' },
      element('header', {}, links, element('h1', {}, `Workflow of “${experiment.name}”`), this.mark.element),
      this.summary.element,
      element(
        'div',
        { class: 'actions' },
        this.killButton,
        this.retryButton,
        element('span', { class: 'row' }, this.resubmitButton, this.stage),
      ),
      this.message,
      this.failures.element,
      this.steps.element,
      this.jobs.element,
    );
    this.live = new LiveState(api, path, {
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
    window.clearTimeout(this.askAgain);
    this.mayWrite ??= false; // nobody wants to know any more
    this.live.dispose();
    this.jobs.dispose();
  }

  /** Asks until it is answered, since events, which are for all, do not tell. */
  private async offerActions(): Promise<void> {
    if (this.mayWrite !== undefined || this.isAsking) return;
    this.isAsking = true;
    window.clearTimeout(this.askAgain);
    try {
      this.mayWrite = await this.operations.mayWrite(this.experiment.id);
      this.showActions();
    } catch {
      // What is wrong is told by the stream. There may be no further state to ask with.
      this.askAgain = window.setTimeout(() => void this.offerActions(), ASK_AGAIN_MILLISECONDS);
    } finally {
      this.isAsking = false;
    }
  }

  private show(state: WorkflowState): void {
    this.state = state;
    this.summary.show(state.workflow);
    this.failures.show(state.failures);
    this.steps.show(state.steps);
    this.jobs.offerSteps(Object.keys(state.steps));
    const { workflow } = state;
    this.jobs.begin((workflow?.running ?? 0) > 0);
    if (workflow != null) this.jobs.noticeChange(`${workflow.state} ${describeJobs(workflow)}`);
    this.showActions();
    void this.offerActions();
  }

  private showActions(): void {
    const workflow = this.state?.workflow;
    const may = this.mayWrite === true && workflow != null;
    const hasEnded = workflow?.finished_at != null;
    this.killButton.hidden = !may || hasEnded;
    this.retryButton.hidden = !may || !hasEnded || workflow.state === 'done';
    this.resubmitButton.hidden = this.stage.hidden = !may || !hasEnded;
    const stages = [...new Set(Object.values(this.state?.steps ?? {}).map(({ stage }) => stage))];
    const known = [...this.stage.options].map(({ value }) => value);
    if (stages.join() !== known.join()) {
      this.stage.replaceChildren(...stages.map((value) => element('option', { value }, value)));
    }
  }

  private kill(): Promise<void> {
    const running = this.state?.workflow?.running ?? 0;
    return this.act(
      this.killButton,
      'Kill the workflow?',
      `${counted(running, 'running job')} will be stopped, and those that wait will not start. ` +
        'What is done is kept, and what was killed can be retried.',
      'Kill',
      () => this.operations.kill(this.experiment.id),
    );
  }

  private retry(): Promise<void> {
    return this.act(
      this.retryButton,
      'Retry what failed?',
      'Only the jobs that failed or were killed are done again; then the workflow goes on.',
      'Retry',
      () => this.operations.retry(this.experiment.id),
    );
  }

  private resubmit(): Promise<void> {
    const stage = this.stage.value;
    return this.act(
      this.resubmitButton,
      `Run again from ${stage}?`,
      'What this stage and those after it have made is made anew, as the stored description says.',
      'Run again',
      () => this.operations.resubmit(this.experiment.id, stage),
    );
  }

  private async act(
    button: HTMLButtonElement,
    question: string,
    detail: string,
    action: string,
    request: () => Promise<void>,
  ): Promise<void> {
    if (!(await ask(question, detail, action))) return;
    button.disabled = true;
    this.message.textContent = '';
    try {
      await request();
    } catch (error) {
      this.message.textContent = messageOf(error);
    } finally {
      button.disabled = false;
    }
  }
}
