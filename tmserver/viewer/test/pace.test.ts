import { describe, expect, it } from 'vitest';

import { Pace } from '../src/upload/pace';

describe('the pace of an upload', () => {
  it('is told once a second has passed, by the last ten', () => {
    const pace = new Pace();
    pace.note(0, 0);
    pace.note(500, 0.5);
    expect(pace.bytesPerSecond).toBeNull();
    pace.note(2000, 2);
    expect(pace.bytesPerSecond).toBe(1000);
    pace.note(2000, 14);
    pace.note(2400, 18);
    expect(pace.bytesPerSecond).toBe(100);
  });
});
