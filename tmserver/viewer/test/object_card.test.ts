import { describe, expect, it, vi } from 'vitest';
import type { ObjectValue } from '../src/api_types';
import { formatValue } from '../src/page/format';

// OpenLayers asks the browser what it can do when it is loaded.
vi.stubGlobal('navigator', { userAgent: 'node' });
const { copyPart } = await import('../src/pixels/crop');
const { requestName } = await import('../src/objects/colour_by');

// What makes page elements needs a document, the words do not.
vi.mock('../src/page/dom', () => ({ element: () => ({}) }));
const { placeText, squareAround, valueText } = await import('../src/objects/object_card');

const metadata = (name: string, value: unknown): ObjectValue => ({
  name, value, kind: 'metadata', type: 'text', percentile: null,
});

describe('the card of an object', () => {
  it('says where it is, as far as that applies', () => {
    const well = [metadata('plate_name', 'P1'), metadata('well_name', 'B02')];
    const site = [metadata('well_pos_y', 0), metadata('well_pos_x', 2)];
    expect(placeText([...well, ...site])).toBe('P1, well B02, site 0, 2');
    expect(placeText(well)).toBe('P1, well B02');
  });

  it('has values as they can be read', () => {
    expect(['B02', true, 1234.5678, null].map(valueText)).toEqual(['B02', 'yes', '1,235', 'missing']);
    expect([0, 0.0021345, 12.345678, 4.2e9].map(formatValue)).toEqual(['0', '0.002135', '12.35', '4.20e+9']);
  });

  it('shows the object with what is around it, down to a smallest size', () => {
    expect(squareAround([100, -300, 200, -240])).toEqual({ left: 75, top: 195, size: 150 });
    expect(squareAround([10, -10, 10, -10])).toEqual({ left: -14, top: -14, size: 48 });
  });
});

describe('copyPart', () => {
  it('puts the pixels of each tile where they lie', () => {
    const into = new Uint16Array(4 * 4);
    const square = { left: 254, top: -1, size: 4 };
    copyPart(new Uint16Array(256 * 256).fill(1), [0, 0], square, into);
    copyPart(new Uint16Array(256 * 256).fill(2), [1, 0], square, into);
    expect([...into]).toEqual([0, 0, 0, 0, 1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2]);
  });
});

describe('requestName', () => {
  it('tells columns of several kinds with one name apart', () => {
    const column = (name: string, kind: 'feature' | 'result') => ({ name, kind, type: 'float' as const });
    const all = [column('Area', 'feature'), column('Area', 'result'), column('Mean', 'feature')];
    expect(all.map((one) => requestName(one, all))).toEqual(['feature:Area', 'result:Area', 'Mean']);
  });
});
