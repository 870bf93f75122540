import { describe, expect, it } from 'vitest';

import { isUnsaved, Unsaved } from '../src/page/unsaved';

describe('what is not saved', () => {
  it('is what differs from what was stored when it was sent', () => {
    const form = { name: 'one' };
    const unsaved = new Unsaved(() => form);
    const release = unsaved.guard();
    expect(isUnsaved()).toBe(false);
    form.name = 'two';
    expect(isUnsaved()).toBe(true);
    const stored = unsaved.sent();
    expect(isUnsaved()).toBe(true);
    stored();
    expect(isUnsaved()).toBe(false);

    const storedLate = unsaved.sent();
    form.name = 'three';
    storedLate();
    expect(isUnsaved()).toBe(true);
    form.name = 'two';
    expect(isUnsaved()).toBe(false);

    form.name = 'four';
    release();
    expect(isUnsaved()).toBe(false);
  });
});
