/** What the stages of a workflow are for, in the words of those who use it. */

import type { Schema } from '../tools/schemas';

export interface Words {
  readonly title: string;
  readonly purpose: string;
}

const STAGES: Readonly<Record<string, Words>> = {
  image_conversion: {
    title: 'Read the images',
    purpose:
      'Finds out to which well, site, channel, time point and focal plane every image belongs, and stores its pixels.',
  },
  image_preprocessing: {
    title: 'Measure light and shifts',
    purpose:
      'Measures how uneven the light of each channel is and, where there are cycles of staining, how they lie to each other.',
  },
  pyramid_creation: {
    title: 'Make the map',
    purpose: 'Joins the images of all sites of a plate into one map, on which you zoom and pan.',
  },
  image_analysis: {
    title: 'Find and measure objects',
    purpose: 'Runs your pipeline on every site, and stores the objects that it finds with what it measures.',
  },
};

/** What arguments are called whose names say little. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  clip_percent: 'Clip at percentile',
  clip_value: 'Clip at intensity',
  illumcorr: 'Correct uneven light',
  illumcorr_exceptions: 'Channels not to correct',
  mip: 'Maximum of focal planes',
  n_horizontal: 'Columns of sites',
  n_vertical: 'Rows of sites',
  per_plate: 'Each plate for itself',
  ref_cycle: 'Reference cycle',
  ref_wavelength: 'Reference wavelength',
  regex: 'Pattern of file names',
};

/** The schema of arguments with what these are called. */
export function titled(schema: Schema): Schema {
  const properties = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const title = ARGUMENTS[name];
    return [name, title === undefined ? property : { ...property, title }] as const;
  });
  return { ...schema, properties: Object.fromEntries(properties) };
}

/** Those of a stage; one that is not known speaks for itself. */
export function wordsOf(stage: string): Words {
  return STAGES[stage] ?? { title: stage.replaceAll('_', ' '), purpose: '' };
}
