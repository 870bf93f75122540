import { describe, expect, it } from 'vitest';
import { objectToAdd, ObjectSelection } from '../src/objects/object_selection';
import { later } from './later';

describe('the selection', () => {
  it('is what was selected or asked for last, in whatever order answers come', async () => {
    const selection = new ObjectSelection();
    const [first, second, third] = [later<number[]>(), later<number[]>(), later<number[]>()];
    const one = selection.replaceBy('Nuclei', first.promise);
    const other = selection.replaceBy('Nuclei', second.promise);
    second.come([2]);
    await other;
    first.come([1]);
    await one;
    expect([...selection.of('Nuclei')]).toEqual([2]);

    const late = selection.replaceBy('Nuclei', third.promise);
    selection.toggle('Nuclei', [4]);
    third.come([3]);
    await late;
    expect([...selection.of('Nuclei')]).toEqual([2, 4]);
  });
});

describe('a click that adds', () => {
  const found = [
    { typeName: 'Wells', isStatic: true },
    { typeName: 'Cells', isStatic: false },
    { typeName: 'Nuclei', isStatic: false },
  ];

  it('takes an object of the type on show, and none of another', () => {
    expect(objectToAdd(found, 'Nuclei')?.typeName).toBe('Nuclei');
    expect(objectToAdd(found.slice(0, 2), 'Nuclei')).toBeUndefined();
  });

  it('takes what was segmented where no type is on show', () => {
    expect(objectToAdd(found, undefined)?.typeName).toBe('Cells');
    expect(objectToAdd(found.slice(0, 1), undefined)).toBeUndefined();
  });
});
