/** Keeps the address of the page, and what is remembered of an experiment, as the plate is shown. */

import type { ViewState } from './view_state';
import { readView, writeChannels, writeView } from './view_state';

/** Browsers allow a page only so many changes of its address. */
const MILLISECONDS = 400;

/** Parts of the address that are no part of the view. */
const KEPT = ['experiment', 'renderer'];

function storageKey(experimentId: string): string {
  return `tmserver.channels.${experimentId}`;
}

/** How the plate is to be shown: as the address says, or else as its channels were the last time. */
export function initialView(experimentId: string): ViewState {
  const state = readView(new URLSearchParams(location.search));
  if (state.channels.size > 0) return state;
  const { channels, follows } = readView(new URLSearchParams(remembered(experimentId)));
  return { ...state, channels, follows };
}

function remembered(experimentId: string): string {
  try {
    return localStorage.getItem(storageKey(experimentId)) ?? '';
  } catch {
    // A browser that lets pages keep nothing.
    return '';
  }
}

export class ViewAddress {
  private timer: number | undefined;

  constructor(
    private readonly experimentId: string,
    private readonly state: () => ViewState,
  ) {}

  /** Says that something is shown in another way. */
  changed(): void {
    this.timer ??= window.setTimeout(() => {
      this.timer = undefined;
      this.write();
    }, MILLISECONDS);
  }

  dispose(): void {
    window.clearTimeout(this.timer);
  }

  private write(): void {
    const state = this.state();
    const before = new URLSearchParams(location.search);
    const query = new URLSearchParams(
      KEPT.flatMap((name) => before.getAll(name).map((value) => [name, value])),
    );
    for (const [name, value] of writeView(state)) query.set(name, value);
    // Commas need no escaping, and people read addresses.
    history.replaceState(history.state, '', `?${query.toString().replaceAll('%2C', ',')}`);
    try {
      localStorage.setItem(storageKey(this.experimentId), writeChannels(state).toString());
    } catch {
      // A browser that keeps nothing, or has no room: the address still says all.
    }
  }
}
