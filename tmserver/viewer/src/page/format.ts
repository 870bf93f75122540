/** Numbers and lists in words. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];
const LISTED = 5;

/** A size such as "3.2 GB". */
export function formatBytes(bytes: number): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
  const value = bytes / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[power]}`;
}

/** The first few names of a list, and how many more there are. */
export function listed(names: readonly string[]): string {
  const more = names.length - LISTED;
  const shown = names.slice(0, LISTED).join(', ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}

/** A time span in the two units that matter, such as "1 h 05 min". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const padded = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  if (hours >= 24) return `${Math.floor(hours / 24)} d ${padded(hours % 24)} h`;
  if (hours > 0) return `${hours} h ${padded(minutes)} min`;
  return whole >= 60 ? `${minutes} min ${padded(whole % 60)} s` : `${whole} s`;
}

/** A number with its thousands apart, such as "96,400". */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** A number with the word that it counts, in the plural but for one. */
export function counted(count: number, word: string): string {
  return `${formatCount(count)} ${word}${count === 1 ? '' : 's'}`;
}

/** A measured number with as many digits as can be read, such as "0.00213", "1,530" or "4.2e+9". */
export function formatValue(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(2);
  const digits = size >= 1000 ? 0 : 4;
  return value.toLocaleString('en', digits === 0 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: digits });
}

/** Megabytes as "812 MB" or "7.8 GB". */
export function formatMegabytes(megabytes: number): string {
  return formatBytes(megabytes * 1e6);
}

/** The day of a moment, such as "31 Jan 2026". */
export function formatDay(moment: string): string {
  const parts = { day: 'numeric', month: 'short', year: 'numeric' } as const;
  return new Date(moment).toLocaleDateString('en-GB', parts);
}
