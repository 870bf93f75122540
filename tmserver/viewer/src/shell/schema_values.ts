/** Values of the properties of a JSON schema, as a form has them; null stands for an empty field. */
export type Values = Record<string, unknown>;
