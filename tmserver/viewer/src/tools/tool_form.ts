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
  /** Columns of annotation tables about objects of the type, as `table.column`. */
  readonly remarks: readonly string[];
  readonly picking: Picking;
  readonly wells: WellPicking;
  readonly fetchFeature: FetchFeature;
  readonly within: FindWithin;
}

const TYPE = 'chosen_object_type';
const [CLASSES, TABLE] = ['training_classes', 'training_table'];

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

/** Where the examples are from: clicks on the map, or what people have remarked on objects. */
function remarkField(remarks: readonly string[], id: string): Field {
  const made = element(
    'select',
    { id },
    element('option', { value: '' }, 'None: click examples on the map'),
    ...remarks.map((each) => element('option', { value: each }, each)),
  );
  const chosen = () => {
    const dot = made.value.lastIndexOf('.');
    return { table: made.value.slice(0, dot), column: made.value.slice(dot + 1) };
  };
  return { element: made, value: () => (made.value === '' ? undefined : chosen()) };
}

function widgetsOf(context: ToolFormContext): Widgets {
  const { type, features, models, remarks, picking, wells, fetchFeature, within } = context;
  return new Map([
    ['feature', (_, id) => featureField(features, id)],
    ['features', (_, id) => featuresField(features, id)],
    ['model', (_, id) => modelField(models, id)],
    ['training-table', (_, id) => remarkField(remarks, id)],
    ['gates', (_, id) => new GatesField(features, fetchFeature, id)],
    ['training-classes', (_, id) => new TrainingClassesField(type.name, picking, id)],
    ['selection', (_, id) => new SelectionField(type.name, picking, within, id)],
    [
      'controls',
      ({ title = '', description = '' }, id) => new ControlsField(wells, title, description, id),
    ],
  ] as [string, Widget][]);
}

/** Classes are not asked for while a table has the examples. */
function hideClasses(form: HTMLElement): void {
  const find = (name: string) => form.querySelector<HTMLElement>(`[data-testid=tool-${name}]`);
  const [classes, table] = [find(CLASSES)?.closest<HTMLElement>('.tool-field'), find(TABLE)];
  if (classes == null || !(table instanceof HTMLSelectElement)) return;
  table.addEventListener('change', () => {
    classes.hidden = table.value !== '';
  });
}

/** Fields of the payload's schema; the value is the payload. */
export function toolForm(tool: Tool, context: ToolFormContext): Field {
  const schema = tool.payload_schema;
  const left = context.remarks.length > 0 ? [TYPE] : [TYPE, TABLE];
  const fields = new SchemaForm(schema, widgetsOf(context)).object(schema, left);
  hideClasses(fields.element);
  return {
    element: fields.element,
    value: () => {
      const { [CLASSES]: classes, ...given } = fields.value() as Record<string, unknown>;
      const needsClasses = classes !== undefined && given[TABLE] === undefined;
      return { [TYPE]: context.type.name, ...given, ...(needsClasses && { [CLASSES]: classes }) };
    },
  };
}
