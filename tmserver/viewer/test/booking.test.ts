import { describe, expect, it } from 'vitest';

import { bookingOf, changesOf, fieldsOf } from '../src/facility/booking';
import type { Session } from '../src/facility/facility';

const SESSION: Session = {
  sessionId: 1,
  session: 'MX1-1',
  proposal: 'MX1',
  startDate: '2026-03-09T09:00:42.500000',
  endDate: '2026-03-09T17:00:30',
  beamLineName: 'Confocal',
  beamLineOperator: null,
  comments: null,
  _metadata: { datacollections: 0, active: false, active_soon: false },
};

describe('a booking that is changed', () => {
  it('keeps what nobody has touched, to the second', () => {
    expect(changesOf(SESSION, fieldsOf(SESSION))).toEqual({});
    const end = fieldsOf({ ...SESSION, endDate: '2026-03-09T18:00:00' }).end;
    expect(changesOf(SESSION, { ...fieldsOf(SESSION), end })).toEqual({
      endDate: '2026-03-09T18:00:00.000Z',
    });
    const others = { instrument: 'Spinning disk', comments: 'bring slides' };
    expect(changesOf(SESSION, { ...fieldsOf(SESSION), ...others })).toEqual({
      beamLineName: 'Spinning disk',
      comments: 'bring slides',
    });
  });

  it('may be without a date', () => {
    const session = { ...SESSION, startDate: null, endDate: null };
    expect(fieldsOf(session)).toMatchObject({ start: '', end: '' });
    expect(changesOf(session, fieldsOf(session))).toEqual({});
  });

  it('is sent as a whole when it is new', () => {
    const fields = fieldsOf({ ...SESSION, startDate: '2026-03-09T09:00:00', endDate: '2026-03-09T17:00:00' });
    expect(bookingOf(fields)).toEqual({
      beamLineName: 'Confocal',
      startDate: '2026-03-09T09:00:00.000Z',
      endDate: '2026-03-09T17:00:00.000Z',
      comments: '',
    });
  });
});
