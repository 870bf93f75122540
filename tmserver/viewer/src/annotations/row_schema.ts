/** What the rows of a table are made of, as the form of a row needs it. */

import type { AnnotationSchema } from '../api_types';
import type { Values } from '../shell/schema_values';
import type { Schema } from '../tools/schemas';
import type { Position } from './places';

/** Of the server, or given otherwise than by a field of the form. */
const NO_FIELDS = ['valid', 'target_id', 'user_id'];
const POINTS = /\/(?:Bound)?SpatialPoint$/;
const [YES, NO] = ['yes', 'no'];

export interface PointField {
  readonly name: string;
  readonly isRequired: boolean;
  readonly description: string;
}

/** An answer that can be given with a single key. */
export interface Choice {
  readonly label: string;
  readonly value: unknown;
}

interface Described {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly $ref?: string;
  readonly description?: string;
  readonly default?: unknown;
}

interface Definition {
  readonly properties?: Readonly<Record<string, Described>>;
  readonly required?: readonly string[];
}

export class RowSchema {
  /** Points that people give by clicking on the map, those that each row has first. */
  readonly points: readonly PointField[];
  /** Everything else that they fill in. */
  readonly form: { readonly properties: Readonly<Record<string, Schema>>; readonly required: readonly string[] };
  /** Whether rows refer to others. */
  readonly isReference: boolean;
  /** Whether people can fill in such a row: there are points that only programs make. */
  readonly isForPeople: boolean;
  private readonly fields: ReadonlyMap<string, Described>;

  constructor(readonly name: string, definition: AnnotationSchema['definition']) {
    const { definitions = {}, $ref = '' } = definition as {
      readonly definitions?: Readonly<Record<string, Definition>>;
      readonly $ref?: string;
    };
    const { properties = {}, required = [] } = definitions[$ref.replace(/.*\//, '')] ?? {};
    const all = Object.entries(properties);
    const isPoint = ({ $ref: kind = '' }: Described) => POINTS.test(kind);
    const isPlain = ({ type, $ref: kind }: Described) => kind === undefined && type !== 'array';
    this.isReference = 'target_id' in properties;
    this.isForPeople =
      all.length > 0 &&
      all.every(([one, field]) => isPoint(field) || isPlain(field) || !required.includes(one));
    this.points = all
      .filter(([, field]) => isPoint(field))
      .map(([one, { description = '' }]) => ({ name: one, isRequired: required.includes(one), description }))
      .sort((one, other) => Number(other.isRequired) - Number(one.isRequired));
    this.fields = new Map(all.filter(([one, field]) => isPlain(field) && !NO_FIELDS.includes(one)));
    this.form = {
      properties: Object.fromEntries([...this.fields].map(([one, field]) => [one, formField(one, field)])),
      required: required.filter((one) => this.fields.has(one)),
    };
  }

  /** What the fields of the form hold of the values of a row; without a row, what is proposed. */
  values(row?: Readonly<Record<string, unknown>>): Values {
    return Object.fromEntries(
      [...this.fields].map(([name, field]) => {
        const value = row === undefined ? (field.default ?? null) : (row[name] ?? null);
        if (typeof value === 'boolean') return [name, value ? YES : NO];
        return [name, field.enum === undefined || value === null ? value : textOf(value)];
      }),
    );
  }

  /** The values of a row as the server takes them, of what the fields of the form hold. */
  sent(values: Values): Record<string, unknown> {
    return Object.fromEntries(
      [...this.fields].map(([name, field]) => {
        const value = values[name] ?? null;
        if (value === null) return [name, null];
        if (isBoolean(field)) return [name, value === YES];
        const choice = field.enum?.find((one) => textOf(one) === value);
        return [name, choice ?? value];
      }),
    );
  }

  /** Where the points of a row are. */
  positions(row: Readonly<Record<string, unknown>>): Record<string, Position> {
    const found = this.points.map(({ name }) => [name, row[`${name}_position`]] as const);
    return Object.fromEntries(found.filter(([, position]) => Array.isArray(position))) as Record<string, Position>;
  }

  /** The field that has the answers, and these, for rows that are filled in with one key. */
  answers(): { readonly field: string; readonly choices: readonly Choice[] } | undefined {
    const needed = this.form.required.filter((name) => !this.hasChoices(name));
    if (needed.length > 0 || this.points.some(({ isRequired }) => isRequired)) return undefined;
    const names = [...this.fields.keys()].filter((name) => this.hasChoices(name));
    const required = names.filter((name) => this.form.required.includes(name));
    const [field] = required.length > 0 ? required : names;
    if (field === undefined || required.length > 1) return undefined;
    const described = this.fields.get(field) ?? {};
    const choices = isBoolean(described)
      ? [{ label: YES, value: true }, { label: NO, value: false }]
      : (described.enum ?? []).map((value) => ({ label: textOf(value), value }));
    return { field, choices };
  }

  private hasChoices(name: string): boolean {
    const field = this.fields.get(name) ?? {};
    return isBoolean(field) || (field.enum?.length ?? 0) > 0;
  }
}

function typeOf({ type }: Described): string | undefined {
  return typeof type === 'string' ? type : type?.find((one) => one !== 'null');
}

function isBoolean(field: Described): boolean {
  return typeOf(field) === 'boolean';
}

function textOf(value: unknown): string {
  if (typeof value === 'boolean') return value ? YES : NO;
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function formField(title: string, field: Described): Schema {
  const description = field.description === undefined ? {} : { description: field.description };
  if (isBoolean(field)) return { title, ...description, type: 'string', enum: [YES, NO] };
  if (field.enum !== undefined && field.enum.length > 0) {
    return { title, ...description, type: 'string', enum: field.enum.map(textOf) };
  }
  const type = field.format === 'integer' ? 'integer' : (typeOf(field) ?? 'string');
  return { title, ...description, type };
}

/** A value in words; points are left to the map. */
export function valueInWords(value: unknown): string {
  if (value === null || value === undefined) return 'not given';
  if (Array.isArray(value)) return value.join(', ');
  return textOf(value) || '""';
}

/** The values of a row in words, but for its points and what it refers to. */
export function rowInWords(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .filter(([name, value]) => !name.endsWith('_position') && !NO_FIELDS.includes(name) && value !== null)
    .map(([, value]) => valueInWords(value))
    .join(', ');
}
