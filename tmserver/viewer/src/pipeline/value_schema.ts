/** The values of a module as JSON schema, from which forms are made. */

import type { EditedStep } from './project';
import { isPipe } from './project';

const TYPES: Readonly<Record<string, string>> = {
  Boolean: 'boolean',
  Numeric: 'number',
  Sequence: 'array',
  Set: 'array',
};

interface ValueSchema {
  readonly type: string;
  readonly description: string;
  readonly enum?: readonly string[];
}

/** Figures are for those who try a pipeline out, and are not asked for here. */
export function valueSchema(step: EditedStep): { properties: Record<string, ValueSchema> } {
  const values = (step.handles.input ?? []).filter((each) => !isPipe(each) && each.type !== 'Plot');
  return {
    properties: Object.fromEntries(
      values.map(({ name, type, help, options }) => [
        name,
        {
          type: TYPES[type] ?? 'string',
          description: help ?? '',
          ...(options !== undefined && options.length > 0 && { enum: options }),
        },
      ]),
    ),
  };
}
