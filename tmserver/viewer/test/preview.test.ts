import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Api, ApiError } from '../src/api';
import { Preview } from '../src/pipeline/preview.svelte';

const PROJECT = { pipeline: {}, handles: {} };
const SITE = 3;

/** A server that runs one module, and answers each path as it is told or as when all is well. */
class Server extends Api {
  readonly asked: string[] = [];
  isDone = false;
  hasFailed = false;
  /** What is thrown instead of the next answers. */
  readonly failures: Error[] = [];
  /** Waited for before a run has a number. */
  begun: Promise<void> = Promise.resolve();
  private submissionId = 10;

  override async post(path: string): Promise<unknown> {
    const what = path.replace('tried/jobs/', '');
    this.asked.push(what);
    if (what === 'run') {
      await this.begun;
      this.isDone = this.hasFailed = false;
      return { submission_id: ++this.submissionId };
    }
    if (what === 'kill') this.isDone = this.hasFailed = true;
    if (what === 'status') this.answer();
    const state = this.isDone ? 'TERMINATED' : 'RUNNING';
    if (what === 'status') return { status: { state, failed: this.hasFailed } };
    return { output: [{ submission_id: this.submissionId, failed: this.hasFailed, error: null }] };
  }

  override json(): Promise<unknown> {
    const modules = [{ name: 'smooth', seconds: this.isDone ? 1 : null, outputs: [] }];
    return Promise.resolve({ submission_id: this.submissionId, modules, channels: [] });
  }

  private answer(): void {
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
  }
}

/** A test run on such a server. */
function previewOn(server: Server): Preview {
  return new Preview(server, 'tried');
}

describe('a test run', () => {
  beforeEach(() => { vi.useFakeTimers(); });
  afterEach(() => { vi.useRealTimers(); });

  it('goes on after looks that were not answered, and says so meanwhile', async () => {
    const server = new Server();
    const preview = previewOn(server);
    server.failures.push(new ApiError('The server does not answer.', 0), new ApiError('Bad gateway.', 502));
    const run = preview.start(PROJECT, SITE);
    await vi.advanceTimersByTimeAsync(0);
    expect(preview.isRunning).toBe(true);
    expect(preview.trouble).toContain('The server does not answer.');
    await vi.advanceTimersToNextTimerAsync();
    expect(preview.trouble).toContain('Bad gateway.');
    await vi.advanceTimersToNextTimerAsync();
    expect([preview.trouble, preview.error]).toEqual(['', '']);
    server.isDone = true;
    await vi.advanceTimersToNextTimerAsync();
    await run;
    expect([preview.isRunning, preview.error]).toEqual([false, '']);
    expect(preview.results?.modules).toHaveLength(1);
  });

  it('ends when the server refuses to tell of it', async () => {
    const server = new Server();
    const preview = previewOn(server);
    server.failures.push(new ApiError('The experiment is gone.', 404));
    await preview.start(PROJECT, SITE);
    expect([preview.isRunning, preview.error]).toEqual([false, 'The experiment is gone.']);
  });

  it('is cancelled also before the server has given it a number', async () => {
    const server = new Server();
    const preview = previewOn(server);
    let begin: () => void = () => undefined;
    server.begun = new Promise((resolve) => { begin = resolve; });
    const run = preview.start(PROJECT, SITE);
    await preview.cancel();
    expect(server.asked).toEqual(['run']);
    begin();
    await run;
    expect(server.asked.slice(0, 2)).toEqual(['run', 'kill']);
    expect([preview.isRunning, preview.error]).toEqual([false, 'The test run was cancelled.']);
  });

  it('keeps its results on show, as empty ones, while it is run again', async () => {
    const server = new Server();
    const preview = previewOn(server);
    expect(preview.results).toBeUndefined();
    const first = preview.start(PROJECT, SITE);
    await vi.advanceTimersByTimeAsync(0);
    server.isDone = true;
    await vi.advanceTimersToNextTimerAsync();
    await first;
    server.failures.push(new ApiError('The server does not answer.', 0));
    const second = preview.start(PROJECT, SITE);
    await vi.advanceTimersByTimeAsync(0);
    expect(preview.results).toEqual({ submission_id: 12 });
    preview.dispose();
    await vi.advanceTimersToNextTimerAsync();
    await second;
  });

  it('is no longer looked at when its page was left', async () => {
    const server = new Server();
    const preview = previewOn(server);
    const run = preview.start(PROJECT, SITE);
    await vi.advanceTimersByTimeAsync(0);
    preview.dispose();
    await vi.advanceTimersToNextTimerAsync();
    await run;
    expect(server.asked).toEqual(['run', 'status']);
  });
});
