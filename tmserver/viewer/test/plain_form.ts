/** Columns as the server writes them. */

type Columns = Record<string, Float64Array | Float32Array | Int32Array>;

/** The plain form as the server writes it. */
export function plainForm(columns: Columns, texts?: readonly string[]): ArrayBuffer {
  const names = Object.keys(columns);
  let offset = 0;
  const described = names.map((name, index) => {
    const column = columns[name] ?? new Float64Array();
    const type = column.constructor.name.replace('Array', '').toLowerCase();
    const own = { name, type, offset, ...(texts && index === names.length - 1 ? { texts } : {}) };
    offset += Math.ceil(column.byteLength / 8) * 8;
    return own;
  });
  const n_rows = columns.mapobject_id?.length;
  let header = JSON.stringify({ version: 'v', n_rows, columns: described });
  header = header.padEnd(Math.ceil((4 + header.length) / 8) * 8 - 4);
  const buffer = new ArrayBuffer(4 + header.length + offset);
  new DataView(buffer).setUint32(0, header.length, true);
  const bytes = new Uint8Array(buffer);
  bytes.set(new TextEncoder().encode(header), 4);
  described.forEach(({ name, offset: at }) => {
    const column = columns[name] ?? new Float64Array();
    bytes.set(new Uint8Array(column.buffer, 0, column.byteLength), 4 + header.length + at);
  });
  return buffer;
}
