/** A booking as fields of a form have it, and what of it is to change. */

import type { Booking, Session } from './facility';
import { moment } from './moments';
import { fieldText } from './week';

/** Moments are in the time zone of the user and have minutes, as fields have; empty for none. */
export interface BookingFields {
  readonly instrument: string;
  readonly start: string;
  readonly end: string;
  readonly comments: string;
}

export function fieldsOf(session: Session): BookingFields {
  return {
    instrument: session.beamLineName,
    start: dateField(session.startDate),
    end: dateField(session.endDate),
    comments: session.comments ?? '',
  };
}

/** The whole booking that a form describes. */
export function bookingOf({ instrument, start, end, comments }: BookingFields): Booking {
  return { beamLineName: instrument, startDate: dateOf(start), endDate: dateOf(end), comments };
}

/** What of a session is others than the form had it first: a field knows no seconds, for one. */
export function changesOf(session: Session, fields: BookingFields): Partial<Booking> {
  const before = fieldsOf(session);
  const { instrument, start, end, comments } = fields;
  return {
    ...(instrument === before.instrument ? {} : { beamLineName: instrument }),
    ...(start === before.start ? {} : { startDate: dateOf(start) }),
    ...(end === before.end ? {} : { endDate: dateOf(end) }),
    ...(comments === before.comments ? {} : { comments }),
  };
}

function dateField(at: string | null): string {
  return at === null ? '' : fieldText(moment(at));
}

function dateOf(field: string): string {
  return new Date(field).toISOString();
}
