/** What the server tells of the installation, of workflows and of their jobs. */

import type { Api } from '../api';
import { experimentPath } from '../api';

export const STANDINGS = ['new', 'waiting', 'running', 'done', 'failed', 'killed'] as const;
export type Standing = (typeof STANDINGS)[number];

/** What is unknown is null, or left out by events. */
type Unknown<T> = T | null | undefined;

export interface Queue {
  readonly messages?: Unknown<number>;
  readonly waiting: number;
  readonly running: number;
}

export interface Host {
  readonly state: 'working' | 'idle' | 'draining' | 'drained' | 'silent' | 'outdated';
  readonly processes: number;
  readonly busy: number;
  readonly running: number;
  readonly overdue: number;
}

/** Jobs by where they stand, and how fast they go. */
export interface Counts {
  readonly state: Standing;
  readonly waiting: number;
  readonly running: number;
  readonly done: number;
  /** Of those that are done: what they had made still stood. */
  readonly skipped: number;
  readonly failed: number;
  readonly percent_done: number;
  readonly per_minute?: Unknown<number>;
  readonly seconds_left?: Unknown<number>;
  readonly finished_at?: Unknown<string>;
}

export interface Workflow extends Counts {
  readonly experiment_id: string;
  readonly experiment: string;
  readonly submission_id: number;
  readonly steps: readonly string[];
  readonly submitted_at: string;
}

export interface Step extends Counts {
  readonly position: number;
  readonly stage: string;
  readonly jobs: number;
  readonly started_at?: Unknown<string>;
  /** Since when that job runs which began first. */
  readonly oldest_started_at?: Unknown<string>;
  readonly cpu_seconds?: Unknown<number>;
  readonly memory_mb?: Unknown<number>;
  readonly limits: {
    readonly seconds: number;
    readonly memory_mb: number;
    readonly cores: number;
  };
}

export interface Job {
  readonly id: string;
  readonly experiment_id: string;
  readonly experiment: string;
  readonly step: string;
  readonly name: string;
  readonly state: Standing;
  readonly attempt: number;
  readonly host?: Unknown<string>;
  readonly started_at?: Unknown<string>;
  readonly finished_at?: Unknown<string>;
  readonly seconds?: Unknown<number>;
  readonly memory_mb?: Unknown<number>;
  readonly skipped: boolean;
  readonly reason?: Unknown<string>;
  readonly error?: Unknown<string>;
}

export interface Installation {
  readonly queues: Readonly<Record<string, Queue>>;
  readonly hosts: Readonly<Record<string, Host>>;
  readonly workflows: Readonly<Record<string, Workflow>>;
  readonly failures: readonly Job[];
}

export interface WorkflowState {
  readonly workflow?: Unknown<Workflow>;
  readonly steps: Readonly<Record<string, Step>>;
  readonly failures: readonly Job[];
}

export interface JobPage {
  readonly jobs: readonly Job[];
  readonly has_more: boolean;
}

export interface JobFilter {
  readonly state?: string;
  readonly step?: string;
  readonly text?: string;
}

/** What a job has printed, from the cursor on if it `continues` what that had come to. */
export interface JobLog {
  readonly stdout: string;
  readonly stderr: string;
  readonly stdout_start: number;
  readonly stderr_start: number;
  readonly attempt: number;
  readonly live: boolean;
  readonly continues: boolean;
  readonly cursor: string;
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
    return ((await this.api.json(path)) as { data: { may_write: boolean } }).data.may_write;
  }

  /** A page of the jobs of the installation or of an experiment, that after the job `before`. */
  async jobs(path: string, filter: JobFilter, limit: number, before?: string): Promise<JobPage> {
    const query = new URLSearchParams({ limit: String(limit) });
    for (const [name, value] of Object.entries({ ...filter, before })) {
      if (value !== undefined && value !== '') query.set(name, value);
    }
    return ((await this.api.json(`${path}/jobs?${query}`)) as { data: JobPage }).data;
  }

  async log(job: Job, cursor?: string): Promise<JobLog> {
    const query = cursor === undefined ? '' : `?cursor=${encodeURIComponent(cursor)}`;
    const path = `${workflowPath(job.experiment_id)}/jobs/${encodeURIComponent(job.id)}/log`;
    return ((await this.api.json(`${path}${query}`)) as { data: JobLog }).data;
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
