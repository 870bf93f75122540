/** What the server tells of the installation, of workflows and of their jobs. */

import type { Api } from '../api';
import { experimentPath } from '../api';
import type {
  ExperimentState,
  HostEntry,
  Installation as InstallationState,
  JobEntry,
  JobLog,
  JobPage,
  QueueEntry,
  JobStatus,
  StepEntry,
  WorkflowEntry,
} from '../api_types';

export const STATUSES = [
  'new',
  'waiting',
  'running',
  'done',
  'failed',
  'killed',
] as const satisfies readonly JobStatus[];

/** The same as events tell it: what is not known is left out. */
type Told<T> = T extends readonly (infer Item)[]
  ? readonly Told<Item>[]
  : T extends object
    ? { readonly [Key in keyof T as null extends T[Key] ? never : Key]: Told<T[Key]> } & {
        readonly [Key in keyof T as null extends T[Key] ? Key : never]?: Told<T[Key]> | undefined;
      }
    : T;

export type Queue = Told<QueueEntry>;
export type Host = HostEntry;
export type Workflow = Told<WorkflowEntry>;
export type Step = Told<StepEntry>;
export type Job = Told<JobEntry>;
export type Installation = Told<InstallationState>;
export type WorkflowState = Told<ExperimentState>;
/** Jobs by where they are, and how fast they go. */
export type Counts = Pick<Workflow, keyof Workflow & keyof Step>;

export interface JobFilter {
  readonly state?: string;
  readonly step?: string;
  readonly text?: string;
}

export const INSTALLATION = 'api/operations';

/** Path of what is told of an experiment's workflow. */
export function workflowPath(experimentId: string): string {
  return `${experimentPath(experimentId)}/workflow`;
}

export function operationsPath(experimentId: string): string {
  return `${workflowPath(experimentId)}/operations`;
}

export class OperationsApi {
  constructor(private readonly api: Api) {}

  /** Whether the user may do something about the workflow. */
  async mayWrite(experimentId: string): Promise<boolean> {
    const path = operationsPath(experimentId);
    return (await this.api.data<ExperimentState>(path)).may_write === true;
  }

  /** A page of the jobs of the installation or of an experiment, that after the job `before`. */
  async jobs(path: string, filter: JobFilter, limit: number, before?: string): Promise<JobPage> {
    const query = new URLSearchParams({ limit: String(limit) });
    for (const [name, value] of Object.entries({ ...filter, before })) {
      if (value !== undefined && value !== '') query.set(name, value);
    }
    return this.api.data(`${path}/jobs?${query}`);
  }

  async log(job: Job, cursor?: string): Promise<JobLog> {
    const query = cursor === undefined ? '' : `?cursor=${encodeURIComponent(cursor)}`;
    const path = `${workflowPath(job.experiment_id)}/jobs/${encodeURIComponent(job.id)}/log`;
    return this.api.data(`${path}${query}`);
  }

  async kill(experimentId: string): Promise<void> {
    await this.api.post(`${workflowPath(experimentId)}/kill`, {});
  }

  async retry(experimentId: string): Promise<void> {
    await this.api.post(`${workflowPath(experimentId)}/retry`, {});
  }

  /** Lets a host take no more jobs, or take them again. */
  async drain(host: string, isDraining: boolean): Promise<void> {
    const action = isDraining ? 'drain' : 'undrain';
    await this.api.post(`${INSTALLATION}/hosts/${encodeURIComponent(host)}/${action}`, {});
  }

  /** Runs the workflow again from a stage on. */
  async resubmit(experimentId: string, stage: string): Promise<void> {
    await this.api.post(`${workflowPath(experimentId)}/resubmit`, { stage_name: stage });
  }
}
