/** Proposals, sessions and what happened in them, as the facility's interface tells of them. */

import type { Api } from '../api';
import { addDays } from './days';

const PREFIX = 'ispyb/api/v1';

/** Rows of a list that grows when more are asked for. */
export const SOME = 25;
/** Rows of a list that is shown as a whole. */
export const MANY = 1000;

/** A part of a list, and how long the whole list is. */
export interface Page<T> {
  readonly total: number;
  readonly results: readonly T[];
}

export interface Proposal {
  readonly proposal: string;
  readonly title: string | null;
  readonly state: string | null;
  readonly _metadata: {
    readonly persons: number;
    readonly sessions: number;
    readonly beamLines: readonly string[];
  };
}

export interface ProposalExperiment {
  readonly experimentId: number;
  readonly name: string;
  readonly description: string;
}

export interface Person {
  readonly personId: number;
  readonly givenName: string | null;
  readonly familyName: string | null;
  readonly _metadata: { readonly role: string | null; readonly remote: boolean | null };
}

export interface Session {
  readonly sessionId: number;
  readonly session: string;
  readonly proposal: string;
  /** Moments are in UTC, without a zone. */
  readonly startDate: string | null;
  readonly endDate: string | null;
  readonly beamLineName: string;
  readonly beamLineOperator: string | null;
  readonly comments: string | null;
  readonly _metadata: { readonly datacollections: number; readonly active: boolean; readonly active_soon: boolean };
}

export interface CurrentUser {
  /** Instruments that the user looks after. */
  readonly beamLines: readonly string[];
}

/** Acquisitions of a plate, or something that was run with them. */
export interface FacilityEvent {
  readonly id: number;
  readonly type: string;
  readonly startTime: string | null;
  readonly endTime: string | null;
  readonly count: number;
  readonly Item: Acquired | Processed;
}

export interface Acquired {
  readonly dataCollectionId: number;
  readonly runStatus: string | null;
  readonly imageDirectory: string | null;
  readonly fileTemplate: string | null;
  readonly numberOfImages: number | null;
  readonly DataCollectionGroup: { readonly Workflow: { readonly status: string } | null };
  readonly _metadata: { readonly snapshots: Readonly<Record<string, boolean>> };
}

export interface Processed {
  readonly actionType: string;
  readonly status: string | null;
  readonly message: string | null;
}

/** Hours of a session, or their mean: how its time was used. */
export interface Hours {
  readonly duration: number;
  /** Before the first acquisition. */
  readonly startup: number;
  readonly datacollection: number;
  /** All that is neither of these. */
  readonly thinking: number;
  /** After the last acquisition, which is a part of that. */
  readonly remaining: number;
}

export interface Times {
  readonly average: Hours;
  readonly sessions: readonly (Hours & { readonly sessionId: number })[];
}

/** What failed of one type of workflow, and why. */
export interface Failures {
  readonly experimentType: string;
  readonly total: number;
  readonly failed: number;
  readonly messages: readonly { readonly count: number; readonly message: string }[];
}

/** How many acquisitions begin at each hour of the day, in UTC, on days when some do. */
export interface Hourly {
  readonly hour: readonly number[];
  readonly average: readonly number[];
}

export type Wanted = Readonly<Record<string, string | number>>;

/** A part of one of the facility's lists. */
export function list<T>(api: Api, path: string, wanted: Wanted = {}): Promise<Page<T>> {
  return one<Page<T>>(api, path, wanted);
}

export function one<T>(api: Api, path: string, wanted: Wanted = {}): Promise<T> {
  const query = new URLSearchParams(
    Object.entries(wanted).map(([name, value]) => [name, String(value)]),
  ).toString();
  return api.json(`${PREFIX}/${path}${query === '' ? '' : `?${query}`}`) as Promise<T>;
}

export async function failuresOf(api: Api, sessionId: number): Promise<readonly Failures[]> {
  return (await one<{ readonly totals: readonly Failures[] }>(api, 'stats/errors', { sessionId }))
    .totals;
}

export async function hourlyOf(api: Api, proposal: string): Promise<Hourly> {
  const wanted = { proposal };
  return (await one<{ readonly datacollections: Hourly }>(api, 'stats/hourlies', wanted))
    .datacollections;
}

/** What is booked in the week that begins on a Monday. */
export async function sessionsOfWeek(api: Api, monday: Date): Promise<readonly Session[]> {
  const week = { since: monday.toISOString(), until: addDays(monday, 7).toISOString() };
  return (await list<Session>(api, 'sessions', { ...week, limit: MANY })).results;
}

export interface Booking {
  readonly beamLineName: string;
  readonly startDate: string;
  readonly endDate: string;
  readonly comments: string;
}

export function book(api: Api, booking: Booking & { readonly proposal: string }): Promise<unknown> {
  return api.send('POST', `${PREFIX}/sessions`, booking);
}

/** What is left out of a booking stays as it is. */
export function changeBooking(api: Api, id: number, booking: Partial<Booking>): Promise<unknown> {
  return api.send('PATCH', `${PREFIX}/sessions/${id}`, booking);
}

export function cancelBooking(api: Api, id: number): Promise<unknown> {
  return api.send('DELETE', `${PREFIX}/sessions/${id}`);
}

/** Whether there is a proposal that the user sees. */
export async function seesProposals(api: Api): Promise<boolean> {
  return (await list<Proposal>(api, 'proposals', { limit: 1 })).total > 0;
}

export function proposalPath(name: string): string {
  return `proposals/${encodeURIComponent(name)}`;
}

/** Where a small picture of a data collection is. */
export function thumbnail(collectionId: number, number: number): string {
  return `${PREFIX}/datacollections/images/${collectionId}?imageId=${number}&snapshot=true`;
}

/** The id that the other pages have for an experiment of this number. */
export function experimentId(number: number): string {
  return btoa(String(number));
}
