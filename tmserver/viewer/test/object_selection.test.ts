import { describe, expect, it } from 'vitest';
import { ObjectSelection } from '../src/objects/object_selection';

/** An answer that comes when it is told to. */
function later<T>(): { readonly promise: Promise<T>; readonly come: (value: T) => void } {
  let come: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    come = resolve;
  });
  return { promise, come };
}

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
