import { describe, expect, it } from 'vitest';

import { formatBytes, listed } from '../src/page/format';

describe('sizes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1500, '1.5 kB'],
    [123_456_789, '123 MB'],
    [3_200_000_000, '3.2 GB'],
    [5e15, '5000 TB'],
  ])('%d bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('lists of names', () => {
  it('shows a short one whole', () => {
    expect(listed(['a', 'b'])).toBe('a, b');
  });

  it('counts what it does not show', () => {
    expect(listed(['a', 'b', 'c', 'd', 'e', 'f', 'g'])).toBe('a, b, c, d, e and 2 more');
  });
});
