import { describe, expect, it } from 'vitest';
import { labelOf, resolved } from '../src/tools/schemas';

describe('resolved', () => {
  it('follows references and keeps what is said beside them', () => {
    const root = { $defs: { Gate: { type: 'object', description: 'An outline.' } } };
    const schema = resolved({ $ref: '#/$defs/Gate', description: 'The first one.' }, root);
    expect(schema).toEqual({ type: 'object', description: 'The first one.' });
  });

  it('says what is missing', () => {
    expect(() => resolved({ $ref: '#/$defs/Nothing' }, {})).toThrow('Nothing');
  });
});

describe('labelOf', () => {
  it('makes a phrase of titles and names', () => {
    expect(labelOf('k', { title: 'Number Of Clusters' })).toBe('Number of clusters');
    expect(labelOf('negative_controls', {})).toBe('Negative controls');
  });
});
