/** What the page of an experiment shows. */

import type { Api } from '../api';
import type { Channel, Experiment, MapobjectType } from '../api_types';

/** Everything that the page of an experiment needs to know. */
export interface PlateData {
  readonly experiment: Experiment;
  readonly channels: readonly Channel[];
  readonly types: readonly MapobjectType[];
}

export async function loadPlate(api: Api, experimentId: string): Promise<PlateData> {
  const [experiment, channels, types] = await Promise.all([
    api.experiment(experimentId),
    api.channels(experimentId),
    api.mapobjectTypes(experimentId),
  ]);
  return { experiment, channels, types };
}
