/** What the server offers for tools: which there are, their jobs, results and models. */

import type { Api } from '../api';
import { experimentPath } from '../api';
import type {
  Agreement,
  Feature,
  Plot,
  TableColumn,
  ToolDescription,
  ToolJob,
  ToolModel,
  ToolResult as StoredResult,
  ToolSubmission,
} from '../api_types';
import type { Schema } from './schemas';

export type Tool = Omit<ToolDescription, 'payload_schema'> & { readonly payload_schema: Schema };

/** A figure as Plotly takes it. */
export type Figure = Omit<Plot, 'attributes'> & {
  readonly attributes: { readonly data: readonly object[]; readonly layout: object };
};

export interface LabelClass {
  readonly name: string;
  readonly color: string | null;
}

/** A result with those of its attributes that are shown; which there are depends on the tool. */
export type ToolResult = Omit<StoredResult, 'attributes' | 'plots'> & {
  readonly attributes: StoredResult['attributes'] & {
    readonly unique_labels?: readonly number[];
    readonly label_map?: Readonly<Record<string, LabelClass>>;
    readonly n_objects?: number;
    readonly n_missing?: number;
  };
  readonly plots: readonly Figure[];
};

export class ToolRequests {
  private readonly path: string;

  constructor(
    private readonly api: Api,
    experimentId: string,
  ) {
    this.path = experimentPath(experimentId);
  }

  tools(): Promise<Tool[]> {
    return this.api.data('api/tools');
  }

  features(typeId: string): Promise<Feature[]> {
    return this.api.data(`${this.path}/mapobject_types/${encodeURIComponent(typeId)}/features`);
  }

  /** Columns of annotation tables about objects of a type, as `table.column`. */
  async remarks(typeId: string): Promise<string[]> {
    const path = `${this.path}/mapobject_types/${encodeURIComponent(typeId)}/table/columns`;
    const columns = await this.api.data<TableColumn[]>(path);
    return columns.filter(({ kind }) => kind === 'remark').map(({ name }) => name);
  }

  models(): Promise<ToolModel[]> {
    return this.api.data('api/tools/models');
  }

  /** Starts a tool; gives the number of the submission. */
  async start(tool: string, payload: unknown): Promise<number> {
    const body = { tool_name: tool, payload };
    const answer = await this.api.send('POST', `${this.path}/tools/request`, body);
    return (answer as { data: ToolSubmission }).data.submission_id;
  }

  /** The jobs that were started last, the latest first. */
  jobs(limit: number): Promise<ToolJob[]> {
    return this.api.data(`${this.path}/tools/jobs?limit=${limit}`);
  }

  async job(submissionId: number): Promise<ToolJob | undefined> {
    const path = `${this.path}/tools/jobs?submission_id=${submissionId}`;
    return (await this.api.data<ToolJob[]>(path))[0];
  }

  async kill(job: ToolJob): Promise<void> {
    await this.api.send('POST', `${this.path}/tools/jobs/${encodeURIComponent(job.id)}/kill`);
  }

  results(): Promise<ToolResult[]> {
    return this.api.data(`${this.path}/tools/results`);
  }

  async rename(result: ToolResult, name: string): Promise<void> {
    await this.api.send('PUT', this.pathOf(result), { name });
  }

  async delete(result: ToolResult): Promise<void> {
    await this.api.send('DELETE', this.pathOf(result));
  }

  compare(result: ToolResult, other: ToolResult): Promise<Agreement[]> {
    return this.api.data(`${this.pathOf(result)}/agreement?other_id=${encodeURIComponent(other.id)}`);
  }

  /** Addresses of what can be downloaded of a result, by what it is called. */
  downloads(result: ToolResult): readonly [string, string][] {
    const found: [string, string][] = [['Labels (CSV)', `${this.pathOf(result)}/labels?format=csv`]];
    if (result.has_wells) found.push(['Wells (CSV)', `${this.pathOf(result)}/wells?format=csv`]);
    return found;
  }

  private pathOf(result: ToolResult): string {
    return `${this.path}/tools/results/${encodeURIComponent(result.id)}`;
  }
}
