/** JSON Merge Patch (RFC 7396): how the server tells what has changed. */

type Json = unknown;

function isObject(value: Json): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What becomes of a value by a patch; neither of them is changed. */
export function applyPatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name);
    else result.set(name, applyPatch(result.get(name), value));
  }
  return Object.fromEntries(result);
}
