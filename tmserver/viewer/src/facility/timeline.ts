/** What the timeline of a session says of each event. */

import { counted } from '../page/format';
import type { Acquired, FacilityEvent } from './facility';

/** States as the colours of pages know them. */
export type EventState = 'running' | 'done' | 'failed' | 'killed';

export interface Entry {
  readonly key: string;
  readonly start: string | null;
  readonly end: string | null;
  readonly title: string;
  readonly details: string;
  readonly state: EventState;
  /** What the state is called. */
  readonly word: string;
  /** The data collection that has pictures, and their numbers. */
  readonly collectionId: number;
  readonly pictures: readonly number[];
}

const OF_COLLECTIONS: Readonly<Record<string, EventState>> = {
  'Data collection successful': 'done',
  'Data collection failed': 'failed',
};
const OF_JOBS: Readonly<Record<string, EventState>> = {
  SUCCESS: 'done',
  FAILED: 'failed',
  ABORTED: 'killed',
  RUNNING: 'running',
};

export function entryOf(event: FacilityEvent): Entry {
  const { startTime: start, endTime: end, Item: item } = event;
  const common = { key: `${event.type}-${event.id}`, start, end };
  if (isAcquired(item)) return { ...common, ...ofAcquisition(item, event.count) };
  const state = OF_JOBS[item.status ?? ''] ?? 'running';
  return {
    ...common,
    title: `${capital(item.actionType)} of ${item.message ?? 'an experiment'}`,
    details: '',
    state,
    word: state,
    collectionId: 0,
    pictures: [],
  };
}

function ofAcquisition(item: Acquired, count: number): Omit<Entry, 'key' | 'start' | 'end'> {
  const state = OF_COLLECTIONS[item.runStatus ?? ''] ?? 'running';
  const run = item.DataCollectionGroup.Workflow;
  const others = count > 1 ? [`the last of ${counted(count, 'acquisition')} of this plate`] : [];
  const processed = run === null ? [] : [`latest workflow: ${OF_JOBS[run.status] ?? 'running'}`];
  const images = counted(item.numberOfImages ?? 0, 'image');
  return {
    title: `Acquisition “${item.fileTemplate ?? ''}” of ${item.imageDirectory ?? ''}`,
    details: [images, ...others, ...processed].join(', '),
    state,
    word: { done: 'uploaded', failed: 'failed', running: 'uploading', killed: 'stopped' }[state],
    collectionId: item.dataCollectionId,
    pictures: Object.entries(item._metadata.snapshots)
      .filter(([name, isThere]) => isThere && /^\d$/.test(name))
      .map(([name]) => Number(name)),
  };
}

function isAcquired(item: FacilityEvent['Item']): item is Acquired {
  return 'dataCollectionId' in item;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
