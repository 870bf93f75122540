/** Weeks of the calendar, in the time zone of the user. */

import { addDays } from './days';
import type { Session } from './facility';
import { formatTime, moment } from './moments';

const DAYS = 7;
const MONDAY = 1;
const HOURS = 24;
const LANGUAGE = 'en-GB';

/** The first moment of the Monday of the week of an address, or of today for none. */
export function mondayOf(text: string): Date {
  const given = new Date(`${text}T00:00`);
  const day = Number.isNaN(given.getTime()) ? new Date() : given;
  return addDays(day, -((day.getDay() - MONDAY + DAYS) % DAYS));
}

export function daysOf(monday: Date): Date[] {
  return Array.from({ length: DAYS }, (_, index) => addDays(monday, index));
}

/** A day such as "2026-03-09". */
export function dayText(day: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}

/** A moment as fields for date and time have it. */
export function fieldText(at: Date): string {
  return `${dayText(at)}T${formatTime(at)}`;
}

/** A day as the head of a column, such as "Mon 9 Mar". */
export function formatColumn(day: Date): string {
  const parts = { weekday: 'short', day: 'numeric', month: 'short' } as const;
  return day.toLocaleDateString(LANGUAGE, parts);
}

/** What a booking takes of a day. */
export interface Block {
  readonly session: Session;
  /** Hours of the day, from 0 to 24. */
  readonly from: number;
  readonly until: number;
  readonly times: string;
}

/** The bookings of a day, the earliest first. */
export function blocksOf(sessions: readonly Session[], day: Date): Block[] {
  const begin = day.getTime();
  const end = addDays(day, 1).getTime();
  const hour = (end - begin) / HOURS;
  return sessions
    .filter(({ startDate }) => startDate !== null)
    .map((session) => {
      const starts = moment(session.startDate ?? '');
      const ends = session.endDate === null ? starts : moment(session.endDate);
      return { session, starts, ends };
    })
    .filter(({ starts, ends }) => {
      const isMoment = starts.getTime() === ends.getTime();
      return starts.getTime() < end && (isMoment ? ends.getTime() >= begin : ends.getTime() > begin);
    })
    .sort((one, other) => one.starts.getTime() - other.starts.getTime())
    .map(({ session, starts, ends }) => {
      const goesOn = ends.getTime() > end;
      const from = Math.max(0, (starts.getTime() - begin) / hour);
      const until = Math.min(HOURS, (ends.getTime() - begin) / hour);
      const first = starts.getTime() < begin ? '…' : formatTime(starts);
      const times = `${first} to ${goesOn ? '…' : formatTime(ends)}`;
      return { session, from, until, times };
    });
}
