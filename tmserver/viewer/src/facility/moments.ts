/** Moments as the facility sends them, in UTC without a zone, and as the user reads them. */

const LANGUAGE = 'en-GB';
const TIME = { hour: '2-digit', minute: '2-digit' } as const;
const DAY = { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' } as const;

export function moment(text: string): Date {
  return new Date(`${text}Z`);
}

export function formatTime(at: Date): string {
  return at.toLocaleTimeString(LANGUAGE, TIME);
}

/** A day such as "Sat, 14 Mar 2026". */
export function formatWeekday(at: Date): string {
  return at.toLocaleDateString(LANGUAGE, DAY);
}

/** From when to when, such as "Sat, 14 Mar 2026, 09:00 to 17:00". */
export function formatSpan(start: string | null, end: string | null): string {
  if (start === null) return 'without a date';
  const from = moment(start);
  const begins = `${formatWeekday(from)}, ${formatTime(from)}`;
  if (end === null) return `from ${begins}`;
  const to = moment(end);
  const isSameDay = formatWeekday(from) === formatWeekday(to);
  return `${begins} to ${isSameDay ? '' : `${formatWeekday(to)}, `}${formatTime(to)}`;
}
