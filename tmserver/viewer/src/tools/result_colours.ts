/** The colours in which a result of a tool shows the objects. */

import type { Api } from '../api';
import { Colouring } from '../objects/colouring';
import { fetchValues, ObjectValues } from '../objects/object_values';
import type { ToolResult } from './tool_requests';

/** Of the label that HDBSCAN gives to objects in no cluster. */
const NOISE = '-1';
const NOISE_COLOUR = '#4b5563';

/** Classes have the names and colours that the result says, numbers a scale. */
export async function colouringOf(
  api: Api,
  experimentId: string,
  typeId: string,
  result: ToolResult,
  tpoint: number,
): Promise<Colouring> {
  const column = `result:${result.name}`;
  const found = await fetchValues(api, experimentId, typeId, column, tpoint);
  const { texts } = found;
  if (texts === null) return new Colouring(result.name, found);
  const map = result.attributes.label_map ?? {};
  const names = texts.map((text) => map[text]?.name ?? nameOf(text));
  const values = new ObjectValues(found.ids, found.values, names);
  const plain = new Colouring(result.name, values);
  if (texts.every((text) => map[text]?.color == null) && !texts.includes(NOISE)) return plain;
  const colours = texts.map(
    (text, index) =>
      map[text]?.color ?? (text === NOISE ? NOISE_COLOUR : (plain.colours[index] ?? '#ffffff')),
  );
  return new Colouring(result.name, values, { colours });
}

function nameOf(label: string): string {
  return label === NOISE ? 'noise' : `cluster ${label}`;
}
