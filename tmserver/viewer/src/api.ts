/** The server's HTTP interface, as far as the viewer uses it. */

import { cookie } from './cookies';

export interface User {
  readonly name: string;
}

export interface Experiment {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly user: string;
}

export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** One pyramid: a channel at one time point and z-plane. */
export interface ChannelLayer {
  readonly id: string;
  /** Index of the innermost zoom level, at which one tile pixel is one image pixel. */
  readonly max_zoom: number;
  readonly tpoint: number;
  readonly zplane: number;
  readonly min_intensity: number;
  readonly max_intensity: number;
  readonly image_size: ImageSize;
  /** Width of a pixel in micrometres, if the microscope has told. */
  readonly pixel_size: number | null;
}

export interface Channel {
  readonly id: string;
  readonly name: string;
  readonly bit_depth: number;
  readonly layers: readonly ChannelLayer[];
}

/** The outlines of one mapobject type; without tpoint and zplane they hold for all of them. */
export interface SegmentationLayer {
  readonly id: string;
  readonly tpoint: number | null;
  readonly zplane: number | null;
}

export interface MapobjectType {
  readonly id: string;
  readonly name: string;
  readonly layers: readonly SegmentationLayer[];
}

/** What the server answered, or why no answer came (status 0), in words for the user. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** The sentence to show for anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function failureOf(response: Response): Promise<ApiError> {
  let message = `The server answered with status ${response.status}.`;
  try {
    const body = (await response.json()) as { error?: { message?: unknown } };
    if (typeof body.error?.message === 'string') message = body.error.message;
  } catch {
    // Not JSON, as from a proxy in between: the status has to say it.
  }
  return new ApiError(message, response.status);
}

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...init });
  } catch {
    throw new ApiError('The server does not answer. Check the connection and try again.', 0);
  }
  if (!response.ok) throw await failureOf(response);
  return response;
}

/** Requests on behalf of the user who is logged in; addresses are relative to the page. */
export class Api {
  /** Called when the server no longer knows the user. */
  onUnauthorized: (() => void) | undefined;

  /** Asks who is logged in; null if nobody is. */
  async currentUser(): Promise<User | null> {
    try {
      const response = await send('auth/user', {});
      return ((await response.json()) as { data: User }).data;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null;
      throw error;
    }
  }

  /** Opens a session, kept in an HttpOnly cookie; throws ApiError when it is refused. */
  async login(username: string, password: string): Promise<User> {
    const response = await send('auth/cookie', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username, password }),
    });
    return ((await response.json()) as { data: User }).data;
  }

  async logout(): Promise<void> {
    const token = cookie('csrf_access_token');
    await send('auth/cookie', {
      method: 'DELETE',
      headers: token === undefined ? {} : { 'X-CSRF-TOKEN': token },
    });
  }

  experiments(): Promise<Experiment[]> {
    return this.data('api/experiments');
  }

  experiment(id: string): Promise<Experiment> {
    return this.data(experimentPath(id));
  }

  channels(experimentId: string): Promise<Channel[]> {
    return this.data(`${experimentPath(experimentId)}/channels`);
  }

  mapobjectTypes(experimentId: string): Promise<MapobjectType[]> {
    return this.data(`${experimentPath(experimentId)}/mapobject_types`);
  }

  async image(path: string): Promise<Blob> {
    return (await this.get(path)).blob();
  }

  /** A body that is not wrapped in `data`, such as GeoJSON. */
  async json(path: string): Promise<unknown> {
    return (await this.get(path)).json();
  }

  private async data<T>(path: string): Promise<T> {
    return ((await this.json(path)) as { data: T }).data;
  }

  private async get(path: string): Promise<Response> {
    try {
      return await send(path, {});
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.onUnauthorized?.();
      throw error;
    }
  }
}

export function experimentPath(id: string): string {
  return `api/experiments/${encodeURIComponent(id)}`;
}
