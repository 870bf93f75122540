/** Addresses of the pages of an experiment, which can be kept and shared. */

export const NEW_EXPERIMENT = '?new';

export function experimentAddress(id: string): string {
  return `?experiment=${encodeURIComponent(id)}`;
}

export function settingsAddress(id: string): string {
  return `?settings=${encodeURIComponent(id)}`;
}
