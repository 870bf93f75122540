/** The sites on which a pipeline can be tried out, by their numbers, and in their wells. */

import type { JobSite } from '../api_types';

export interface NumberedSite {
  readonly number: number;
  readonly label: string;
}

export interface WellOfSites {
  readonly name: string;
  readonly sites: readonly NumberedSite[];
}

/** Wells in the order of their plates and names; plates are named where there are several. */
export function wellsOf(sites: Readonly<Record<string, JobSite>>): WellOfSites[] {
  const entries = Object.entries(sites);
  const plates = new Set(entries.map(([, { plate }]) => plate));
  const wells = new Map<string, NumberedSite[]>();
  for (const [number, { plate, well, y, x }] of entries) {
    const name = plates.size > 1 ? `${plate}, ${well}` : well;
    const label = `row ${y + 1}, column ${x + 1}`;
    wells.set(name, [...(wells.get(name) ?? []), { number: Number(number), label }]);
  }
  return [...wells]
    .map(([name, found]) => ({ name, sites: found }))
    .sort((one, other) => one.name.localeCompare(other.name, 'en', { numeric: true }));
}
