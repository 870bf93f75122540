/** A state of the server that is kept up to date by its events. */

import type { Api } from '../api';
import { isRefusal, messageOf } from '../api';
import { applyPatch } from './merge_patch';

const PAUSE_MILLISECONDS = 10_000;

export interface LiveListener<T> {
  onState(state: T): void;
  /** Called with an empty text when all is well, else with what is wrong. */
  onTrouble(message: string): void;
  /** Called when the state cannot be had at all. */
  onFailure(error: unknown): void;
}

/**
 * Listens while the page is seen: a hidden one would hold one of the few connections that a browser
 * has for a server. When no stream can be had, the state is asked for now and then.
 */
export class LiveState<T> {
  private source: EventSource | undefined;
  private state: unknown;
  private timer: number | undefined;
  /** Tells a late answer of the time before the present connection from one that counts. */
  private visit = 0;

  constructor(
    private readonly api: Api,
    private readonly path: string,
    private readonly listener: LiveListener<T>,
  ) {
    document.addEventListener('visibilitychange', this.onVisibility);
    this.onVisibility();
  }

  dispose(): void {
    document.removeEventListener('visibilitychange', this.onVisibility);
    this.disconnect();
  }

  private readonly onVisibility = (): void => {
    if (document.hidden) this.disconnect();
    else this.connect();
  };

  private connect(): void {
    this.disconnect();
    const source = new EventSource(`${this.path}/events`);
    this.source = source;
    source.addEventListener('open', () => {
      this.listener.onTrouble('');
    });
    source.addEventListener('state', (event: MessageEvent<string>) => {
      this.show(JSON.parse(event.data));
    });
    source.addEventListener('change', (event: MessageEvent<string>) => {
      this.show(applyPatch(this.state, JSON.parse(event.data)));
    });
    source.addEventListener('end', () => {
      // Why it ended is what the next request is answered.
      this.disconnect();
      void this.ask();
    });
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) void this.ask();
      else this.listener.onTrouble('The connection is lost. Trying again …');
    });
  }

  private disconnect(): void {
    this.visit += 1;
    this.source?.close();
    this.source = undefined;
    window.clearTimeout(this.timer);
  }

  private async ask(): Promise<void> {
    const visit = this.visit;
    try {
      const answer = (await this.api.json(this.path)) as { data: unknown };
      if (visit !== this.visit) return;
      this.show(answer.data);
      this.listener.onTrouble('Not live: asking every 10 seconds.');
    } catch (error) {
      if (visit !== this.visit) return;
      if (isRefusal(error)) {
        this.listener.onFailure(error);
        return;
      }
      this.listener.onTrouble(messageOf(error));
    }
    this.timer = window.setTimeout(this.onVisibility, PAUSE_MILLISECONDS);
  }

  private show(state: unknown): void {
    this.state = state;
    this.listener.onState(state as T);
  }
}
