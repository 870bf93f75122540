import { describe, expect, it } from 'vitest';
import { numbersIn } from '../src/tools/selection_field';

describe('numbersIn', () => {
  it('takes what a spreadsheet or a table is copied as', () => {
    expect(numbersIn('12, 13;14\n15\t16')).toEqual([12, 13, 14, 15, 16]);
    expect(numbersIn('none, 0, 99999999999999999999')).toEqual([]);
  });
});
