/** The form of one tool for the objects of one type. */

import type { MapobjectType, ToolModel } from '../api_types';
import { element } from '../page/dom';
import type { WellPicking } from './controls_field';
import { ControlsField } from './controls_field';
import { featureField, featuresField } from './feature_picker';
import type { FetchFeature } from './gates';
import { GatesField } from './gates';
import type { FindWithin } from './selection_field';
import { SelectionField } from './selection_field';
import type { Field, Widget, Widgets } from './schema_form';
import { SchemaForm } from './schema_form';
import type { Tool } from './tool_requests';
import type { Picking } from './training_classes';
import { TrainingClassesField } from './training_classes';

export interface ToolFormContext {
  readonly type: MapobjectType;
  readonly features: readonly string[];
  readonly models: readonly ToolModel[];
  readonly picking: Picking;
  readonly wells: WellPicking;
  readonly fetchFeature: FetchFeature;
  readonly within: FindWithin;
}

const TYPE = 'chosen_object_type';
/** Examples are clicked on the map here. */
const TABLE = 'training_table';

function modelField(models: readonly ToolModel[], id: string): Field {
  const made = element(
    'select',
    { id },
    ...models.map((model) =>
      element('option', { value: model.id }, `${model.name} (${model.experiment_name})`),
    ),
  );
  return { element: made, value: () => (made.value === '' ? undefined : made.value) };
}

function widgetsOf(context: ToolFormContext): Widgets {
  const { type, features, models, picking, wells, fetchFeature, within } = context;
  return new Map([
    ['feature', (_, id) => featureField(features, id)],
    ['features', (_, id) => featuresField(features, id)],
    ['model', (_, id) => modelField(models, id)],
    ['gates', (_, id) => new GatesField(features, fetchFeature, id)],
    ['training-classes', (_, id) => new TrainingClassesField(type.name, picking, id)],
    ['selection', (_, id) => new SelectionField(type.name, picking, within, id)],
    [
      'controls',
      ({ title = '', description = '' }, id) => new ControlsField(wells, title, description, id),
    ],
  ] as [string, Widget][]);
}

/** Fields of the payload's schema; the value is the payload. */
export function toolForm(tool: Tool, context: ToolFormContext): Field {
  const schema = tool.payload_schema;
  const fields = new SchemaForm(schema, widgetsOf(context)).object(schema, [TYPE, TABLE]);
  return {
    element: fields.element,
    value: () => ({ [TYPE]: context.type.name, ...(fields.value() as object) }),
  };
}
