import { describe, expect, it } from 'vitest';

import { ownAddress } from '../src/asked_page';

describe('the page to come back to', () => {
  it.each(['https://elsewhere.org/', '//elsewhere.org', '/elsewhere', 'javascript:alert(1)', '', '?'])(
    'is none of another place: "%s"',
    (text) => {
      expect(ownAddress(text)).toBeUndefined();
    },
  );

  it('is one of the application', () => {
    expect(ownAddress('?experiment=MQ==&at=1,2,3')).toBe('?experiment=MQ==&at=1,2,3');
    expect(ownAddress(null)).toBeUndefined();
  });
});
