/** A form that is drawn from a JSON schema: a field for each property, whatever the tool. */

import { element } from '../page/dom';
import type { Schema } from './schemas';
import { labelOf, resolved } from './schemas';

/** A part of a form, and what was entered there; undefined is left out of the payload. */
export interface Field {
  readonly element: HTMLElement;
  value(): unknown;
}

/** Makes the field of a format that a plain input would not do for. */
export type Widget = (schema: Schema, id: string) => Field;

export type Widgets = ReadonlyMap<string, Widget>;

let fields = 0;

/** Shows label, field and hint; the label belongs to the input with the id. */
function labelled(label: string, id: string, field: HTMLElement, hint: string): HTMLElement {
  return element(
    'div',
    { class: 'tool-field' },
    element('label', { for: id }, label),
    field,
    element('p', { class: 'hint' }, hint),
  );
}

export class SchemaForm {
  constructor(
    private readonly root: Schema,
    private readonly widgets: Widgets,
  ) {}

  /** The fields of all properties of an object; `left` are not asked for. */
  object(schema: Schema, left: readonly string[] = []): Field {
    const parts = new Map<string, Field>();
    const made = element('div', { class: 'tool-fields' });
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      if (left.includes(name)) continue;
      const field = this.property(name, property, schema.required?.includes(name) ?? false);
      parts.set(name, field);
      made.append(field.element);
    }
    return {
      element: made,
      value: () => {
        const found = [...parts].map(([name, field]) => [name, field.value()] as const);
        return Object.fromEntries(found.filter(([, value]) => value !== undefined));
      },
    };
  }

  private property(name: string, given: Schema, isRequired: boolean): Field {
    const schema = this.withoutNull(resolved(given, this.root));
    const id = `tool-field-${++fields}`;
    if (schema.oneOf !== undefined && schema.discriminator !== undefined) {
      return this.choice(schema, schema.discriminator.propertyName, id);
    }
    const widget = this.widgetOf(schema);
    const field = widget?.(schema, id) ?? plainField(schema, id, isRequired);
    field.element.dataset.testid = `tool-${name}`;
    // A widget explains itself.
    const hint = widget === undefined ? (schema.description ?? '') : '';
    const shown = labelled(labelOf(name, schema), id, field.element, hint);
    return { element: shown, value: () => field.value() };
  }

  /** One of several objects, told apart by a property that is chosen first. */
  private choice(schema: Schema, property: string, id: string): Field {
    const variants = (schema.oneOf ?? []).map((each) => resolved(each, this.root));
    const names = variants.map((variant) => String(variant.properties?.[property]?.const));
    const select = element(
      'select',
      { id, 'data-testid': `tool-${property}` },
      ...names.map((each) => element('option', { value: each }, each)),
    );
    const hint = element('p', { class: 'hint' });
    const rest = element('div');
    let chosen: Field | undefined;
    const show = () => {
      const variant = variants[names.indexOf(select.value)] ?? {};
      chosen = this.object(variant, [property]);
      hint.textContent = variant.description ?? '';
      rest.replaceChildren(chosen.element);
    };
    select.addEventListener('change', show);
    show();
    const shown = element(
      'div',
      { class: 'tool-fields' },
      element(
        'div',
        { class: 'tool-field' },
        element('label', { for: id }, labelOf(property, {})),
        select,
        hint,
      ),
      rest,
    );
    return {
      element: shown,
      value: () => ({ [property]: select.value, ...(chosen?.value() as object) }),
    };
  }

  /** The widget of a format; of a list of such values it has an s behind its name. */
  private widgetOf(schema: Schema): Widget | undefined {
    const format = schema.format ?? (schema.items?.format && `${schema.items.format}s`);
    return format ? this.widgets.get(format) : undefined;
  }

  /** The schema of what may also be null: an empty field stands for null. */
  private withoutNull(schema: Schema): Schema {
    const variants = schema.anyOf?.filter((each) => each.type !== 'null');
    const [only] = variants ?? [];
    return only === undefined ? schema : { ...schema, ...resolved(only, this.root) };
  }
}

function plainField(schema: Schema, id: string, isRequired: boolean): Field {
  if (schema.enum !== undefined) return selectField(schema.enum, schema.default, id);
  switch (schema.type) {
    case 'boolean':
      return checkboxField(schema, id);
    case 'integer':
    case 'number':
      return numberField(schema, id, isRequired);
    case 'array':
      return schema.items?.enum === undefined
        ? listField(id)
        : checkboxesField(schema.items.enum, schema.default, id);
    default:
      return textField(schema, id);
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

export function selectField(
  choices: readonly string[],
  chosen: unknown,
  id: string,
): Field & { readonly element: HTMLSelectElement } {
  const made = element(
    'select',
    { id },
    ...choices.map((each) => element('option', { value: each, selected: each === chosen }, each)),
  );
  return { element: made, value: () => (made.value === '' ? undefined : made.value) };
}

function textField(schema: Schema, id: string): Field {
  const type = schema.format === 'color' ? 'color' : 'text';
  const made = element('input', { id, type, value: textOf(schema.default) });
  return { element: made, value: () => (made.value === '' ? undefined : made.value) };
}

function checkboxField(schema: Schema, id: string): Field {
  const made = element('input', { id, type: 'checkbox' });
  made.checked = schema.default === true;
  return { element: made, value: () => made.checked };
}

/** The browser says itself when a number is missing or out of range. */
function numberField(schema: Schema, id: string, isRequired: boolean): Field {
  const made = element('input', { id, type: 'number', value: textOf(schema.default) });
  made.required = isRequired;
  made.step = schema.type === 'integer' ? '1' : 'any';
  const lowest = schema.minimum ?? schema.exclusiveMinimum;
  if (lowest !== undefined) made.min = String(lowest);
  if (schema.maximum !== undefined) made.max = String(schema.maximum);
  return { element: made, value: () => (made.value === '' ? undefined : made.valueAsNumber) };
}

/** Texts with commas or spaces between them. */
function listField(id: string): Field {
  const made = element('input', { id, type: 'text', placeholder: 'A01, A02, B01' });
  const read = () => made.value.split(/[\s,;]+/).filter((text) => text !== '');
  return { element: made, value: read };
}

function checkboxesField(choices: readonly string[], chosen: unknown, id: string): Field {
  const boxes = choices.map((choice, index) => {
    const box = element('input', { type: 'checkbox', value: choice, ...(index === 0 && { id }) });
    box.checked = Array.isArray(chosen) && chosen.includes(choice);
    return box;
  });
  const made = element(
    'div',
    { class: 'tool-choices' },
    ...boxes.map((box) => element('label', {}, box, box.value)),
  );
  return {
    element: made,
    value: () => boxes.filter((box) => box.checked).map((box) => box.value),
  };
}
