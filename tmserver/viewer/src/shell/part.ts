import { ApiError } from '../api';

/** A part of the application that is fetched when it is used first. */
export async function part<T>(loaded: Promise<T>): Promise<T> {
  try {
    return await loaded;
  } catch {
    throw new ApiError('A part of the page could not be loaded. Load the page again.', 0);
  }
}
