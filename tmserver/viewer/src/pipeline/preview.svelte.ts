/** A pipeline that is tried out on one site: started, watched, ended. */

import type { Api } from '../api';
import { isRefusal, messageOf } from '../api';
import type {
  JteratorProject,
  ModuleResult,
  PreviewOutputs,
  PreviewResults,
  PreviewStatus,
  PreviewSubmission,
} from '../api_types';
import { projectText } from './project';

const LOOK_MILLISECONDS = 400;

interface Run {
  readonly submissionId: number;
  readonly site: number;
}

export class Preview {
  isRunning = $state(false);
  /** Why it failed, or could not be started; empty if neither. */
  error = $state('');
  /** Why it is not known at the moment how it goes on; empty if it is. */
  trouble = $state('');
  /** What the modules have made so far in the latest run; undefined before the first. */
  results = $state.raw<PreviewResults>();
  private site = 0;
  private isCancelled = false;
  /** The latest run, once the server has given it a number. */
  private run: Run | undefined;
  private isDisposed = false;

  constructor(
    private readonly api: Api,
    private readonly path: string,
  ) {}

  /** The module that is at work, or at which the run ended before its time. */
  get unfinished(): ModuleResult | undefined {
    return this.results?.modules?.find(({ seconds }) => seconds === null);
  }

  async start(project: JteratorProject, site: number): Promise<void> {
    this.begin();
    try {
      const body = { job_ids: [site], project: projectText(project) };
      const answer = (await this.api.post(`${this.path}/jobs/run`, body)) as PreviewSubmission;
      const submissionId = answer.submission_id;
      // empty, not undefined: what shows them keeps what the user has chosen to see
      this.results = { submission_id: submissionId };
      this.site = site;
      this.run = { submissionId, site };
      if (this.isCancelled) await this.kill();
      await this.watch(this.run);
    } catch (error) {
      this.end(messageOf(error));
    }
  }

  /** Ends the run, as soon as the server has given it a number. */
  async cancel(): Promise<void> {
    this.isCancelled = true;
    if (this.run !== undefined) await this.kill();
  }

  /** The address of a picture in the results. */
  picture(number: number): string {
    const submission = this.results?.submission_id ?? 0;
    return `${this.path}/jobs/picture?job_id=${this.site}&submission_id=${submission}&picture=${number}`;
  }

  /** The address of the figure that a module has made. */
  figure(module: string): string {
    return `${this.path}/figure?job_id=${this.site}&module_name=${encodeURIComponent(module)}`;
  }

  dispose(): void {
    this.isDisposed = true;
  }

  private begin(): void {
    this.isRunning = true;
    this.error = this.trouble = '';
    this.isCancelled = false;
    this.run = undefined;
  }

  private async kill(): Promise<void> {
    try {
      await this.api.post(`${this.path}/jobs/kill`, {});
    } catch (error) {
      this.isCancelled = false;
      this.error = messageOf(error);
    }
  }

  /** Looks until it has ended, also when a look is not answered: the run goes on without it. */
  private async watch(run: Run): Promise<void> {
    while (!this.isDisposed) {
      try {
        if (await this.hasEnded(run)) return;
        this.trouble = '';
      } catch (error) {
        if (isRefusal(error)) throw error;
        this.trouble = `How the test run goes on is not known. ${messageOf(error)}`;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
    }
  }

  /** Looks at it once. */
  private async hasEnded(run: Run): Promise<boolean> {
    // in this order, so that what is there at the end was seen
    const { status } = (await this.api.post(`${this.path}/jobs/status`, {})) as PreviewStatus;
    const address = `${this.path}/jobs/results?job_id=${run.site}`;
    const results = (await this.api.json(address)) as PreviewResults;
    // what an earlier run has made is there until this one begins
    if (results.submission_id === run.submissionId) this.results = results;
    if (status.state !== 'TERMINATED') return false;
    this.end(await this.outcome(run, status.failed === true));
    return true;
  }

  private async outcome({ submissionId }: Run, hasFailed: boolean): Promise<string> {
    const cancelled = 'The test run was cancelled.';
    if (hasFailed && this.isCancelled) return cancelled;
    const { output } = (await this.api.post(`${this.path}/jobs/output`, {})) as PreviewOutputs;
    const own = output.find((each) => each.submission_id === submissionId);
    // ended from another page, before it began
    if (own === undefined) return cancelled;
    return own.failed || hasFailed ? own.error || cancelled : '';
  }

  private end(error: string): void {
    this.error = error;
    this.trouble = '';
    this.isRunning = false;
  }
}
