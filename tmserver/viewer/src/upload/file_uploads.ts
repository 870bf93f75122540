/** Sends files to an acquisition, several at a time, each going on where it broke off. */

import { DetailedError, Upload } from 'tus-js-client';

import { proofOfPage } from '../api';
import type { NamedFile } from './named_files';

const PARALLEL = 4;
/** Smaller files are sent with the request that announces them; there is little to resume. */
const LARGE_BYTES = 8 * 2 ** 20;
/** How long to wait before each new try, in milliseconds; about ten minutes in all. */
const RETRY_DELAYS = [500, 2000, 5000, 10000, 30000, 60000, 120000, 180000, 180000];

export interface Failure {
  readonly name: string;
  readonly message: string;
}

export class FileUploads {
  readonly totalBytes: number;
  readonly failures: Failure[] = [];
  sentFiles = 0;
  private readonly waiting: NamedFile[];
  private readonly running = new Map<Upload, { bytes: number; readonly end: () => void }>();
  private endedBytes = 0;
  private stopped = false;

  /**
   * @param endpoint address at which uploads begin
   * @param onChange called when there is something new to show
   */
  constructor(
    private readonly endpoint: string,
    readonly files: readonly NamedFile[],
    private readonly onChange: () => void,
  ) {
    this.waiting = [...files];
    this.totalBytes = files.reduce((sum, { file }) => sum + file.size, 0);
  }

  get sentBytes(): number {
    return [...this.running.values()].reduce((sum, { bytes }) => sum + bytes, this.endedBytes);
  }

  /** Sends all files; ends when each has arrived or failed, or after `stop`. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: PARALLEL }, () => this.work()));
  }

  /** Breaks off; what has arrived stays on the server. */
  stop(): void {
    this.stopped = true;
    this.waiting.length = 0;
    for (const [upload, { end }] of this.running) void upload.abort().then(end);
  }

  private async work(): Promise<void> {
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      await this.send(next);
      this.onChange();
    }
  }

  private async send({ name, file }: NamedFile): Promise<void> {
    const isLarge = file.size > LARGE_BYTES;
    await new Promise<void>((resolve) => {
      const upload = new Upload(file, {
        endpoint: this.endpoint,
        metadata: { filename: name },
        // of files with the same name in different folders, each has its own
        fingerprint: () =>
          Promise.resolve([this.endpoint, name, file.size, file.lastModified].join(' ')),
        headers: proofOfPage(),
        retryDelays: RETRY_DELAYS,
        uploadDataDuringCreation: !isLarge,
        storeFingerprintForResuming: isLarge,
        removeFingerprintOnSuccess: true,
        onProgress: (sent) => {
          const state = this.running.get(upload);
          if (state !== undefined) state.bytes = sent;
          this.onChange();
        },
        onSuccess: () => {
          this.sentFiles += 1;
          this.endedBytes += file.size;
          end();
        },
        onError: (error) => {
          this.failures.push({ name, message: reasonOf(error) });
          end();
        },
      });
      const end = () => {
        this.running.delete(upload);
        resolve();
      };
      this.running.set(upload, { bytes: 0, end });
      void this.start(upload, isLarge, end);
    });
  }

  private async start(upload: Upload, isLarge: boolean, end: () => void): Promise<void> {
    const [earlier] = isLarge ? await upload.findPreviousUploads() : [];
    if (this.stopped) {
      end();
      return;
    }
    if (earlier !== undefined) upload.resumeFromPreviousUpload(earlier);
    upload.start();
  }
}

/** The server's own sentence, if it has answered. */
function reasonOf(error: Error): string {
  const body = error instanceof DetailedError ? error.originalResponse?.getBody() : undefined;
  try {
    const parsed = JSON.parse(body ?? '') as { error?: { message?: unknown } };
    if (typeof parsed.error?.message === 'string') return parsed.error.message;
  } catch {
    // No answer, or not one of the server's own.
  }
  return 'The server does not answer.';
}
