/** Addresses of the facility's pages. */

export const PROPOSALS_ADDRESS = '?proposals';

export function proposalAddress(name: string): string {
  return `?proposal=${encodeURIComponent(name)}`;
}

export function sessionAddress(id: number): string {
  return `?session=${id}`;
}

export const CALENDAR_ADDRESS = '?calendar';

/** The calendar of the week in which a day is, such as "2026-03-09". */
export function calendarAddress(day: string): string {
  return `${CALENDAR_ADDRESS}=${day}`;
}
