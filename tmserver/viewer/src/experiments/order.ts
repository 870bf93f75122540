/** Which experiments of a list are shown, and in which order. */

import type { Experiment, LatestWorkflow } from '../api_types';

/** An experiment with what became of its latest workflow, if it had one. */
export interface Listed extends Experiment {
  readonly state: LatestWorkflow['state'] | null;
}

export type Column = 'name' | 'owner' | 'state';

/** What a column says of an experiment whose images were never processed. */
export const NOT_RUN = 'not run';

export function listed(
  experiments: readonly Experiment[],
  workflows: readonly LatestWorkflow[],
): Listed[] {
  const states = new Map(workflows.map((each) => [each.experiment_id, each.state]));
  return experiments.map((each) => ({ ...each, state: states.get(each.id) ?? null }));
}

/** Those in whose name, description or owner all words occur. */
export function searched(experiments: readonly Listed[], text: string): Listed[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return experiments.filter(({ name, description, user }) => {
    const all = `${name} ${description} ${user}`.toLowerCase();
    return words.every((word) => all.includes(word));
  });
}

/** By a column, as people count: plate 2 comes before plate 10. */
export function sorted(experiments: readonly Listed[], column: Column, down: boolean): Listed[] {
  const shown = (each: Listed) =>
    ({ name: each.name, owner: each.user, state: each.state ?? NOT_RUN })[column];
  const compare = new Intl.Collator('en', { numeric: true }).compare;
  return [...experiments].sort((one, other) => {
    const order = compare(shown(one), shown(other));
    return (down ? -order : order) || compare(one.name, other.name);
  });
}
