import { describe, expect, it } from 'vitest';

import { counted, formatCount, formatDuration, formatMegabytes } from '../src/page/format';
import { applyPatch } from '../src/operations/merge_patch';
import { findAll } from '../src/page/text_search';

describe('patches', () => {
  it.each([
    // from the appendix of RFC 7396
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [['a', 'b'], ['c', 'd'], ['c', 'd']],
    [{ a: 'foo' }, null, null],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j with %j is %j', (target, patch, result) => {
    const before = JSON.stringify(target);
    expect(applyPatch(target, patch)).toEqual(result);
    expect(JSON.stringify(target)).toBe(before);
  });

  it('keeps names that objects have of themselves apart', () => {
    const patch: unknown = JSON.parse('{"__proto__": {"polluted": 1}}');
    applyPatch({}, patch);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('numbers', () => {
  it.each([
    [0, '0 s'],
    [59.4, '59 s'],
    [60, '1 min 00 s'],
    [3599.6, '1 h 00 min'],
    [4 * 3600 + 5 * 60, '4 h 05 min'],
    [26 * 3600, '1 d 02 h'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  it('are put in words', () => {
    expect(formatCount(96400)).toBe('96,400');
    expect(counted(1, 'job')).toBe('1 job');
    expect(counted(0, 'job')).toBe('0 jobs');
    expect(formatMegabytes(7812)).toBe('7.8 GB');
  });
});

describe('a search', () => {
  it('finds every place, in capitals or not', () => {
    expect(findAll('Error: no error', 'ERROR')).toEqual([0, 10]);
    expect(findAll('aaaa', 'aa')).toEqual([0, 2]);
    expect(findAll('text', '')).toEqual([]);
    expect(findAll('a.b', '.')).toEqual([1]);
  });

  it('stops at a limit, and copes with letters that grow', () => {
    expect(findAll('x'.repeat(10), 'x', 3)).toEqual([0, 1, 2]);
    expect(findAll('İ and error', 'error')).toEqual([6]);
  });
});
