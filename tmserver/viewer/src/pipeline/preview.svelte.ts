/** A pipeline that is tried out on one site: started, watched, ended. */

import type { Api } from '../api';
import { messageOf } from '../api';
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
  /** What the modules have made so far in the latest run; undefined before the first. */
  results = $state.raw<PreviewResults>();
  private site = 0;
  private isCancelled = false;
  private timer: number | undefined;
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
    this.isRunning = true;
    this.error = '';
    this.isCancelled = false;
    try {
      const body = { job_ids: [site], project: projectText(project) };
      const answer = (await this.api.post(`${this.path}/jobs/run`, body)) as PreviewSubmission;
      this.results = undefined;
      this.site = site;
      await this.look({ submissionId: answer.submission_id, site });
    } catch (error) {
      this.end(messageOf(error));
    }
  }

  async cancel(): Promise<void> {
    this.isCancelled = true;
    try {
      await this.api.post(`${this.path}/jobs/kill`, {});
    } catch (error) {
      this.error = messageOf(error);
    }
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
    window.clearTimeout(this.timer);
  }

  private async look(run: Run): Promise<void> {
    // in this order, so that what is there at the end was seen
    const { status } = (await this.api.post(`${this.path}/jobs/status`, {})) as PreviewStatus;
    const address = `${this.path}/jobs/results?job_id=${run.site}`;
    const results = (await this.api.json(address)) as PreviewResults;
    if (this.isDisposed) return;
    // what an earlier run has made is there until this one begins
    if (results.submission_id === run.submissionId) this.results = results;
    if (status.state === 'TERMINATED') {
      this.end(await this.outcome(run, status.failed === true));
      return;
    }
    this.timer = window.setTimeout(() => {
      this.look(run).catch((error: unknown) => { this.end(messageOf(error)); });
    }, LOOK_MILLISECONDS);
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
    this.isRunning = false;
  }
}
