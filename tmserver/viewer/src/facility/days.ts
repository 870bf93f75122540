/** Days in the time zone of the user. */

/** Midnight some days later, however long these days are. */
export function addDays(day: Date, days: number): Date {
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + days);
}
