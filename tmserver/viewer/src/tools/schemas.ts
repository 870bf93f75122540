/** JSON schemas of payloads, as far as forms are drawn from them. */

export interface Schema {
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  /** What a value stands for where its type does not say it: `feature`, `well`, `color` ... */
  readonly format?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly discriminator?: { readonly propertyName: string };
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

/** The schema that a reference means, with what is said beside the reference. */
export function resolved(schema: Schema, root: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const { $ref, ...beside } = schema;
  const found = root.$defs?.[$ref.replace('#/$defs/', '')];
  if (found === undefined) throw new Error(`The server describes no ${$ref}.`);
  return { ...resolved(found, root), ...beside };
}

/** What a field is called: the title of the schema as a phrase, or the name of the property. */
export function labelOf(name: string, schema: Schema): string {
  const words = (schema.title ?? name).replaceAll('_', ' ').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
