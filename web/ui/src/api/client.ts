import createClient from 'openapi-fetch';
import { fetchFirst } from '~/app/early';
import type { Problem, paths } from './schema';

const api = createClient<paths>({ baseUrl: '/api/v1', credentials: 'same-origin', fetch: fetchFirst });
export const client = api;

/** A request that the server answered with an error, or that never reached it. */
export class ApiError extends Error {
  override name = 'ApiError';
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  readonly title: string;

  constructor(status: number, title: string, detail: string) {
    super(detail);
    this.status = status;
    this.title = title;
  }
}

/** What openapi-fetch answers. */
interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of an answer, or an [`ApiError`] that says in words what went wrong. */
export async function unwrap<T>(asked: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await asked;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, 'No answer', 'The server cannot be reached. It may be stopped or restarting.');
  }
  if (answer.response.ok && answer.data !== undefined) return answer.data;
  const problem = asProblem(answer.error);
  throw new ApiError(
    answer.response.status,
    problem?.title ?? `Status ${answer.response.status}`,
    problem?.detail ?? 'The server gave no reason.',
  );
}

function asProblem(error: unknown): Pick<Problem, 'title' | 'detail'> | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { title, detail } = error as { title?: unknown; detail?: unknown };
  return typeof title === 'string' && typeof detail === 'string' ? { title, detail } : undefined;
}
